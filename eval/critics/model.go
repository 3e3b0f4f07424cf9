package critics

import (
	"context"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/reflection"
)

// Model is a critic that asks a model with reflection tokens about texts of other authors:
// for the probabilities of IsREL before the text, of IsSUP after [Relevant] and the text,
// and of IsUSE after the likeliest token of IsSUP. Each is one call of the model's
// GroupProbs (package generator). For texts of the model itself use critique.Tokens, which
// is also the decider to measure.
//
// If the model has a method Support(passage, text string) reflection.Distribution, as that
// of generator/extractive has, IsSUP comes from it. IsUSE stays unknown then: the tokens of
// such a model after a text that it would not write mean nothing.
//
// A complete candidate without text is not judged. An incomplete one is refused, unless it
// has no steps: then its passage is judged.
type Model struct {
	// Generator is needed.
	Generator generator.Generator
}

type supporter interface {
	Support(passage, text string) reflection.Distribution
}

// MostCost implements budget.Declarer: three calls for one token each.
func (m Model) MostCost(int) (budget.Cost, bool) { return budget.Cost{Calls: 3, Tokens: 3}, true }

// Critique implements [critique.Critic]. A model without the power is an error that wraps
// errors.ErrUnsupported.
func (m Model) Critique(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
	if isnil.Value(m.Generator) {
		return critique.Verdict{}, fmt.Errorf("%w: Model.Generator is nil", ErrOption)
	}
	v := critique.Verdict{}
	if err := ctx.Err(); err != nil {
		return v, err
	}
	passageOnly := c.Completion.Finish == generator.Running
	text := c.Text
	if text == "" {
		text = strings.TrimSpace(c.Completion.Text())
	}
	switch {
	case passageOnly && len(c.Completion.Steps) > 0:
		return v, critique.ErrIncomplete
	case passageOnly:
		v.IsSUP.Status, v.IsUSE.Status = reflection.StatusPending, reflection.StatusPending
	default:
		v.IsREL.Status, v.IsSUP.Status, v.IsUSE.Status = reflection.StatusAbsent, reflection.StatusAbsent, reflection.StatusAbsent
		if text == "" {
			return v, nil
		}
	}
	var after []generator.Step
	ask := func(j *reflection.Judgment, g reflection.Group) error {
		d, err := generator.GroupProbs(ctx, m.Generator, generator.Request{Prompt: c.Prompt, MaxTokens: 1}, after, g)
		if !budget.Refused(err) { // otherwise no call was made
			v.Usage = v.Usage.Add(generator.Usage{Calls: 1, GeneratedTokens: 1, Partial: true})
		}
		if err != nil {
			return fmt.Errorf("critics: asking the model for %v: %w", g, err)
		}
		*j = judgment(d)
		return nil
	}
	if len(c.Prompt.Evidence) > 0 {
		if err := ask(&v.IsREL, reflection.IsREL); err != nil {
			return v, err
		}
		after = append(after, generator.Step{Token: reflection.Relevant})
	}
	if passageOnly {
		return v, nil
	}
	after = append(after, generator.Step{Text: text})
	s, supports := m.Generator.(supporter)
	if evidence := c.Evidence(); len(evidence) > 0 {
		if supports {
			texts := make([]string, len(evidence))
			for i, e := range evidence {
				texts[i] = e.Text
			}
			v.IsSUP = judgment(s.Support(strings.Join(texts, "\n\n"), text))
		} else if err := ask(&v.IsSUP, reflection.IsSUP); err != nil {
			return v, err
		}
		if v.IsSUP.Token != reflection.None {
			after = append(after, generator.Step{Token: v.IsSUP.Token})
		}
	}
	if supports {
		v.IsUSE = reflection.Judgment{}
		return v, nil
	}
	return v, ask(&v.IsUSE, reflection.IsUSE)
}

// judgment returns the judgment that d is, with its likeliest token, unknown if d is not
// exact.
func judgment(d reflection.Distribution) reflection.Judgment {
	if !d.Exact() {
		return reflection.Judgment{}
	}
	best, most := reflection.None, 0.0
	for _, t := range d.Group.Tokens() {
		if p, _ := d.Prob(t).Value(); p > most {
			best, most = t, p
		}
	}
	if best == reflection.None {
		return reflection.Judgment{}
	}
	return reflection.Judged(d, best, reflection.ExactIDs)
}
