package budget_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/fanout"
)

// call makes a model call that may generate most tokens and generates tokens.
func call(ctx context.Context, name string, most, tokens int) error {
	r, err := budget.Reserve(ctx, name, budget.Cost{Calls: 1, Tokens: most})
	if err != nil {
		return err
	}
	r.Settle(budget.Usage{Calls: 1, PromptTokens: 10, GeneratedTokens: tokens})
	return nil
}

func TestLimits(t *testing.T) {
	tests := []struct {
		name   string
		limits budget.Limits
		most   []int // what each call may generate; it generates 2
		want   string
	}{
		{"none", budget.Limits{}, []int{100, 100, 100}, "+++"},
		{"calls", budget.Limits{Calls: 2}, []int{100, 100, 100}, "++-"},
		{"no call", budget.Limits{Calls: -1}, []int{1}, "-"},
		{"tokens set aside", budget.Limits{Tokens: 10}, []int{11, 10}, "-+"},
		{"tokens given back", budget.Limits{Tokens: 10}, []int{10, 8, 7, 6}, "++-+"},
		{"no token", budget.Limits{Tokens: -1}, []int{1, 0}, "-+"},
		{"both", budget.Limits{Calls: 3, Tokens: 5}, []int{4, 4, 3, 1, 1}, "+-++-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, a := budget.Open(t.Context(), "work", tt.limits)
			got := ""
			for _, most := range tt.most {
				err := call(ctx, "model", most, min(most, 2))
				switch {
				case err == nil:
					got += "+"
				case budget.Refused(err) && errors.Is(err, budget.ErrExceeded) && a.Exceeded(fmt.Errorf("%w, and %w", errors.New("x"), err)):
					got += "-"
				default:
					t.Fatal(err)
				}
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// The limits of all budgets around a call apply, and the error names the one that
// forbade it.
func TestNested(t *testing.T) {
	ctx, outer := budget.Open(t.Context(), "outer", budget.Limits{Calls: 3})
	one, first := budget.Open(ctx, "first", budget.Limits{Calls: 1})
	two, second := budget.Open(ctx, "second", budget.Limits{Tokens: 100})
	for i, c := range []struct {
		ctx context.Context
		by  *budget.Budget
	}{{one, nil}, {one, first}, {two, nil}, {two, nil}, {two, outer}, {one, first}} {
		err := call(c.ctx, "model", 5, 5)
		if (err != nil) != (c.by != nil) {
			t.Fatalf("call %d: %v", i, err)
		}
		for _, a := range []*budget.Budget{outer, first, second} {
			if a.Exceeded(err) != (a == c.by) {
				t.Errorf("call %d: %v", i, err)
			}
		}
	}
	if got, want := budget.Left(two), (budget.Limits{Calls: -1, Tokens: 90}); got != want {
		t.Errorf("%+v left, want %+v", got, want)
	}
	if u := outer.Usage(); u != first.Usage().Add(second.Usage()) || u.Calls != 3 || u.GeneratedTokens != 15 {
		t.Errorf("%+v", u)
	}
	var none *budget.Budget
	if none.Exceeded(budget.ErrExceeded) || outer.Exceeded(nil) || outer.Exceeded(errors.New("x")) {
		t.Error("nobody forbade that")
	}
}

// Without a budget everything is allowed and nothing is recorded.
func TestWithoutBudget(t *testing.T) {
	for name, ctx := range map[string]context.Context{
		"none": t.Context(),
		"detached": budget.Detach(func() context.Context {
			ctx, _ := budget.Open(t.Context(), "a", budget.Limits{Calls: -1})
			return ctx
		}()),
	} {
		if err := call(ctx, "model", 1<<40, 1); err != nil || budget.Bounded(ctx) || budget.Left(ctx) != (budget.Limits{}) {
			t.Errorf("%s: there is a budget: %v", name, err)
		}
		budget.Charge(ctx, budget.Usage{Calls: 1})
		under, lease, err := budget.SetAside(ctx, "part", budget.Cost{Calls: 1})
		if under != ctx || lease != nil || err != nil {
			t.Errorf("%s: %v, %v", name, lease, err)
		}
		lease.Close()
	}
}

// node is a budget with a slow count by the rules.
type node struct {
	ctx    context.Context
	b      *budget.Budget
	outer  *node
	inner  []*node
	limits budget.Limits
	lease  *budget.Cost // what was set aside for it
	closed bool

	used, open budget.Cost // settled and reserved here, not further inside
}

// committed is what is used in or promised to a budget.
func (n *node) committed() budget.Cost {
	sum := n.used.Add(n.open)
	for _, i := range n.inner {
		c := i.committed()
		if i.lease != nil && !i.closed {
			c = budget.Cost{Calls: max(c.Calls, i.lease.Calls), Tokens: max(c.Tokens, i.lease.Tokens)}
		}
		sum = sum.Add(c)
	}
	return sum
}

// total is what was used in a budget.
func (n *node) total() budget.Cost {
	sum := n.used
	for _, i := range n.inner {
		sum = sum.Add(i.total())
	}
	return sum
}

// room reports whether c more is allowed.
func (n *node) room(c budget.Cost) bool {
	for o := n; o != nil; o = o.outer {
		sum := o.committed().Add(c)
		if o.lease != nil {
			return sum.Calls <= o.lease.Calls && sum.Tokens <= o.lease.Tokens
		}
		if c.Calls > 0 && o.limits.Calls > 0 && sum.Calls > o.limits.Calls || c.Tokens > 0 && o.limits.Tokens > 0 && sum.Tokens > o.limits.Tokens {
			return false
		}
	}
	return true
}

// However calls, nested budgets and amounts set aside interleave, a request is
// allowed exactly if there is room for it, no limit is exceeded, and nothing that
// was set aside is lost.
func TestNeverExceeded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limits := func() budget.Limits {
			return budget.Limits{Calls: rapid.IntRange(0, 6).Draw(rt, "calls"), Tokens: rapid.IntRange(0, 30).Draw(rt, "tokens")}
		}
		root := &node{limits: limits()}
		root.ctx, root.b = budget.Open(t.Context(), "root", root.limits)
		nodes := []*node{root}
		type open struct {
			n *node
			r budget.Reservation
			c budget.Cost
		}
		var under []open
		for range rapid.IntRange(1, 60).Draw(rt, "actions") {
			n := rapid.SampledFrom(nodes).Draw(rt, "node")
			switch rapid.IntRange(0, 5).Draw(rt, "action") {
			case 0:
				inner := &node{outer: n, limits: limits()}
				inner.ctx, inner.b = budget.Open(n.ctx, fmt.Sprint(len(nodes)), inner.limits)
				n.inner, nodes = append(n.inner, inner), append(nodes, inner)
			case 1:
				c := budget.Cost{Calls: rapid.IntRange(0, 3).Draw(rt, "lease calls"), Tokens: rapid.IntRange(0, 12).Draw(rt, "lease tokens")}
				room := n.room(c)
				inner := &node{outer: n, lease: &c}
				var err error
				if inner.ctx, inner.b, err = budget.SetAside(n.ctx, fmt.Sprint(len(nodes)), c); (err == nil) != room {
					rt.Fatalf("setting %+v aside: room %v: %v", c, room, err)
				}
				if err == nil {
					n.inner, nodes = append(n.inner, inner), append(nodes, inner)
				}
			case 2, 3:
				c := budget.Cost{Calls: rapid.IntRange(0, 1).Draw(rt, "call"), Tokens: rapid.IntRange(0, 12).Draw(rt, "most")}
				room := n.room(c)
				r, err := budget.Reserve(n.ctx, "model", c)
				if (err == nil) != room {
					rt.Fatalf("reserving %+v: room %v: %v", c, room, err)
				}
				if err == nil {
					under = append(under, open{n, r, c})
					n.open = n.open.Add(c)
				}
			case 4:
				if len(under) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(under)-1).Draw(rt, "which")
				u := under[i]
				under = append(under[:i], under[i+1:]...)
				used := budget.Cost{Calls: u.c.Calls, Tokens: rapid.IntRange(0, u.c.Tokens).Draw(rt, "used")}
				u.r.Settle(budget.Usage{Calls: used.Calls, GeneratedTokens: used.Tokens})
				u.n.open = budget.Cost{Calls: u.n.open.Calls - u.c.Calls, Tokens: u.n.open.Tokens - u.c.Tokens}
				u.n.used = u.n.used.Add(used)
			case 5: // a part ends when all within it has
				within := func(o *node) bool {
					for ; o != nil && o != n; o = o.outer {
					}
					return o == n
				}
				busy := n == root
				for _, u := range under {
					busy = busy || within(u.n)
				}
				for _, o := range nodes {
					busy = busy || o != n && within(o) && o.lease != nil && !o.closed
				}
				if !busy {
					n.b.Close()
					n.closed = true
					nodes = slices.DeleteFunc(nodes, within)
				}
			}
			for _, n := range nodes {
				u, want := n.b.Usage(), n.total()
				if u.Calls != want.Calls || u.GeneratedTokens != want.Tokens {
					rt.Fatalf("%+v was used, want %+v", u, want)
				}
				if n.limits.Calls > 0 && u.Calls > n.limits.Calls || n.limits.Tokens > 0 && u.GeneratedTokens > n.limits.Tokens {
					rt.Fatalf("%+v of %+v", u, n.limits)
				}
			}
		}
		// When everything has ended, all that was not used is available again.
		for _, u := range under {
			u.r.Settle(budget.Usage{})
		}
		for _, n := range slices.Backward(nodes) {
			n.b.Close()
		}
		left, used := budget.Left(root.ctx), root.b.Usage()
		for _, x := range [][3]int{{left.Calls, root.limits.Calls, used.Calls}, {left.Tokens, root.limits.Tokens, used.GeneratedTokens}} {
			want := x[1] - x[2]
			if x[1] == 0 {
				want = 0
			} else if want <= 0 {
				want = -1
			}
			if x[0] != want {
				rt.Fatalf("%+v left of %+v, used %+v", left, root.limits, used)
			}
		}
	})
}

