package rewrite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever"
)

// ErrReply is wrapped by the error about a reply of a model that cannot be understood.
var ErrReply = errors.New("rewrite: unreadable reply")

// RouteTemplate asks which collections a question belongs to.
var RouteTemplate = generator.MustTaskTemplate("rewrite-route", system, `<question>
{{question}}
</question>

<collections>
{{collections}}
</collections>

Which of the collections can hold passages that help to answer the question? Write their names, one on each line, or "none". Nothing else.`)

// Choice is a part among which a model chooses.
type Choice struct {
	// Part is the name of the part, one line, not "none".
	Part string
	// About says what is in it.
	About string
}

// Router is a retriever.Router that asks a model. Make one with [NewRouter].
type Router struct {
	model    generator.Generator
	template generator.TaskTemplate
	choices  []Choice
}

// NewRouter returns a router that asks model by a template with the placeholders
// question and collections, such as [RouteTemplate]. The error wraps ErrOption: the
// model is nil, the template has other placeholders, or there is no choice or one
// without a name of its own.
func NewRouter(model generator.Generator, t generator.TaskTemplate, choices []Choice) (*Router, error) {
	if isNil(model) {
		return nil, fmt.Errorf("%w: NewRouter: the model is nil", ErrOption)
	}
	if err := placeholders(t, []string{"question", "collections"}); err != nil {
		return nil, err
	}
	if len(choices) == 0 {
		return nil, fmt.Errorf("%w: NewRouter: no choices: give at least one", ErrOption)
	}
	seen := map[string]bool{"": true, "none": true}
	for i, c := range choices {
		if seen[fold(c.Part)] || strings.ContainsAny(c.Part, "\r\n") {
			return nil, fmt.Errorf("%w: NewRouter: choice %d of %d is called %q: want one line that no other choice has, and not \"none\"", ErrOption, i+1, len(choices), c.Part)
		}
		seen[fold(c.Part)] = true
	}
	return &Router{model, t, slices.Clone(choices)}, nil
}

// Templates returns the template of the router, for a trace.
func (r *Router) Templates() []generator.TaskTemplate { return []generator.TaskTemplate{r.template} }

// Route implements retriever.Router by one call. A reply with a line that is neither a
// name nor "none", or without a line, is an error that wraps ErrReply: a guess would ask
// the wrong part.
func (r *Router) Route(ctx context.Context, q retriever.Query) ([]string, error) {
	var list []string
	for _, c := range r.choices {
		list = append(list, c.Part+": "+strings.Join(strings.Fields(c.About), " "))
	}
	values := map[string]string{"question": q.Text, "collections": strings.Join(list, "\n")}
	reply, err := complete(ctx, r.model, r.template, values, generator.Request{MaxTokens: 256})
	if err != nil {
		return nil, err
	}
	var names []string
	none := false
	for _, line := range clean(lines(reply), "", len(reply)) {
		i := slices.IndexFunc(r.choices, func(c Choice) bool { return fold(c.Part) == fold(line) })
		switch {
		case i >= 0:
			names = append(names, r.choices[i].Part)
		case strings.Trim(fold(line), ".") == "none":
			none = true
		default:
			return nil, fmt.Errorf("%w: %.100q is not the name of a collection", ErrReply, line)
		}
	}
	if none == (len(names) > 0) {
		return nil, fmt.Errorf("%w: %.100q: want names, or none", ErrReply, reply)
	}
	return names, nil
}
