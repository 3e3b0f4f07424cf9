package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
	"github.com/goselfrag/goselfrag/retriever/summary"
)

// The functions of this file make the techniques of the table. They return the
// errors of the constructors; the caller adds the place in the text.

func keywordOptions(v values) lexical.Options {
	o := lexical.Options{Analyzer: v.word("analyzer"), K1: v.number("k1"), B: v.number("b"), TitleWeight: v.whole("title")}
	// In the text 0 means 0, not the default.
	if o.K1 == 0 {
		o.K1 = lexical.Zero
	}
	if o.B == 0 {
		o.B = lexical.Zero
	}
	if o.TitleWeight == 0 {
		o.TitleWeight = lexical.Zero
	}
	return o
}

func makeLexical(b *builder, v values) (retriever.Retriever, error) {
	if b.store != nil {
		return b.side(b.store.Words(), v)
	}
	return lexical.New(b.ctx, b.passages, keywordOptions(v))
}

// metricOf returns the options of an index of vectors.
func metricOf(v values) dense.Options {
	if v.word("metric") == "inner-product" {
		return dense.Options{Metric: hnsw.InnerProduct}
	}
	return dense.Options{Metric: hnsw.Cosine}
}

func makeDense(b *builder, v values) (retriever.Retriever, error) {
	if b.store != nil {
		return b.side(b.store.Vectors(), v)
	}
	if v.has("dim") || v.has("seed") {
		if b.env.Embedder != nil {
			return nil, errors.New("dim and seed are options of the built-in embedder, and another one is in its place: leave them out")
		}
		fitted, err := hashed.Fit(b.ctx, dense.Texts(b.passages), hashed.Options{Dim: v.whole("dim"), Seed: uint64(v.whole("seed"))})
		if err != nil {
			return nil, err
		}
		own, err := b.adapted(fitted)
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
	if v.word("by") == "sentences" {
		if err := v.refuseUseless("by=sentences", "max-tokens", "concurrency"); err != nil {
			return nil, err
		}
		return summary.New(b.ctx, store, summary.Sentences{Max: v.whole("sentences")}, b.passages, summary.Options{})
	}
	if err := v.refuseUseless("by=model", "sentences"); err != nil {
		return nil, err
	}
	model, err := b.instructed()
	if err != nil {
		return nil, err
	}
	writer, err := summary.NewModel(model, summary.Template, summary.ModelOptions{MaxTokens: v.whole("max-tokens")})
	if err != nil {
		return nil, err
	}
	return summary.New(b.ctx, store, writer, b.passages, summary.Options{Concurrency: v.whole("concurrency")})
}

func makeChildren(b *builder, v values) (retriever.Retriever, error) {
	split := ingest.Split{Unit: ingest.Sentences, Size: v.whole("size"), Overlap: v.whole("overlap")}
	if v.word("by") == "words" {
		split.Unit, split.Whole = ingest.Words, ingest.WholeWords
	}
	var children []retriever.Passage
	for _, p := range b.passages {
		if _, taken := p.Metadata["parent"]; taken {
			return nil, fmt.Errorf(`the passage %q has metadata "parent", which children uses itself: give it another name`, p.ID)
		}
		spans, err := split.Text(p.Text)
		if err != nil {
			return nil, err
		}
		for i, s := range spans {
			meta := filter.Metadata{}
			maps.Copy(meta, p.Metadata)
			meta["parent"] = filter.String(p.ID)
			children = append(children, retriever.Passage{ID: fmt.Sprintf("%s.%d", p.ID, i+1), Title: p.Title, Text: p.Text[s.Start:s.End], Metadata: meta})
		}
	}
	if _, err := split.Text(""); err != nil { // checks the options, even without passages
		return nil, err
	}
	if v.word("search") == "dense" {
		_, vectors, err := b.embed()
		if err != nil {
			return nil, err
		}
		index, err := dense.New(b.ctx, vectors, children, metricOf(v))
		if err != nil {
			return nil, err
		}
		return ingest.GiveParents(index, b.passages)
	}
	if err := v.refuseUseless("search=lexical", "metric"); err != nil {
		return nil, err
	}
	index, err := lexical.New(b.ctx, children, lexical.Options{})
	if err != nil {
		return nil, err
	}
	return ingest.GiveParents(index, b.passages)
}

func fuseOptions(v values) (retriever.FuseOptions, error) {
	o := retriever.FuseOptions{Method: retriever.RankFusion, RankConstant: v.number("constant"), Depth: v.whole("depth"), AllowMissing: v.yes("missing")}
	if v.word("method") == "score" {
		o.Method, o.RankConstant = retriever.ScoreFusion, 0
		return o, v.refuseUseless("method=score", "constant")
	}
	return o, nil
}

// refuseUseless returns an error if one of the options is given. They have no effect
// together with the chosen one.
func (v values) refuseUseless(chosen string, options ...string) error {
	for _, o := range options {
		if v.has(o) {
			return fmt.Errorf("%s= has no use with %s: leave it out", o, chosen)
		}
	}
	return nil
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
	o, err := fuseOptions(s.values)
	if err != nil {
		return nil, err
	}
	return retriever.Fuse([]retriever.Part{
		{Name: "lexical", Retriever: words},
		{Name: "dense", Retriever: vectors, Weight: s.values.number("dense")},
	}, o)
}

func makeFuse(b *builder, s *stage, _ retriever.Retriever) (retriever.Retriever, error) {
	parts, err := b.parts(s)
	if err != nil {
		return nil, err
	}
	for i, p := range s.parts {
		parts[i].Weight = p.values.number("weight")
	}
	o, err := fuseOptions(s.values)
	if err != nil {
		return nil, err
	}
	return retriever.Fuse(parts, o)
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
	o, err := fuseOptions(v)
	if err != nil {
		return nil, err
	}
	return retriever.Route(router, parts, retriever.RouteOptions{Fallback: v.word("fallback"), EmptyWithoutRoute: v.yes("empty"), Fuse: o})
}

func modelOptions(v values, count int) rewrite.ModelOptions {
	return rewrite.ModelOptions{Count: count, MaxTokens: v.whole("max-tokens"), Temperature: v.number("temperature")}
}

// source makes the source of other texts of a question, at most count.
func (b *builder) source(by string, t generator.TaskTemplate, v values, count int) (rewrite.Expander, error) {
	if by != "model" {
		if err := v.refuseUseless("by="+by, "max-tokens", "temperature"); err != nil {
			return nil, err
		}
	}
	if by == "spelling" {
		words, err := b.vocabulary()
		if err != nil {
			return nil, err
		}
		return rewrite.NewSpelling(words)
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
	source, err := b.source("model", rewrite.SubquestionsTemplate, v, v.whole("fan-out"))
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
	if v.word("endpoint") != "" && !v.has("threshold") {
		return nil, errors.New("endpoint= needs threshold=, since the scores of every reranking model have a scale of their own")
	}
	threshold := v.number("threshold")
	if threshold == 0 { // 0 would mean the default
		threshold = -math.SmallestNonzeroFloat64
	}
	return rewrite.Retry(in, source, j, rewrite.RetryOptions{
		Threshold: threshold, Tries: v.whole("tries"), Judged: v.whole("judged"), AllowMissing: v.yes("missing"),
	})
}

func makeRerank(b *builder, s *stage, in retriever.Retriever) (retriever.Retriever, error) {
	v := s.values
	if v.word("judge") != "list" {
		if err := v.refuseUseless("judge="+v.word("judge"), "window", "step"); err != nil {
			return nil, err
		}
	}
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

func makeLimit(_ *builder, s *stage, in retriever.Retriever) (retriever.Retriever, error) {
	v := s.values
	l := budget.Limits{Calls: v.whole("calls"), Tokens: v.whole("tokens"), Time: v.read["time"].(time.Duration)}
	return retriever.Limit(in, l, retriever.LimitOptions{AllowMissing: v.yes("missing")})
}

func makePostFilter(_ *builder, s *stage, in retriever.Retriever) (retriever.Retriever, error) {
	return retriever.PostFilter(in, retriever.PostFilterOptions{Bound: s.values.whole("bound")})
}

func makeReorder(_ *builder, _ *stage, in retriever.Retriever) (retriever.Retriever, error) {
	return retriever.Reorder(in)
}
