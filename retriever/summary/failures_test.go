package summary_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/summary"
)

// After any failed call, all passages are found and no others. As soon as the store
// works, its summaries are those of the passages.
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
				if err := ix.Delete(t.Context(), id); !errors.Is(err, summary.ErrUnknownID) {
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

// meanwhile is a store that runs a function between finding and answering.
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

// A passage that no longer matches the filter is not returned, although its old
// summary was found.
func TestFilterHoldsDuringUpdate(t *testing.T) {
	s := &meanwhile{store: &store{}}
	ix := make1(t, s, retriever.Passage{ID: "1", Text: "ebro public", Metadata: filter.Metadata{"open": filter.Bool(true)}})
	s.do = func() {
		if err := ix.Update(t.Context(), retriever.Passage{ID: "1", Text: "ebro secret", Metadata: filter.Metadata{"open": filter.Bool(false)}}); err != nil {
			t.Error(err)
		}
	}
	open := filter.Compare{Field: "open", Op: filter.Eq, Value: filter.Bool(true)}
	res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "ebro", K: 3, Filter: open})
	if err != nil || len(res.Hits) != 0 {
		t.Errorf("%+v, %v", res.Hits, err)
	}
}

// A summary that the store fails to delete takes no place from passages. It is gone
// as soon as the store works again, whether its passage is added, deleted again, or
// another is changed.
func TestDeleteThatTheStoreRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*summary.Index) error
		want string
	}{
		"add again":    {func(ix *summary.Index) error { return ix.Add(context.Background(), passage("1", "ebro new")) }, "1=ebro new; 2=ebro old"},
		"delete again": {func(ix *summary.Index) error { return ix.Delete(context.Background(), "1") }, "2=ebro old"},
		"add another":  {func(ix *summary.Index) error { return ix.Add(context.Background(), passage("3", "ebro new")) }, "2=ebro old; 3=ebro new"},
		"update":       {func(ix *summary.Index) error { return ix.Update(context.Background(), passage("2", "ebro new")) }, "2=ebro new"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{}
			ix := make1(t, s, passage("1", "ebro old"), passage("2", "ebro old"))
			s.deletes = errBoom
			if err := ix.Delete(t.Context(), "1"); !errors.Is(err, errBoom) {
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

// lost is a store whose deletions return an error after they are done, like those
// of package dense over vectors that fail. It rejects duplicate passages and
// unknown ids.
type lost struct {
	*store
	err error
}

func (l *lost) has(id string) bool {
	return slices.ContainsFunc(l.passages, func(p retriever.Passage) bool { return p.ID == id })
}

func (l *lost) Delete(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		if !l.has(id) {
			return fmt.Errorf("%q is unknown", id)
		}
	}
	return errors.Join(l.store.Delete(ctx, ids...), l.err)
}

func TestDeleteThatFailsWhenDone(t *testing.T) {
	s := &lost{store: &store{}}
	ix := make1(t, s, passage("1", "ebro old"), passage("2", "ebro old"))
	s.err = errBoom
	if err := ix.Update(t.Context(), passage("2", "sea new")); !errors.Is(err, errBoom) || find(t, ix, "ebro") != "1=ebro old; 2=ebro old" {
		t.Fatalf("%v; found %q", err, find(t, ix, "ebro"))
	}
	if err := ix.Delete(t.Context(), "1"); !errors.Is(err, errBoom) {
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
