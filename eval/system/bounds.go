package system

import (
	"context"
	"hash/fnv"
	"math/rand/v2"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// bounds say what a choice among the retrieved sentences is worth.
var bounds = []System{
	{"floor", "no model: the sentence of the k passages that shares most with the question", quote(func(b *Bench) int { return b.K })},
	{"floor-top1", "the same over the first passage alone", quote(func(*Bench) int { return 1 })},
	{"oracle", "a sentence of the k passages that is right, if there is one", oracle},
}

// random answers with one of the candidates that the engine chose from. The choice
// depends on the seed and the question's id alone.
func random(_ context.Context, b *Bench) (Answerer, error) {
	e, err := b.Engine(selfrag.WithTrace(selfrag.TraceOn))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, q dataset.Question) (*selfrag.Answer, error) {
		a, err := e.Answer(ctx, q.Question)
		if err != nil {
			return a, err
		}
		var among []selfrag.Candidate
		first := a.Trace.Expansions[0]
		for _, c := range first.Candidates {
			if c.Status == selfrag.Kept || c.Status == selfrag.Pruned {
				among = append(among, c)
			}
		}
		if len(among) == 0 {
			return a, nil
		}
		h := fnv.New64a()
		h.Write([]byte(q.ID))
		c := among[rand.New(rand.NewPCG(b.Seed, h.Sum64())).IntN(len(among))]
		var cited []retriever.Passage
		if c.Passage >= 0 {
			cited = []retriever.Passage{first.Passages[c.Passage].Passage}
		}
		chosen := answer(q, c.Text, cited...)
		chosen.Decision, chosen.Usage = a.Decision, a.Usage
		return chosen, nil
	}, nil
}

// quote answers with the sentence that shares most with the question.
func quote(k func(*Bench) int) func(context.Context, *Bench) (Answerer, error) {
	return func(_ context.Context, b *Bench) (Answerer, error) {
		return func(ctx context.Context, q dataset.Question) (*selfrag.Answer, error) {
			return b.choose(ctx, q, k(b), b.overlap.best)
		}, nil
	}
}

// oracle answers with the first right sentence, or like the floor if there is none. No way
// of choosing a sentence can be right more often.
func oracle(_ context.Context, b *Bench) (Answerer, error) {
	right := func(q dataset.Question, found []retriever.Passage) *selfrag.Answer {
		for _, p := range found {
			for _, s := range sentence.Split(p.Text) {
				if metric.MatchFold(s.Of(p.Text), q.Answers) {
					return answer(q, s.Of(p.Text), p)
				}
			}
		}
		return b.overlap.best(q, found)
	}
	return func(ctx context.Context, q dataset.Question) (*selfrag.Answer, error) {
		return b.choose(ctx, q, b.K, right)
	}, nil
}

// choose answers with the choice of a rule from the found passages. Model calls of a
// pipeline count as the answer's usage, as in an engine's answer.
func (b *Bench) choose(ctx context.Context, q dataset.Question, k int, rule func(dataset.Question, []retriever.Passage) *selfrag.Answer) (*selfrag.Answer, error) {
	ctx, spent := budget.Open(ctx, "question", budget.Limits{})
	found, err := b.Retriever.Retrieve(ctx, retriever.Query{Text: q.Question, K: k})
	var passages []retriever.Passage
	for _, h := range found.Hits {
		passages = append(passages, h.Passage)
	}
	a := answer(q, "")
	if err == nil {
		a = rule(q, passages)
	}
	a.Decision = selfrag.Decision{Choice: scoring.ChooseRetrieval, Reason: "always"}
	a.Usage = spent.Usage()
	return a, err
}
