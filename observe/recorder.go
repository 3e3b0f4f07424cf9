package observe

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/goselfrag/goselfrag/budget"
)

// Record is a [Recorder]'s record of a step.
type Record struct {
	Name string `json:"name"`
	// Texts holds the results of the step.
	Texts []string `json:"texts,omitempty"`
	// Template and TemplateHash identify the prompt of a model call that had one.
	Template     string `json:"template,omitempty"`
	TemplateHash string `json:"template_hash,omitempty"`
	// Usage is the cost of the step, nil if only its parts report it.
	Usage *budget.Usage `json:"usage,omitempty"`
	// Error says why the step failed; empty if it did not.
	Error string `json:"error,omitempty"`
	// Steps are the parts of the step, in the order in which they began.
	Steps []Record `json:"steps,omitempty"`
}

// Recorder is an [Observer] that records the steps, as in the trace of an answer.
// Steps of the kind Embedding are left out: a server that embeds has a step of its
// own. The zero value is ready to use. It is safe for concurrent use.
type Recorder struct {
	mu    sync.Mutex
	steps []*recorded
}

type recorded struct {
	record Record
	inner  []*recorded
}

// underKey is the context key of the current step of a recorder.
type underKey struct{ *Recorder }

// Start implements Observer.
func (r *Recorder) Start(ctx context.Context, s Step) (context.Context, func(End)) {
	if s.Kind == Embedding {
		return ctx, nil
	}
	step := &recorded{record: Record{Name: s.Name}}
	r.mu.Lock()
	defer r.mu.Unlock()
	if outer, ok := ctx.Value(underKey{r}).(*recorded); ok {
		outer.inner = append(outer.inner, step)
	} else {
		r.steps = append(r.steps, step)
	}
	return context.WithValue(ctx, underKey{r}, step), func(e End) { r.end(step, e) }
}

func (r *Recorder) end(step *recorded, e End) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := &step.record
	rec.Texts, rec.Usage = e.Texts, e.Usage
	if e.Err != nil {
		rec.Error = valid(e.Err.Error())
	}
	for _, a := range e.Attributes {
		switch a.Key {
		case Template:
			rec.Template = a.Value.String()
		case TemplateHash:
			rec.TemplateHash = a.Value.String()
		}
	}
}

// Steps returns a copy of the steps so far, in the order in which they began. A
// step that has not ended has only its name.
func (r *Recorder) Steps() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return records(r.steps)
}

func records(steps []*recorded) []Record {
	var list []Record
	for _, s := range steps {
		rec := s.record
		rec.Texts = slices.Clone(rec.Texts)
		rec.Steps = records(s.inner)
		list = append(list, rec)
	}
	return list
}

// valid makes text from outside valid for JSON.
func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
