package summary_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
	"github.com/goselfrag/goselfrag/retriever/summary"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// store is a store of few passages that can fail.
type store struct {
	mu       sync.Mutex
	passages []retriever.Passage
	fail     int // of the next calls of Add
	deletes  error
}

func (s *store) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return retrievertest.Overlap(s.passages...).Retrieve(ctx, q)
}

func (s *store) Add(ctx context.Context, passages ...retriever.Passage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail > 0 {
		s.fail--
		return errBoom
	}
	for _, p := range passages {
		if slices.ContainsFunc(s.passages, func(q retriever.Passage) bool { return q.ID == p.ID }) {
			return fmt.Errorf("%q is there already", p.ID)
		}
	}
	s.passages = append(s.passages, passages...)
	return ctx.Err()
}

func (s *store) Delete(ids ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deletes != nil {
		return s.deletes
	}
	s.passages = slices.DeleteFunc(s.passages, func(p retriever.Passage) bool { return slices.Contains(ids, p.ID) })
	return nil
}

func (s *store) ids() string {
	var list []string
	for _, p := range s.passages {
		list = append(list, p.ID)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// firstWord is a summary of one word; a text that begins with "fail" has none.
type firstWord struct{}

func (firstWord) Summarize(ctx context.Context, p retriever.Passage) (string, error) {
	w, _, _ := strings.Cut(p.Text, " ")
	if w == "fail" {
		return "", errBoom
	}
	return w, ctx.Err()
}

func passage(id, text string) retriever.Passage {
	return retriever.Passage{ID: id, Text: text, Source: retriever.Source{URI: "u", End: len(text)}, Metadata: retriever.Metadata{"id": retriever.String(id)}}
}

func make1(t testing.TB, s summary.Store, ps ...retriever.Passage) *summary.Index {
	t.Helper()
	ix, err := summary.New(context.Background(), s, firstWord{}, ps, summary.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func find(t testing.TB, ix *summary.Index, text string) string {
	t.Helper()
	res, err := ix.Retrieve(context.Background(), retriever.Query{Text: text, K: 9})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, h := range res.Hits {
		list = append(list, h.Passage.ID+"="+h.Passage.Text)
	}
	return strings.Join(list, "; ")
}

func TestFindsOriginalBySummary(t *testing.T) {
	ix := make1(t, &store{}, passage("1", "ebro flows to the sea"), passage("2", "sea levels rise"))
	for text, want := range map[string]string{"sea": "2=sea levels rise", "ebro": "1=ebro flows to the sea", "flows": ""} {
		if got := find(t, ix, text); got != want {
			t.Errorf("%s finds %q: want %q", text, got, want)
		}
	}
	res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "sea ebro", K: 9, Filter: retriever.Prefix{Field: "id", Prefix: "1"}})
	if err != nil || len(res.Hits) != 1 || !reflect.DeepEqual(res.Hits[0].Passage, passage("1", "ebro flows to the sea")) {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestUpdateAndDelete(t *testing.T) {
	s := &store{}
	ix := make1(t, s, passage("1", "ebro old"), passage("2", "sea old"))
	if err := ix.Update(t.Context(), passage("1", "tagus new")); err != nil {
		t.Fatal(err)
	}
	if got := find(t, ix, "ebro tagus sea"); got != "1=tagus new; 2=sea old" {
		t.Errorf("after the update: %q", got)
	}
	if err := ix.Delete("2", "2"); err != nil {
		t.Fatal(err)
	}
	if got := find(t, ix, "ebro tagus sea"); got != "1=tagus new" || s.ids() != "1" || ix.Len() != 1 {
		t.Errorf("after the deletion: %q; the store has %q", got, s.ids())
	}
	if _, ok := ix.Summary("2"); ok {
		t.Error("the deleted passage has a summary")
	}
	if text, ok := ix.Summary("1"); !ok || text != "tagus" {
		t.Errorf("summary %q, %v", text, ok)
	}
}

func TestNothingHalfDone(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*summary.Index, *store) error
		want error
	}{
		{"add a known one", func(ix *summary.Index, _ *store) error {
			return ix.Add(context.Background(), passage("3", "x"), passage("1", "y"))
		}, summary.ErrDuplicateID},
		{"add one twice", func(ix *summary.Index, _ *store) error {
			return ix.Add(context.Background(), passage("3", "x"), passage("3", "y"))
		}, summary.ErrDuplicateID},
		{"add without id", func(ix *summary.Index, _ *store) error {
			return ix.Add(context.Background(), passage("3", "x"), passage("", "y"))
		}, summary.ErrEmptyID},
		{"no summary", func(ix *summary.Index, _ *store) error {
			return ix.Add(context.Background(), passage("3", "x"), passage("4", "fail"))
		}, errBoom},
		{"the store refuses", func(ix *summary.Index, s *store) error {
			s.fail = 1
			return ix.Add(context.Background(), passage("3", "x"))
		}, errBoom},
		{"update an unknown one", func(ix *summary.Index, _ *store) error {
			return ix.Update(context.Background(), passage("1", "x"), passage("3", "x"))
		}, summary.ErrUnknownID},
		{"an update without summary", func(ix *summary.Index, _ *store) error {
			return ix.Update(context.Background(), passage("1", "x"), passage("2", "fail"))
		}, errBoom},
		{"the store refuses an update", func(ix *summary.Index, s *store) error {
			s.fail = 1
			return ix.Update(context.Background(), passage("1", "x"))
		}, errBoom},
		{"the store keeps the old one", func(ix *summary.Index, s *store) error {
			s.deletes = errBoom
			return ix.Update(context.Background(), passage("1", "x"))
		}, errBoom},
		{"delete an unknown one", func(ix *summary.Index, _ *store) error { return ix.Delete("1", "3") }, summary.ErrUnknownID},
		{"cancelled", func(ix *summary.Index, _ *store) error {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return ix.Update(ctx, passage("1", "x"))
		}, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &store{}
			ix := make1(t, s, passage("1", "ebro old"), passage("2", "sea old"))
			if err := c.do(ix, s); !errors.Is(err, c.want) {
				t.Errorf("%v: want %v", err, c.want)
			}
			if got := find(t, ix, "ebro sea x y"); got != "1=ebro old; 2=sea old" || s.ids() != "1 2" || ix.Len() != 2 {
				t.Errorf("found %q; the store has %q", got, s.ids())
			}
		})
	}
	s := &store{}
	ix := make1(t, s, passage("1", "ebro old"), passage("2", "sea old"))
	s.fail = 2
	if err := ix.Update(t.Context(), passage("1", "x")); !errors.Is(err, errBoom) || !strings.Contains(err.Error(), `["1"] are gone`) {
		t.Errorf("%v", err)
	}
	if got := find(t, ix, "ebro sea x"); got != "2=sea old" || ix.Len() != 1 {
		t.Errorf("found %q", got)
	}
}

// Whatever is done and fails, all passages are found and no others, and as soon as the
// store works the summaries it holds are those of the passages.
func TestNoOrphans(t *testing.T) {
	everything := ""
	for i := range 20 {
		everything += fmt.Sprintf("w%d ", i)
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := &store{}
		ix := make1(t, s)
		model := map[string]string{}
		for i := range rapid.IntRange(1, 20).Draw(rt, "steps") {
			id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "id")
			s.fail = rapid.IntRange(0, 1).Draw(rt, "fail")
			s.deletes = rapid.SampledFrom([]error{nil, errBoom}).Draw(rt, "deletes")
			text := fmt.Sprintf("w%d text", i)
			switch rapid.IntRange(0, 2).Draw(rt, "what") {
			case 0:
				if ix.Add(t.Context(), passage(id, text)) == nil {
					model[id] = text
				}
			case 1:
				if ix.Update(t.Context(), passage(id, text)) == nil {
					model[id] = text
				}
			default:
				if err := ix.Delete(id); !errors.Is(err, summary.ErrUnknownID) {
					delete(model, id)
				}
			}
			res, err := ix.Retrieve(t.Context(), retriever.Query{Text: everything, K: max(len(model), 1)})
			if err != nil || len(res.Hits) != len(model) || ix.Len() != len(model) {
				rt.Fatalf("%d hits, %v, store %q, index %d, want %v", len(res.Hits), err, s.ids(), ix.Len(), model)
			}
			for _, h := range res.Hits {
				if h.Passage.Text != model[h.Passage.ID] {
					rt.Fatalf("%s is %q: want %v", h.Passage.ID, h.Passage.Text, model)
				}
			}
		}
		s.fail, s.deletes = 0, nil
		if err := ix.Add(t.Context(), passage("last", "last text")); err != nil {
			rt.Fatal(err)
		}
		model["last"] = "last text"
		if len(s.passages) != len(model) {
			rt.Fatalf("store %q, want %v", s.ids(), model)
		}
		for _, p := range s.passages {
			if want, _, _ := strings.Cut(model[p.ID], " "); p.Text != want {
				rt.Fatalf("%s has the summary %q of %q", p.ID, p.Text, model[p.ID])
			}
		}
	})
}

