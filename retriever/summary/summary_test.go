package summary_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/filter"
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

func (s *store) Delete(ctx context.Context, ids ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(s.deletes, ctx.Err()); err != nil {
		return err
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
	return retriever.Passage{ID: id, Text: text, Source: retriever.Source{URI: "u", End: len(text)}, Metadata: filter.Metadata{"id": filter.String(id)}}
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
	res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "sea ebro", K: 9, Filter: filter.Prefix{Field: "id", Prefix: "1"}})
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
	if err := ix.Delete(t.Context(), "2", "2"); err != nil {
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
		{"delete an unknown one", func(ix *summary.Index, _ *store) error { return ix.Delete(context.Background(), "1", "3") }, summary.ErrUnknownID},
		{"canceled", func(ix *summary.Index, _ *store) error {
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

func TestConcurrent(t *testing.T) {
	ix := make1(t, &store{}, passage("1", "sea one"))
	var all sync.WaitGroup
	for i := range 4 {
		id := fmt.Sprint("c", i)
		all.Go(func() {
			for range 50 {
				if err := errors.Join(ix.Add(t.Context(), passage(id, "sea two")), ix.Update(t.Context(), passage(id, "sea three")), ix.Delete(t.Context(), id)); err != nil {
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
		"store in use": func() (*summary.Index, error) {
			used, err := embedded(t, []retriever.Passage{passage("1", "ebro")})
			if err != nil {
				t.Fatal(err)
			}
			return summary.New(t.Context(), used, firstWord{}, nil, summary.Options{})
		},
		"summarizer": func() (*summary.Index, error) { return summary.New(t.Context(), &store{}, nil, nil, summary.Options{}) },
		"nil function": func() (*summary.Index, error) {
			return summary.New(t.Context(), &store{}, summarizer(nil), nil, summary.Options{})
		},
		"concurrency": func() (*summary.Index, error) {
			return summary.New(t.Context(), &store{}, firstWord{}, nil, summary.Options{Concurrency: -1})
		},
	} {
		if _, err := f(); !errors.Is(err, summary.ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
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
