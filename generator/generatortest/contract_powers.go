package generatortest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/contracttest"
	"github.com/goselfrag/goselfrag/reflection"
)

// describe: the capabilities of g are what it does.
func (s *suite) describe(ctx context.Context) error {
	caps, err := generator.Describe(ctx, s.g)
	if errors.Is(err, errors.ErrUnsupported) {
		return contracttest.NotApplicable("it does not describe itself")
	}
	switch {
	case err != nil:
		return err
	case caps.Level > reflection.Heuristic:
		return fmt.Errorf("level %d does not exist", caps.Level)
	case (caps.Level == reflection.TopN) != (caps.TopN > 0):
		return fmt.Errorf("level %v with TopN %d: want a number above 0 for that level and 0 for others", caps.Level, caps.TopN)
	case caps.Slots < 0:
		return fmt.Errorf("%d slots", caps.Slots)
	case !(caps.AbstainBelow >= 0 && caps.AbstainBelow <= 1):
		return fmt.Errorf("it recommends to abstain below %v: want a relevance in [0, 1]", caps.AbstainBelow)
	case (caps.Template == "") != (caps.TemplateHash == ""):
		return fmt.Errorf("template %q with hash %q: want both or none", caps.Template, caps.TemplateHash)
	}
	if again, err := generator.Describe(ctx, s.g); err != nil || again != caps {
		return fmt.Errorf("asked twice it says %+v and %+v (error %v)", caps, again, err)
	}
	return s.each(ctx, func(x sample) error {
		for i, st := range x.Steps {
			if caps.LogProbs && st.LogProb.Known != reflection.Exact {
				return x.errorf("step %d has no exact log-probability, but Describe says LogProbs", i)
			}
		}
		if caps.EndLogProb && x.Finish == generator.FinishEnd && x.End.Known != reflection.Exact {
			return x.errorf("the end token has no exact log-probability, but Describe says EndLogProb")
		}
		return nil
	})
}

// resumes: the continuation after the first token is the same if that token is in
// the prompt.
func (s *suite) resumes(ctx context.Context) error {
	caps, err := s.capabilities(ctx)
	if err != nil {
		return err
	}
	if !caps.Resumes {
		return contracttest.NotApplicable("it does not say that it resumes")
	}
	return s.each(ctx, func(x sample) error {
		if len(x.req.Prompt.Evidence) == 0 || len(x.Steps) == 0 || x.Steps[0].Token.Group() != reflection.IsREL || x.req.MaxTokens < 2 {
			return nil
		}
		req, want := x.req, x.Completion
		req.Prompt.Relevance = x.Steps[0].Token
		req.MaxTokens--
		want.Steps = x.Steps[1:]
		got, err := generator.Complete(ctx, s.g, req)
		if err != nil {
			return x.errorf("resumed after %v: %w", req.Prompt.Relevance, err)
		}
		if a, b := written(want.Steps), written(got.Steps); a != b {
			return x.errorf("resumed after %v: %q and %q differ", req.Prompt.Relevance, a, b)
		}
		for _, c := range []*generator.Completion{&got, &want} {
			c.Steps = slices.Clone(c.Steps)
			for i := range c.Steps {
				if i == 0 {
					c.Steps[i].Watched = nil // the first step of a stream always has them
				}
				c.Steps[i].Text = "" // tokens that come together may share their text differently
			}
		}
		if err := s.same(want, got); err != nil {
			return x.errorf("resumed after %v: %w", req.Prompt.Relevance, err)
		}
		return nil
	})
}

// powers: each power works, or reports correctly that it is missing.
func (s *suite) powers(ctx context.Context) error {
	list, err := s.samples(ctx)
	if err != nil {
		return err
	}
	req, steps := list[0].req, list[0].Steps
	for _, power := range []struct {
		name string
		use  func() error
	}{
		{"Score", func() error { _, err := generator.Score(ctx, s.g, req, steps, true); return err }},
		{"Next", func() error { _, err := generator.Next(ctx, s.g, req, steps); return err }},
		{"GroupProbs", func() error {
			_, err := generator.GroupProbs(ctx, s.g, req, nil, reflection.Retrieve)
			return err
		}},
		{"ResolveTokens", func() error {
			ids, err := generator.ResolveTokens(ctx, s.g, []string{reflection.Relevant.String(), reflection.Irrelevant.String()})
			if err == nil && (len(ids) != 2 || ids[0] == ids[1]) {
				return fmt.Errorf("two names have the ids %v: want two different ones", ids)
			}
			return err
		}},
		{"Describe", func() error { _, err := generator.Describe(ctx, s.g); return err }},
		{"Check", func() error { return generator.Check(ctx, s.g) }},
	} {
		if err := power.use(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return fmt.Errorf("%s: %w: want success, or an error that wraps errors.ErrUnsupported", power.name, err)
		}
	}
	return nil
}

