package pipeline

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"time"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/examples/internal/connect"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
	"github.com/goselfrag/goselfrag/retriever/summary"
)

// The functions of this file make the techniques of the table. They return what the
// constructors say; the place in the text is added by their caller.

func keywordOptions(v values) []lexical.Option {
	return []lexical.Option{
		lexical.WithAnalyzer(v.word("analyzer")),
		lexical.WithParameters(v.number("k1"), v.number("b")),
		lexical.WithTitleWeight(v.whole("title")),
	}
}

func makeLexical(b *builder, v values) (retriever.Retriever, error) {
	return lexical.New(b.passages, keywordOptions(v)...)
}

func makePairs(b *builder, v values) (retriever.Retriever, error) {
	return lexical.NewPairs(b.passages, v.number("boost"), keywordOptions(v)...)
}

// metricOf returns the options of an index of vectors.
func metricOf(v values) dense.Options {
	if v.word("metric") == "inner-product" {
		return dense.Options{Metric: hnsw.InnerProduct}
	}
	return dense.Options{Metric: hnsw.Cosine}
}

func makeDense(b *builder, v values) (retriever.Retriever, error) {
	if v.has("dim") || v.has("seed") {
		if b.env.Embedder != nil {
			return nil, errors.New("dim and seed are of the embedder that is there without -embeddings: leave them out")
		}
		own, err := hashed.Fit(b.ctx, dense.Texts(b.passages), hashed.Options{Dim: v.whole("dim"), Seed: uint64(v.whole("seed"))})
		if err != nil {
			return nil, err
		}
		return dense.New(b.ctx, own, b.passages, metricOf(v))
	}
	_, vectors, err := b.embed()
	if err != nil {
		return nil, err
	}
	return dense.New(b.ctx, vectors, b.passages, metricOf(v))
}

func makeHyDE(b *builder, s *stage, _ retriever.Retriever) (retriever.Retriever, error) {
	model, err := b.instructed()
	if err != nil {
		return nil, err
	}
	invented, err := rewrite.NewPassages(model, rewrite.HypotheticalTemplate, modelOptions(s.values, s.values.whole("count")))
	if err != nil {
		return nil, err
	}
	_, vectors, err := b.embed()
	if err != nil {
		return nil, err
	}
	moved, err := rewrite.HyDE(vectors, invented)
	if err != nil {
		return nil, err
	}
	return dense.New(b.ctx, moved, b.passages, metricOf(s.values))
}

func makeSummary(b *builder, v values) (retriever.Retriever, error) {
	_, vectors, err := b.embed()
	if err != nil {
		return nil, err
	}
	store, err := dense.New(b.ctx, vectors, nil, metricOf(v))
	if err != nil {
		return nil, err
	}
	return summary.New(b.ctx, store, summary.Sentences{Max: v.whole("sentences")}, b.passages, summary.Options{})
}

func fuseOptions(v values) retriever.FuseOptions {
	return retriever.FuseOptions{RankConstant: v.number("constant"), Depth: v.whole("depth"), AllowMissing: v.yes("missing")}
}

func makeHybrid(b *builder, s *stage, _ retriever.Retriever) (retriever.Retriever, error) {
	words, err := memo("lexical", makeLexical)(b, &stage{values: defaults(keywords)}, nil)
	if err != nil {
		return nil, err
	}
	vectors, err := memo("dense", makeDense)(b, &stage{values: defaults(vectorOptions)}, nil)
	if err != nil {
		return nil, err
	}
	return retriever.Fuse([]retriever.Part{
		{Name: "lexical", Retriever: words},
		{Name: "dense", Retriever: vectors, Weight: s.values.number("dense")},
	}, fuseOptions(s.values))
}

func makeFuse(b *builder, s *stage, _ retriever.Retriever) (retriever.Retriever, error) {
	parts, err := b.parts(s)
	if err != nil {
		return nil, err
	}
	for i, p := range s.parts {
		parts[i].Weight = p.values.number("weight")
	}
	return retriever.Fuse(parts, fuseOptions(s.values))
}

func makeRoute(b *builder, s *stage, _ retriever.Retriever) (retriever.Retriever, error) {
	parts, err := b.parts(s)
	if err != nil {
		return nil, err
	}
	router, err := b.router(s)
	if err != nil {
		return nil, err
	}
	v := s.values
	return retriever.Route(router, parts, retriever.RouteOptions{
		Fallback: v.word("fallback"), EmptyWithoutRoute: v.yes("empty"), Fuse: fuseOptions(v),
	})
}

func (b *builder) router(s *stage) (retriever.Router, error) {
	rules := retriever.Rules{First: s.values.yes("first")}
	var choices []rewrite.Choice
	byModel := s.values.word("by") == "model"
	for _, p := range s.parts {
		if unfit := map[bool]string{true: "match", false: "about"}[byModel]; p.values.has(unfit) {
			return nil, fmt.Errorf("by=%s has no use for %s= of the part %q: leave it out, or change by", s.values.word("by"), unfit, p.name())
		}
		rule := retriever.Rule{Part: p.name()}
		if re := p.values.read["match"].(*regexp.Regexp); re != nil {
			rule.When = func(q retriever.Query) bool { return re.MatchString(q.Text) }
		}
		rules.List = append(rules.List, rule)
		choices = append(choices, rewrite.Choice{Part: p.name(), About: p.values.word("about")})
	}
	if !byModel {
		return rules, nil
	}
	if s.values.has("first") {
		return nil, errors.New("first= is for by=rules: leave it out")
	}
	model, err := b.instructed()
	if err != nil {
		return nil, err
	}
	return rewrite.NewRouter(model, rewrite.RouteTemplate, choices)
}

