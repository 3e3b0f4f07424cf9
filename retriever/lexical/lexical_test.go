package lexical

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) {
		return New(context.Background(), ps, Options{})
	})
}

// Words that the analyzers leave unchanged.
var vocabulary = []string{"bol", "dak", "fum", "gip", "hov", "jun", "kel", "mip"}

func words(t *rapid.T, label string, most int) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(vocabulary), 0, most).Draw(t, label), " ")
}

// slow is BM25 written from the formula, over words separated by spaces.
func slow(ps []retriever.Passage, query string, k1, b float64, title int) []float64 {
	var docs [][]string
	sum := 0.0
	for _, p := range ps {
		d := strings.Fields(strings.Repeat(p.Title+" ", title) + p.Text)
		docs = append(docs, d)
		sum += float64(len(d))
	}
	times := func(d []string, q string) (n float64) {
		for _, w := range d {
			if w == q {
				n++
			}
		}
		return n
	}
	scores := make([]float64, len(docs))
	for i, d := range docs {
		for _, q := range strings.Fields(query) {
			with := 0.0
			for _, e := range docs {
				if times(e, q) > 0 {
					with++
				}
			}
			if f := times(d, q); f > 0 {
				idf := math.Log(1 + (float64(len(docs))-with+0.5)/(with+0.5))
				scores[i] += idf * f * (k1 + 1) / (f + k1*(1-b+b*float64(len(d))/(sum/float64(len(docs)))))
			}
		}
	}
	return scores
}

func TestAgreesWithFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 30).Draw(t, "passages")
		var ps []retriever.Passage
		for i := range n {
			ps = append(ps, retriever.Passage{
				ID: fmt.Sprint(i), Title: words(t, "title", 2), Text: words(t, "text", 8),
				Metadata: filter.Metadata{"n": filter.Int(int64(i % 3))},
			})
		}
		k1 := rapid.Float64Range(0, 5).Draw(t, "k1")
		b := rapid.Float64Range(0, 1).Draw(t, "b")
		title := rapid.IntRange(0, 3).Draw(t, "title weight")
		o := Options{K1: exact(k1), B: exact(b), TitleWeight: exact(title)}
		ix, err := New(context.Background(), ps, o)
		if err != nil {
			t.Fatal(err)
		}
		q := retriever.Query{Text: words(t, "query", 5) + " unheard", K: rapid.IntRange(1, 35).Draw(t, "k")}
		allowed := func(i int) bool { return true }
		if rapid.Bool().Draw(t, "filtered") {
			q.Filter = filter.Compare{Field: "n", Op: filter.Eq, Value: filter.Int(1)}
			allowed = func(i int) bool { return i%3 == 1 }
		}
		got, err := ix.Retrieve(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}

		scores := slow(ps, q.Text, k1, b, title)
		possible := 0
		for i, s := range scores {
			if s > 0 && allowed(i) {
				possible++
			}
		}
		if len(got.Hits) != min(q.K, possible) || got.Scores != retriever.BM25 {
			t.Fatalf("%d hits of %d, K %d", len(got.Hits), possible, q.K)
		}
		left := map[int]bool{}
		for i, s := range scores {
			left[i] = s > 0 && allowed(i)
		}
		const tiny = 1e-9
		for rank, h := range got.Hits {
			var i int
			fmt.Sscan(h.Passage.ID, &i)
			if !left[i] || math.Abs(h.Score-scores[i]) > tiny {
				t.Fatalf("hit %d is passage %d with %v: want %v, and each allowed passage once", rank, i, h.Score, scores[i])
			}
			delete(left, i)
			for j, is := range left {
				if is && scores[j] > scores[i]+tiny {
					t.Fatalf("hit %d is passage %d with %v: passage %d has %v", rank, i, scores[i], j, scores[j])
				}
				// The same words in another place: exactly the same score.
				if is && j < i && ps[j].Title == ps[i].Title && ps[j].Text == ps[i].Text {
					t.Fatalf("passage %d comes before %d, which has the same words", i, j)
				}
			}
		}

		// Whatever parts the passages are added in, the result is the same to the
		// bit.
		cut := rapid.IntRange(0, n).Draw(t, "cut")
		parts, err := New(context.Background(), ps[:cut], o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parts.Retrieve(context.Background(), q); err != nil { // sizes its memory
			t.Fatal(err)
		}
		if err := parts.Add(context.Background(), ps[cut:]...); err != nil {
			t.Fatal(err)
		}
		again, err := parts.Retrieve(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(got, again); d != "" {
			t.Fatalf("added in two parts (-one +two):\n%s", d)
		}
	})
}

