package retriever_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listed finds the passages with these ids, with scores of a kind of its own.
func listed(ids string) retriever.Retriever {
	var hits []retriever.Hit
	for i, id := range strings.Fields(ids) {
		hits = append(hits, retriever.Hit{Passage: retriever.Passage{ID: id, Text: "text of " + id}, Score: float64(1000 - i)})
	}
	return &retrievertest.Script{Scores: retriever.BM25, Rules: []retrievertest.Rule{{Hits: hits}}}
}

func failing(err error) retriever.Retriever {
	return &retrievertest.Script{Rules: []retrievertest.Rule{{Err: err}}}
}

func part(name string, r retriever.Retriever, weight float64) retriever.Part {
	return retriever.Part{Name: name, Retriever: r, Weight: weight}
}

func fuse(t testing.TB, o retriever.FuseOptions, parts ...retriever.Part) retriever.Retriever {
	t.Helper()
	r, err := retriever.Fuse(parts, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func idsOf(res retriever.Result) string {
	var ids []string
	for _, h := range res.Hits {
		ids = append(ids, h.Passage.ID)
	}
	return strings.Join(ids, " ")
}

func TestFuseByHand(t *testing.T) {
	type options = retriever.FuseOptions
	for _, c := range []struct {
		name  string
		parts []retriever.Part
		o     options
		k     int
		want  string // ids with scores as sums
		score []float64
	}{
		{"ranks 1 and 3", []retriever.Part{part("x", listed("a b c"), 0), part("y", listed("d e a"), 0)}, options{}, 1,
			"a", []float64{1./61 + 1./63}},
		{"missing adds nothing", []retriever.Part{part("x", listed("a b"), 0), part("y", listed("b"), 0)}, options{}, 9,
			"b a", []float64{1./62 + 1./61, 1. / 61}},
		{"weights", []retriever.Part{part("x", listed("a b"), 0.5), part("y", listed("b c"), 3)}, options{}, 9,
			"b c a", []float64{0.5/62 + 3./61, 3. / 62, 0.5 / 61}},
		{"constant", []retriever.Part{part("x", listed("a b"), 0), part("y", listed("b"), 0)}, options{RankConstant: 1}, 9,
			"b a", []float64{1./3 + 1./2, 1. / 2}},
		{"tie: the first part", []retriever.Part{part("x", listed("z"), 0), part("y", listed("a"), 0)}, options{}, 9,
			"z a", []float64{1. / 61, 1. / 61}},
		{"tie: the best rank", []retriever.Part{part("x", listed("p z"), 62), part("y", listed("a"), 61)}, options{}, 3,
			"p a z", []float64{62. / 61, 1, 1}},
		{"tie: ranks in other parts", []retriever.Part{part("x", listed("a b c"), 0), part("y", listed("b c a"), 0), part("z", listed("c a b"), 0)}, options{}, 9,
			"a b c", []float64{1./61 + 1./62 + 1./63, 1./61 + 1./62 + 1./63, 1./61 + 1./62 + 1./63}},
		// 1/61 + 1/62 + 1/67 depends on the order of the sum in its last digit.
		{"tie: the order of sums", []retriever.Part{part("x", listed("a b x1 x2 x3 x4 c"), 0), part("y", listed("b c y1 y2 y3 y4 a"), 0), part("z", listed("c a z1 z2 z3 z4 b"), 0)}, options{}, 3,
			"a b c", []float64{1./61 + 1./62 + 1./67, 1./61 + 1./62 + 1./67, 1./61 + 1./62 + 1./67}},
		{"one list", []retriever.Part{part("x", listed("c a b"), 0)}, options{}, 9,
			"c a b", []float64{1. / 61, 1. / 62, 1. / 63}},
		{"nothing", []retriever.Part{part("x", listed(""), 0), part("y", listed(""), 0)}, options{}, 9, "", nil},
		{"depth", []retriever.Part{part("x", listed("a b"), 0), part("y", listed("c b"), 0)}, options{Depth: 1}, 1,
			"a", []float64{1. / 61}},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := fuse(t, c.o, c.parts...).Retrieve(t.Context(), retriever.Query{Text: "q", K: c.k})
			if err != nil {
				t.Fatal(err)
			}
			if got := idsOf(res); got != c.want || res.Scores != retriever.RRF {
				t.Fatalf("%q, %q: want %q", got, res.Scores, c.want)
			}
			for i, h := range res.Hits {
				if math.Abs(h.Score-c.score[i]) > 1e-15 {
					t.Errorf("%s has %v: want %v", h.Passage.ID, h.Score, c.score[i])
				}
				if h.Passage.Text != "text of "+h.Passage.ID {
					t.Errorf("passage %+v", h.Passage)
				}
			}
		})
	}
}