// The rest after retrievals and calls that cost more than they reserved.
func TestRetrievalsAndOverruns(t *testing.T) {
	ctx, b := budget.Open(t.Context(), "work", budget.Limits{Retrievals: 2, Tokens: 10})
	one := budget.Cost{Retrievals: 1}
	for i, want := range []bool{true, true, false} {
		r, err := budget.Reserve(ctx, "the retriever", one)
		if (err == nil) != want {
			t.Errorf("retrieval %d: %v", i, err)
		}
		r.Settle(budget.Usage{})
	}
	under, lease, err := budget.SetAside(ctx, "part", budget.Cost{Tokens: 4})
	if err != nil || budget.Left(under) != (budget.Limits{Calls: -1, Tokens: 4, Retrievals: -1}) {
		t.Fatalf("%v, %+v", err, budget.Left(under))
	}
	budget.Charge(under, budget.Usage{GeneratedTokens: 7}) // this was not reserved
	lease.Close()
	lease.Close()
	if left := budget.Left(ctx); left != (budget.Limits{Tokens: 3, Retrievals: -1}) {
		t.Errorf("%+v left", left)
	}
	budget.Charge(ctx, budget.Usage{Calls: 1, GeneratedTokens: -100})
	if left := budget.Left(ctx); left.Tokens != 3 || b.Usage().Calls != 1 {
		t.Errorf("a negative count gave tokens back: %+v", left)
	}
}

