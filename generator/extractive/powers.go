package extractive

import (
	"context"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/reflection"
)

// visitTokens calls visit with each token of steps: its symbol, and the text of a text
// token. Text of adjacent steps is joined and cut again, so that it does not matter
// how the steps were cut. It stops when visit returns an error.
func (w *world) visitTokens(steps []generator.Step, visit func(s symbol, text string) error) error {
	var run strings.Builder
	flush := func() error {
		text := run.String()
		run.Reset()
		if !utf8.ValidString(text) {
			return fmt.Errorf("%w: the text of the steps is not UTF-8", generator.ErrRequest)
		}
		for text != "" {
			n := analysis.TokenLen(text)
			s, ok := w.lex.ids[text[:n]]
			if !ok {
				s = unseen
			}
			if err := visit(s, text[:n]); err != nil {
				return err
			}
			text = text[n:]
		}
		return nil
	}
	for i, step := range steps {
		switch {
		case step.Token > reflection.NoSupport:
			return fmt.Errorf("%w: step %d: token %d does not exist", generator.ErrRequest, i, uint8(step.Token))
		case step.Token != reflection.None && step.Text != "":
			return fmt.Errorf("%w: step %d holds both text and %v: make two steps of it", generator.ErrRequest, i, step.Token)
		case step.Token == reflection.None:
			run.WriteString(step.Text)
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if err := visit(symbol(step.Token), ""); err != nil {
			return err
		}
	}
	return flush()
}

// walk returns the history after the tokens of steps.
func (m *Model) walk(ctx context.Context, req generator.Request, steps []generator.Step) (*world, history, error) {
	w, h, err := m.openWorld(ctx, req)
	if err != nil {
		return nil, h, err
	}
	err = w.visitTokens(steps, func(s symbol, _ string) error {
		h = w.after(h, s)
		return nil
	})
	return w, h, err
}

// Score implements [generator.Scorer]. Every continuation has a finite
// log-probability. Text is cut into the model's own tokens. Usage counts the
// scored tokens as prompt tokens: none is generated.
func (m *Model) Score(ctx context.Context, req generator.Request, steps []generator.Step, toEnd bool) (generator.Completion, error) {
	w, h, err := m.openWorld(ctx, req)
	if err != nil {
		return generator.Completion{}, err
	}
	c := generator.Completion{Finish: generator.FinishLength}
	err = w.visitTokens(steps, func(s symbol, text string) error {
		if err := ctx.Err(); err != nil {
			return stopped(err)
		}
		c.Steps = append(c.Steps, w.step(req, h, s, text, len(c.Steps) == 0))
		h = w.after(h, s)
		return nil
	})
	if err != nil {
		return generator.Completion{}, err
	}
	c.Usage.PromptTokens = w.promptTokens + len(c.Steps)
	if toEnd {
		c.Finish = generator.FinishEnd
		c.End = reflection.ExactLog(w.logProb(h, end, ""))
		c.Usage.PromptTokens++
	}
	return c, nil
}

// Next implements [generator.NextPredictor]. It lists the end, every control token
// and every text token of the request, all exact. Of equals, the end comes first,
// then control tokens in vocabulary order, then text in the order of the request.
// Rest is the probability of all other byte strings by the base distribution. The
// text of after is cut as a whole: a text that ends inside a word of the tree has
// left the tree.
func (m *Model) Next(ctx context.Context, req generator.Request, after []generator.Step) (generator.NextDistribution, error) {
	w, h, err := m.walk(ctx, req, after)
	if err != nil {
		return generator.NextDistribution{}, err
	}
	rest := baseText
	for _, t := range w.lex.texts {
		rest -= math.Exp(logBase(len(t)))
	}
	sh, _, ground := w.mixture(h)
	return generator.NextDistribution{Tokens: w.alternatives(w.next(h)), Rest: ground * sh.base * rest}, nil
}

// GroupProbs implements [generator.GroupProber]. The probabilities are normalized
// within the group.
func (m *Model) GroupProbs(ctx context.Context, req generator.Request, after []generator.Step, g reflection.Group) (reflection.Distribution, error) {
	if g.Size() == 0 {
		return reflection.Distribution{}, fmt.Errorf("%w: %v is no group: want Retrieve, IsREL, IsSUP or IsUSE", generator.ErrRequest, g)
	}
	w, h, err := m.walk(ctx, req, after)
	if err != nil {
		return reflection.Distribution{}, err
	}
	d := w.distribution(h, g)
	sum := 0.0
	for _, p := range d.Probs[:g.Size()] {
		sum += math.Exp(p.Log)
	}
	for i := range d.Probs[:g.Size()] {
		d.Probs[i].Log = min(0, d.Probs[i].Log-math.Log(sum))
	}
	return d, nil
}

// Describe implements [generator.Describer].
func (m *Model) Describe(context.Context) (generator.Capabilities, error) {
	return generator.Capabilities{
		Model:        "extractive/2",
		Level:        reflection.ExactIDs,
		LogProbs:     true,
		EndLogProb:   true,
		Quotes:       true,
		AbstainBelow: AbstainBelow,
		Paced:        true,
	}, nil
}

// Check implements [generator.Checker]. The model is always ready; only a done ctx
// is an error.
func (m *Model) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return stopped(err)
	}
	return nil
}
