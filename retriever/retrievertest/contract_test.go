package retrievertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/internal/contracttest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

func good(passages []retriever.Passage) (retriever.Retriever, error) {
	return Overlap(passages...), nil
}

// TestContractHolds runs the suite, as a user would, on retrievers that keep the
// contract.
func TestContractHolds(t *testing.T) {
	for name, makeNew := range map[string]New{
		"overlap": good,
		"list": func(passages []retriever.Passage) (retriever.Retriever, error) {
			return retriever.List(passages...), nil
		},
		"script": func(passages []retriever.Passage) (retriever.Retriever, error) {
			return &Script{Rules: []Rule{{Hits: Hits(passages...)}}}, nil
		},
		"never empty": func(passages []retriever.Passage) (retriever.Retriever, error) {
			if len(passages) == 0 {
				return nil, errors.ErrUnsupported
			}
			return good(passages)
		},
	} {
		t.Run(name, func(t *testing.T) { TestRetriever(t, makeNew) })
	}
}

// edit returns a maker of good retrievers with f applied to every good result.
func edit(f func(retriever.Query, *retriever.Result)) New {
	return func(passages []retriever.Passage) (retriever.Retriever, error) {
		r := Overlap(passages...)
		return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
			res, err := r.Retrieve(ctx, q)
			if err == nil {
				f(q, &res)
			}
			return res, err
		}), nil
	}
}

// asks returns a maker of good retrievers that are asked something else.
func asks(f func(context.Context, retriever.Query) (context.Context, retriever.Query)) New {
	return func(passages []retriever.Passage) (retriever.Retriever, error) {
		r := Overlap(passages...)
		return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
			return r.Retrieve(f(ctx, q))
		}), nil
	}
}

// fails returns a maker of retrievers that fail when f says so.
func fails(f func(context.Context, retriever.Query) error) New {
	return func(passages []retriever.Passage) (retriever.Retriever, error) {
		r := Overlap(passages...)
		return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
			if err := f(ctx, q); err != nil {
				return retriever.Result{}, err
			}
			return r.Retrieve(ctx, q)
		}), nil
	}
}

var errBoom = errors.New("boom")

// leaver keeps goroutines waiting, as a leak does, until end is called.
type leaver struct {
	stop chan struct{}
	all  sync.WaitGroup
}

func newLeaver() *leaver { return &leaver{stop: make(chan struct{})} }

// leave starts a goroutine that waits until the end, or until done is closed.
func (l *leaver) leave(done <-chan struct{}) {
	l.all.Go(func() {
		select {
		case <-l.stop:
		case <-done:
		}
	})
}

// end ends the goroutines, so that the next test does not count them.
func (l *leaver) end() {
	close(l.stop)
	l.all.Wait()
}