// A limit of time ends the context with a cause that names its budget.
func TestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outer, b := budget.Open(t.Context(), "question", budget.Limits{Time: time.Second})
		ctx, inner := budget.Open(outer, "query", budget.Limits{Time: time.Hour})
		<-ctx.Done()
		cause := context.Cause(ctx)
		if ctx.Err() != context.DeadlineExceeded || !errors.Is(cause, budget.ErrExceeded) || !b.Exceeded(cause) || inner.Exceeded(cause) || !budget.Exceeded(ctx, cause) || !errors.Is(cause, context.DeadlineExceeded) || budget.Refused(cause) {
			t.Errorf("%v: %v", ctx.Err(), cause)
		}
		b.Close()
		inner.Close()
		ctx, b = budget.Open(t.Context(), "question", budget.Limits{Time: time.Second})
		b.Close()
		if context.Cause(ctx) != context.Canceled {
			t.Error(context.Cause(ctx))
		}
	})
}

// Sums that do not fit in an int stay at the greatest int.
func TestHugeCosts(t *testing.T) {
	huge := budget.Cost{Tokens: math.MaxInt}
	if got := huge.Add(huge).Times(3); got != huge {
		t.Errorf("%+v", got)
	}
	ctx, _ := budget.Open(t.Context(), "work", budget.Limits{Calls: 1000})
	var all []budget.Reservation
	for range 100 {
		r, err := budget.Reserve(ctx, "huge", budget.Cost{Calls: 1, Tokens: math.MaxInt})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	for _, r := range all {
		r.Settle(budget.Usage{Calls: 1})
	}
	if left := budget.Left(ctx); left != (budget.Limits{Calls: 900}) {
		t.Errorf("%+v left", left)
	}
}

// program is a part that makes calls, and may declare the most that they cost.
type program struct {
	declared bool
	calls    []int // tokens of each
}

func (p program) MostCost(int) (budget.Cost, bool) {
	c := budget.Cost{Calls: len(p.calls)}
	for _, tokens := range p.calls {
		c.Tokens += tokens
	}
	return c, p.declared
}

// Parts that run concurrently under a budget get the same at any speed, and as much
// as one after another if each declares its cost; with room for all, all run at
// once.
func TestEach(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		parts := make([]program, rapid.IntRange(1, 8).Draw(rt, "parts"))
		for i := range parts {
			parts[i] = program{rapid.Bool().Draw(rt, "declares"), rapid.SliceOfN(rapid.IntRange(0, 9), 0, 4).Draw(rt, "tokens")}
		}
		l := budget.Limits{Calls: rapid.IntRange(0, 12).Draw(rt, "calls"), Tokens: rapid.IntRange(0, 60).Draw(rt, "tokens")}
		limit := rapid.IntRange(0, 4).Draw(rt, "limit")
		first := ""
		for range 3 {
			ctx, b := budget.Open(t.Context(), "all", l)
			made := make([]int, len(parts))
			errs := budget.Each(ctx, len(parts), limit, func(i int) (budget.Cost, bool) { return budget.MostCost(parts[i], 1) }, func(ctx context.Context, i int) func() error {
				return func() error {
					for _, tokens := range parts[i].calls {
						runtime.Gosched()
						if err := call(ctx, "model", tokens, tokens/2); err != nil {
							return err
						}
						made[i]++
					}
					return nil
				}
			})
			got := fmt.Sprint(made, errs, b.Usage())
			if first == "" {
				first = got
			}
			if got != first {
				rt.Fatalf("once %s, then %s", first, got)
			}
			if u := b.Usage(); l.Calls > 0 && u.Calls > l.Calls || l.Tokens > 0 && u.GeneratedTokens > l.Tokens {
				rt.Fatalf("%+v of %+v", u, l)
			}
		}
	})
	var together sync.WaitGroup
	together.Add(5)
	ctx, b := budget.Open(t.Context(), "all", budget.Limits{Calls: 5})
	budget.Each(ctx, 5, 0, func(int) (budget.Cost, bool) { return budget.Cost{Calls: 1, Tokens: 1}, true }, func(ctx context.Context, i int) func() error {
		return func() error {
			together.Done()
			together.Wait()
			return call(ctx, "model", 1, 1)
		}
	})
	if b.Usage().Calls != 5 {
		t.Errorf("%+v", b.Usage())
	}
}

