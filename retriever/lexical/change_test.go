package lexical

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func TestDeleteAndReplace(t *testing.T) {
	ix, err := New(t.Context(), retrievertest.Passages("bol", "bol dak", "bol fum"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, ids := range [][]string{{"p1", "none"}, {"none"}, {""}} {
		if err := ix.Delete(t.Context(), ids...); !errors.Is(err, ErrUnknownID) || ix.Len() != 3 {
			t.Errorf("deleting %q: %v, %d passages left", ids, err, ix.Len())
		}
	}
	if err := ix.Delete(t.Context(), "p1", "p1"); err != nil || ix.Len() != 2 {
		t.Errorf("deleting p1 twice in one call: %v, %d passages", err, ix.Len())
	}
	if err := ix.Delete(t.Context(), "p1"); !errors.Is(err, ErrUnknownID) {
		t.Errorf("deleting p1 again: %v", err)
	}
	if err := ix.Delete(t.Context()); err != nil {
		t.Errorf("deleting nothing: %v", err)
	}
	// A replaced passage ranks after all others, like an added one.
	if err := ix.Replace(t.Context(), retriever.Passage{ID: "p2", Text: "bol gip"}, retriever.Passage{ID: "p1", Text: "bol"}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"p1", "p3", "p2"}, search(t, ix, "bol")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got := search(t, ix, "dak"); got != nil {
		t.Errorf("a word that was replaced finds %v", got)
	}
	for _, bad := range [][]retriever.Passage{{{ID: "p1"}, {ID: "p1"}}, {{}}} {
		if err := ix.Replace(t.Context(), bad...); err == nil {
			t.Errorf("replacing with %v: no error", bad)
		}
	}
	if err := ix.Delete(t.Context(), "p1", "p2", "p3"); err != nil || ix.Len() != 0 || search(t, ix, "bol") != nil {
		t.Errorf("deleting all: %v, %d passages", err, ix.Len())
	}
}

// A change that is canceled at any point changes nothing.
func TestChangeCanceled(t *testing.T) {
	ix, err := New(t.Context(), retrievertest.Passages("bol", "bol dak", "bol fum"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(context.Context) error{
		"replace": func(ctx context.Context) error {
			return ix.Replace(ctx, retriever.Passage{ID: "p1", Text: "gip"}, retriever.Passage{ID: "x"})
		},
		"delete": func(ctx context.Context) error { return ix.Delete(ctx, "p2", "p3") },
	} {
		n := 0
		for ; ; n++ {
			before := ix.now.Load()
			err := change(after(t.Context(), n))
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) || ix.now.Load() != before {
				t.Fatalf("%s, canceled at the check number %d: %v", name, n+1, err)
			}
		}
		if n < 3 {
			t.Errorf("%s: the context was looked at %d times", name, n)
		}
	}
}

// A passage deleted while parts are merged in the background stays deleted.
func TestMergeInBackground(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	ix, err := New(t.Context(), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	live := map[string]retriever.Passage{}
	var all []retriever.Passage
	for i := range 24 {
		ps := synthetic(r, 800*i, 800) // several levels, each with more than are merged at once
		if err := ix.Add(t.Context(), ps...); err != nil {
			t.Fatal(err)
		}
		all = append(all, ps...)
		for _, p := range ps {
			live[p.ID] = p
		}
		var gone []string
		for range 60 {
			if id := fmt.Sprint(r.IntN(800 * (i + 1))); live[id].ID != "" {
				gone = append(gone, id)
				delete(live, id)
			}
		}
		if err := ix.Delete(t.Context(), gone...); err != nil {
			t.Fatal(err)
		}
	}
	ix.writing.Lock()
	for ix.merging != nil {
		ix.merged.Wait()
	}
	parts := len(ix.now.Load().parts)
	ix.writing.Unlock()
	if parts >= 2*fan {
		t.Errorf("%d parts are left", parts)
	}
	var left []retriever.Passage
	for _, p := range all {
		if live[p.ID].ID != "" {
			left = append(left, p)
		}
	}
	slow := newExhaustive(ix, left, languagesFor(ix, left))
	for range 10 {
		q := retriever.Query{Text: rareWords(r, 4), K: 10}
		got, err := ix.Retrieve(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(slow.retrieve(q), got); d != "" {
			t.Fatalf("%+v (-want +got):\n%s", q, d)
		}
	}
}

// Long passages and frequent words exceed what bounds of blocks can represent.
func TestLargeNumbers(t *testing.T) {
	var ps []retriever.Passage
	for i := range 300 {
		ps = append(ps, retriever.Passage{ID: fmt.Sprint(i), Title: strings.Repeat("bol ", i%7*120), Text: strings.Repeat("dak ", i*10) + "fum"})
	}
	ix, err := New(t.Context(), ps, Options{TitleWeight: 100})
	if err != nil {
		t.Fatal(err)
	}
	slow := newExhaustive(ix, ps, languagesFor(ix, ps))
	for _, text := range []string{"bol", "dak", "bol dak", "fum bol", "fum"} {
		q := retriever.Query{Text: text, K: 7}
		got, err := ix.Retrieve(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(slow.retrieve(q), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
}

// A filter on a field with too many values to be indexed is tested on the passages
// that are found.
func TestFilterOfManyValues(t *testing.T) {
	var ps []retriever.Passage
	for i := range 1<<16 + 100 {
		ps = append(ps, retriever.Passage{
			ID: fmt.Sprint(i), Text: []string{"bol", "bol dak", "dak bol bol", "fum"}[i%4],
			Metadata: filter.Metadata{"unique": filter.Int(int64(i)), "even": filter.Bool(i%2 == 0)},
		})
	}
	ix, err := New(t.Context(), ps, Options{Analyzer: "en"})
	if err != nil {
		t.Fatal(err)
	}
	slow := newExhaustive(ix, ps, languagesFor(ix, ps))
	high := filter.Compare{Field: "unique", Op: filter.Gt, Value: filter.Int(1 << 15)}
	for _, f := range []filter.Expr{
		high, filter.And{high, filter.Compare{Field: "even", Op: filter.Eq, Value: filter.Bool(true)}},
		filter.Not{Filter: high}, filter.Compare{Field: "unique", Op: filter.Gt, Value: filter.Int(1 << 20)},
	} {
		q := retriever.Query{Text: "dak bol", K: 6, Filter: f}
		got, err := ix.Retrieve(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(slow.retrieve(q), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", filter.Format(f), d)
		}
	}
}
