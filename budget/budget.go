package budget

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
)

// Budget holds the limits and the costs of one piece of work. Make one with [Open]
// or [SetAside]. Its methods are safe for concurrent use, and a nil Budget bounds
// nothing.
type Budget struct {
	outer  *Budget
	name   string
	limits Limits
	// leased is set if the limits were set aside in the budgets around this one,
	// which then need not be asked. rest is what is still set aside there.
	leased bool
	rest   amount
	cancel context.CancelFunc

	mu    *sync.Mutex // of the outermost budget
	usage Usage       // settled, by this budget and those inside it
	used  amount      // the same, and the retrievals
	held  amount      // reserved by running calls
}

// amount is a cost in sums that cannot overflow.
type amount struct{ calls, tokens, retrievals int64 }

// huge replaces every greater number: thousands of them can be added without
// overflow.
const huge = 1 << 50

func amountOf(calls, tokens, retrievals int) amount {
	return amount{min(int64(calls), huge), min(int64(tokens), huge), min(int64(retrievals), huge)}
}

// amount returns a cost as an amount, which is never negative: nothing can give a
// budget more than it has.
func (c Cost) amount() amount {
	return amountOf(max(c.Calls, 0), max(c.Tokens, 0), max(c.Retrievals, 0))
}

func (u Usage) amount() amount { return Cost{Calls: u.Calls, Tokens: u.GeneratedTokens}.amount() }

func (a amount) plus(b amount) amount {
	return amount{a.calls + b.calls, a.tokens + b.tokens, a.retrievals + b.retrievals}
}

func (a amount) minus(b amount) amount {
	return amount{a.calls - b.calls, a.tokens - b.tokens, a.retrievals - b.retrievals}
}

// min returns the smaller of each number.
func (a amount) min(b amount) amount {
	return amount{min(a.calls, b.calls), min(a.tokens, b.tokens), min(a.retrievals, b.retrievals)}
}

type key struct{}

// Open returns a context with a budget, which ends after Limits.Time. If ctx
// already has a budget, the new one is part of it. Errors show the name. The caller
// must Close the budget when the work has ended.
func Open(ctx context.Context, name string, l Limits) (context.Context, *Budget) {
	b := &Budget{outer: from(ctx), name: name, limits: l}
	if b.outer == nil {
		b.mu = new(sync.Mutex)
	} else {
		b.mu = b.outer.mu
	}
	if l.Time != 0 {
		ctx, b.cancel = context.WithTimeoutCause(ctx, l.Time, &exceeded{b, fmt.Sprintf("the %v that %q allows are over", max(l.Time, 0), name), true})
	}
	return context.WithValue(ctx, key{}, b), b
}

// SetAside returns a context with a budget of c, which is set aside at once in the
// budgets around it: the work under the context cannot be refused that much,
// whatever runs at the same time. Close gives back the unused part. The error wraps
// ErrExceeded. Without a budget in ctx it returns ctx and nil.
func SetAside(ctx context.Context, name string, c Cost) (context.Context, *Budget, error) {
	outer := from(ctx)
	if outer == nil {
		return ctx, nil, nil
	}
	a := c.amount()
	if err := outer.reserve(name, a); err != nil {
		return ctx, nil, err
	}
	b := &Budget{outer: outer, name: name, leased: true, rest: a, mu: outer.mu}
	return context.WithValue(ctx, key{}, b), b, nil
}