// A part that panics, before or while it runs, leaves nothing set aside.
func TestEachPanics(t *testing.T) {
	for _, begun := range []bool{false, true} {
		ctx, _ := budget.Open(t.Context(), "all", budget.Limits{Calls: 5})
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			budget.Each(ctx, 5, 0, func(int) (budget.Cost, bool) { return budget.Cost{Calls: 1}, true }, func(context.Context, int) func() error {
				if !begun {
					panic("broken")
				}
				return func() error { panic("broken") }
			})
		}()
		if left := budget.Left(ctx); left.Calls != 5 {
			t.Errorf("begun %v: %+v left", begun, left)
		}
	}
}

// Many goroutines on one budget: what they get adds up to the limit.
func TestConcurrent(t *testing.T) {
	ctx, b := budget.Open(t.Context(), "work", budget.Limits{Calls: 100})
	var all sync.WaitGroup
	var refused atomic.Int64
	for range 8 {
		all.Go(func() {
			for range 50 {
				if call(ctx, "model", 3, 3) != nil {
					refused.Add(1)
				}
			}
		})
	}
	all.Wait()
	if u := b.Usage(); u.Calls != 100 || u.GeneratedTokens != 300 || refused.Load() != 300 {
		t.Errorf("%+v, %d refused", u, refused.Load())
	}
}

