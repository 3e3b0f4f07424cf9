package pipeline_test

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// kept is a store whose sides count what they are asked.
type kept struct {
	words, vectors retriever.Retriever
	passages       []retriever.Passage
	mu             sync.Mutex
	asked          map[string]int
}

func (k *kept) side(name string, r retriever.Retriever) retriever.Retriever {
	return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		k.mu.Lock()
		k.asked[name]++
		k.mu.Unlock()
		return r.Retrieve(ctx, q)
	})
}

func (k *kept) Words() retriever.Retriever { return k.side("words", k.words) }

func (k *kept) Vectors() retriever.Retriever {
	if k.vectors == nil {
		return nil
	}
	return k.side("vectors", k.vectors)
}

func (k *kept) All(context.Context) iter.Seq2[retriever.Passage, error] {
	k.asked["all"]++
	return func(yield func(retriever.Passage, error) bool) {
		for _, p := range k.passages {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// A pipeline over a store finds what one over its passages finds, by the sides of the store,
// and makes no index.
func TestOverStore(t *testing.T) {
	ctx, passages := t.Context(), retrievertest.Passages("river boats", "bridge over the river", "a stone tower", "boats at sea")
	embedder, err := hashed.Fit(ctx, dense.Texts(passages), hashed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	words, err := lexical.New(ctx, passages, lexical.Options{})
	if err != nil {
		t.Fatal(err)
	}
	vectors, err := dense.New(ctx, embedder, passages, dense.Options{})
	if err != nil {
		t.Fatal(err)
	}
	env := pipeline.Env{Embedder: embedder}
	for text, want := range map[string]map[string]int{
		"lexical":                               {"words": 1},
		"dense":                                 {"vectors": 1},
		"hybrid dense=2 depth=7":                {"words": 1, "vectors": 1},
		"fuse(lexical, dense weight=0.5) | mmr": {"words": 1, "vectors": 1},
		"lexical | spelling | rerank | cache":   {"words": 2, "all": 1},
		"route(a: lexical match=x, b: dense) | limit calls=9": {"vectors": 1},
	} {
		p, err := pipeline.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		k := &kept{words: words, vectors: vectors, passages: passages, asked: map[string]int{}}
		var got, over retriever.Result
		for i, c := range []*pipeline.Corpus{pipeline.OverStore(env, k), pipeline.NewCorpus(env, passages)} {
			r, err := c.Build(ctx, p)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if *[]*retriever.Result{&got, &over}[i], err = r.Retrieve(ctx, retriever.Query{Text: "the rivr boats", K: 3}); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		if !reflect.DeepEqual(got.Hits, over.Hits) || len(got.Hits) == 0 {
			t.Errorf("%s: found %v: want %v", text, got.Hits, over.Hits)
		}
		if !reflect.DeepEqual(k.asked, want) {
			t.Errorf("%s: asked %v: want %v", text, k.asked, want)
		}
	}
}

// What a store cannot do is an error that says so, before anything is read.
func TestNotOverStore(t *testing.T) {
	k := &kept{words: retriever.List(), asked: map[string]int{}}
	for text, want := range map[string]string{
		"hyde": "an index of its own", "summary": "an index of its own", "children": "an index of its own",
		"lexical k1=2": "k1= is about how an index is made", "dense metric=inner-product": "metric= is about",
		"dense": "it has no vectors", "hybrid": "it has no vectors", "lexical | mmr": "an embedder",
		"fuse(lexical, children)": "an index of its own",
	} {
		p, err := pipeline.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = pipeline.OverStore(pipeline.Env{}, k).Build(t.Context(), p)
		if at := new(pipeline.Error); !errors.As(err, &at) || !errors.Is(err, pipeline.ErrStore) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v: want %q", text, err, want)
		}
	}
	if len(k.asked) > 0 {
		t.Errorf("asked %v", k.asked)
	}
}
