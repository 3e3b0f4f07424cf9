package dense

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake embeds a text by looking it up.
type fake struct {
	vectors   map[string][]float32
	batches   [][]string // of texts
	documents func(ctx context.Context, texts []string, out [][]float32) ([][]float32, error)
	query     func(ctx context.Context, out []float32) ([]float32, error)
}

func (f *fake) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	f.batches = append(f.batches, slices.Clone(texts))
	var out [][]float32
	for _, t := range texts {
		v, ok := f.vectors[t]
		if !ok {
			return nil, fmt.Errorf("no vector for %q", t)
		}
		out = append(out, slices.Clone(v))
	}
	if f.documents != nil {
		return f.documents(ctx, texts, out)
	}
	return out, ctx.Err()
}

func (f *fake) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	if f.query != nil {
		return f.query(ctx, f.vectors[text])
	}
	return f.vectors[text], ctx.Err()
}

// passage has its id as text.
func passage(id string) retriever.Passage { return retriever.Passage{ID: id, Text: id} }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestContract(t *testing.T) {
	with := func(o Options) retrievertest.New {
		return func(ps []retriever.Passage) (retriever.Retriever, error) {
			e, err := hashed.Fit(t.Context(), Texts(ps), hashed.Options{Dim: 256})
			if err != nil {
				return nil, err
			}
			return New(t.Context(), e, ps, o)
		}
	}
	for name, makeNew := range map[string]retrievertest.New{
		"cosine":        with(Options{}),
		"inner product": with(Options{Metric: hnsw.InnerProduct}),
		"graph": func(ps []retriever.Passage) (retriever.Retriever, error) {
			return with(Options{Vectors: must(hnsw.New[string](256, hnsw.Options{Workers: 1}))})(ps)
		},
		"fused": func(ps []retriever.Passage) (retriever.Retriever, error) {
			vectors, err := with(Options{})(ps)
			if err != nil {
				return nil, err
			}
			words, err := lexical.New(context.Background(), ps, lexical.Options{})
			if err != nil {
				return nil, err
			}
			return retriever.Fuse([]retriever.Part{{Name: "dense", Retriever: vectors}, {Name: "lexical", Retriever: words}}, retriever.FuseOptions{})
		},
	} {
		t.Run(name, func(t *testing.T) { retrievertest.TestRetriever(t, makeNew) })
	}
}

// similarity is the score by its definition.
func similarity(m hnsw.Metric, a, b []float32) float64 {
	dot, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	if m == hnsw.Cosine {
		return dot / math.Sqrt(aa*bb)
	}
	return dot
}

// model is what an index should be: a list.
type model struct {
	metric   hnsw.Metric
	passages []retriever.Passage
}

func (m model) check(t *rapid.T, ix *Index, e *fake, q retriever.Query) {
	res, err := ix.Retrieve(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	score := func(p retriever.Passage) float64 { return similarity(m.metric, e.vectors[p.Text], e.vectors[q.Text]) }
	var want []retriever.Passage
	for _, p := range m.passages {
		blank := m.metric == hnsw.Cosine && isZero(e.vectors[p.Text])
		if filter.Match(q.Filter, p.Metadata) && !blank && !isZero(e.vectors[q.Text]) {
			want = append(want, p)
		}
	}
	slices.SortStableFunc(want, func(a, b retriever.Passage) int { return cmp.Compare(score(b), score(a)) })
	want = want[:min(q.K, len(want))]
	if len(res.Hits) != len(want) || res.Scores != retriever.ScoreKind(m.metric.String()) {
		t.Fatalf("%d hits, scores %q: want %d, %v", len(res.Hits), res.Scores, len(want), m.metric)
	}
	const tiny = 1e-5
	for i, h := range res.Hits {
		if s := score(h.Passage); math.Abs(h.Score-s) > tiny || math.Abs(s-score(want[i])) > tiny || !filter.Match(q.Filter, h.Passage.Metadata) {
			t.Fatalf("hit %d is %q with %v: want %q with %v", i, h.Passage.ID, h.Score, want[i].ID, score(want[i]))
		}
		// Equal vectors: in the order of additions.
		if i > 0 && slices.Equal(e.vectors[h.Passage.Text], e.vectors[res.Hits[i-1].Passage.Text]) {
			at := func(id string) int {
				return slices.IndexFunc(m.passages, func(p retriever.Passage) bool { return p.ID == id })
			}
			if at(h.Passage.ID) < at(res.Hits[i-1].Passage.ID) {
				t.Fatalf("%q after %q, which was added later", h.Passage.ID, res.Hits[i-1].Passage.ID)
			}
		}
	}
}

// An index under random changes agrees with a list, before and after its vectors move
// to a graph.
func TestAgreesWithList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &fake{vectors: map[string][]float32{}}
		for i := range 12 {
			e.vectors[fmt.Sprint("v", i)] = rapid.SliceOfN(rapid.Map(rapid.IntRange(-3, 3), func(i int) float32 { return float32(i) }), 3, 3).Draw(t, "vector")
		}
		m := model{metric: rapid.SampledFrom([]hnsw.Metric{hnsw.Cosine, hnsw.InnerProduct}).Draw(t, "metric")}
		ix, err := New(context.Background(), e, nil, Options{Metric: m.metric, BatchSize: 2})
		if err != nil {
			t.Fatal(err)
		}
		ix.limit = rapid.SampledFrom([]int{3, 8, 100}).Draw(t, "limit")
		next := 0
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			if len(m.passages) > 0 && rapid.IntRange(0, 2).Draw(t, "delete or add") == 0 {
				at := rapid.IntRange(0, len(m.passages)-1).Draw(t, "which")
				if err := ix.Delete(context.Background(), m.passages[at].ID); err != nil {
					t.Fatal(err)
				}
				m.passages = slices.Delete(m.passages, at, at+1)
			} else {
				var ps []retriever.Passage
				for range rapid.IntRange(0, 5).Draw(t, "how many") {
					ps = append(ps, retriever.Passage{
						ID: fmt.Sprint(next), Text: fmt.Sprint("v", rapid.IntRange(0, 11).Draw(t, "text")),
						Metadata: filter.Metadata{"n": filter.Int(int64(next % 3))},
					})
					next++
				}
				if err := ix.Add(context.Background(), ps...); err != nil {
					t.Fatal(err)
				}
				m.passages = append(m.passages, ps...)
			}
			if ix.Len() != len(m.passages) {
				t.Fatalf("%d passages: want %d", ix.Len(), len(m.passages))
			}
			q := retriever.Query{Text: fmt.Sprint("v", rapid.IntRange(0, 11).Draw(t, "query")), K: rapid.IntRange(1, 20).Draw(t, "k")}
			m.check(t, ix, e, q)
			q.Filter = filter.Compare{Field: "n", Op: filter.Eq, Value: filter.Int(1)}
			m.check(t, ix, e, q)
		}
	})
}

