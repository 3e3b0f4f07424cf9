package store

import (
	"cmp"
	"math"
	"slices"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"pgregory.net/rapid"
)

// search compares searches with an index made anew and with all vectors measured.
func (m *model) search(t *rapid.T) {
	text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(vocabulary), 1, 3).Draw(t, "query"), " ")
	q := retriever.Query{Text: text, K: rapid.IntRange(1, 50).Draw(t, "k")}
	var f filter.Expr
	if rapid.Bool().Draw(t, "filtered") {
		f = filter.Compare{Field: "tenant", Op: filter.Eq, Value: filter.String(rapid.SampledFrom(append(tenants, "none")).Draw(t, "tenant"))}
		if rapid.Bool().Draw(t, "negated") {
			f = filter.Not{Filter: f}
		}
	}
	words, vectors, hybrid := m.s.Words(), m.s.Vectors(), retriever.Retriever(m.s)
	if f != nil && rapid.Bool().Draw(t, "scoped") {
		c, err := m.s.Scope(f)
		if err != nil {
			t.Fatal(err)
		}
		words, vectors, hybrid = c.Words(), c.Vectors(), c
	} else {
		q.Filter = f
	}
	ask := func(r retriever.Retriever, q retriever.Query) retriever.Result {
		res, err := r.Retrieve(t.Context(), q)
		if err != nil {
			t.Fatalf("search: %v", err)
		}
		return res
	}
	oracle, err := lexical.New(t.Context(), m.passages, lexical.Options{Analyzer: "en"})
	if err != nil {
		t.Fatal(err)
	}
	want, err := oracle.Retrieve(t.Context(), retriever.Query{Text: text, K: q.K, Filter: f})
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, ask(words, q)); diff != "" {
		t.Fatalf("words, %q, k %d, %v: %s", text, q.K, f, diff)
	}
	m.checkVectors(t, text, q.K, f, ask(vectors, q))
	deep := q
	deep.K = 100
	parts := []retriever.Result{ask(words, deep), ask(vectors, deep)}
	fused, err := fuse([]string{"words", "vectors"}, parts, q.K)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(fused, ask(hybrid, q)); diff != "" {
		t.Fatalf("hybrid, %q, k %d, %v: %s", text, q.K, f, diff)
	}
}

// checkVectors compares with the cosines of all passages.
func (m *model) checkVectors(t *rapid.T, text string, k int, f filter.Expr, res retriever.Result) {
	type scored struct {
		p     retriever.Passage
		score float64
	}
	e := &fake{}
	cosine := func(a, b []float32) float64 {
		dot, x, y := 0.0, 0.0, 0.0
		for i := range a {
			dot, x, y = dot+float64(a[i]*b[i]), x+float64(a[i]*a[i]), y+float64(b[i]*b[i])
		}
		return dot / math.Sqrt(x*y)
	}
	var all []scored
	for _, p := range m.passages {
		v := e.vector(strings.TrimPrefix(p.Title+"\n"+p.Text, "\n"))
		if !isZero(v) && filter.Match(f, p.Metadata) {
			all = append(all, scored{p, cosine(v, e.vector(text))})
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	if len(res.Hits) != min(k, len(all)) {
		t.Fatalf("vectors, %q, k %d, %v: %d hits: want %d", text, k, f, len(res.Hits), min(k, len(all)))
	}
	seen := map[string]bool{}
	for i, h := range res.Hits {
		at := slices.IndexFunc(all, func(s scored) bool { return s.p.ID == h.Passage.ID })
		if at < 0 || seen[h.Passage.ID] || !gocmp.Equal(h.Passage, all[at].p) {
			t.Fatalf("vectors: hit %v", h)
		}
		seen[h.Passage.ID] = true
		if math.Abs(h.Score-all[at].score) > 1e-5 || math.Abs(h.Score-all[i].score) > 1e-5 {
			t.Fatalf("vectors, %q: hit %d, %s, has the score %v: want %v, the best of its rank is %v", text, i, h.Passage.ID, h.Score, all[at].score, all[i].score)
		}
	}
}