// Many ties, so that a sort that is not stable cannot get them right by luck.
func TestFuseManyTies(t *testing.T) {
	var lists [3][]string
	var want []string
	for rank := range 40 {
		for i := range lists {
			id := fmt.Sprintf("%d-%d", len(lists)-i, rank)
			lists[i], want = append(lists[i], id), append(want, id)
		}
	}
	var parts []retriever.Part
	for i, l := range lists {
		parts = append(parts, part(fmt.Sprint("list", i), listed(strings.Join(l, " ")), 0))
	}
	res, err := fuse(t, retriever.FuseOptions{}, parts...).Retrieve(t.Context(), retriever.Query{Text: "q", K: 200})
	if d := cmp.Diff(strings.Join(want, " "), idsOf(res)); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

// The same passage twice in a list, which the contract forbids: its first rank counts.
func TestFuseDuplicateInList(t *testing.T) {
	twice := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		return retriever.Result{Hits: retrievertest.Hits(retriever.Passage{ID: "a"}, retriever.Passage{ID: "a"}, retriever.Passage{ID: "b"})}, nil
	})
	res, err := fuse(t, retriever.FuseOptions{}, part("x", twice, 0)).Retrieve(t.Context(), retriever.Query{K: 5})
	if err != nil || idsOf(res) != "a b" || res.Hits[0].Score != 1./61 || res.Hits[1].Score != 1./63 {
		t.Errorf("%+v, %v", res, err)
	}
}

// Passages are distinguished by their ids, not by their texts.
func TestFuseSameText(t *testing.T) {
	twins := &retrievertest.Script{Rules: []retrievertest.Rule{{Hits: retrievertest.Hits(retriever.Passage{ID: "a", Text: "same"}, retriever.Passage{ID: "b", Text: "same"})}}}
	res, err := fuse(t, retriever.FuseOptions{}, part("x", twins, 0), part("y", twins, 0)).Retrieve(t.Context(), retriever.Query{K: 5})
	if err != nil || idsOf(res) != "a b" || res.Hits[0].Score != 2./61 || res.Hits[1].Score != 2./62 {
		t.Errorf("%+v, %v", res, err)
	}
}

