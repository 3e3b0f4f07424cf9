package rewrite_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

func ownedBy(tenant string) filter.Expr {
	return filter.Compare{Field: "tenant", Op: filter.Eq, Value: filter.String(tenant)}
}

// Under a filter, spelling works as if only the passages that match the filter
// existed.
func TestSpellingWithinFilter(t *testing.T) {
	changed := 0
	rapid.Check(t, func(t *rapid.T) {
		letter := rapid.SampledFrom([]rune("ab"))
		word := rapid.Map(rapid.SliceOfN(letter, 4, 10), func(r []rune) string { return string(r) })
		var all, own []retriever.Passage
		for range rapid.IntRange(1, 8).Draw(t, "passages") {
			p := retriever.Passage{Text: strings.Join(rapid.SliceOfN(word, 0, 6).Draw(t, "words"), " ")}
			p.Metadata = filter.Metadata{"tenant": filter.String(rapid.SampledFrom([]string{"me", "other"}).Draw(t, "tenant"))}
			all = append(all, p)
			if filter.Match(ownedBy("me"), p.Metadata) {
				own = append(own, p)
			}
		}
		s, err := rewrite.NewSpelling(newVocabulary(append(all, retriever.Passage{Text: "x"})))
		if err != nil {
			t.Fatal(err)
		}
		question := strings.Join(rapid.SliceOfN(word, 1, 5).Draw(t, "question"), " ")
		got, err := s.Queries(retriever.Confine(context.Background(), ownedBy("me")), question)
		var want []string
		if c := newVocabulary(own).Correct(question); c != question {
			want = []string{c}
			changed++
		}
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%q, %v: want %q", got, err, want)
		}
	})
	if !testing.Short() && changed < 20 { // rapid tries less with -short
		t.Errorf("%d questions were corrected: the test tells little", changed)
	}
}

// A source of HyDE gets no query, but still has the filter.
func TestSpellingWithinFilterInHyDE(t *testing.T) {
	passages := []retriever.Passage{
		{ID: "1", Text: "opensesame", Metadata: filter.Metadata{"tenant": filter.String("other")}},
		{ID: "2", Text: "bridge", Metadata: filter.Metadata{"tenant": filter.String("me")}},
	}
	s, err := rewrite.NewSpelling(newVocabulary(passages))
	if err != nil {
		t.Fatal(err)
	}
	e := &listener{}
	moved, err := rewrite.HyDE(e, s)
	if err != nil {
		t.Fatal(err)
	}
	index, err := dense.New(t.Context(), moved, passages, dense.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e.heard = nil
	var steps observe.Recorder
	res, err := index.Retrieve(observe.With(t.Context(), &steps), retriever.Query{Text: "opensezame bridgo", K: 2, Filter: ownedBy("me")})
	if err != nil || len(res.Hits) != 1 || !slices.Equal(e.heard, []string{"opensezame bridgo", "opensezame bridge"}) {
		t.Errorf("%+v, %v; embedded %q", res.Hits, err, e.heard)
	}
}

// listener is an embedder that records its input.
type listener struct{ heard []string }

func (l *listener) EmbedDocuments(_ context.Context, texts []string) ([][]float32, error) {
	l.heard = append(l.heard, texts...)
	return slices.Repeat([][]float32{{1, 1}}, len(texts)), nil
}

func (l *listener) EmbedQuery(_ context.Context, text string) ([]float32, error) {
	l.heard = append(l.heard, text)
	return []float32{1, 1}, nil
}

// Testing the passages against a filter ends with the context.
func TestSpellingWithinFilterCanceled(t *testing.T) {
	var passages []retriever.Passage
	for range 10_000 {
		passages = append(passages, retriever.Passage{Text: "bridge", Metadata: filter.Metadata{"n": filter.Int(1)}})
	}
	s, err := rewrite.NewSpelling(newVocabulary(passages))
	if err != nil {
		t.Fatal(err)
	}
	ctx := retriever.Confine(&countdown{t.Context(), 2}, filter.Exists{Field: "m"})
	if texts, err := s.Queries(ctx, "bridge"); !errors.Is(err, context.Canceled) || texts != nil {
		t.Errorf("%q, %v", texts, err)
	}
}