// The score of one small case by hand.
func TestScore(t *testing.T) {
	ix, err := New(context.Background(), []retriever.Passage{{ID: "a", Text: "bol bol dak"}, {ID: "b", Text: "fum"}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "bol", K: 5})
	if err != nil {
		t.Fatal(err)
	}
	// idf = ln(1 + 1.5/1.5) = ln 2; |D|/avgdl = 3/2; 2·2.2/(2 + 1.2·(0.25 + 0.75·1.5))
	if want := math.Ln2 * 4.4 / 3.65; len(res.Hits) != 1 || math.Abs(res.Hits[0].Score-want) > 1e-12 {
		t.Errorf("%+v, want one hit of %v", res.Hits, want)
	}
}

func search(t *testing.T, ix *Index, text string) []string {
	t.Helper()
	res, err := ix.Retrieve(t.Context(), retriever.Query{Text: text, K: 10})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, h := range res.Hits {
		ids = append(ids, h.Passage.ID)
	}
	return ids
}

func TestAnalyzers(t *testing.T) {
	ps := []retriever.Passage{{ID: "run", Text: "She was running."}, {ID: "city", Title: "東京は日本の首都", Text: "大阪"}, {ID: "tea", Text: "the\u0301 gl\u00fch"}}
	for _, tc := range []struct {
		analyzer, query string
		want            []string
	}{
		{"en", "who RUNS the city's", []string{"run"}},
		{"en", "note:run", []string{"run"}},
		{"en", "was the", []string{"run", "tea"}},
		{"en", "", nil},
		{"en", "zebra (AND) \"", nil},
		{"standard", "runs", nil},
		{"standard", "Running", []string{"run"}},
		{"cjk", "日本の大阪", []string{"city"}},
		{"cjk", "京都", nil},
		{"en", "th\u00e9", []string{"tea"}},
		{"standard", "glu\u0308h", []string{"tea"}},
	} {
		ix, err := New(context.Background(), ps, Options{Analyzer: tc.analyzer})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.want, search(t, ix, tc.query)); d != "" {
			t.Errorf("%s, %q (-want +got):\n%s", tc.analyzer, tc.query, d)
		}
	}
}

