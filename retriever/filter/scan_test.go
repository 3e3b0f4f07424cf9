package filter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// looks is a context that is done after a number of checks.
type looks struct {
	context.Context
	n, limit int
}

func (c *looks) Err() error {
	if c.n++; c.n > c.limit {
		return context.DeadlineExceeded
	}
	return nil
}

// anyField is an Or that sets do not shorten: every condition is evaluated.
func anyField(n int) filter.Expr {
	var f filter.Or
	for i := range n {
		f = append(f, filter.Compare{Field: fmt.Sprint("f", i), Op: filter.Eq, Value: filter.Int(1)})
	}
	return f
}

// hostile holds filters and metadata that make one match take long, with the least
// number of conditions and elements that are evaluated.
var hostile = map[string]struct {
	filter filter.Expr
	meta   filter.Metadata
	steps  int
}{
	"all pass":        {nil, nil, 1},
	"fields":          {anyField(filter.MaxNodes - 1), filter.Metadata{"x": filter.Int(1)}, filter.MaxNodes - 1},
	"not":             {filter.Not{Filter: anyField(filter.MaxNodes - 2)}, nil, filter.MaxNodes - 2},
	"list":            {filter.Prefix{Field: "x", Prefix: "a"}, filter.Metadata{"x": filter.Strings(make([]string, 5000)...)}, 5000},
	"list in a set":   {filter.In{Field: "x", Values: []filter.Value{filter.String("a"), filter.String("b")}}, filter.Metadata{"x": filter.Strings(make([]string, 5000)...)}, 5000},
	"long string":     {filter.Compare{Field: "x", Op: filter.Lt, Value: filter.String(strings.Repeat("a", 1<<20))}, filter.Metadata{"x": filter.String(strings.Repeat("a", 1<<20))}, 4000},
	"long in a set":   {filter.In{Field: "x", Values: []filter.Value{filter.String(strings.Repeat("a", 1<<20)), filter.String("b")}}, filter.Metadata{"x": filter.String(strings.Repeat("a", 1<<20))}, 4000},
	"lists of fields": {filter.And{filter.Or{filter.Prefix{Field: "x", Prefix: "a"}, filter.Prefix{Field: "x", Prefix: "b"}}}, filter.Metadata{"x": filter.Strings(make([]string, 5000)...)}, 10000},
}

// The checks of the context depend on the work, not on the passages.
func TestScanCountsWork(t *testing.T) {
	const interval = 4096
	for name, h := range hostile {
		t.Run(name, func(t *testing.T) {
			ctx := &looks{Context: t.Context(), limit: 1 << 30}
			scan, err := filter.NewScan(ctx, h.filter)
			if err != nil {
				t.Fatal(err)
			}
			const matches = 10_000
			for range max(matches/h.steps, 3) {
				scan.Match(h.meta)
			}
			if least := max(matches, 3*h.steps) / 2 / interval; ctx.n < least || scan.Err() != nil {
				t.Errorf("%d looks at the context, error %v: want %d at least", ctx.n, scan.Err(), least)
			}
		})
	}
}

// A scan that has ended does no more work, even within a running match.
func TestScanEnds(t *testing.T) {
	for name, h := range hostile {
		t.Run(name, func(t *testing.T) {
			ctx := &looks{Context: t.Context()}
			scan, err := filter.NewScan(ctx, h.filter)
			if err != nil {
				t.Fatal(err)
			}
			for n := 0; scan.Err() == nil; n++ {
				if n > 5000 {
					t.Fatal("the scan does not end")
				}
				scan.Match(h.meta)
			}
			for range 100 {
				if scan.Match(h.meta) || scan.Match(nil) {
					t.Error("a scan that has ended matches")
				}
			}
			if !errors.Is(scan.Err(), context.DeadlineExceeded) || ctx.n != 1 {
				t.Errorf("error %v, %d looks", scan.Err(), ctx.n)
			}
		})
	}
}

// Conditions on one field cost the same as one condition.
func TestSetsAreShort(t *testing.T) {
	var eq filter.Or
	var ne filter.And
	for i := range filter.MaxNodes - 2 {
		eq = append(eq, filter.Compare{Field: "a", Op: filter.Eq, Value: filter.Int(int64(i))})
		ne = append(ne, filter.Compare{Field: "a", Op: filter.Ne, Value: filter.Int(int64(i))})
	}
	for name, f := range map[string]filter.Expr{"or": eq, "and": ne, "not": filter.Not{Filter: eq}} {
		ctx := &looks{Context: t.Context(), limit: 1 << 30}
		scan, err := filter.NewScan(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		for range 10_000 {
			scan.Match(filter.Metadata{"a": filter.Int(-1)})
		}
		if ctx.n > 20 {
			t.Errorf("%s: %d looks at the context: want one in some thousand matches", name, ctx.n)
		}
	}
}

func TestScanErrors(t *testing.T) {
	var bad *filter.Error
	if scan, err := filter.NewScan(t.Context(), filter.Not{}); scan.Match(nil) || scan.Err() != err || !errors.As(err, &bad) {
		t.Errorf("%v, %v", scan, err)
	}
	if _, err := filter.NewScan(t.Context(), anyField(filter.MaxNodes)); !errors.As(err, &bad) || !strings.Contains(bad.Reason, "6000 parts") {
		t.Errorf("too large: %v", err)
	}
}
