package rewrite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/retriever"
)

// ErrReply is wrapped by errors about a model's reply that cannot be understood, or
// that was cut off before any usable text.
var ErrReply = errors.New("rewrite: unreadable reply")

// RouteTemplate asks which collections a question belongs to.
var RouteTemplate = generator.MustTaskTemplate("rewrite-route", system, `<question>
{{question}}
</question>

<collections>
{{collections}}
</collections>

Which of the collections can contain passages that help to answer the question? Write their names, one on each line, or "none" if no collection can. Write nothing else.`)

// RouteChoice is a part that a model can choose.
type RouteChoice struct {
	// Part is the name of the part, one line, not "none".
	Part string
	// About describes its content.
	About string
}

// ModelRouter is a retriever.Router that asks a model. Make one with [NewModelRouter].
type ModelRouter struct {
	model    generator.Generator
	template generator.TaskTemplate
	choices  []RouteChoice
	names    map[string]string // of parts, by the lines that name them
}

// NewModelRouter returns a router that asks model by a template with the
// placeholders question and collections, such as [RouteTemplate]. The error wraps
// ErrOption: the model is nil, the template has other placeholders, there is no
// choice, or one lacks a name of its own.
func NewModelRouter(model generator.Generator, t generator.TaskTemplate, choices []RouteChoice) (*ModelRouter, error) {
	if isnil.Value(model) {
		return nil, fmt.Errorf("%w: NewModelRouter: the model is nil", ErrOption)
	}
	if err := placeholders(t, []string{"question", "collections"}); err != nil {
		return nil, err
	}
	if len(choices) == 0 {
		return nil, fmt.Errorf("%w: NewModelRouter: no choices: give at least one", ErrOption)
	}
	r := &ModelRouter{model, t, slices.Clone(choices), map[string]string{}}
	for i, c := range choices {
		// A reply may lack the marks that lines removes.
		_, plain := unnumbered(stripMarks(c.Part))
		keys := []string{fold(c.Part), fold(stripMarks(c.Part)), fold(plain)}
		taken := func(key string) bool { return blank(key) || key == none || r.names[key] != "" }
		if slices.ContainsFunc(keys, taken) || strings.ContainsAny(c.Part, "\r\n") {
			return nil, fmt.Errorf("%w: NewModelRouter: choice %d of %d is called %q: want one line that no other choice has, and not \"none\"", ErrOption, i+1, len(choices), c.Part)
		}
		for _, key := range keys {
			r.names[key] = c.Part
		}
	}
	return r, nil
}

const (
	none        = "none" // the model's reply if no collection fits
	routeTokens = 256
)

// Templates returns the template of the router, for a trace.
func (r *ModelRouter) Templates() []generator.TaskTemplate {
	return []generator.TaskTemplate{r.template}
}

// MostCost implements budget.Declarer: one call.
func (r *ModelRouter) MostCost(int) (budget.Cost, bool) {
	return budget.Cost{Calls: 1, Tokens: routeTokens}, true
}

// Route implements retriever.Router by one call; for a blank query there is no call
// and no part. The names are read like the lines of [NewLines], but nothing else
// may accompany them. A reply with a line that is neither a name nor "none",
// without a line, or that was cut off, is an error that wraps ErrReply: a guess
// would ask the wrong part.
func (r *ModelRouter) Route(ctx context.Context, q retriever.Query) ([]string, error) {
	if blank(q.Text) {
		return nil, ctx.Err()
	}
	var list []string
	for _, c := range r.choices {
		list = append(list, c.Part+": "+strings.Join(strings.Fields(c.About), " "))
	}
	values := map[string]string{"question": q.Text, "collections": strings.Join(list, "\n")}
	text, cutOff, err := complete(ctx, r.model, r.template, values, generator.Request{MaxTokens: routeTokens})
	if err != nil {
		return nil, err
	}
	if cutOff {
		return nil, fmt.Errorf("%w: %.100q was cut off after %d tokens: use a model that does not think first, or a template that asks for less", ErrReply, text, routeTokens)
	}
	var names []string
	nowhere := false
	for _, line := range clean(lines(text), "", len(text)) {
		name, ok := r.names[fold(line)]
		switch {
		case ok && !slices.Contains(names, name):
			names = append(names, name)
		case ok:
		case strings.Trim(fold(line), ".") == none:
			nowhere = true
		default:
			return nil, fmt.Errorf("%w: %.100q is not the name of a collection", ErrReply, line)
		}
	}
	if nowhere == (len(names) > 0) {
		return nil, fmt.Errorf("%w: %.100q: want names, or none", ErrReply, text)
	}
	return names, nil
}