// score: scoring a continuation gives the numbers of generating it.
func (s *suite) score(ctx context.Context) error {
	return s.ask(ctx, "it cannot score", func(x sample) error {
		end := x.Finish == generator.FinishEnd
		c, err := generator.Score(ctx, s.g, x.req, x.Steps, end)
		if err != nil {
			return fmt.Errorf("question %q: %w", x.name, err)
		}
		want, n := x.LogProb(generator.CountAll)
		got, m := c.LogProb(generator.CountAll)
		switch {
		case written(c.Steps) != written(x.Steps):
			return x.errorf("%q was scored as %q", written(x.Steps), written(c.Steps))
		case end != (c.Finish == generator.FinishEnd) || !end && c.Finish != generator.FinishLength:
			return x.errorf("finish %v with end %t", c.Finish, end)
		case got.Known == reflection.Exact && want.Known == reflection.Exact && !s.near(got.Log/float64(max(n, 1)), want.Log/float64(max(n, 1))):
			return x.errorf("%d tokens generated with log-probability %v were scored as %d tokens with %v", n, want.Log, m, got.Log)
		case len(c.Steps) != len(x.Steps):
			return nil // another division of the text: only the sum compares
		}
		for i := range c.Steps {
			a, b := x.Steps[i].LogProb, c.Steps[i].LogProb
			if a.Known == reflection.Exact && b.Known == reflection.Exact && !s.near(a.Log, b.Log) {
				return x.errorf("step %d: generated with %v, scored with %v", i, a, b)
			}
		}
		return nil
	})
}

// ask runs f on every sample for which a power is supported. If there is none, the
// check does not apply; reason says why.
func (s *suite) ask(ctx context.Context, reason string, f func(sample) error) error {
	asked := false
	err := s.each(ctx, func(x sample) error {
		err := f(x)
		if errors.Is(err, errors.ErrUnsupported) {
			return nil
		}
		asked = true
		return err
	})
	if err == nil && !asked {
		return contracttest.NotApplicable(reason)
	}
	return err
}

// next: the whole distribution sums to 1 and contains the generated token.
func (s *suite) next(ctx context.Context) error {
	return s.ask(ctx, "it does not give the next distribution", func(x sample) error {
		for i := 0; i <= len(x.Steps); i++ {
			d, err := generator.Next(ctx, s.g, x.req, x.Steps[:i])
			if err != nil {
				return fmt.Errorf("question %q: %w", x.name, err)
			}
			if err := s.ranked(d.Tokens); err != nil {
				return x.errorf("after %d tokens: %w", i, err)
			}
			sum := d.Rest
			for _, a := range d.Tokens {
				p, exact := a.Prob.Value()
				if !exact || a.Prob.Check() != nil {
					return x.errorf("after %d tokens: %+v is not an exact probability", i, a)
				}
				sum += p
			}
			if !s.near(sum, 1) || d.Rest < -s.tolerance {
				return x.errorf("after %d tokens: the probabilities sum to %v with a rest of %v: want 1", i, sum, d.Rest)
			}
			want := generator.Alternative{End: true, Prob: x.End}
			switch {
			case i < len(x.Steps):
				want = generator.Alternative{Text: x.Steps[i].Text, Token: x.Steps[i].Token, Prob: x.Steps[i].LogProb}
			case x.Finish != generator.FinishEnd:
				continue
			}
			if err := s.holds(d, want); err != nil {
				return x.errorf("after %d tokens: %w", i, err)
			}
		}
		return nil
	})
}

// holds returns an error unless want can be the likeliest token of d.
func (s *suite) holds(d generator.NextDistribution, want generator.Alternative) error {
	p, exact := want.Prob.Value()
	for _, a := range d.Tokens {
		if a.Text != want.Text || len(a.Bytes) > 0 || a.Token != want.Token || a.End != want.End {
			continue
		}
		if exact && !s.near(a.Prob.Log, want.Prob.Log) {
			continue // several tokens can have one text
		}
		if a.Prob.Log < d.Tokens[0].Prob.Log-s.tolerance*max(1, math.Abs(a.Prob.Log)) {
			return fmt.Errorf("%+v was generated at temperature 0 but %+v is likelier", want, d.Tokens[0])
		}
		return nil
	}
	if !exact || p <= d.Rest+s.tolerance {
		return nil // it can be one of those that are not listed
	}
	return fmt.Errorf("%+v was generated but the distribution does not hold it with this probability: %+v and %v for the rest", want, d.Tokens[:min(len(d.Tokens), 5)], d.Rest)
}

// groupProbs: exact, and in the ratios of the watched distributions.
func (s *suite) groupProbs(ctx context.Context) error {
	return s.ask(ctx, "it does not give the probabilities of a group", func(x sample) error {
		for i, st := range x.Steps {
			if i > 0 && st.Token.Group() == reflection.NoGroup {
				continue
			}
			for _, g := range reflection.Groups() {
				d, err := generator.GroupProbs(ctx, s.g, x.req, x.Steps[:i], g)
				if err != nil {
					return fmt.Errorf("question %q: %w", x.name, err)
				}
				if d.Group != g || !d.Exact() || d.Check() != nil {
					return x.errorf("step %d: %v gives %+v: want exact probabilities of that group", i, g, d)
				}
				seen, _ := st.Group(g)
				got, ok := shares(d)
				want, known := shares(seen)
				for k := range want {
					if ok && known && !s.near(got[k], want[k]) {
						return x.errorf("step %d: shares %v in %v, but %v were watched", i, got, g, want)
					}
				}
			}
		}
		return nil
	})
}