// After a failure no more parts are started, and the set of started parts does not
// depend on speed.
func TestUntilError(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		parts := make([]program, rapid.IntRange(1, 12).Draw(rt, "parts"))
		fails := make([]bool, len(parts))
		for i := range parts {
			parts[i] = program{rapid.Bool().Draw(rt, "declares"), rapid.SliceOfN(rapid.IntRange(0, 9), 0, 3).Draw(rt, "tokens")}
			fails[i] = rapid.IntRange(0, 4).Draw(rt, "fails") == 0
		}
		l := budget.Limits{Calls: rapid.IntRange(0, 12).Draw(rt, "calls"), Tokens: rapid.IntRange(0, 60).Draw(rt, "tokens")}
		limit := rapid.IntRange(0, 4).Draw(rt, "limit")
		broken := errors.New("broken")
		first := ""
		for range 3 {
			ctx, b := budget.Open(t.Context(), "all", l)
			started := 0
			errs := budget.Each(ctx, len(parts), limit, func(i int) (budget.Cost, bool) { return budget.MostCost(parts[i], 1) },
				fanout.UntilError(len(parts), limit, budget.Exceeded, func(ctx context.Context, i int) func() error {
					started++
					return func() error {
						for _, tokens := range parts[i].calls {
							runtime.Gosched()
							if err := call(ctx, "model", tokens, tokens/2); err != nil {
								return err
							}
						}
						if fails[i] {
							return broken
						}
						return nil
					}
				}))
			got := fmt.Sprint(started, errs, b.Usage())
			if first == "" {
				first = got
			}
			if got != first {
				rt.Fatalf("once %s, then %s", first, got)
			}
			at := slices.IndexFunc(errs, func(err error) bool { return err != nil })
			switch {
			case at < 0 && started != len(parts):
				rt.Fatalf("%d of %d parts started without a failure", started, len(parts))
			case at >= 0 && limit > 0 && started > at+limit:
				rt.Fatalf("%d parts started at limit %d, and part %d failed", started, limit, at)
			}
		}
	})
}
