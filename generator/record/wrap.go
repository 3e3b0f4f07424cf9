package record

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Wrap returns a model that answers from the tape what is recorded, and asks model for the
// rest and records it. It has the powers of model, and is safe for concurrent use if model
// is. name identifies the model in keys; two models with one name share their calls.
func (t *Tape) Wrap(model generator.Generator, name string) generator.Generator {
	return wrapped{t, model, name}
}

type wrapped struct {
	tape  *Tape
	inner generator.Generator
	name  string
}

// asked is what a key is made of.
type asked struct {
	Model, Power string
	Request      *generator.Request `json:",omitempty"`
	// Template and Values are Request.Task, whose template does not show its content.
	Template string            `json:",omitempty"`
	Values   map[string]string `json:",omitempty"`
	Steps    []generator.Step  `json:",omitempty"`
	End      bool              `json:",omitempty"`
	Group    *reflection.Group `json:",omitempty"`
	Names    []string          `json:",omitempty"`
}

// key returns the key of a call, or the error of a request that no model can serve.
func (w wrapped) key(a asked, req *generator.Request) (k key, err error) {
	a.Model = w.name
	if req != nil {
		if err := req.Check(); err != nil {
			return k, err
		}
		r := *req
		if r.Task != nil {
			a.Template, a.Values = r.Task.Template.Hash(), r.Task.Values
		}
		r.Task, r.Affinity = nil, 0
		a.Request = &r
	}
	text, err := json.Marshal(a)
	if err != nil {
		return k, fmt.Errorf("record: %w", err)
	}
	return sha256.Sum256(text), nil
}

// Generate implements generator.Generator.
func (w wrapped) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		var steps []generator.Step
		k, err := w.key(asked{Power: "generate"}, &req)
		known := false
		if err == nil {
			known, err = w.tape.get(k, &steps, true)
		}
		if err != nil {
			yield(generator.Step{}, err)
			return
		}
		if known {
			for _, s := range steps {
				if err := ctx.Err(); err != nil {
					yield(generator.Step{}, err)
					return
				}
				if !yield(s, nil) {
					return
				}
			}
			return
		}
		for s, err := range w.inner.Generate(ctx, req) {
			steps = append(steps, s)
			if err == nil && s.Finish != generator.Running {
				err = w.tape.put(k, steps, true)
			}
			if err != nil {
				yield(generator.Step{}, err)
				return
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

// power answers a call of a power. A value of null says that the model lacks it. Without a
// request nothing is generated, and the call does not count.
func power[T any](w wrapped, a asked, req *generator.Request, ask func() (T, error)) (T, error) {
	var zero T
	counts := req != nil
	k, err := w.key(a, req)
	if err != nil {
		return zero, err
	}
	var v *T
	known, err := w.tape.get(k, &v, counts)
	switch {
	case err != nil:
		return zero, err
	case known && v == nil:
		return zero, fmt.Errorf("record: the recorded model lacks the power %s: %w", a.Power, errors.ErrUnsupported)
	case known:
		return *v, nil
	}
	got, err := ask()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return got, errors.Join(err, w.tape.put(k, nil, counts))
	case err != nil:
		return got, err
	}
	return got, w.tape.put(k, got, counts)
}

// Score implements generator.Scorer.
func (w wrapped) Score(ctx context.Context, req generator.Request, steps []generator.Step, end bool) (generator.Completion, error) {
	return power(w, asked{Power: "score", Steps: steps, End: end}, &req, func() (generator.Completion, error) {
		return generator.Score(ctx, w.inner, req, steps, end)
	})
}

// Next implements generator.NextPredictor.
func (w wrapped) Next(ctx context.Context, req generator.Request, after []generator.Step) (generator.NextDistribution, error) {
	return power(w, asked{Power: "next", Steps: after}, &req, func() (generator.NextDistribution, error) {
		return generator.Next(ctx, w.inner, req, after)
	})
}

// GroupProbs implements generator.GroupProber.
func (w wrapped) GroupProbs(ctx context.Context, req generator.Request, after []generator.Step, g reflection.Group) (reflection.Distribution, error) {
	return power(w, asked{Power: "group", Steps: after, Group: &g}, &req, func() (reflection.Distribution, error) {
		return generator.GroupProbs(ctx, w.inner, req, after, g)
	})
}

// ResolveTokens implements generator.TokenResolver.
func (w wrapped) ResolveTokens(ctx context.Context, names []string) ([]int32, error) {
	return power(w, asked{Power: "tokens", Names: names}, nil, func() ([]int32, error) {
		return generator.ResolveTokens(ctx, w.inner, names)
	})
}

// Describe implements generator.Describer.
func (w wrapped) Describe(ctx context.Context) (generator.Capabilities, error) {
	return power(w, asked{Power: "describe"}, nil, func() (generator.Capabilities, error) {
		return generator.Describe(ctx, w.inner)
	})
}

// Check implements generator.Checker. It is not recorded: it asks whether the model works
// now.
func (w wrapped) Check(ctx context.Context) error { return generator.Check(ctx, w.inner) }
