package main

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/examples/internal/pipeline"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// bench is what the systems share.
type bench struct {
	model    generator.Generator
	options  []selfrag.Option // that the model needs
	index    retriever.Retriever
	passages map[string]retriever.Passage
	k        int
	seed     uint64
	overlap  overlap
}

func newBench(ctx context.Context, cfg config, passages []retriever.Passage) (*bench, error) {
	index, err := pipeline.NewCorpus(cfg.env, passages).Build(ctx, cfg.pipeline)
	if err != nil {
		return nil, err
	}
	b := &bench{model: cfg.model.Generator, options: cfg.model.Options, index: index, k: cfg.k, seed: cfg.seed,
		passages: map[string]retriever.Passage{}, overlap: newOverlap(passages)}
	for _, p := range passages {
		b.passages[p.ID] = p
	}
	return b, nil
}

// engine returns an engine with some options, on top of those of the bench.
func (b *bench) engine(options ...selfrag.Option) (*selfrag.Engine, error) {
	return selfrag.New(b.model, b.index, slices.Concat(b.options, []selfrag.Option{selfrag.WithK(b.k)}, options)...)
}

// system is something that answers questions.
type system struct {
	name, about string
	make        func(*bench) (answerer, error)
}

// answerer answers one question. Only the oracle looks at its gold answers.
type answerer func(context.Context, dataset.Question) (record, error)

// systems are all there are, the default first. None abstains: match would then
// measure the threshold as well.
var systems = []system{
	{"selfrag", "the engine with its defaults, short form", engine()},
	{"selfrag-long", "long form, width 2, depth 7", engine(selfrag.WithLongForm(2, 7))},
	{"always", "retrieves for every question", engine(selfrag.WithMode(selfrag.Always))},
	{"never", "retrieves for none", engine(selfrag.WithMode(selfrag.Never))},
	{"no-rel", "weight of IsREL 0", weighted(func(w *scoring.Weights) { w.Relevance = 0 })},
	{"no-sup", "weight of IsSUP 0", weighted(func(w *scoring.Weights) { w.Support = 0 })},
	{"no-use", "weight of IsUSE 0", weighted(func(w *scoring.Weights) { w.Utility = 0 })},
	{"no-seq", "weight of the sequence term 0", weighted(func(w *scoring.Weights) { w.Sequence = 0 })},
	{"seq-only", "best of k by the sequence term alone: no critique", weighted(func(w *scoring.Weights) { *w = scoring.Weights{Sequence: 1} })},
	{"top1", "the first passage alone", engine(selfrag.WithK(1))},
	{"random", "a random one of the candidates of selfrag", random},
	{"pooled", "one generation over all k passages: no critique", pooled},
	{"floor", "the sentence of the k passages with the largest IDF overlap with the question", quote(func(b *bench) int { return b.k })},
	{"floor-top1", "the same in the first passage", quote(func(*bench) int { return 1 })},
	{"oracle", "a sentence of the k passages that holds a gold answer, if there is one", oracle},
}

// engine returns a system that asks the engine with some options. Those given here
// come after the number of passages and can change it.
func engine(options ...selfrag.Option) func(*bench) (answerer, error) {
	return func(b *bench) (answerer, error) {
		e, err := b.engine(options...)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, q dataset.Question) (record, error) {
			a, err := e.Answer(ctx, q.Question)
			if err != nil {
				return record{}, err
			}
			return recordOf(a), nil
		}, nil
	}
}

func weighted(change func(*scoring.Weights)) func(*bench) (answerer, error) {
	w := scoring.DefaultWeights()
	change(&w)
	return engine(selfrag.WithWeights(w))
}

func recordOf(a *selfrag.Answer) record {
	r := record{Answer: a.Text, Calls: a.Usage.Calls, Tokens: a.Usage.GeneratedTokens}
	for _, c := range a.Citations {
		r.Cited = append(r.Cited, c.Passage.ID)
	}
	r.Retrieved = a.Decision.Choice == scoring.ChooseRetrieval ||
		slices.ContainsFunc(a.Segments, func(s selfrag.Segment) bool { return s.Decision.Choice == scoring.ChooseRetrieval })
	return r
}