// meanwhile is a store that lets something happen between finding and answering.
type meanwhile struct {
	*store
	do func()
}

func (m *meanwhile) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	res, err := m.store.Retrieve(ctx, q)
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
	return res, err
}

// A passage that no longer matches the filter is not returned, though its old summary was
// found.
func TestFilterHoldsDuringUpdate(t *testing.T) {
	s := &meanwhile{store: &store{}}
	ix := make1(t, s, retriever.Passage{ID: "1", Text: "ebro public", Metadata: retriever.Metadata{"open": retriever.Bool(true)}})
	s.do = func() {
		if err := ix.Update(t.Context(), retriever.Passage{ID: "1", Text: "ebro secret", Metadata: retriever.Metadata{"open": retriever.Bool(false)}}); err != nil {
			t.Error(err)
		}
	}
	open := retriever.Compare{Field: "open", Op: retriever.Eq, Value: retriever.Bool(true)}
	res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "ebro", K: 3, Filter: open})
	if err != nil || len(res.Hits) != 0 {
		t.Errorf("%+v, %v", res.Hits, err)
	}
}

// A summary that the store does not let go takes no place from passages, and is gone as
// soon as the store works again: whether its passage is added, deleted once more, or
// another is changed.
func TestDeleteThatTheStoreRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*summary.Index) error
		want string
	}{
		"add again":    {func(ix *summary.Index) error { return ix.Add(context.Background(), passage("1", "ebro new")) }, "1=ebro new; 2=ebro old"},
		"delete again": {func(ix *summary.Index) error { return ix.Delete("1") }, "2=ebro old"},
		"add another":  {func(ix *summary.Index) error { return ix.Add(context.Background(), passage("3", "ebro new")) }, "2=ebro old; 3=ebro new"},
		"update":       {func(ix *summary.Index) error { return ix.Update(context.Background(), passage("2", "ebro new")) }, "2=ebro new"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{}
			ix := make1(t, s, passage("1", "ebro old"), passage("2", "ebro old"))
			s.deletes = errBoom
			if err := ix.Delete("1"); !errors.Is(err, errBoom) {
				t.Fatal(err)
			}
			if _, ok := ix.Summary("1"); ok || ix.Len() != 1 {
				t.Errorf("%d passages", ix.Len())
			}
			res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "ebro", K: 1})
			if err != nil || len(res.Hits) != 1 || res.Hits[0].Passage.ID != "2" {
				t.Errorf("%+v, %v", res.Hits, err)
			}
			if _, err := ix.Retrieve(t.Context(), retriever.Query{Text: "ebro"}); !errors.Is(err, retriever.ErrQuery) {
				t.Errorf("K 0: %v", err)
			}
			if err := ix.Update(t.Context(), passage("1", "x")); !errors.Is(err, summary.ErrUnknownID) {
				t.Errorf("update of a deleted one: %v", err)
			}
			s.deletes = nil
			if err := c.do(ix); err != nil {
				t.Fatal(err)
			}
			if got := find(t, ix, "ebro"); got != c.want || len(s.passages) != ix.Len() {
				t.Errorf("found %q: want %q; the store has %q", got, c.want, s.ids())
			}
		})
	}
}

