package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rerank/learned"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// Env holds what techniques use besides passages. The zero Env suffices for every
// technique that needs no model.
type Env struct {
	// Generator is the model of the techniques that ask one; nil if there is none.
	Generator generator.Generator
	// Instructed says that Generator follows instructions, as chat models do. A
	// model with reflection tokens that does not, such as the embedded one, works
	// only for "rerank judge=model" and "retry judge=model".
	Instructed bool
	// Embedder makes the vectors. If it is nil, package hashed makes them, fitted
	// to the passages.
	Embedder dense.Embedder
	// Adapt, if set, wraps any embedder that is used, for example with an adapter
	// of package adapt. It must do no I/O. If the result has a method
	// Check(context.Context) error, that is called before passages are embedded.
	Adapt func(dense.Embedder) dense.Embedder
	// Endpoint returns the reranker at the URL of an option endpoint=. It must do
	// no I/O. If it is nil, endpoint= is an error, so that a text from outside
	// cannot name servers.
	Endpoint func(url string, o rerank.EndpointOptions) (rerank.Scorer, error)
}

// Corpus holds the passages that pipelines are built over. Its pipelines share what
// depends only on the passages: indexes, vectors and words. A Corpus is not safe
// for concurrent use; the retrievers that it builds are. The zero Corpus has no
// passages.
type Corpus struct {
	env      Env
	passages []retriever.Passage
	store    Store                          // nil without one
	bases    map[string]retriever.Retriever // by canonical text with all options
	words    *rewrite.Vocabulary
	embedder dense.Embedder // set by embed
	vectors  *remembered
	learned  *learned.Scorer
}

// NewCorpus returns a corpus and does no work yet. It keeps the slice, which must
// not change afterwards. Over no passages, Build does no I/O, and its result finds
// nothing: use that to check a pipeline before reading any documents.
func NewCorpus(env Env, passages []retriever.Passage) *Corpus {
	return &Corpus{env: env, passages: passages}
}

// Build builds a pipeline over the passages. Bases with the same options are built
// once for all pipelines. The error is an *[Error]; it wraps the error of the
// technique, such as [ErrNoModel] or the error of ctx.
func (c *Corpus) Build(ctx context.Context, p *Pipeline) (retriever.Retriever, error) {
	if p == nil || len(p.stages) == 0 {
		return nil, errorAt("", 0, "the pipeline is empty: make it with Parse")
	}
	b := &builder{Corpus: c, ctx: ctx, text: p.text}
	return b.pipeline(p.stages)
}

// builder builds one pipeline.
type builder struct {
	*Corpus
	ctx  context.Context // of Build
	text string
}

func (b *builder) pipeline(stages []*stage) (r retriever.Retriever, err error) {
	for _, s := range stages {
		if r, err = s.make(b, s, r); err != nil {
			if at := new(Error); errors.As(err, &at) {
				return nil, err // the error of a part
			}
			at := errorAt(b.text, s.at, "%s: %v", s.name, err)
			at.Err = err
			return nil, at
		}
	}
	return r, nil
}

// parts builds the pipelines inside a base.
func (b *builder) parts(s *stage) ([]retriever.Part, error) {
	var list []retriever.Part
	for _, p := range s.parts {
		r, err := b.pipeline(p.stages)
		if err != nil {
			return nil, err
		}
		list = append(list, retriever.Part{Name: p.name(), Retriever: r})
	}
	return list, nil
}

// memo makes a base once for all pipelines over a corpus. It must depend only on
// the passages and its options.
func memo(name string, make func(*builder, values) (retriever.Retriever, error)) func(*builder, *stage, retriever.Retriever) (retriever.Retriever, error) {
	return func(b *builder, s *stage, _ retriever.Retriever) (retriever.Retriever, error) {
		key := name
		for _, option := range slices.Sorted(maps.Keys(s.values.read)) {
			key += fmt.Sprintf(" %s=%v", option, s.values.read[option])
		}
		if r, ok := b.bases[key]; ok {
			return r, nil
		}
		r, err := make(b, s.values)
		if err != nil {
			return nil, err
		}
		if b.bases == nil {
			b.bases = map[string]retriever.Retriever{}
		}
		b.bases[key] = r
		return r, nil
	}
}

