package lexical

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// countdown is done after n calls of Err.
type countdown struct {
	context.Context
	n atomic.Int64
}

func after(ctx context.Context, n int) *countdown {
	c := &countdown{Context: ctx}
	c.n.Store(int64(n))
	return c
}

func (c *countdown) Err() error {
	if c.n.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

func TestCanceled(t *testing.T) {
	var ps []retriever.Passage
	for i := range 3*window + 1 {
		ps = append(ps, retriever.Passage{ID: fmt.Sprint(i), Text: "bol"})
	}
	ix, err := New(context.Background(), ps, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := search(t, ix, "bol")
	// Err is called once at the start, then for every window.
	for n := range 5 {
		res, err := ix.Retrieve(after(t.Context(), n), retriever.Query{Text: "bol", K: 3})
		if !errors.Is(err, context.Canceled) || res.Hits != nil {
			t.Errorf("done at the check number %d: %v, %d hits", n+1, err, len(res.Hits))
		}
		// Data left behind must not affect the next search.
		if d := cmp.Diff(want, search(t, ix, "bol")); d != "" {
			t.Fatalf("after a search that was cut off (-want +got):\n%s", d)
		}
	}
	if _, err := ix.Retrieve(after(t.Context(), 5), retriever.Query{Text: "bol", K: 3}); err != nil {
		t.Errorf("with 5 checks: %v", err)
	}
}

// An addition that is canceled at any point leaves the index unchanged.
func TestAddCanceled(t *testing.T) {
	old := retrievertest.Passages("bol dak", "dak fum fum")
	var more []retriever.Passage
	for i := range 40 {
		more = append(more, retriever.Passage{ID: fmt.Sprint("new", i), Title: fmt.Sprint("title", i), Text: fmt.Sprint("fum bol word", i%7)})
	}
	ix, err := New(t.Context(), old, Options{})
	if err != nil {
		t.Fatal(err)
	}
	before, canceled := ix.now.Load(), 0
	for n := 0; ; n++ {
		err := ix.Add(after(t.Context(), n), more...)
		if err == nil {
			break
		}
		canceled++
		if !errors.Is(err, context.Canceled) || ix.now.Load() != before {
			t.Fatalf("canceled at the check number %d: %v, %d passages", n+1, err, ix.Len())
		}
	}
	if canceled < 2*len(more) {
		t.Errorf("the context was looked at %d times for %d passages", canceled, len(more))
	}
	all := slices.Concat(old, more)
	q := retriever.Query{Text: "fum bol word3", K: 100}
	got, err := ix.Retrieve(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(newExhaustive(ix, all, languagesFor(ix, all)).retrieve(q), got); d != "" {
		t.Errorf("after additions that were canceled (-want +got):\n%s", d)
	}
}

// Canceling New gives no index.
func TestNewCanceled(t *testing.T) {
	ps := retrievertest.Passages("bol dak", "dak fum", "fum bol")
	for name, build := range map[string]func(context.Context) (retriever.Retriever, error){
		"New": func(ctx context.Context) (retriever.Retriever, error) {
			ix, err := New(ctx, ps, Options{})
			if err != nil && ix != nil {
				t.Errorf("an index with the error %v", err)
			}
			return ix, err
		},
	} {
		n := 0
		for ; ; n++ {
			if _, err := build(after(t.Context(), n)); err == nil {
				break
			} else if !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: canceled at the check number %d: %v", name, n+1, err)
			}
		}
		if n < 2*len(ps) {
			t.Errorf("%s: the context was looked at %d times for %d passages", name, n, len(ps))
		}
	}
}