func modelOptions(v values, count int) rewrite.ModelOptions {
	return rewrite.ModelOptions{Count: count, MaxTokens: v.whole("max-tokens"), Temperature: v.number("temperature")}
}

// source makes what writes other texts of a question, at most count. The options of a
// model are looked at for "model" only.
func (b *builder) source(by string, t generator.TaskTemplate, v values, count int) (rewrite.Source, error) {
	switch by {
	case "spelling":
		return rewrite.NewSpelling(b.vocabulary())
	case "conjunctions":
		return rewrite.Conjunctions{}, nil
	}
	model, err := b.instructed()
	if err != nil {
		return nil, err
	}
	return rewrite.NewLines(model, t, modelOptions(v, count))
}

func makeFusion(by string) func(*builder, *stage, retriever.Retriever) (retriever.Retriever, error) {
	return func(b *builder, s *stage, in retriever.Retriever) (retriever.Retriever, error) {
		v := s.values
		source, err := b.source(by, rewrite.VariantsTemplate, v, v.whole("max"))
		if err != nil {
			return nil, err
		}
		return rewrite.Fusion(in, source, rewrite.FusionOptions{
			Max: v.whole("max"), OriginalWeight: v.number("original"), Fuse: retriever.FuseOptions{AllowMissing: v.yes("missing")},
		})
	}
}

func makeDecompose(b *builder, s *stage, in retriever.Retriever) (retriever.Retriever, error) {
	v := s.values
	source, err := b.source(v.word("by"), rewrite.SubquestionsTemplate, v, v.whole("fan-out"))
	if err != nil {
		return nil, err
	}
	return rewrite.Decompose(in, source, rewrite.DecomposeOptions{
		Depth: v.whole("depth"), FanOut: v.whole("fan-out"), OriginalWeight: v.number("original"),
		Fuse: retriever.FuseOptions{AllowMissing: v.yes("missing")},
	})
}

func makeRetry(b *builder, s *stage, in retriever.Retriever) (retriever.Retriever, error) {
	v := s.values
	source, err := b.source(v.word("by"), rewrite.RephraseTemplate, v, v.whole("tries"))
	if err != nil {
		return nil, err
	}
	j, err := b.scorer(v)
	if err != nil {
		return nil, err
	}
	threshold := v.number("threshold")
	if threshold == 0 { // which would mean the default
		threshold = -math.SmallestNonzeroFloat64
	}
	return rewrite.Retry(in, source, j, rewrite.RetryOptions{
		Threshold: threshold, Tries: v.whole("tries"), Judged: v.whole("judged"), AllowMissing: v.yes("missing"),
	})
}

// scorer makes what says how relevant passages are.
func (b *builder) scorer(v values) (rerank.Scorer, error) {
	if v.has("endpoint") {
		if v.has("judge") {
			return nil, errors.New("judge= and endpoint= exclude each other: leave one out")
		}
		e, err := connect.Reranker(v.word("endpoint"), rerank.EndpointOptions{Format: rerank.Format(v.word("format")), BatchSize: endpointBatch})
		if err != nil {
			return nil, fmt.Errorf("endpoint=: %w", err)
		}
		return countingScorer{e, b.calls}, nil
	}
	if v.has("format") {
		return nil, errors.New("format= is of an endpoint: name it with endpoint=, or leave format= out")
	}
	if v.word("judge") == "critic" {
		model, err := b.instructed()
		if err != nil {
			return nil, fmt.Errorf("judge=critic: %w", err)
		}
		j, err := judge.New(model, judge.Templates{})
		return rerank.Critic{Critic: j, Concurrency: v.whole("concurrency")}, err
	}
	if _, ok := b.env.Generator.(generator.GroupProber); !ok {
		return nil, fmt.Errorf("judge=model: it needs a model with reflection tokens that tells their probabilities: take judge=critic for a model that follows instructions, or endpoint=: %w", errors.ErrUnsupported)
	}
	return rerank.Model{Generator: b.model, Concurrency: v.whole("concurrency")}, nil
}

func makeRM3(b *builder, s *stage, in retriever.Retriever) (retriever.Retriever, error) {
	v := s.values
	return rewrite.RM3(in, b.vocabulary(), rewrite.RM3Options{
		Hits: v.whole("hits"), Words: v.whole("words"), OriginalWeight: v.number("original"), AllowMissing: v.yes("missing"),
	})
}

func makeRerank(b *builder, s *stage, in retriever.Retriever) (retriever.Retriever, error) {
	v := s.values
	scorer, err := b.scorer(v)
	if err != nil {
		return nil, err
	}
	return rerank.New(in, scorer, rerank.Options{Depth: v.whole("depth"), BatchSize: v.whole("batch"), AllowMissing: v.yes("missing")})
}

func makeMMR(b *builder, s *stage, in retriever.Retriever) (retriever.Retriever, error) {
	embedder, _, err := b.embed()
	if err != nil {
		return nil, err
	}
	return retriever.MMR(in, retriever.MMROptions{
		Lambda: s.values.number("lambda"), Depth: s.values.whole("depth"),
		Similarity: retriever.CosineSimilarity(embedder.EmbedDocuments),
	})
}

func makeCache(_ *builder, s *stage, in retriever.Retriever) (retriever.Retriever, error) {
	return retriever.NewCache(in, retriever.CacheOptions{Size: s.values.whole("size"), Age: s.values.read["age"].(time.Duration)})
}

func makeReorder(_ *builder, _ *stage, in retriever.Retriever) (retriever.Retriever, error) {
	return retriever.Reorder(in)
}