// broken lists retrievers by the check that must catch them and what it must say.
func broken(leaks *leaver) []brokenNew {
	return []brokenNew{
		{"order", "want the best first", edit(func(_ retriever.Query, r *retriever.Result) {
			r.Scores = retriever.BM25
			slices.Reverse(r.Hits)
		})},
		{"order", "has the score NaN", edit(func(_ retriever.Query, r *retriever.Result) { r.Hits[0].Score = math.NaN() })},
		{"order", "Scores is empty", edit(func(_ retriever.Query, r *retriever.Result) { r.Scores = "" })},
		{"order", "parts are missing", edit(func(_ retriever.Query, r *retriever.Result) { r.Missing = []retriever.Missing{{Part: "a"}} })},
		{"order", "boom", fails(func(context.Context, retriever.Query) error { return errBoom })},

		{"k", "with K 1: 2 hits", asks(func(ctx context.Context, q retriever.Query) (context.Context, retriever.Query) {
			q.K++
			return ctx, q
		})},
		{"k", "with K 1: 0 hits", edit(func(_ retriever.Query, r *retriever.Result) { r.Hits = r.Hits[1:] })},
		{"k", "comes twice", edit(func(_ retriever.Query, r *retriever.Result) { r.Hits[0] = r.Hits[len(r.Hits)-1] })},
		{"k", "boom", fails(func(_ context.Context, q retriever.Query) error {
			if q.K > 1000 {
				return errBoom
			}
			return nil
		})},

		{"passages", "was not among", edit(func(_ retriever.Query, r *retriever.Result) { r.Hits[5].Passage.ID = "x" })},
		{"passages", "came back as", edit(func(_ retriever.Query, r *retriever.Result) { r.Hits[5].Passage.Text = "x" })},
		{"passages", "came back as", edit(func(_ retriever.Query, r *retriever.Result) { r.Hits[5].Passage.Metadata = nil })},
		{"passages", "boom", fails(func(context.Context, retriever.Query) error { return errBoom })},

		{"filter", "but it holds for", asks(func(ctx context.Context, q retriever.Query) (context.Context, retriever.Query) {
			q.Filter = nil
			return ctx, q
		})},
		{"filter", "applied before the cut", func(passages []retriever.Passage) (retriever.Retriever, error) {
			r := Overlap(passages...)
			return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
				f := q.Filter
				q.Filter = nil
				res, err := r.Retrieve(ctx, q)
				res.Hits = slices.DeleteFunc(res.Hits, func(h retriever.Hit) bool { return !filter.Match(f, h.Passage.Metadata) })
				return res, err
			}), nil
		}},
		{"filter", "does not hold", edit(func(q retriever.Query, r *retriever.Result) {
			for i, p := range Corpus() {
				if q.K == 1 && len(r.Hits) == 1 && !filter.Match(q.Filter, p.Metadata) {
					r.Hits = Hits(Corpus()[i])
				}
			}
		})},
		{"filter", "boom", fails(func(_ context.Context, q retriever.Query) error {
			if q.K == 3 {
				return errBoom
			}
			return nil
		})},
		{"filter", "boom", fails(func(context.Context, retriever.Query) error { return errBoom })},

		{"nothing", "never true", asks(func(ctx context.Context, q retriever.Query) (context.Context, retriever.Query) {
			q.Filter = nil
			return ctx, q
		})},
		{"nothing", "boom", func(passages []retriever.Passage) (retriever.Retriever, error) {
			if len(passages) == 0 {
				return &Script{Rules: []Rule{{Err: errBoom}}}, nil
			}
			return good(passages)
		}},
		{"nothing", "making one without passages: boom", func(passages []retriever.Passage) (retriever.Retriever, error) {
			if len(passages) == 0 {
				return nil, errBoom
			}
			return good(passages)
		}},
		{"bad-query", "bad query", asks(func(ctx context.Context, q retriever.Query) (context.Context, retriever.Query) {
			q.K = max(q.K, 1)
			return ctx, q
		})},
		{"bad-query", "bad query", asks(func(ctx context.Context, q retriever.Query) (context.Context, retriever.Query) {
			if filter.Check(q.Filter) != nil {
				q.Filter = nil
			}
			return ctx, q
		})},
		{"bad-query", "boom", fails(func(context.Context, retriever.Query) error { return errBoom })},

		{"data", "boom", fails(func(_ context.Context, q retriever.Query) error {
			if len(q.Text) > 1<<19 {
				return errBoom
			}
			return nil
		})},
		{"data", "finds 0 of 48", edit(func(q retriever.Query, r *retriever.Result) {
			if strings.HasPrefix(q.Text, "-") {
				r.Hits = nil
			}
		})},
		{"data", "boom", fails(func(_ context.Context, q retriever.Query) error {
			if strings.HasPrefix(q.Text, "+") {
				return errBoom
			}
			return nil
		})},
		{"data", "hits", edit(func(q retriever.Query, r *retriever.Result) {
			if q.Text == "" {
				r.Hits = make([]retriever.Hit, 100)
			}
		})},

		{"repeatable", "differ", edit(func(_ retriever.Query, r *retriever.Result) {
			rand.Shuffle(len(r.Hits), func(i, j int) { r.Hits[i], r.Hits[j] = r.Hits[j], r.Hits[i] })
		})},
		{"repeatable", "scores", func() New {
			var n atomic.Int64
			return edit(func(_ retriever.Query, r *retriever.Result) { r.Hits[0].Score += float64(n.Add(1)) })
		}()},
		{"repeatable", "differ", func() New {
			made := 0
			return func(passages []retriever.Passage) (retriever.Retriever, error) {
				if made++; made%2 == 0 {
					slices.Reverse(passages)
				}
				return retriever.List(passages...), nil
			}
		}()},
		{"repeatable", "making another one: boom", func() New {
			made := 0
			return func(passages []retriever.Passage) (retriever.Retriever, error) {
				if made++; made%2 == 0 {
					return nil, errBoom
				}
				return good(passages)
			}
		}()},
		{"repeatable", "boom", fails(func(context.Context, retriever.Query) error { return errBoom })},

		{"concurrent", "16 at once", func() New {
			var n atomic.Int64
			return edit(func(_ retriever.Query, r *retriever.Result) {
				if n.Add(1) > int64(len(texts)) {
					r.Hits = r.Hits[1:]
				}
			})
		}()},
		{"concurrent", "boom", fails(func(context.Context, retriever.Query) error { return errBoom })},

		{"canceled", "want one that wraps", asks(func(ctx context.Context, q retriever.Query) (context.Context, retriever.Query) {
			return context.WithoutCancel(ctx), q
		})},
		{"canceled", "want one that wraps", fails(func(ctx context.Context, _ retriever.Query) error {
			if ctx.Err() != nil {
				return errBoom
			}
			return nil
		})},
		{"canceled", "goroutines behind", fails(func(ctx context.Context, _ retriever.Query) error {
			leaks.leave(nil)
			return ctx.Err()
		})},

		{"owned", "shows in the next", func(passages []retriever.Passage) (retriever.Retriever, error) {
			hits := Hits(passages...)
			return retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
				return retriever.Result{Hits: hits, Scores: retriever.RankOnly}, nil
			}), nil
		}},
		{"owned", "shows in the next", func(passages []retriever.Passage) (retriever.Retriever, error) {
			r, kept := Overlap(passages...), map[string]retriever.Result{}
			return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
				if res, ok := kept[q.Text]; ok {
					return res, nil
				}
				res, err := r.Retrieve(ctx, q)
				copied := res
				copied.Hits = slices.Clone(res.Hits)
				kept[q.Text] = copied
				return res, err
			}), nil
		}},
		{"owned", "boom", fails(func(context.Context, retriever.Query) error { return errBoom })},
		{"owned", "boom", func() New {
			n := 0
			return fails(func(context.Context, retriever.Query) error {
				if n++; n == 2 {
					return errBoom
				}
				return nil
			})
		}()},
		{"unchanged", "was changed", edit(func(_ retriever.Query, r *retriever.Result) {
			for _, h := range r.Hits {
				h.Passage.Metadata["seen"] = filter.Bool(true)
			}
		})},
		{"unchanged", "boom", fails(func(context.Context, retriever.Query) error { return errBoom })},
		{"unchanged", "making another one: boom", func() New {
			made := 0
			return func(passages []retriever.Passage) (retriever.Retriever, error) {
				if made++; made == 2 {
					return nil, errBoom
				}
				return good(passages)
			}
		}()},
	}
}