// random answers with one of the candidates that the engine chose from. The choice
// depends on the seed and the question's id alone.
func random(b *bench) (answerer, error) {
	e, err := b.engine()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, q dataset.Question) (record, error) {
		a, err := e.Answer(ctx, q.Question)
		if err != nil {
			return record{}, err
		}
		r := recordOf(a)
		var among []selfrag.Candidate
		first := a.Trace.Expansions[0]
		for _, c := range first.Candidates {
			if c.Status == selfrag.Kept || c.Status == selfrag.Pruned {
				among = append(among, c)
			}
		}
		if len(among) == 0 {
			return r, nil
		}
		h := fnv.New64a()
		h.Write([]byte(q.ID))
		c := among[rand.New(rand.NewPCG(b.seed, h.Sum64())).IntN(len(among))]
		r.Answer, r.Cited = c.Text, nil
		if c.Passage >= 0 {
			r.Cited = []string{first.Passages[c.Passage].Passage.ID}
		}
		return r, nil
	}, nil
}

// pooled shows the model all passages at once, as plain RAG does. What it quotes rests
// on the first passage that holds it.
func pooled(b *bench) (answerer, error) {
	return func(ctx context.Context, q dataset.Question) (record, error) {
		found, used, err := b.retrieve(ctx, q.Question, b.k)
		if err != nil || len(found) == 0 {
			return record{Retrieved: true, Calls: used.Calls, Tokens: used.GeneratedTokens}, err
		}
		prompt := generator.Prompt{Instruction: q.Question}
		for _, p := range found {
			prompt.Evidence = append(prompt.Evidence, generator.Evidence{Title: p.Title, Text: p.Text})
		}
		done, err := generator.Complete(ctx, b.model, generator.Request{Prompt: prompt, MaxTokens: 200})
		if err != nil {
			return record{}, err
		}
		r := record{Answer: strings.TrimSpace(done.Text()), Retrieved: true, Calls: used.Calls + 1, Tokens: used.GeneratedTokens + done.Usage.GeneratedTokens}
		for _, p := range found {
			if r.Answer != "" && strings.Contains(p.Text, r.Answer) {
				r.Cited = []string{p.ID}
				break
			}
		}
		return r, nil
	}, nil
}

// quote answers with the sentence that shares most with the question.
func quote(k func(*bench) int) func(*bench) (answerer, error) {
	return func(b *bench) (answerer, error) {
		return func(ctx context.Context, q dataset.Question) (record, error) {
			found, used, err := b.retrieve(ctx, q.Question, k(b))
			r := b.overlap.best(q.Question, found)
			r.Calls, r.Tokens = used.Calls, used.GeneratedTokens
			return r, err
		}, nil
	}
}

// oracle answers with the first sentence that is right, and like the floor if there
// is none: no way of choosing a sentence can match more often.
func oracle(b *bench) (answerer, error) {
	return func(ctx context.Context, q dataset.Question) (record, error) {
		found, used, err := b.retrieve(ctx, q.Question, b.k)
		r := b.overlap.best(q.Question, found)
	passages:
		for _, p := range found {
			for _, s := range sentence.Split(p.Text) {
				if metric.MatchFold(s.Of(p.Text), q.Answers) {
					r.Answer, r.Cited = s.Of(p.Text), []string{p.ID}
					break passages
				}
			}
		}
		r.Calls, r.Tokens = used.Calls, used.GeneratedTokens
		return r, err
	}, nil
}

// retrieve also returns what the pipeline asked models, which the engine counts by itself.
func (b *bench) retrieve(ctx context.Context, text string, k int) ([]retriever.Passage, account.Usage, error) {
	ctx, spent := account.Open(ctx, "question", account.Limits{})
	res, err := b.index.Retrieve(ctx, retriever.Query{Text: text, K: k})
	if err != nil {
		return nil, spent.Usage(), err
	}
	var out []retriever.Passage
	for _, h := range res.Hits {
		out = append(out, h.Passage)
	}
	return out, spent.Usage(), nil
}