// ErrNoModel is wrapped by the error of [Corpus.Build] about a technique that gives
// instructions to a model, if Env has no such model.
var ErrNoModel = errors.New("it needs a model that follows instructions")

// instructed returns the model for techniques that give instructions.
func (b *builder) instructed() (generator.Generator, error) {
	if b.env.Generator == nil || !b.env.Instructed {
		return nil, ErrNoModel
	}
	return b.env.Generator, nil
}

// vocabulary returns the words of the passages. Without passages it is one word
// that is not near any other.
func (b *builder) vocabulary() (*rewrite.Vocabulary, error) {
	if b.words != nil {
		return b.words, nil
	}
	passages, err := b.all(b.ctx)
	if err != nil {
		return nil, err
	}
	if len(passages) == 0 {
		passages = []retriever.Passage{{ID: "none", Text: "x"}}
	}
	b.words, err = rewrite.NewVocabulary(b.ctx, passages)
	return b.words, err
}

// embed returns the embedder, and the same embedder with the vectors of the
// passages cached, for indexes.
func (b *builder) embed() (dense.Embedder, dense.Embedder, error) {
	if b.embedder == nil {
		b.embedder = b.env.Embedder
		if b.store != nil && b.embedder == nil {
			return nil, nil, fmt.Errorf("%w: an embedder: set Env.Embedder", ErrStore)
		}
		if b.store == nil && (b.embedder == nil || len(b.passages) == 0) { // for no passages without I/O
			fitted, err := hashed.Fit(b.ctx, dense.Texts(b.passages), hashed.Options{})
			if err != nil {
				return nil, nil, err
			}
			b.embedder = fitted
		}
		adapted, err := b.adapted(b.embedder)
		if err != nil {
			b.embedder = nil
			return nil, nil, err
		}
		b.embedder = adapted
		b.vectors = &remembered{Embedder: b.embedder, known: map[string][]float32{}}
		for _, text := range dense.Texts(b.passages) {
			b.vectors.known[text] = nil
		}
	}
	return b.embedder, b.vectors, nil
}

// adapted returns e changed by Env.Adapt. The result is checked unless there are no
// passages.
func (b *builder) adapted(e dense.Embedder) (dense.Embedder, error) {
	if b.env.Adapt == nil {
		return e, nil
	}
	e = b.env.Adapt(e)
	if c, ok := e.(interface{ Check(context.Context) error }); ok && (b.store != nil || len(b.passages) > 0) {
		return e, c.Check(b.ctx)
	}
	return e, nil
}

// remembered is an embedder that embeds each of some texts once. Only indexes use
// it, while they are made: the texts of a query are embedded for that query.
type remembered struct {
	dense.Embedder
	known map[string][]float32 // nil as long as the vector is unknown
}

// MostCost implements budget.Declarer.
func (e *remembered) MostCost(n int) (budget.Cost, bool) { return budget.MostCost(e.Embedder, n) }

func (e *remembered) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	vectors, err := make([][]float32, len(texts)), error(nil)
	var ask []string
	for _, t := range texts {
		if e.known[t] == nil {
			ask = append(ask, t)
		}
	}
	var fresh [][]float32
	if len(ask) > 0 {
		if fresh, err = e.Embedder.EmbedDocuments(ctx, ask); err != nil || len(fresh) != len(ask) {
			return fresh, err
		}
	}
	for i, t := range texts {
		if v := e.known[t]; v != nil {
			vectors[i] = slices.Clone(v)
			continue
		}
		vectors[i], fresh = fresh[0], fresh[1:]
		if _, ours := e.known[t]; ours {
			e.known[t] = slices.Clone(vectors[i])
		}
	}
	return vectors, nil
}