// The contribution of each part is on the hit, under stable JSON names.
func TestFuseExplains(t *testing.T) {
	inner := fuse(t, retriever.FuseOptions{}, part("words", listed("b a"), 0))
	res, err := fuse(t, retriever.FuseOptions{RankConstant: 1}, part("list", listed("a"), 0), part("inner", inner, 3)).
		Retrieve(t.Context(), retriever.Query{K: 1})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"hits":[{"passage":{"id":"a","text":"text of a"},"score":1.5,"parts":[` +
		`{"part":"list","rank":1,"score":1000,"scores":"bm25","value":0.5},` +
		`{"part":"inner","rank":2,"score":0.016129032258064516,"scores":"rrf","value":1,` +
		`"parts":[{"part":"words","rank":2,"score":999,"scores":"bm25","value":0.016129032258064516}]}]}],"scores":"rrf"}`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// slowFuse is the formula and the order again, with fractions.
func slowFuse(lists [][]string, weights []int, k int) (ids []string, scores []*big.Rat) {
	rank := func(list []string, id string) int { return slices.Index(list, id) + 1 }
	var all []string
	for _, l := range lists {
		for _, id := range l {
			if !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
	}
	score := func(id string) *big.Rat {
		sum := new(big.Rat)
		for i, l := range lists {
			if r := rank(l, id); r > 0 {
				sum.Add(sum, big.NewRat(int64(weights[i]), int64(k+r)))
			}
		}
		return sum
	}
	bestOf := func(id string) (rnk, list int) {
		for i, l := range lists {
			if r := rank(l, id); r > 0 && (rnk == 0 || r < rnk) {
				rnk, list = r, i
			}
		}
		return rnk, list
	}
	for len(all) > 0 {
		first := 0
		for i := range all {
			c := score(all[i]).Cmp(score(all[first]))
			ri, li := bestOf(all[i])
			rf, lf := bestOf(all[first])
			if c > 0 || c == 0 && (ri < rf || ri == rf && li < lf) {
				first = i
			}
		}
		ids, scores = append(ids, all[first]), append(scores, score(all[first]))
		all = slices.Delete(all, first, first+1)
	}
	return ids, scores
}

func TestFuseAgreesWithOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom([]int{1, 10, 60}).Draw(t, "constant")
		var parts []retriever.Part
		var lists [][]string
		var weights []int
		for i := range rapid.IntRange(1, 4).Draw(t, "parts") {
			ids := rapid.Permutation(strings.Fields("a b c d e f g h")).Draw(t, "list")
			ids = ids[:rapid.IntRange(0, len(ids)).Draw(t, "length")]
			w := rapid.IntRange(1, 3).Draw(t, "weight")
			lists, weights = append(lists, ids), append(weights, w)
			parts = append(parts, part(fmt.Sprint(i), listed(strings.Join(ids, " ")), float64(w)))
		}
		want, scores := slowFuse(lists, weights, k)
		r, err := retriever.Fuse(parts, retriever.FuseOptions{RankConstant: float64(k)})
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.IntRange(1, 9).Draw(t, "k")
		res, err := r.Retrieve(context.Background(), retriever.Query{Text: "q", K: n})
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Hits) != min(n, len(want)) {
			t.Fatalf("%d hits of %d, K %d", len(res.Hits), len(want), n)
		}
		for i, h := range res.Hits {
			at := slices.Index(want, h.Passage.ID)
			exact, _ := scores[at].Float64()
			if math.Abs(h.Score-exact) > 1e-14 {
				t.Fatalf("%s has %v: want %v", h.Passage.ID, h.Score, exact)
			}
			// Sums of different fractions can be equal, and rounding then decides.
			if at != i && math.Abs(exact-mustFloat(scores[i])) > 1e-14 {
				t.Fatalf("hit %d is %s: want %s, in %q", i, h.Passage.ID, want[i], want)
			}
			for _, p := range h.Parts {
				if list := lists[p.Part[0]-'0']; list[p.Rank-1] != h.Passage.ID || p.Score != float64(1001-p.Rank) {
					t.Fatalf("%s: %+v", h.Passage.ID, p)
				}
			}
		}
	})
}

func mustFloat(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}

// Equal to the last bit, whichever part answers first.
func TestFuseIsRepeatable(t *testing.T) {
	corpus := retrievertest.Corpus()
	reversed := slices.Clone(corpus)
	slices.Reverse(reversed)
	r := fuse(t, retriever.FuseOptions{AllowMissing: true}, part("a", retrievertest.Overlap(corpus...), 0), part("b", retriever.List(reversed...), 2),
		part("c", failing(errors.New("down")), 0), part("d", retriever.List(corpus...), 0), part("e", failing(errors.New("out")), 0))
	var first []byte
	for i := range 1000 {
		res, err := r.Retrieve(t.Context(), retriever.Query{Text: "Fish in the river Ebro", K: 20})
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(res)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if string(got) != string(first) {
			t.Fatalf("run %d:\n%s\nthe first:\n%s", i, got, first)
		}
	}
}

func TestFusePassesQueryOn(t *testing.T) {
	expr := filter.Exists{Field: "x"}
	for _, c := range []struct{ k, depth, want int }{{5, 0, 100}, {200, 0, 200}, {5, 7, 7}, {math.MaxInt, 7, math.MaxInt}} {
		a := &retrievertest.Script{Rules: []retrievertest.Rule{{}}}
		b := &retrievertest.Script{Rules: []retrievertest.Rule{{}}}
		q := retriever.Query{Text: "what", K: c.k, Filter: expr}
		if _, err := fuse(t, retriever.FuseOptions{Depth: c.depth}, part("a", a, 0), part("b", b, 0)).Retrieve(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		q.K = c.want
		for _, s := range []*retrievertest.Script{a, b} {
			if d := cmp.Diff([]retriever.Query{q}, s.Queries()); d != "" {
				t.Errorf("K %d, depth %d (-want +got):\n%s", c.k, c.depth, d)
			}
		}
	}
}

func TestFuseFailures(t *testing.T) {
	down, out := errors.New("down"), errors.New("out")
	nan := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		return retriever.Result{Hits: []retriever.Hit{{Passage: retriever.Passage{ID: "n"}, Score: math.NaN()}}}, nil
	})
	nameless := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		return retriever.Result{Hits: retrievertest.Hits(retriever.Passage{Text: "t"})}, nil
	})
	partly := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		return retriever.Result{Hits: retrievertest.Hits(retriever.Passage{ID: "p"}), Missing: []retriever.Missing{{Part: "deep", Reason: "gone"}}}, nil
	})
	for _, c := range []struct {
		name     string
		parts    []retriever.Part
		tolerant string // the error with AllowMissing, "" for none
		strict   string
		ids      string // found in any case
		missing  string
	}{
		{"none fails", []retriever.Part{part("x", listed("a"), 0)}, "", "", "a", "[]"},
		{"one fails", []retriever.Part{part("x", failing(down), 0), part("y", listed("a"), 0)},
			"", `retriever: part "x": down`, "a", "[{x down}]"},
		{"two fail", []retriever.Part{part("x", failing(down), 0), part("y", listed("a"), 0), part("z", failing(out), 0)},
			"", `retriever: part "x": down; retriever: part "z": out`, "a", "[{x down} {z out}]"},
		{"all fail", []retriever.Part{part("x", failing(down), 0), part("y", failing(out), 0)},
			`retriever: part "x": down; retriever: part "y": out`, `retriever: part "x": down; retriever: part "y": out`, "", "[{x down} {y out}]"},
		{"not a number", []retriever.Part{part("x", nan, 0), part("y", listed("a"), 0)},
			"", `retriever: part "x": hit 1 of 1, passage "n", has the score NaN: want a finite number`, "a",
			`[{x hit 1 of 1, passage "n", has the score NaN: want a finite number}]`},
		{"no id", []retriever.Part{part("x", nameless, 0), part("y", listed("a"), 0)},
			"", `retriever: part "x": hit 1 of 1 has no passage id`, "a", "[{x hit 1 of 1 has no passage id}]"},
		{"missing inside", []retriever.Part{part("x", partly, 0)}, "", "", "p", "[{x/deep gone}]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for allow, want := range map[bool]string{true: c.tolerant, false: c.strict} {
				res, err := fuse(t, retriever.FuseOptions{AllowMissing: allow}, c.parts...).Retrieve(t.Context(), retriever.Query{Text: "q", K: 9})
				if got := fmt.Sprint(err); got != want && (err != nil || want != "") {
					t.Errorf("allow %v: error %q, want %q", allow, got, want)
				}
				if idsOf(res) != c.ids || fmt.Sprint(res.Missing) != c.missing {
					t.Errorf("allow %v: %q, missing %v", allow, idsOf(res), res.Missing)
				}
				var p *retriever.PartError
				if err != nil && (!errors.As(err, &p) || p.Part != "x") {
					t.Errorf("%v is no error of part x", err)
				}
				if strings.Contains(want, "down") && !errors.Is(err, down) || strings.Contains(want, "out") && !errors.Is(err, out) {
					t.Errorf("%v does not wrap the reasons", err)
				}
			}
		})
	}
}

func TestFuseRefuses(t *testing.T) {
	ok := listed("a")
	for _, c := range []struct {
		name  string
		parts []retriever.Part
		o     retriever.FuseOptions
		says  string
	}{
		{"no parts", nil, retriever.FuseOptions{}, "no parts"},
		{"empty part", []retriever.Part{part("x", ok, 0), {}}, retriever.FuseOptions{}, "part 2 of 2 has no name"},
		{"nil", []retriever.Part{part("x", nil, 0)}, retriever.FuseOptions{}, `"x" is nil`},
		{"nil pointer", []retriever.Part{part("x", (*retrievertest.Script)(nil), 0)}, retriever.FuseOptions{}, `"x" is nil`},
		{"nil function", []retriever.Part{part("x", retriever.Func(nil), 0)}, retriever.FuseOptions{}, `"x" is nil`},
		{"same name", []retriever.Part{part("x", ok, 0), part("x", ok, 0)}, retriever.FuseOptions{}, `two parts have the name "x"`},
		{"garbage", []retriever.Part{part("\xff", ok, 0)}, retriever.FuseOptions{}, "not UTF-8"},
		{"negative weight", []retriever.Part{part("x", ok, -1)}, retriever.FuseOptions{}, "weight"},
		{"NaN weight", []retriever.Part{part("x", ok, math.NaN())}, retriever.FuseOptions{}, "weight"},
		{"infinite weight", []retriever.Part{part("x", ok, math.Inf(1))}, retriever.FuseOptions{}, "weight"},
		{"constant", []retriever.Part{part("x", ok, 0)}, retriever.FuseOptions{RankConstant: -1}, "RankConstant"},
		{"NaN constant", []retriever.Part{part("x", ok, 0)}, retriever.FuseOptions{RankConstant: math.NaN()}, "RankConstant"},
		{"depth", []retriever.Part{part("x", ok, 0)}, retriever.FuseOptions{Depth: -1}, "Depth"},
		{"method", []retriever.Part{part("x", ok, 0)}, retriever.FuseOptions{Method: "mean"}, `Method is "mean"`},
		{"constant of scores", []retriever.Part{part("x", ok, 0)}, retriever.FuseOptions{Method: retriever.ScoreFusion, RankConstant: 60}, "RankConstant"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := retriever.Fuse(c.parts, c.o)
			if !errors.Is(err, retriever.ErrOption) || !strings.Contains(err.Error(), c.says) || r != nil {
				t.Errorf("%v, want an error that says %q", err, c.says)
			}
		})
	}
}

// A stalled part delays the others until the context is done, which is an error
// under every policy. The error comes with what was found.
func TestFuseCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stalls := &retrievertest.Script{Rules: []retrievertest.Rule{{Stall: true}}}
		deaf := retriever.Func(func(ctx context.Context, _ retriever.Query) (retriever.Result, error) {
			<-ctx.Done()
			return retriever.Result{}, errors.New("line is dead")
		})
		for name, r := range map[string]retriever.Retriever{"stalls": stalls, "hides why": deaf} {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				synctest.Wait()
				cancel()
			}()
			res, err := fuse(t, retriever.FuseOptions{AllowMissing: true}, part("x", listed("a"), 0), part("y", r, 0)).
				Retrieve(ctx, retriever.Query{Text: "q", K: 1})
			if !errors.Is(err, context.Canceled) || idsOf(res) != "a" || len(res.Missing) != 1 {
				t.Errorf("%s: %v, %+v", name, err, res)
			}
		}
	})
}

func TestFusePanic(t *testing.T) {
	bad := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) { panic("part gone wrong") })
	defer func() {
		if p, _ := recover().(string); !strings.Contains(p, "part gone wrong") || !strings.Contains(p, "fuse_test.go") {
			t.Errorf("recovered %.100q", p)
		}
	}()
	_, _ = fuse(t, retriever.FuseOptions{}, part("x", listed("a"), 0), part("y", bad, 0)).Retrieve(t.Context(), retriever.Query{K: 1})
	t.Error("no panic")
}

func TestFuseContract(t *testing.T) {
	bare := func(ps []retriever.Passage) (retriever.Retriever, error) {
		return retriever.Fuse([]retriever.Part{part("words", retrievertest.Overlap(ps...), 0), part("list", retriever.List(ps...), 0.5)}, retriever.FuseOptions{})
	}
	t.Run("bare", func(t *testing.T) { retrievertest.TestRetriever(t, bare) })
	t.Run("wrapped", func(t *testing.T) {
		retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) {
			inner, err := bare(ps)
			if err != nil {
				return nil, err
			}
			return retriever.Fuse([]retriever.Part{part("inner", inner, 0)}, retriever.FuseOptions{Depth: 1})
		})
	})
}

// A part that ends its goroutine, as t.FailNow does, is a part that failed.
func TestFuseGoexit(t *testing.T) {
	ends := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		runtime.Goexit()
		return retriever.Result{}, nil
	})
	parts := []retriever.Part{part("x", listed("a"), 0), part("y", ends, 0)}
	var failed *retriever.PartError
	if _, err := fuse(t, retriever.FuseOptions{}, parts...).Retrieve(t.Context(), retriever.Query{K: 1}); !errors.As(err, &failed) || failed.Part != "y" {
		t.Error(err)
	}
	res, err := fuse(t, retriever.FuseOptions{AllowMissing: true}, parts...).Retrieve(t.Context(), retriever.Query{K: 1})
	if err != nil || idsOf(res) != "a" || len(res.Missing) != 1 {
		t.Errorf("%+v, %v", res, err)
	}
}
