package account_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/account"
)

// call makes a model call that may generate most tokens and generates tokens.
func call(ctx context.Context, name string, most, tokens int) error {
	c, err := account.Reserve(ctx, name, most)
	if err != nil {
		return err
	}
	c.Settle(account.Usage{Calls: 1, PromptTokens: 10, GeneratedTokens: tokens}, "reply", nil)
	return nil
}

func TestLimits(t *testing.T) {
	tests := []struct {
		name   string
		limits account.Limits
		most   []int // what each call may generate; it generates 2
		want   string
	}{
		{"none", account.Limits{}, []int{100, 100, 100}, "+++"},
		{"calls", account.Limits{Calls: 2}, []int{100, 100, 100}, "++-"},
		{"no call", account.Limits{Calls: -1}, []int{1}, "-"},
		{"tokens set aside", account.Limits{Tokens: 10}, []int{11, 10}, "-+"},
		{"tokens given back", account.Limits{Tokens: 10}, []int{10, 8, 7, 6}, "++-+"},
		{"no token", account.Limits{Tokens: -1}, []int{1, 0}, "-+"},
		{"both", account.Limits{Calls: 3, Tokens: 5}, []int{4, 4, 3, 1, 1}, "+-++-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, a := account.Open(t.Context(), "work", tt.limits)
			got := ""
			for _, most := range tt.most {
				err := call(ctx, "model", most, min(most, 2))
				switch {
				case err == nil:
					got += "+"
				case errors.Is(err, account.ErrLimit) && a.Forbade(fmt.Errorf("%w, and %w", errors.New("x"), err)):
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

// The limits of all accounts around a call hold, and the error names the one that
// forbade it.
func TestNested(t *testing.T) {
	ctx, outer := account.Open(t.Context(), "outer", account.Limits{Calls: 3})
	one, first := account.Open(ctx, "first", account.Limits{Calls: 1})
	two, second := account.Open(ctx, "second", account.Limits{Tokens: 100})
	for i, c := range []struct {
		ctx context.Context
		by  *account.Account
	}{{one, nil}, {one, first}, {two, nil}, {two, nil}, {two, outer}, {one, first}} {
		err := call(c.ctx, "model", 5, 5)
		if (err != nil) != (c.by != nil) {
			t.Fatalf("call %d: %v", i, err)
		}
		for _, a := range []*account.Account{outer, first, second} {
			if a.Forbade(err) != (a == c.by) {
				t.Errorf("call %d: %v", i, err)
			}
		}
	}
	if got, want := account.Left(two), (account.Limits{Calls: -1, Tokens: 90}); got != want {
		t.Errorf("%+v left, want %+v", got, want)
	}
	if u := outer.Usage(); u != first.Usage().Add(second.Usage()) || u.Calls != 3 || u.GeneratedTokens != 15 {
		t.Errorf("%+v", u)
	}
	var none *account.Account
	if none.Forbade(account.ErrLimit) || outer.Forbade(nil) || outer.Forbade(errors.New("x")) {
		t.Error("nobody forbade that")
	}
}

func TestSteps(t *testing.T) {
	ctx, a := account.Open(t.Context(), "search", account.Limits{})
	route, step := account.Begin(ctx, "route")
	c, err := account.Reserve(route, "rewrite-route", 9)
	if err != nil {
		t.Fatal(err)
	}
	c.Prompt("rewrite-route", "abc")
	c.Settle(account.Usage{Calls: 1, GeneratedTokens: 3}, "wiki\xff", nil)
	step.Note("wiki")
	left, _ := account.Begin(ctx, "left")
	_, right := account.Begin(ctx, "right\xff")
	right.Fail(errors.New("broken"))
	if err := call(left, "score", 1, 1); err != nil {
		t.Fatal(err)
	}
	_, answer := account.Begin(ctx, "answer")
	answer.Charge(account.Usage{Calls: 4})
	want := []account.Step{
		{Name: "route", Texts: []string{"wiki"}, Steps: []account.Step{{
			Name: "rewrite-route", Texts: []string{"wiki\ufffd"}, Template: "rewrite-route", TemplateHash: "abc", Usage: &account.Usage{Calls: 1, GeneratedTokens: 3},
		}}},
		{Name: "left", Steps: []account.Step{{Name: "score", Texts: []string{"reply"}, Usage: &account.Usage{Calls: 1, PromptTokens: 10, GeneratedTokens: 1}}}},
		{Name: "right\ufffd", Error: "broken"},
		{Name: "answer", Usage: &account.Usage{Calls: 4}},
	}
	got := a.Steps()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	got[0].Texts[0] = "changed"
	if a.Steps()[0].Texts[0] != "wiki" {
		t.Error("the steps are not a copy")
	}
	if a.Usage().Calls != 6 {
		t.Errorf("%+v", a.Usage())
	}
	b, err := json.Marshal(want[1])
	if want := `{"name":"left","steps":[{"name":"score","texts":["reply"],"usage":{"calls":1,"prompt_tokens":10,"generated_tokens":1}}]}`; err != nil || string(b) != want {
		t.Errorf("%s, %v, want %s", b, err, want)
	}
}

// Without an account everything is allowed and nothing is kept.
func TestWithoutAccount(t *testing.T) {
	for name, ctx := range map[string]context.Context{
		"none": t.Context(),
		"detached": account.Detach(func() context.Context {
			ctx, _ := account.Open(t.Context(), "a", account.Limits{Calls: -1})
			return ctx
		}()),
	} {
		begun, step := account.Begin(ctx, "step")
		step.Note("x")
		step.Fail(errors.New("x"))
		step.Charge(account.Usage{Calls: 1})
		if step != nil || begun != ctx || account.Bounded(ctx) || account.Left(ctx) != (account.Limits{}) || step.Steps() != nil || step.Usage() != (account.Usage{}) {
			t.Errorf("%s: there is an account", name)
		}
		c, err := account.Reserve(ctx, "model", 1<<40)
		c.Prompt("x", "y")
		c.Settle(account.Usage{Calls: 1}, "x", nil)
		if c != nil || err != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// However calls of random accounts interleave, none ever has more than it allows,
// counting what is set aside, and a call is refused only for want of room.
func TestNeverExceeded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type node struct {
			ctx           context.Context
			a             *account.Account
			outer         *node
			limits        account.Limits
			calls, tokens int // by the rules, slowly
		}
		draw := func() account.Limits {
			return account.Limits{Calls: rapid.IntRange(0, 6).Draw(rt, "calls"), Tokens: rapid.IntRange(0, 30).Draw(rt, "tokens")}
		}
		root := &node{limits: draw()}
		root.ctx, root.a = account.Open(t.Context(), "root", root.limits)
		nodes := []*node{root}
		type open struct {
			n    *node
			c    *account.Call
			most int
		}
		var under []open
		for range rapid.IntRange(1, 40).Draw(rt, "actions") {
			n := rapid.SampledFrom(nodes).Draw(rt, "node")
			switch rapid.IntRange(0, 3).Draw(rt, "action") {
			case 0:
				inner := &node{outer: n, limits: draw()}
				inner.ctx, inner.a = account.Open(n.ctx, fmt.Sprint(len(nodes)), inner.limits)
				nodes = append(nodes, inner)
			case 1, 2:
				most := rapid.IntRange(0, 12).Draw(rt, "most")
				room := true
				for o := n; o != nil; o = o.outer {
					room = room && (o.limits.Calls == 0 || o.calls < o.limits.Calls) && (o.limits.Tokens == 0 || o.tokens+most <= o.limits.Tokens)
				}
				c, err := account.Reserve(n.ctx, "model", most)
				if (err == nil) != room {
					rt.Fatalf("room %v: %v", room, err)
				}
				if err == nil {
					under = append(under, open{n, c, most})
					for o := n; o != nil; o = o.outer {
						o.calls, o.tokens = o.calls+1, o.tokens+most
					}
				}
			case 3:
				if len(under) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(under)-1).Draw(rt, "which")
				u := under[i]
				under = append(under[:i], under[i+1:]...)
				used := rapid.IntRange(0, u.most).Draw(rt, "used")
				u.c.Settle(account.Usage{Calls: 1, GeneratedTokens: used}, "", nil)
				for o := u.n; o != nil; o = o.outer {
					o.tokens -= u.most - used
				}
			}
			for _, n := range nodes {
				if u := n.a.Usage(); n.limits.Calls > 0 && u.Calls > n.limits.Calls || n.limits.Tokens > 0 && u.GeneratedTokens > n.limits.Tokens {
					rt.Fatalf("%+v of %+v", u, n.limits)
				}
			}
		}
	})
}

// Many goroutines on one account: what they get adds up to the limit.
func TestConcurrent(t *testing.T) {
	ctx, a := account.Open(t.Context(), "work", account.Limits{Calls: 100})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				ctx, step := account.Begin(ctx, "step")
				step.Fail(call(ctx, "model", 3, 3))
				step.Note("x")
			}
		})
	}
	all.Wait()
	if u := a.Usage(); u.Calls != 100 || u.GeneratedTokens != 300 || len(a.Steps()) != 400 {
		t.Errorf("%+v, %d steps", u, len(a.Steps()))
	}
}

// A call without a limit of its own that counts is more than what any limit leaves.
func TestReserveOfHugeCalls(t *testing.T) {
	ctx, a := account.Open(t.Context(), "work", account.Limits{Tokens: 10})
	call, err := account.Reserve(ctx, "small", 1)
	if err != nil {
		t.Fatal(err)
	}
	call.Settle(account.Usage{Calls: 1, GeneratedTokens: 1}, "", nil)
	if _, err := account.Reserve(ctx, "huge", math.MaxInt); !a.Forbade(err) {
		t.Errorf("error %v: want that of the limit", err)
	}
}
