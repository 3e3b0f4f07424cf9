package retriever_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// scored finds passages with scores of a kind: "a 3, b 1".
func scored(t testing.TB, kind retriever.ScoreKind, list string) retriever.Retriever {
	t.Helper()
	var hits []retriever.Hit
	for _, item := range strings.Split(list, ", ") {
		var h retriever.Hit
		if _, err := fmt.Sscan(item, &h.Passage.ID, &h.Score); err != nil {
			t.Fatal(err)
		}
		hits = append(hits, h)
	}
	return &retrievertest.Script{Scores: kind, Rules: []retrievertest.Rule{{Hits: hits}}}
}

func TestScoreFusionByHand(t *testing.T) {
	bm25 := scored(t, retriever.BM25, "a 12, b 7, c 2")         // 1, 0.5, 0
	cosine := scored(t, retriever.Cosine, "b 0.5, d 0, a -0.5") // 1, 0.5, 0
	tests := []struct {
		name  string
		parts []retriever.Part
		want  string
		score []float64
	}{
		{"equal weights", []retriever.Part{part("x", bm25, 0), part("y", cosine, 0)}, "b a d c", []float64{0.75, 0.5, 0.25, 0}},
		{"weights", []retriever.Part{part("x", bm25, 3), part("y", cosine, 1)}, "a b d c", []float64{0.75, 0.625, 0.125, 0}},
		{"one list", []retriever.Part{part("x", bm25, 7)}, "a b c", []float64{1, 0.5, 0}},
		{"all equal", []retriever.Part{part("x", scored(t, retriever.BM25, "a 3, b 3"), 0)}, "a b", []float64{1, 1}},
		{"one hit", []retriever.Part{part("x", scored(t, retriever.Cosine, "a -1"), 0), part("y", bm25, 0)}, "a b c", []float64{1, 0.25, 0}},
		{"greatest numbers", []retriever.Part{part("x", scored(t, retriever.InnerProduct, "a 1.7e308, b 0, c -1.7e308"), 0)}, "a b c", []float64{1, 0.5, 0}},
		{"nothing", []retriever.Part{part("x", bm25, 0), part("y", listed(""), 0)}, "a b c", []float64{0.5, 0.25, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, err := fuse(t, retriever.FuseOptions{Method: retriever.ScoreFusion}, tt.parts...).Retrieve(t.Context(), retriever.Query{Text: "q", K: 9})
			if err != nil || idsOf(res) != tt.want || res.Scores != retriever.Normalized {
				t.Fatalf("%q, %q, %v: want %q", idsOf(res), res.Scores, err, tt.want)
			}
			for i, h := range res.Hits {
				if math.Abs(h.Score-tt.score[i]) > 1e-15 {
					t.Errorf("%s has %v, want %v", h.Passage.ID, h.Score, tt.score[i])
				}
			}
		})
	}
	res, err := fuse(t, retriever.FuseOptions{Method: retriever.ScoreFusion}, part("x", bm25, 0), part("y", cosine, 0)).Retrieve(t.Context(), retriever.Query{K: 1})
	want := []retriever.Contribution{
		{Part: "x", Rank: 2, Score: 7, Scores: retriever.BM25, Value: 0.25},
		{Part: "y", Rank: 1, Score: 0.5, Scores: retriever.Cosine, Value: 0.5},
	}
	if err != nil || len(res.Hits) != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	if d := cmp.Diff(want, res.Hits[0].Parts); d != "" {
		t.Errorf("parts (-want +got):\n%s", d)
	}
}

