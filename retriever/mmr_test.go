package retriever_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
)

// near compares passages on a line, with the id, a letter, as the place: it falls
// with the distance.
func near(a, b retriever.Passage) float64 {
	return 1 - math.Abs(float64(a.ID[0])-float64(b.ID[0]))/10
}

// heard is an observer that records which steps begin.
type heard struct{ steps []string }

func (h *heard) Start(ctx context.Context, s observe.Step) (context.Context, func(observe.End)) {
	h.steps = append(h.steps, string(s.Kind)+" "+s.Name)
	return ctx, nil
}

// Observers receive the embedding of the passages that are compared.
func TestMMREmbeds(t *testing.T) {
	embed := func(_ context.Context, texts []string) ([][]float32, error) {
		return make([][]float32, len(texts)), nil
	}
	r := must[retriever.Retriever](t)(retriever.MMR(retriever.List(retriever.Passage{ID: "a"}, retriever.Passage{ID: "b"}), retriever.MMROptions{Similarity: retriever.CosineSimilarity(embed)}))
	var h heard
	if _, err := r.Retrieve(observe.With(t.Context(), &h), retriever.Query{K: 2}); err != nil || !slices.Equal(h.steps, []string{"embedding passages"}) {
		t.Errorf("%q, %v", h.steps, err)
	}
}

func TestMMRByHand(t *testing.T) {
	for _, c := range []struct {
		name   string
		lambda float64
		k      int
		want   string
	}{
		// Relevance by rank: a 1, b 2/3, c 1/3, k 0. With λ ½, after a: b gets
		// ½·⅔ − ½·0.9, c ½·⅓ − ½·0.8, k 0 − 0: k is next. Then b ⅓−0.45, c ⅙−0.4.
		{"half", 0, 4, "a k b c"},
		{"cut", 0, 2, "a k"},
		{"relevance alone", 1, 4, "a b c k"},
		// After a: b 0.06 − 0.81, c 0.03 − 0.72, k 0: k. Then b −0.74, c −0.69.
		{"novelty", 0.1, 4, "a k c b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := must[retriever.Retriever](t)(retriever.MMR(retriever.List(retriever.Passage{ID: "a"}, retriever.Passage{ID: "b"}, retriever.Passage{ID: "c"}, retriever.Passage{ID: "k"}),
				retriever.MMROptions{Lambda: c.lambda, Similarity: retriever.PairSimilarity(near)}))
			res, err := r.Retrieve(t.Context(), retriever.Query{K: c.k})
			if err != nil || idsOf(res) != c.want {
				t.Fatalf("%s, %v: want %s", idsOf(res), err, c.want)
			}
			if h := res.Hits[c.k-1]; h.Parts[0].Part != retriever.Retrieved || h.Parts[0].Score != float64(5-h.Parts[0].Rank) {
				t.Errorf("%+v", h)
			}
		})
	}
}

// A second, slow implementation: at every step the formula for every candidate.
func TestMMRAgainstFormula(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(rt, "n")
		lambda := rapid.Float64Range(0.05, 1).Draw(rt, "lambda")
		var passages []retriever.Passage
		vectors := map[string][]float32{}
		for i := range n {
			id := fmt.Sprint(i)
			passages = append(passages, retriever.Passage{ID: id, Text: id})
			vectors[id] = []float32{float32(rapid.IntRange(-3, 3).Draw(rt, "x")), float32(rapid.IntRange(-3, 3).Draw(rt, "y"))}
		}
		cosine := func(a, b []float32) float64 {
			x := math.Hypot(float64(a[0]), float64(a[1])) * math.Hypot(float64(b[0]), float64(b[1]))
			if x == 0 {
				return 0
			}
			return float64(a[0]*b[0]+a[1]*b[1]) / x
		}
		embed := func(_ context.Context, texts []string) (list [][]float32, _ error) {
			for _, s := range texts {
				list = append(list, vectors[s])
			}
			return list, nil
		}
		r := must[retriever.Retriever](t)(retriever.MMR(retriever.List(passages...), retriever.MMROptions{Lambda: lambda, Similarity: retriever.CosineSimilarity(embed)}))
		res, err := r.Retrieve(t.Context(), retriever.Query{K: n})
		if err != nil || len(res.Hits) != n {
			rt.Fatalf("%d hits of %d, %v", len(res.Hits), n, err)
		}
		for at := range res.Hits {
			value := func(h retriever.Hit) float64 {
				rel := 1.0
				if n > 1 {
					rel = 1 - float64(h.Parts[0].Rank-1)/float64(n-1)
				}
				worst := math.Inf(-1)
				for _, c := range res.Hits[:at] {
					worst = max(worst, cosine(vectors[h.Passage.ID], vectors[c.Passage.ID]))
				}
				if at == 0 {
					worst = 0
				}
				return lambda*rel - (1-lambda)*worst
			}
			if got := value(res.Hits[at]); math.Abs(got-res.Hits[at].Score) > 1e-6 {
				rt.Fatalf("hit %d has %v: want %v", at, res.Hits[at].Score, got)
			}
			for _, other := range res.Hits[at+1:] {
				if value(other) > value(res.Hits[at])+1e-6 {
					rt.Fatalf("at %d %s has %v, but %s %v", at, res.Hits[at].Passage.ID, value(res.Hits[at]), other.Passage.ID, value(other))
				}
			}
		}
	})
}

func TestMMRBadSimilarity(t *testing.T) {
	boom := errors.New("boom")
	for name, s := range map[string]retriever.Similarity{
		"NaN":     retriever.PairSimilarity(func(a, b retriever.Passage) float64 { return math.NaN() }),
		"error":   func(context.Context, []retriever.Passage) (func(i, j int) float64, error) { return nil, boom },
		"count":   retriever.CosineSimilarity(func(context.Context, []string) ([][]float32, error) { return make([][]float32, 1), nil }),
		"lengths": retriever.CosineSimilarity(func(context.Context, []string) ([][]float32, error) { return [][]float32{{1}, {1, 2}}, nil }),
	} {
		r := must[retriever.Retriever](t)(retriever.MMR(listed("a b"), retriever.MMROptions{Similarity: s}))
		res, err := r.Retrieve(t.Context(), retriever.Query{K: 1})
		if err == nil || idsOf(res) != "a" || name == "error" && !errors.Is(err, boom) {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
}
