package critiquetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/internal/contracttest"
	"github.com/goselfrag/goselfrag/reflection"
)

// TestCritic checks that k keeps the contract of [critique.Critic], with one
// subtest per rule. The verdicts themselves do not matter. The suite counts goroutines, so
// nothing else may run at the same time in the same process: do not use t.Parallel.
//
// The check "data" compares the verdicts on texts with reserved strings with those on
// the same texts neutralized. Skip it for a classifier that treats these as different
// texts.
func TestCritic(t *testing.T, k critique.Critic, opts ...Option) {
	t.Helper()
	contracttest.Test(t, criticChecks(k, opts...))
}

// TestDecider checks that d keeps the contract of [critique.Decider], in the same
// way as TestCritic.
func TestDecider(t *testing.T, d critique.Decider, opts ...Option) {
	t.Helper()
	contracttest.Test(t, deciderChecks(d, opts...))
}

func criticChecks(k critique.Critic, opts ...Option) []contracttest.Check {
	s := &suite[critique.Continuation, critique.Verdict]{
		settings: newSettings(opts),
		ask:      k.Critique,
		cases:    candidates,
		data: func(text string) []named[critique.Continuation] {
			question, passage, answer := candidates()[0].in, candidates()[0].in, candidates()[1].in
			question.Question, question.Prompt.Instruction = text, text
			passage.Prompt.Evidence = []generator.Evidence{{Title: text, Text: text}}
			answer = with(answer, []generator.Step{{Text: text}})
			return []named[critique.Continuation]{{"question", question}, {"passage", passage}, {"answer", answer}}
		},
		formed: formedVerdict,
	}
	s.same = s.sameVerdict
	return s.checks(contracttest.Check{Name: "incomplete", Run: func(ctx context.Context) error { return incomplete(ctx, s, critique.JudgesIncomplete(k)) }})
}

func deciderChecks(d critique.Decider, opts ...Option) []contracttest.Check {
	s := &suite[critique.Situation, critique.RetrievalVerdict]{
		settings: newSettings(opts),
		ask:      d.Decide,
		cases:    situations,
		data: func(text string) []named[critique.Situation] {
			question, path := situations()[0].in, situations()[1].in
			question.Question, question.Prompt.Instruction = text, text
			path.Prompt.Path[0].Text = text
			return []named[critique.Situation]{{"question", question}, {"path", path}}
		},
		formed: formedDecision,
	}
	s.same = s.sameDecision
	return s.checks()
}

// each calls f for the three judgments of a critique.
func each(c reflection.Critique, f func(reflection.Group, reflection.Judgment) error) error {
	for _, j := range [...]struct {
		reflection.Group
		reflection.Judgment
	}{{reflection.IsREL, c.IsREL}, {reflection.IsSUP, c.IsSUP}, {reflection.IsUSE, c.IsUSE}} {
		if err := f(j.Group, j.Judgment); err != nil {
			return fmt.Errorf("%v: %w", j.Group, err)
		}
	}
	return nil
}

// judgmentOf returns the judgment of g.
func judgmentOf(c reflection.Critique, g reflection.Group) reflection.Judgment {
	return map[reflection.Group]reflection.Judgment{reflection.IsREL: c.IsREL, reflection.IsSUP: c.IsSUP, reflection.IsUSE: c.IsUSE}[g]
}

// formedVerdict checks a verdict on a complete candidate.
func formedVerdict(v critique.Verdict) error {
	if err := formedUsage(v.Usage); err != nil {
		return err
	}
	return each(v.Critique, func(g reflection.Group, j reflection.Judgment) error {
		switch {
		case j.Status > reflection.StatusJudged:
			return fmt.Errorf("the status %v does not exist", j.Status)
		case j.Status == reflection.StatusPending:
			return errors.New("it is pending, but the candidate is complete")
		case j.Status == reflection.StatusJudged:
			return formedDist(j.Dist, g, j.Token, j.Level)
		case j.Dist != reflection.Distribution{} || j.Token != reflection.None:
			return fmt.Errorf("the status is %v but there is a judgment, %+v", j.Status, j)
		}
		return nil
	})
}

func (s *settings) sameVerdict(a, b critique.Verdict) error {
	return each(a.Critique, func(g reflection.Group, j reflection.Judgment) error {
		return s.sameJudgment(j, judgmentOf(b.Critique, g))
	})
}

func (s *settings) sameJudgment(a, b reflection.Judgment) error {
	if a.Status != b.Status || a.Token != b.Token || a.Level != b.Level || a.Inherited != b.Inherited {
		return fmt.Errorf("%v %v %v and %v %v %v differ", a.Status, a.Token, a.Level, b.Status, b.Token, b.Level)
	}
	return s.sameDist(a.Dist, b.Dist)
}

