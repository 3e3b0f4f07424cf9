package rerank_test

import (
	"context"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
)

// The result equals taking the best of the first Depth hits, of equal ones the
// first, until none is left, and then the others in their order.
func TestAgreesWithTakingTheBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := "abcdefghijkl"[:rapid.IntRange(0, 12).Draw(t, "hits")]
		var found []retriever.Hit
		scores := map[string]float64{}
		for i, r := range names {
			id := string(r)
			scores[id] = float64(rapid.IntRange(-2, 2).Draw(t, id))
			found = append(found, retriever.Hit{Passage: retriever.Passage{ID: id}, Score: float64(100 - i), Parts: []retriever.Contribution{{Part: "of " + id}}})
		}
		o := rerank.Options{Depth: rapid.IntRange(1, 14).Draw(t, "depth"), BatchSize: rapid.IntRange(0, 5).Draw(t, "batch")}
		k := rapid.IntRange(1, 14).Draw(t, "k")
		asked := 0
		inner := retriever.Func(func(_ context.Context, q retriever.Query) (retriever.Result, error) {
			asked = q.K
			return retriever.Result{Hits: append([]retriever.Hit(nil), found[:min(q.K, len(found))]...), Scores: retriever.BM25}, nil
		})
		r, err := rerank.New(inner, scorer{score: func(id string) float64 { return scores[id] }}, o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Retrieve(t.Context(), retriever.Query{K: k})
		if err != nil {
			t.Fatal(err)
		}

		left := found[:min(max(k, o.Depth), len(found))]
		want := retriever.Result{Scores: retriever.Relevance}
		if len(left) == 0 {
			want.Scores = retriever.BM25 // nothing was judged
		}
		taken := make([]bool, len(left))
		for range min(k, len(left)) {
			best := -1
			for i, h := range left {
				if !taken[i] && i < o.Depth && (best < 0 || scores[h.Passage.ID] > scores[left[best].Passage.ID]) {
					best = i
				}
			}
			judged := best >= 0
			for i := range left {
				if best < 0 && !taken[i] {
					best = i
				}
			}
			taken[best] = true
			h := left[best]
			out := retriever.Hit{Passage: h.Passage, Parts: []retriever.Contribution{{Part: retriever.Retrieved, Rank: best + 1, Score: h.Score, Scores: retriever.BM25, Parts: h.Parts}}}
			if out.Score = scores[h.Passage.ID]; !judged {
				out.Score = want.Hits[len(want.Hits)-1].Score // that of the last one with a score
				want.Scores = retriever.RankOnly
			}
			want.Hits = append(want.Hits, out)
		}
		if len(got.Hits) == 0 && len(want.Hits) == 0 {
			got.Hits, want.Hits = nil, nil
		}
		if asked != max(k, o.Depth) || !reflect.DeepEqual(got, want) {
			t.Fatalf("asked for %d:\n%+v\nwant\n%+v", asked, got, want)
		}
	})
}
