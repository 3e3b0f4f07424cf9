package adapt

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
)

// PreferOptions are the options of Prefer. The zero value is ready to use.
type PreferOptions struct {
	// Candidates is how many retrieved passages of a question are judged, from 1 to
	// 10,000; 0 means 20.
	Candidates int
	// Keep is how many of them are preferred at most, those of the greatest gains, from 1
	// to 10,000; 0 means 2.
	Keep int
	// Workers is how many questions are worked on at the same time, from 1 to 1,024; 0
	// means 4.
	Workers int
	// Progress, if set, is called after each question with the number of questions done and
	// of all, by one goroutine at a time.
	Progress func(done, total int)
}

func (o *PreferOptions) fill() error {
	for _, c := range []struct {
		name       string
		x          *int
		value, max int
	}{{"Candidates", &o.Candidates, 20, 10_000}, {"Keep", &o.Keep, 2, 10_000}, {"Workers", &o.Workers, 4, 1024}} {
		if *c.x == 0 {
			*c.x = c.value
		}
		if *c.x < 1 || *c.x > c.max {
			return fmt.Errorf("%w: %s is %d: want 1 to %d, or 0 for %d", ErrOption, c.name, *c.x, c.max, c.value)
		}
	}
	return nil
}

// Prefer asks a source about the passages that r retrieves for each question, and returns
// the questions with those it prefers. A passage whose gain is 0 or less is never preferred;
// equal gains keep the order of retrieval.
//
// With an error nothing is returned. A [Reader] with a file remembers what it was told, so
// that a second call goes on where the first one stopped. The error wraps ErrOption,
// budget.ErrExceeded, ctx.Err(), or the error of r or of the source.
func Prefer(ctx context.Context, r retriever.Retriever, s Source, questions []dataset.Question, o PreferOptions) ([]Example, error) {
	if isnil.Value(r) || isnil.Value(s) {
		return nil, fmt.Errorf("%w: the retriever or the source is nil", ErrOption)
	}
	if err := o.fill(); err != nil {
		return nil, err
	}
	list := Examples(questions)
	step := counter(len(list), o.Progress)
	unknown := func(int) (budget.Cost, bool) { return budget.Cost{}, false }
	errs := budget.Each(ctx, len(list), o.Workers, unknown, failFast(len(list), o.Workers, func(ctx context.Context, i int) (err error) {
		if list[i].Preferred, err = preferences(ctx, r, s, questions[i], o); err != nil {
			return fmt.Errorf("adapt: question %q: %w", questions[i].ID, err)
		}
		step()
		return nil
	}))
	if err := firstError(errs); err != nil {
		return nil, err
	}
	return list, nil
}

// counter returns a function that counts and tells progress how far the work is.
func counter(total int, progress func(done, total int)) func() {
	var mu sync.Mutex
	done := 0
	return func() {
		mu.Lock()
		defer mu.Unlock()
		if done++; progress != nil {
			progress(done, total)
		}
	}
}

// preferences judges the passages of one question.
func preferences(ctx context.Context, r retriever.Retriever, s Source, q dataset.Question, o PreferOptions) ([]Preference, error) {
	res, err := retriever.Ask(ctx, r, retriever.Query{Text: q.Question, K: o.Candidates})
	if err != nil {
		return nil, err
	}
	var list []Preference
	for _, h := range res.Hits {
		gain, err := s.Gain(ctx, q, h.Passage)
		if err != nil {
			return nil, err
		}
		if gain > 0 && !math.IsInf(gain, 0) {
			list = append(list, Preference{h.Passage.ID, gain})
		}
	}
	slices.SortStableFunc(list, func(a, b Preference) int { return cmp.Compare(b.Gain, a.Gain) })
	return list[:min(len(list), o.Keep)], nil
}

// Verdicts is the source that asks a critic whether a passage is relevant to the question
// and supports a right answer: the product of the two scores (scoring.Config.Relevance and
// Support, each 0 to 1) minus 0.5, so that a passage which probably does not help is not
// preferred. With several right answers the greatest counts. r, the reader of the critic's
// model, remembers the verdicts. The error of Gain wraps ErrData if the critic tells one of
// the two scores not exactly.
func Verdicts(c critique.Critic, r *Reader) (Source, error) {
	if isnil.Value(c) || r == nil {
		return nil, fmt.Errorf("%w: the critic or the reader is nil", ErrOption)
	}
	return verdicts{c, r}, nil
}

type verdicts struct {
	critic critique.Critic
	reader *Reader
}

// Gain implements [Source].
func (v verdicts) Gain(ctx context.Context, q dataset.Question, p retriever.Passage) (float64, error) {
	best := 0.0
	for _, answer := range q.Answers {
		score, err := v.reader.verdict(ctx, v.critic, q.Question, answer, p)
		if err != nil {
			return 0, err
		}
		best = max(best, score-0.5)
	}
	return best, nil
}

// support returns how far a critic finds that a passage is relevant to a question and
// supports an answer, from 0 to 1.
func support(ctx context.Context, c critique.Critic, question, answer string, p retriever.Passage) (float64, error) {
	verdict, err := c.Critique(ctx, critique.Continuation{
		Question: question,
		Prompt:   generator.Prompt{Instruction: question, Evidence: []generator.Evidence{{Title: p.Title, Text: p.Text}}},
		Completion: generator.Completion{
			Steps:  []generator.Step{{Text: answer}},
			Finish: generator.FinishEnd,
		},
		Whole: true, Text: answer,
	})
	if err != nil {
		return 0, err
	}
	score := 1.0
	for _, g := range []struct {
		group reflection.Group
		term  scoring.Term
	}{{reflection.IsREL, scoring.DefaultConfig().Relevance(verdict.IsREL)}, {reflection.IsSUP, scoring.DefaultConfig().Support(verdict.IsSUP)}} {
		if !g.term.Exact() {
			return 0, fmt.Errorf("%w: the critic does not tell %v of the passage %q: take a critic that judges relevance and support", ErrData, g.group, p.ID)
		}
		score *= g.term.Interval().Lo
	}
	return score, nil
}