// incomplete: while a candidate grows, judgments do not change, and a judgment that can
// still be made is not absent. A refusal must be marked as one. A critic that declares to
// judge incomplete candidates must not refuse one without steps.
func incomplete(ctx context.Context, s *suite[critique.Continuation, critique.Verdict], incremental bool) error {
	refused := false
	for _, c := range candidates() {
		full, err := s.ask(ctx, c.in)
		if err != nil {
			return fmt.Errorf("case %q: %w", c.name, err)
		}
		for n := range c.in.Completion.Steps {
			part := with(c.in, c.in.Completion.Steps[:n])
			part.Completion.Finish = generator.Running
			v, err := s.ask(ctx, part)
			switch {
			case err != nil && !errors.Is(err, critique.ErrIncomplete):
				return fmt.Errorf("case %q after %d of %d tokens: the error is %w: want one that wraps critique.ErrIncomplete", c.name, n, len(c.in.Completion.Steps), err)
			case err != nil && incremental && n == 0:
				return fmt.Errorf("case %q without tokens: %w, but JudgesIncomplete says that it judges incomplete candidates", c.name, err)
			case err != nil:
				refused = true
				continue
			}
			err = each(v.Critique, func(g reflection.Group, j reflection.Judgment) error {
				end := judgmentOf(full.Critique, g)
				switch {
				case j.Status == reflection.StatusJudged:
					return s.sameJudgment(j, end)
				case j.Status == reflection.StatusAbsent && end.Status == reflection.StatusJudged:
					return errors.New("it is absent and is judged later: want it pending")
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("case %q after %d of %d tokens: %w", c.name, n, len(c.in.Completion.Steps), err)
			}
		}
	}
	if refused {
		return contracttest.NotApplicable("it refuses incomplete candidates")
	}
	return nil
}

// formedDecision checks a decision. Knowing nothing is allowed.
func formedDecision(d critique.RetrievalVerdict) error {
	if err := formedUsage(d.Usage); err != nil {
		return err
	}
	nothing := reflection.Distribution{Group: reflection.Retrieve}
	if d.Dist == nothing && d.Token == reflection.None && d.Level == reflection.LevelUnstated {
		return nil
	}
	return formedDist(d.Dist, reflection.Retrieve, d.Token, d.Level)
}

func (s *settings) sameDecision(a, b critique.RetrievalVerdict) error {
	if a.Token != b.Token || a.Level != b.Level {
		return fmt.Errorf("%v %v and %v %v differ", a.Token, a.Level, b.Token, b.Level)
	}
	return s.sameDist(a.Dist, b.Dist)
}

var (
	question = "Which planet is nearest to the sun?"
	mercury  = generator.Evidence{Title: "Mercury", Text: "Mercury is the planet nearest to the sun."}
)

func path() []generator.PathSegment {
	return []generator.PathSegment{{
		Text: "Mercury is the nearest planet.", Evidence: []generator.Evidence{mercury},
		Retrieve: reflection.Retrieval, Relevance: reflection.Relevant, Support: reflection.FullySupported,
	}}
}

// with returns the candidate with other steps and their text.
func with(c critique.Continuation, steps []generator.Step) critique.Continuation {
	c.Completion.Steps = steps
	c.Text = strings.TrimSpace(c.Completion.Text())
	return c
}

// candidates returns complete candidates of every form.
func candidates() []named[critique.Continuation] {
	judged := generatortest.Segment(0.75, "It is Mercury.", [3]float64{0.5, 0.25, 0.25}, [5]float64{0, 0, 0.125, 0.125, 0.75})
	whole := func(name string, p generator.Prompt, f generator.Finish, steps ...generator.Step) named[critique.Continuation] {
		p.Instruction = question
		c := critique.Continuation{Question: question, Prompt: p, Completion: generator.Completion{Finish: f}}
		return named[critique.Continuation]{name, with(c, steps)}
	}
	evidence := func() []generator.Evidence { return []generator.Evidence{mercury} }
	return []named[critique.Continuation]{
		whole("evidence", generator.Prompt{Evidence: evidence()}, generator.FinishEnd, judged...),
		whole("no tokens", generator.Prompt{Evidence: evidence()}, generator.FinishEnd, generatortest.Words(0.5, "It is Mercury.")...),
		whole("hard labels", generator.Prompt{Evidence: evidence()}, generator.FinishStop, generatortest.HardLabels(judged)...),
		whole("no evidence", generator.Prompt{Force: reflection.NoRetrieval}, generator.FinishEnd,
			append(generatortest.Words(0.5, "Venus, I think."), generatortest.Judge(reflection.IsUSE, 0.5, 0.5, 0, 0, 0))...),
		whole("continued evidence", generator.Prompt{Path: path(), Force: reflection.ContinueEvidence}, generator.FinishLength,
			append(generatortest.Words(0.5, "Its year is short."), generatortest.Judge(reflection.IsSUP, 0.25, 0.25, 0.5))...),
		whole("empty", generator.Prompt{Evidence: evidence()}, generator.FinishEnd),
	}
}

// situations returns the points at which a decision can be asked for.
func situations() []named[critique.Situation] {
	boundary := generatortest.Decision(0.75)[0]
	return []named[critique.Situation]{
		{"start", critique.Situation{Question: question, Prompt: generator.Prompt{Instruction: question}}},
		{"path", critique.Situation{Question: question, Prompt: generator.Prompt{Instruction: question, Path: path()}}},
		{"boundary", critique.Situation{Question: question, Prompt: generator.Prompt{Instruction: question, Path: path()}, Boundary: &boundary}},
	}
}