func TestTies(t *testing.T) {
	var ps []retriever.Passage
	var want []string
	for i := range 40 {
		ps = append(ps, retriever.Passage{ID: fmt.Sprint((i * 7) % 40), Text: "bol dak"})
		if i < 10 {
			want = append(want, ps[i].ID)
		}
	}
	ix, err := New(context.Background(), ps, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, search(t, ix, "dak bol")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// exact returns the value of a field of Options that means n.
func exact[N int | float64](n N) N {
	if n == 0 {
		return Zero
	}
	return n
}

// The zero value means the defaults, and Zero the number.
func TestOptions(t *testing.T) {
	for _, c := range []struct{ given, want Options }{
		{Options{}, Options{Analyzer: "auto", K1: 1.2, B: 0.75, TitleWeight: 2}},
		{Options{K1: Zero, B: Zero, TitleWeight: Zero}, Options{Analyzer: "auto"}},
		{Options{"cjk", 2, 1, 100, nil, nil}, Options{"cjk", 2, 1, 100, nil, nil}},
	} {
		if got, err := c.given.withDefaults(); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %+v, %v, want %+v", c.given, got, err, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	a, b := retriever.Passage{ID: "a", Text: "bol"}, retriever.Passage{ID: "b", Text: "bol"}
	for name, tc := range map[string]struct {
		passages []retriever.Passage
		opt      Options
		want     error
		says     string
	}{
		"no id":         {[]retriever.Passage{a, {Text: "dak"}}, Options{}, ErrEmptyID, "passage 2 of 2"},
		"same id":       {[]retriever.Passage{a, b, a}, Options{}, ErrDuplicateID, `"a"`},
		"analyzer":      {nil, Options{Analyzer: "klingon"}, ErrOption, "auto, cjk, standard, en, de"},
		"k1 negative":   {nil, Options{K1: -0.5}, ErrOption, "K1"},
		"k1 NaN":        {nil, Options{K1: math.NaN()}, ErrOption, "K1"},
		"k1 infinite":   {nil, Options{K1: math.Inf(1)}, ErrOption, "K1"},
		"b too large":   {nil, Options{B: 1.01}, ErrOption, "B is"},
		"b NaN":         {nil, Options{B: math.NaN()}, ErrOption, "B is"},
		"title weight":  {nil, Options{TitleWeight: -2}, ErrOption, "1 to 100"},
		"title weight+": {nil, Options{TitleWeight: 101}, ErrOption, "1 to 100"},
	} {
		t.Run(name, func(t *testing.T) {
			ix, err := New(context.Background(), tc.passages, tc.opt)
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) || ix != nil {
				t.Errorf("%v, want %v that says %q", err, tc.want, tc.says)
			}
		})
	}

	ix, err := New(context.Background(), []retriever.Passage{a}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]retriever.Passage{{b, a}, {b, b}, {b, {}}} {
		if err := ix.Add(context.Background(), bad...); err == nil {
			t.Errorf("adding %v: no error", bad)
		}
	}
	if got := search(t, ix, "bol"); ix.Len() != 1 || !slices.Equal(got, []string{"a"}) {
		t.Errorf("after additions that failed: %d passages, %v", ix.Len(), got)
	}
	if _, err := ix.Retrieve(t.Context(), retriever.Query{Text: "bol"}); !errors.Is(err, retriever.ErrQuery) {
		t.Errorf("K 0: %v", err)
	}
}

// Searches during additions see each addition completely.
func TestConcurrent(t *testing.T) {
	ix, err := New(context.Background(), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	const batches, size = 20, 5
	var wg sync.WaitGroup
	for b := range batches {
		wg.Go(func() {
			var ps []retriever.Passage
			for i := range size {
				ps = append(ps, retriever.Passage{ID: fmt.Sprintf("%d-%d", b, i), Text: "bol dak"})
			}
			if err := ix.Add(context.Background(), ps...); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for range 20 {
				res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "dak", K: batches * size})
				if err != nil || len(res.Hits)%size != 0 {
					t.Errorf("%d hits, %v", len(res.Hits), err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(search(t, ix, "bol")); n != 10 || ix.Len() != batches*size {
		t.Errorf("%d hits among %d passages", n, ix.Len())
	}
}

func FuzzRetrieve(f *testing.F) {
	f.Add("Dr. Smith's running", "the runner", "runs")
	f.Add("東京は日本の首都です。", "ｶﾞ ﾊﾟ", "日本")
	f.Add("\xff a\x00b", "'s s' ’s", "'s")
	f.Fuzz(func(t *testing.T, first, second, query string) {
		for _, name := range keyword.Names() {
			ix, err := New(context.Background(), []retriever.Passage{{ID: "a", Title: first, Text: second}, {ID: "b", Text: first}, {ID: "c", Text: query}}, Options{Analyzer: name})
			if err != nil {
				t.Fatal(err)
			}
			res, err := ix.Retrieve(t.Context(), retriever.Query{Text: query, K: 3})
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for i, h := range res.Hits {
				found = found || h.Passage.ID == "c"
				if !(h.Score > 0) || math.IsInf(h.Score, 0) || i > 0 && h.Score > res.Hits[i-1].Score {
					t.Fatalf("%s: %+v", name, res.Hits)
				}
			}
			// A passage equal to the query holds every term of it.
			if len(res.Hits) > 0 && !found {
				t.Fatalf("%s: the query %q finds others but not itself", name, query)
			}
		}
	})
}

// The stemmer would need minutes for such a word. Words up to the bound are
// stemmed.
func TestLongWord(t *testing.T) {
	long := strings.Repeat("y", 1_000_000) + "ing"
	ix, err := New(context.Background(), []retriever.Passage{{ID: "long", Text: long + " bridges"}, {ID: "short", Text: strings.Repeat("y", 30) + "ing"}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{long: "long", "bridge": "long", strings.Repeat("y", 30) + "ed": "short"} {
		res, err := ix.Retrieve(t.Context(), retriever.Query{Text: text, K: 5})
		if err != nil || len(res.Hits) != 1 || res.Hits[0].Passage.ID != want {
			t.Errorf("%.40q: %d hits, %v", text, len(res.Hits), err)
		}
	}
}