func TestBatchesAndProgress(t *testing.T) {
	e := &fake{vectors: map[string][]float32{"A\na": {1, 0}, "b": {0, 1}, "C\nc": {1, 1}, "d": {2, 1}, "e": {1, 3}}}
	var progress []string
	ix, err := New(t.Context(), e, []retriever.Passage{{ID: "1", Title: "A", Text: "a"}, {ID: "2", Text: "b"}, {ID: "3", Title: "C", Text: "c"}, {ID: "4", Text: "d"}, {ID: "5", Text: "e"}},
		Options{BatchSize: 2, Progress: func(done, total int) { progress = append(progress, fmt.Sprint(done, "/", total)) }})
	if err != nil || ix.Len() != 5 {
		t.Fatal(err)
	}
	if d := gocmp.Diff([][]string{{"A\na", "b"}, {"C\nc", "d"}, {"e"}}, e.batches); d != "" {
		t.Errorf("batches (-want +got):\n%s", d)
	}
	if got := strings.Join(progress, " "); got != "2/5 4/5 5/5" {
		t.Errorf("progress %q", got)
	}
}

// found is what a query finds.
func found(t *testing.T, ix *Index, text string) string {
	t.Helper()
	res, err := ix.Retrieve(t.Context(), retriever.Query{Text: text, K: 10})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, h := range res.Hits {
		ids = append(ids, h.Passage.ID)
	}
	return strings.Join(ids, " ")
}

func TestBadQueryVector(t *testing.T) {
	down := errors.New("down")
	e := &fake{vectors: map[string][]float32{"a": {1, 0}}}
	ix := must(New(t.Context(), e, []retriever.Passage{passage("a")}, Options{}))
	for _, c := range []struct {
		name string
		v    []float32
		err  error
		want error
	}{
		{"fails", nil, down, down},
		{"no vector", nil, nil, ErrDimension},
		{"dimension", []float32{1, 2, 3}, nil, ErrDimension},
		{"NaN", []float32{1, float32(math.NaN())}, nil, ErrNotFinite},
	} {
		e.query = func(context.Context, []float32) ([]float32, error) { return c.v, c.err }
		res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "a", K: 1})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "query") || len(res.Hits) > 0 {
			t.Errorf("%s: %v, %d hits", c.name, err, len(res.Hits))
		}
	}
}

// Servers refuse an empty text; the embedder must not see one.
func TestTextOfQuery(t *testing.T) {
	var asked []string
	e := &fake{vectors: map[string][]float32{"a": {1, 0}}}
	ix := must(New(t.Context(), e, []retriever.Passage{passage("a")}, Options{}))
	for _, text := range []string{"", " \n", "a\xffb"} {
		e.query = func(context.Context, []float32) ([]float32, error) {
			asked = append(asked, text)
			return []float32{0, 0}, nil
		}
		if got := found(t, ix, text); got != "" {
			t.Errorf("%q finds %q", text, got)
		}
	}
	if len(asked) != 1 {
		t.Errorf("embedded %q", asked)
	}
}