// Close ends a budget: it frees the resources of its time limit and gives back the
// unused part of what was set aside. Calls that end later still count.
func (b *Budget) Close() {
	if b == nil {
		return
	}
	if b.cancel != nil {
		b.cancel()
	}
	if !b.leased {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outer.move(amount{}, Usage{}, b.rest)
	b.rest = amount{}
}

func from(ctx context.Context) *Budget {
	b, _ := ctx.Value(key{}).(*Budget)
	return b
}

// Detach returns ctx without its budget. Use it for a call that was reserved as a
// whole.
func Detach(ctx context.Context) context.Context {
	if from(ctx) == nil {
		return ctx
	}
	return context.WithValue(ctx, key{}, (*Budget)(nil))
}

// Bounded reports whether a limit of calls or tokens applies to ctx.
func Bounded(ctx context.Context) bool {
	for b := from(ctx); b != nil; b = b.outer {
		if b.leased || b.limits.Calls != 0 || b.limits.Tokens != 0 {
			return true
		}
	}
	return false
}

// Usage returns the sum over all calls so far.
func (b *Budget) Usage() Usage {
	if b == nil {
		return Usage{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.usage
}

// Exceeded reports whether err is, or wraps, the error of something that the limits
// of b do not allow. It reports false if only a budget around it or inside it did
// not allow it.
func (b *Budget) Exceeded(err error) bool {
	return b != nil && err != nil && errors.Is(err, &exceeded{by: b})
}

// Exceeded reports whether err is, or wraps, the error of a budget that applies to
// ctx, and not only of one inside it.
func Exceeded(ctx context.Context, err error) bool {
	for b := from(ctx); b != nil && err != nil; b = b.outer {
		if b.Exceeded(err) {
			return true
		}
	}
	return false
}

// Left returns what the limits of calls, tokens and retrievals of all budgets of
// ctx together leave, after reserved amounts: -1 if nothing is left, 0 if there is
// no bound.
func Left(ctx context.Context) Limits {
	b := from(ctx)
	if b == nil {
		return Limits{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var l amount
	for ; b != nil; b = b.outer {
		room, bounds := b.room(), b.bounds()
		l.calls = least(l.calls, bounds.calls, room.calls)
		l.tokens = least(l.tokens, bounds.tokens, room.tokens)
		l.retrievals = least(l.retrievals, bounds.retrievals, room.retrievals)
		if b.leased {
			break
		}
	}
	return Limits{Calls: number(l.calls), Tokens: number(l.tokens), Retrievals: number(l.retrievals)}
}

// least returns the smaller of left and the room of a limit: 0 means no bound, and
// -1 nothing left.
func least(left, limit, room int64) int64 {
	if limit == 0 {
		return left
	}
	if room <= 0 {
		room = -1
	}
	if left == 0 || room < left {
		return room
	}
	return left
}

func number(n int64) int { return int(min(n, math.MaxInt)) }

// bounds returns the limits. For a leased budget they are what was set aside, where
// -1 means nothing.
func (b *Budget) bounds() amount {
	if !b.leased {
		return amountOf(b.limits.Calls, b.limits.Tokens, b.limits.Retrievals)
	}
	a := b.rest.plus(b.used)
	for _, n := range []*int64{&a.calls, &a.tokens, &a.retrievals} {
		if *n <= 0 {
			*n = -1
		}
	}
	return a
}

// room returns what the limits leave. It has no meaning for a number without a
// limit.
func (b *Budget) room() amount {
	l := b.bounds()
	return amount{max(l.calls, 0), max(l.tokens, 0), max(l.retrievals, 0)}.minus(b.used).minus(b.held)
}

// refusal returns why the limits of b do not allow another a; empty if they do.
func (b *Budget) refusal(what string, a amount) string {
	bounds, room := b.bounds(), b.room()
	for _, x := range [...]struct {
		verb, unit        string
		want, limit, left int64
	}{
		{"takes", "model call", a.calls, bounds.calls, room.calls},
		{"may generate", "token", a.tokens, bounds.tokens, room.tokens},
		{"takes", "retrieval", a.retrievals, bounds.retrievals, room.retrievals},
	} {
		if x.want > 0 && x.limit != 0 && x.want > x.left {
			return fmt.Sprintf("%s %s %s, and of the %d that %q allows %d are left", what, x.verb, count(x.want, x.unit), max(x.limit, 0), b.name, max(x.left, 0))
		}
	}
	return ""
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// reserve sets a aside in b and in the budgets around it, up to a leased one.
func (b *Budget) reserve(what string, a amount) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b
	for ; ; last = last.outer {
		if reason := last.refusal(what, a); reason != "" {
			return &exceeded{last, reason, false}
		}
		if last.leased || last.outer == nil {
			break
		}
	}
	for o := b; ; o = o.outer {
		o.held = o.held.plus(a)
		if o == last {
			return nil
		}
	}
}

// move counts what was used, in b and in those around it, in place of what was
// held. The caller holds the lock.
func (b *Budget) move(used amount, u Usage, held amount) {
	for ; b != nil; b = b.outer {
		b.usage = b.usage.Add(u)
		b.used, b.held = b.used.plus(used), b.held.minus(held)
		if b.leased {
			// Around it the whole lease is held; the used part no longer is.
			held = used.min(b.rest)
			b.rest = b.rest.minus(held)
		}
	}
}

// Reservation is a call with room reserved in the budgets of its context. The zero
// value belongs to no budget.
type Reservation struct {
	budget *Budget
	held   amount
}

// Reserve sets c aside in all budgets of ctx for a call. what names the call in
// errors. The error wraps ErrExceeded and says which limit does not allow the call.
// Every reservation ends with [Reservation.Settle].
func Reserve(ctx context.Context, what string, c Cost) (Reservation, error) {
	b := from(ctx)
	if b == nil {
		return Reservation{}, nil
	}
	a := c.amount()
	if err := b.reserve(what, a); err != nil {
		return Reservation{}, err
	}
	return Reservation{b, a}, nil
}

// Settle ends the call: it counts the actual cost in place of what was set aside. A
// retrieval is never given back. Settle must be called once.
func (r Reservation) Settle(u Usage) {
	if r.budget == nil {
		return
	}
	r.budget.mu.Lock()
	defer r.budget.mu.Unlock()
	used := u.amount()
	used.retrievals = r.held.retrievals
	r.budget.move(used, u, r.held)
}

// Charge counts usage that was not reserved, such as the calls of a part that asks
// its models without package generator. It can exceed the limits.
func Charge(ctx context.Context, u Usage) {
	if b := from(ctx); b != nil && u != (Usage{}) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.move(u.amount(), u, amount{})
	}
}