// lost is a store whose deletions fail when they are done, as those of package dense over
// vectors that fail, and that knows no passage twice and none that is gone.
type lost struct {
	*store
	err error
}

func (l *lost) has(id string) bool {
	return slices.ContainsFunc(l.passages, func(p retriever.Passage) bool { return p.ID == id })
}

func (l *lost) Delete(ids ...string) error {
	for _, id := range ids {
		if !l.has(id) {
			return fmt.Errorf("%q is unknown", id)
		}
	}
	return errors.Join(l.store.Delete(ids...), l.err)
}

func TestDeleteThatFailsWhenDone(t *testing.T) {
	s := &lost{store: &store{}}
	ix := make1(t, s, passage("1", "ebro old"), passage("2", "ebro old"))
	s.err = errBoom
	if err := ix.Update(t.Context(), passage("2", "sea new")); !errors.Is(err, errBoom) || find(t, ix, "ebro") != "1=ebro old; 2=ebro old" {
		t.Fatalf("%v; found %q", err, find(t, ix, "ebro"))
	}
	if err := ix.Delete("1"); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	s.err = nil
	if err := ix.Add(t.Context(), passage("1", "ebro new")); err != nil {
		t.Fatal(err)
	}
	if got := find(t, ix, "ebro"); got != "1=ebro new; 2=ebro old" || s.ids() != "1 2" {
		t.Errorf("found %q; the store has %q", got, s.ids())
	}
}

