package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/rerank/learned"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// Env is what techniques use beside passages.
type Env struct {
	// Generator is the model; nil if there is none.
	Generator generator.Generator
	// Instructed is set if Generator follows instructions. The embedded model does not: it
	// can only judge.
	Instructed bool
	// Embedder is that of the vectors; nil for package hashed, fitted to the passages.
	Embedder dense.Embedder
}

// Choose reads the pipeline of a flag and finds out, without I/O, whether it can be
// built. An empty text stands for the default: keyword search, with an embedding model
// hybrid. The error is an *[Error].
func Choose(text string, env Env) (*Pipeline, error) {
	if text == "" {
		text = "lexical"
		if env.Embedder != nil {
			text = "hybrid"
		}
	}
	p, err := Parse(text)
	if err != nil {
		return nil, err
	}
	_, err = NewCorpus(env, nil).Build(context.Background(), p)
	return p, err
}

// Corpus is passages that pipelines are built over, which share what only depends on
// the passages: indexes, vectors and words. It is not safe for concurrent use; the
// retrievers that it builds are.
type Corpus struct {
	env      Env
	passages []retriever.Passage
	bases    map[string]retriever.Retriever // by canonical text with all options
	words    *rewrite.Vocabulary
	embedder dense.Embedder // set by embed
	vectors  *remembered
	learned  *learned.Scorer
}

// NewCorpus returns a corpus. It does no work yet. Over no passages pipelines are built
// without any I/O; they find nothing.
func NewCorpus(env Env, passages []retriever.Passage) *Corpus {
	return &Corpus{env: env, passages: passages, bases: map[string]retriever.Retriever{}}
}

// Build builds a pipeline. The error is an *[Error], and wraps what a technique said.
func (c *Corpus) Build(ctx context.Context, p *Pipeline) (retriever.Retriever, error) {
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
				return nil, err // of a part
			}
			at := errorAt(b.text, s.at, "%s: %v", s.name, err)
			at.Err = err
			return nil, at
		}
	}
	return r, nil
}

// parts builds the pipelines that a base holds.
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

// memo makes a base once for all pipelines over a corpus. It must depend on nothing but
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
		if err == nil {
			b.bases[key] = r
		}
		return r, err
	}
}

// errNoModel is the error of a technique for which there is no model.
var errNoModel = errors.New("it needs a model that follows instructions, and the embedded one only quotes: name one with -generator")

// instructed returns the model for techniques that give it instructions.
func (b *builder) instructed() (generator.Generator, error) {
	if b.env.Generator == nil || !b.env.Instructed {
		return nil, errNoModel
	}
	return b.env.Generator, nil
}

// vocabulary returns the words of the passages, which without passages is one word
// that no other is near.
func (b *builder) vocabulary() *rewrite.Vocabulary {
	if b.words == nil {
		passages := b.passages
		if len(passages) == 0 {
			passages = []retriever.Passage{{ID: "none", Text: "x"}}
		}
		b.words = rewrite.NewVocabulary(passages)
	}
	return b.words
}

// embed returns the embedder, and the same with the vectors of the passages remembered,
// for indexes.
func (b *builder) embed() (dense.Embedder, dense.Embedder, error) {
	if b.embedder == nil {
		b.embedder = b.env.Embedder
		if b.embedder == nil || len(b.passages) == 0 { // for no passages without I/O
			fitted, err := hashed.Fit(b.ctx, dense.Texts(b.passages), hashed.Options{})
			if err != nil {
				return nil, nil, err
			}
			b.embedder = fitted
		}
		b.vectors = &remembered{Embedder: b.embedder, known: map[string][]float32{}}
		for _, text := range dense.Texts(b.passages) {
			b.vectors.known[text] = nil
		}
	}
	return b.embedder, b.vectors, nil
}

// remembered is an embedder that embeds each of some texts once. Only indexes use it,
// while they are made: whatever is embedded for a query is embedded for that query.
type remembered struct {
	dense.Embedder
	known map[string][]float32 // nil as long as the vector is not known
}

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