// brokenNew makes retrievers that the check must catch, and say so.
type brokenNew struct {
	check, says string
	makeNew     New
}

// run runs the check of the given name.
func run(ctx context.Context, name string, makeNew New, opts ...Option) error {
	list := newSuite(makeNew, opts...).checks()
	return list[slices.IndexFunc(list, func(c contracttest.Check) bool { return c.Name == name })].Run(ctx)
}

// TestContractCatches proves that every check can fail.
func TestContractCatches(t *testing.T) {
	leaks := newLeaver()
	defer leaks.end()
	caught := make(map[string]bool)
	for i, tt := range broken(leaks) {
		caught[tt.check] = true
		t.Run(fmt.Sprintf("%s/%d", tt.check, i), func(t *testing.T) {
			err := run(t.Context(), tt.check, tt.makeNew)
			if err == nil || errors.As(err, new(contracttest.NotApplicable)) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the check says %v: want %q", err, tt.says)
			}
		})
	}
	for _, c := range newSuite(good).checks() {
		if !caught[c.Name] {
			t.Errorf("no broken retriever proves that the check %s can fail", c.Name)
		}
		cannot := func([]retriever.Passage) (retriever.Retriever, error) { return nil, errBoom }
		if err := run(t.Context(), c.Name, cannot); !errors.Is(err, errBoom) {
			t.Errorf("%s of one that cannot be made says %v", c.Name, err)
		}
		if err := run(t.Context(), c.Name, cannot, Skip(c.Name, "why")); err != contracttest.NotApplicable("why") {
			t.Errorf("%s, skipped, says %v", c.Name, err)
		}
	}
}

// TestFiltersSelect keeps the filters of the suite worth running: most must hold
// for some passages and not for others.
func TestFiltersSelect(t *testing.T) {
	selective := 0
	for name, f := range filters() {
		if err := filter.Check(f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		n := 0
		for _, p := range Corpus() {
			if filter.Match(f, p.Metadata) {
				n++
			}
		}
		if n > 0 && n < len(Corpus()) {
			selective++
		}
	}
	if selective < 18 {
		t.Errorf("%d filters select something", selective)
	}
}

func TestCorpus(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range Corpus() {
		if seen[p.ID] || !strings.Contains(p.Text, everyone) || p.Metadata.Check() != nil || len(p.Metadata) < 5 {
			t.Errorf("passage %+v", p)
		}
		seen[p.ID] = true
	}
	if len(seen) != 48 {
		t.Errorf("%d passages", len(seen))
	}
}