// Restoring stops when the context is done.
func TestRestoreCanceled(t *testing.T) {
	e := &fake{vectors: map[string][]float32{"a": {1, 0}, "b": {0, 1}}}
	v := must(hnsw.New[string](2, hnsw.Options{}))
	ps := []retriever.Passage{passage("a"), passage("b")}
	must(New(t.Context(), e, ps, Options{Vectors: v}))
	for n := 0; ; n++ {
		ix, err := Restore(&countdown{t.Context(), n}, e, ps, Options{Vectors: v})
		if err == nil {
			if n < 2*len(ps) {
				t.Errorf("the context was looked at %d times for %d passages", n, len(ps))
			}
			break
		}
		if !errors.Is(err, context.Canceled) || ix != nil {
			t.Fatalf("done at the check number %d: %v", n+1, err)
		}
	}
}

// countdown is done when it has been asked n times.
type countdown struct {
	context.Context
	n int
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

func TestRestore(t *testing.T) {
	e := &fake{vectors: map[string][]float32{"a": {1, 0}, "b": {0, 1}, "c": {1, 1}}}
	v := must(hnsw.New[string](2, hnsw.Options{}))
	ps := []retriever.Passage{passage("a"), passage("b")}
	must(New(t.Context(), e, ps, Options{Vectors: v}))
	ix, err := Restore(t.Context(), e, ps, Options{Vectors: v})
	if err != nil || len(e.batches) != 1 || found(t, ix, "c") != "a b" {
		t.Fatalf("%v, batches %q", err, e.batches)
	}
	if err := ix.Add(t.Context(), passage("c")); err != nil || found(t, ix, "c") != "c a b" {
		t.Errorf("%v, then %q", err, found(t, ix, "c"))
	}
	for name, c := range map[string]struct {
		ps   []retriever.Passage
		o    Options
		want error
	}{
		"no vectors":   {ps, Options{}, ErrOption},
		"too few":      {ps, Options{Vectors: v}, ErrOption},
		"another id":   {append(ps, passage("d")), Options{Vectors: v}, ErrOption},
		"same id":      {append(ps, passage("b")), Options{Vectors: v}, ErrDuplicateID},
		"other metric": {append(ps, passage("c")), Options{Metric: hnsw.InnerProduct, Vectors: v}, ErrOption},
	} {
		if ix, err := Restore(t.Context(), e, c.ps, c.o); !errors.Is(err, c.want) || ix != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Searches while passages are added and deleted see each change whole, also while the
// vectors move to a graph.
func TestConcurrent(t *testing.T) {
	const batches, size = 12, 5
	e := &hashedOnce{}
	ix := must(New(t.Context(), e, nil, Options{}))
	ix.limit = batches * size / 2
	var all sync.WaitGroup
	for b := range batches {
		var ps []retriever.Passage
		var ids []string
		for i := range size {
			ps = append(ps, retriever.Passage{ID: fmt.Sprintf("%d-%d", b, i), Text: "bol dak"})
			ids = append(ids, ps[i].ID)
		}
		all.Go(func() {
			if err := ix.Add(t.Context(), ps...); err != nil {
				t.Error(err)
			}
			if b%4 == 0 {
				if err := ix.Delete(t.Context(), ids...); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 20 {
				res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "dak", K: batches * size})
				if err != nil || len(res.Hits)%size != 0 {
					t.Errorf("%d hits, %v", len(res.Hits), err)
				}
			}
		})
	}
	all.Wait()
	if want := batches * size * 3 / 4; ix.Len() != want {
		t.Errorf("%d passages: want %d", ix.Len(), want)
	}
}

// hashedOnce embeds every text alike and is safe for concurrency.
type hashedOnce struct{}

func (*hashedOnce) EmbedDocuments(_ context.Context, texts []string) ([][]float32, error) {
	return slices.Repeat([][]float32{{1, 2}}, len(texts)), nil
}
func (*hashedOnce) EmbedQuery(context.Context, string) ([]float32, error) {
	return []float32{1, 1}, nil
}

// The bound between the two kinds of index: how long a search takes in each.
func BenchmarkRetrieve(b *testing.B) {
	for _, n := range []int{1000, exactLimit, 2 * exactLimit} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var ps []retriever.Passage
			for i := range n {
				ps = append(ps, retriever.Passage{ID: fmt.Sprint(i), Text: fmt.Sprintf("note %d of part %d about %d", i, i%97, i%1013)})
			}
			e := must(hashed.Fit(b.Context(), Texts(ps), hashed.Options{Dim: 768}))
			ix := must(New(b.Context(), e, ps, Options{}))
			for i := 0; b.Loop(); i++ {
				if _, err := ix.Retrieve(b.Context(), retriever.Query{Text: ps[i%n].Text, K: 10}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
