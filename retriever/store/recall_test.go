package store

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// clustered embeds a text that is a number by a vector near one of some centers.
type clustered struct{ dim int }

func (c clustered) vector(text string) []float32 {
	n := uint64(0)
	fmt.Sscan(text, &n)
	center, r := rand.New(rand.NewPCG(n%50, 1)), rand.New(rand.NewPCG(n, 2))
	v := make([]float32, c.dim)
	for i := range v {
		v[i] = float32(0.4*center.NormFloat64() + r.NormFloat64())
	}
	return v
}

func (c clustered) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	var list [][]float32
	for _, t := range texts {
		list = append(list, c.vector(t))
	}
	return list, ctx.Err()
}

func (c clustered) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	return c.vector(text), ctx.Err()
}

// Recall is what it should be, loses nothing when half of the passages are replaced, and is
// the same with filters, after a restart and after Compact.
func TestRecall(t *testing.T) {
	n := testsize.Raced(2000, testsize.Long(4000, 10_000, 40_000))
	sz := sizes{fit: 1 << 30, tail: n / 40, segment: 1 << 20, save: n}
	e := clustered{32}
	o := Options{Embedding: Embedding{Name: "clustered", Embedder: e}}
	dir := tempDir(t)
	s, err := open(t.Context(), dir, o, &disk{noSync: true}, sz)
	no(t, err)
	texts := map[string]string{} // by id
	put := func(from, to, version int) {
		t.Helper()
		for start := from; start < to; start += 500 {
			var list []retriever.Passage
			for i := start; i < min(start+500, to); i++ {
				p := retriever.Passage{ID: fmt.Sprint(i), Text: fmt.Sprint(i + version*1_000_000), Metadata: filter.Metadata{"n": filter.Int(int64(i % 1000))}}
				texts[p.ID] = p.Text
				list = append(list, p)
			}
			no(t, s.Put(t.Context(), list...))
		}
	}
	put(0, n, 0)
	settle(t, s)
	fresh := recallOf(t, s, trueNearest(e, texts, nil), nil)
	if fresh < 0.95 {
		t.Errorf("recall %.4f: want 0.95", fresh)
	}
	put(0, n/2, 1)
	all, filters := trueNearest(e, texts, nil), map[int64][][]string{}
	for _, below := range []int64{500, 100, 10, 1} {
		filters[below] = trueNearest(e, texts, under(below))
	}
	if got := recallOf(t, s, all, nil); got < fresh-0.02 {
		t.Errorf("recall %.4f before the graphs are merged: want that of before, %.4f", got, fresh)
	}
	settle(t, s)
	check := func(when string) {
		t.Helper()
		if got := recallOf(t, s, all, nil); got < fresh-0.02 {
			t.Errorf("%s: recall %.4f: want that of before, %.4f", when, got, fresh)
		}
		for below, truth := range filters {
			if got := recallOf(t, s, truth, under(below)); got < 0.95 {
				t.Errorf("%s: recall %.4f of %d in 1000: want 0.95", when, got, below)
			}
		}
	}
	check("replaced")
	no(t, s.Close())
	s, err = open(t.Context(), dir, o, &disk{noSync: true}, sz)
	no(t, err)
	defer func() { no(t, s.Close()) }()
	check("reopened")
	no(t, s.Compact(t.Context()))
	settle(t, s)
	check("compacted")
	st, err := s.Stats(t.Context())
	no(t, err)
	if st.Graphs > 2 || st.Scanned > 0 || st.Removed > 0 || st.Vectors != n {
		t.Errorf("%+v", st)
	}
}

// under allows so many passages in 1000.
func under(below int64) filter.Expr {
	return filter.Compare{Field: "n", Op: filter.Lt, Value: filter.Int(below)}
}

// recallQueries is how many searches recall is measured by.
const recallQueries = 50

func recallQuery(i int) string { return fmt.Sprint(5_000_000 + i) }

// trueNearest returns the nearest 10 of each query, among the texts that f allows.
func trueNearest(e clustered, texts map[string]string, f filter.Expr) (truth [][]string) {
	type near struct {
		id  string
		dot float64
	}
	vectors := map[string][]float32{}
	for id, text := range texts {
		n := 0
		fmt.Sscan(id, &n)
		if filter.Match(f, filter.Metadata{"n": filter.Int(int64(n % 1000))}) {
			vectors[id] = e.vector(text)
		}
	}
	for i := range recallQueries {
		v := e.vector(recallQuery(i))
		var list []near
		for id, w := range vectors {
			dot, norm := 0.0, 0.0
			for i := range w {
				dot, norm = dot+float64(v[i])*float64(w[i]), norm+float64(w[i])*float64(w[i])
			}
			list = append(list, near{id, dot * dot / norm * float64(cmp.Compare(dot, 0))})
		}
		slices.SortFunc(list, func(a, b near) int { return cmp.Compare(b.dot, a.dot) })
		var ids []string
		for _, w := range list[:min(10, len(list))] {
			ids = append(ids, w.id)
		}
		truth = append(truth, ids)
	}
	return truth
}

// recallOf returns the share of the true nearest that are found.
func recallOf(t *testing.T, s *Store, truth [][]string, f filter.Expr) float64 {
	t.Helper()
	found, all := 0, 0
	for i, want := range truth {
		res, err := s.Vectors().Retrieve(t.Context(), retriever.Query{Text: recallQuery(i), K: 10, Filter: f})
		no(t, err)
		got := idsOf(res)
		for _, id := range want {
			all++
			if slices.Contains(got, id) {
				found++
			}
		}
	}
	return float64(found) / float64(all)
}