// RankOnly numbers are not used as scores.
func TestScoreFusionRefusesRanks(t *testing.T) {
	parts := []retriever.Part{part("words", scored(t, retriever.BM25, "a 3, b 1"), 0), part("store", scored(t, retriever.RankOnly, "b 3, a 2"), 0)}
	res, err := fuse(t, retriever.FuseOptions{Method: retriever.ScoreFusion}, parts...).Retrieve(t.Context(), retriever.Query{K: 5})
	var failed *retriever.PartError
	if !errors.As(err, &failed) || failed.Part != "store" || !strings.Contains(err.Error(), "RankFusion") || idsOf(res) != "a b" {
		t.Errorf("%+v, %v", res, err)
	}
	res, err = fuse(t, retriever.FuseOptions{Method: retriever.ScoreFusion, AllowMissing: true}, parts...).Retrieve(t.Context(), retriever.Query{K: 5})
	// The weight of what is missing still counts: half of the score is unknown.
	if err != nil || idsOf(res) != "a b" || res.Hits[0].Score != 0.5 || len(res.Missing) != 1 || res.Missing[0].Part != "store" {
		t.Errorf("%+v, %v", res, err)
	}
}

// The formula again, in fractions, on random lists. A positive linear change of the
// scores of a part changes nothing.
func TestScoreFusionAgreesWithOracle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type list struct {
			ids    []string
			scores []int
			weight int
		}
		var lists []list
		total := 0
		for range rapid.IntRange(1, 4).Draw(rt, "parts") {
			l := list{weight: rapid.IntRange(1, 5).Draw(rt, "weight")}
			total += l.weight
			l.ids = rapid.SliceOfNDistinct(rapid.StringMatching("[a-h]"), 0, 8, rapid.ID).Draw(rt, "ids")
			l.scores = rapid.SliceOfN(rapid.IntRange(-9, 9), len(l.ids), len(l.ids)).Draw(rt, "scores")
			slices.SortFunc(l.scores, func(a, b int) int { return b - a })
			lists = append(lists, l)
		}
		want := map[string]*big.Rat{}
		for _, l := range lists {
			for i, id := range l.ids {
				n := big.NewRat(1, 1)
				if low, high := l.scores[len(l.scores)-1], l.scores[0]; high > low {
					n = big.NewRat(int64(l.scores[i]-low), int64(high-low))
				}
				if want[id] == nil {
					want[id] = new(big.Rat)
				}
				want[id].Add(want[id], n.Mul(n, big.NewRat(int64(l.weight), int64(total))))
			}
		}
		for _, change := range []func(int) float64{
			func(s int) float64 { return float64(s) },
			func(s int) float64 { return 1024*float64(s) - 4096 },
		} {
			var parts []retriever.Part
			for i, l := range lists {
				var hits []retriever.Hit
				for j, id := range l.ids {
					hits = append(hits, retriever.Hit{Passage: retriever.Passage{ID: id}, Score: change(l.scores[j])})
				}
				parts = append(parts, part(fmt.Sprint(i), &retrievertest.Script{Scores: retriever.InnerProduct, Rules: []retrievertest.Rule{{Hits: hits}}}, float64(l.weight)))
			}
			res, err := fuse(t, retriever.FuseOptions{Method: retriever.ScoreFusion}, parts...).Retrieve(t.Context(), retriever.Query{K: 100})
			if err != nil || len(res.Hits) != len(want) {
				rt.Fatalf("%d hits of %d, %v", len(res.Hits), len(want), err)
			}
			for i, h := range res.Hits {
				exact, _ := want[h.Passage.ID].Float64()
				if math.Abs(h.Score-exact) > 1e-12 || h.Score < 0 || h.Score > 1+1e-12 || i > 0 && h.Score > res.Hits[i-1].Score {
					rt.Fatalf("%s has %v, want %v: %v", h.Passage.ID, h.Score, exact, idsOf(res))
				}
			}
		}
	})
}

func TestScoreFusionContract(t *testing.T) {
	retrievertest.TestRetriever(t, func(p []retriever.Passage) (retriever.Retriever, error) {
		r := retrievertest.Overlap(p...)
		kind := retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
			res, err := r.Retrieve(ctx, q)
			res.Scores = "overlap"
			return res, err
		})
		return retriever.Fuse([]retriever.Part{part("a", kind, 0), part("b", kind, 2)}, retriever.FuseOptions{Method: retriever.ScoreFusion})
	})
}