func TestConcurrent(t *testing.T) {
	ix := make1(t, &store{}, passage("1", "sea one"))
	var all sync.WaitGroup
	for i := range 4 {
		id := fmt.Sprint("c", i)
		all.Go(func() {
			for range 50 {
				if err := errors.Join(ix.Add(t.Context(), passage(id, "sea two")), ix.Update(t.Context(), passage(id, "sea three")), ix.Delete(id)); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 100 {
				res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "sea", K: 9})
				if err != nil || len(res.Hits) == 0 {
					t.Errorf("%+v, %v", res, err)
				}
				for _, h := range res.Hits {
					if h.Passage.Text == "sea" {
						t.Errorf("a summary was found: %+v", h)
					}
				}
			}
		})
	}
	all.Wait()
}

func TestNewRefuses(t *testing.T) {
	var none *store
	for name, f := range map[string]func() (*summary.Index, error){
		"store": func() (*summary.Index, error) {
			return summary.New(t.Context(), nil, firstWord{}, nil, summary.Options{})
		},
		"nil store": func() (*summary.Index, error) {
			return summary.New(t.Context(), none, firstWord{}, nil, summary.Options{})
		},
		"summarizer": func() (*summary.Index, error) { return summary.New(t.Context(), &store{}, nil, nil, summary.Options{}) },
		"concurrency": func() (*summary.Index, error) {
			return summary.New(t.Context(), &store{}, firstWord{}, nil, summary.Options{Concurrency: -1})
		},
	} {
		if _, err := f(); !errors.Is(err, summary.ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSentences(t *testing.T) {
	const text = "It rained. The bridge over the river Ebro is a stone bridge. Tourists like food. The river floods the stone bridge often. Ann left."
	for n, want := range map[int]string{
		// bridge 3, river 2, stone 2 of 16 words. With bridge: 12/6 against 9/5.
		1: "The bridge over the river Ebro is a stone bridge.",
		// Squared, these are less likely than 1/16; of those with 1, floods is the first.
		0: "The bridge over the river Ebro is a stone bridge. The river floods the stone bridge often.",
		9: text,
	} {
		got, err := summary.Sentences{Max: n}.Summarize(t.Context(), retriever.Passage{Text: text})
		if err != nil || got != want {
			t.Errorf("%d: %q, %v: want %q", n, got, err, want)
		}
	}
	if _, err := (summary.Sentences{Max: -1}).Summarize(t.Context(), retriever.Passage{Text: text}); !errors.Is(err, summary.ErrOption) {
		t.Errorf("-1: %v", err)
	}
	if got, err := (summary.Sentences{}).Summarize(t.Context(), retriever.Passage{}); err != nil || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}

// slowSentences is SumBasic step by step as the paper has it, in exact arithmetic.
func slowSentences(sentences []string, most int) string {
	words := make([][]string, len(sentences))
	p := map[string]*big.Rat{}
	total := int64(0)
	for i, s := range sentences {
		for _, w := range strings.Fields(strings.ToLower(strings.Trim(s, "."))) {
			if len(w) >= 4 {
				words[i] = append(words[i], w)
				total++
			}
		}
	}
	for _, list := range words {
		for _, w := range list {
			if p[w] == nil {
				p[w] = new(big.Rat)
			}
			p[w].Add(p[w], big.NewRat(1, total))
		}
	}
	taken := make([]bool, len(sentences))
	for range most {
		top := ""
		for i, list := range words {
			for _, w := range list {
				if c := 0; !taken[i] {
					if top != "" {
						c = p[w].Cmp(p[top])
					}
					if top == "" || c > 0 || c == 0 && w < top {
						top = w
					}
				}
			}
		}
		best, mean := -1, new(big.Rat)
		for i, list := range words {
			if taken[i] || top != "" && !slices.Contains(list, top) {
				continue
			}
			m := new(big.Rat)
			for _, w := range list {
				m.Add(m, p[w])
			}
			m.Quo(m, big.NewRat(int64(max(len(list), 1)), 1))
			if best < 0 || m.Cmp(mean) > 0 {
				best, mean = i, m
			}
		}
		taken[best] = true
		squared := map[string]bool{}
		for _, w := range words[best] {
			if !squared[w] {
				squared[w] = true
				p[w] = new(big.Rat).Mul(p[w], p[w])
			}
		}
	}
	var list []string
	for i, s := range sentences {
		if taken[i] {
			list = append(list, s)
		}
	}
	return strings.Join(list, " ")
}

func TestSentencesAgreeWithSumBasic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		word := rapid.SampledFrom(strings.Fields("ebro bridge stone flood was old river the mason"))
		var sentences []string
		for range rapid.IntRange(1, 7).Draw(rt, "sentences") {
			words := rapid.SliceOfN(word, 1, 6).Draw(rt, "words")
			sentences = append(sentences, "Then "+strings.Join(words, " ")+".")
		}
		most := rapid.IntRange(1, 4).Draw(rt, "most")
		got, err := summary.Sentences{Max: most}.Summarize(t.Context(), retriever.Passage{Text: strings.Join(sentences, " ")})
		want := slowSentences(sentences, min(most, len(sentences)))
		if err != nil || got != want {
			rt.Fatalf("%q, %v: want %q of %q", got, err, want, sentences)
		}
	})
}

func embedded(t testing.TB, ps []retriever.Passage) (*summary.Index, error) {
	embedder, err := hashed.Fit(t.Context(), dense.Texts(retrievertest.Corpus()), hashed.Options{})
	if err != nil {
		return nil, err
	}
	vectors, err := dense.New(t.Context(), embedder, nil, dense.Options{})
	if err != nil {
		return nil, err
	}
	return summary.New(t.Context(), vectors, summary.Sentences{Max: 1}, ps, summary.Options{})
}

func TestContract(t *testing.T) {
	bare := func(ps []retriever.Passage) (retriever.Retriever, error) { return embedded(t, ps) }
	t.Run("bare", func(t *testing.T) { retrievertest.TestRetriever(t, bare) })
	t.Run("wrapped", func(t *testing.T) {
		retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) {
			r, err := bare(ps)
			if err != nil {
				return nil, err
			}
			return retriever.NewCache(r, retriever.CacheOptions{})
		})
	})
}
