package budget

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
)

// Budget is what one piece of work may cost and did cost. Make one with [Open] or
// [SetAside]. Its methods are safe for concurrent use, and a nil Budget bounds nothing.
type Budget struct {
	outer  *Budget
	name   string
	limits Limits
	// leased is set if the limits were set aside in the budgets around this one, which
	// then need not be asked. rest is what is still set aside there.
	leased bool
	rest   amount
	cancel context.CancelFunc

	mu    *sync.Mutex // of the outermost one
	usage Usage       // settled, by this budget and those inside it
	used  amount      // the same, and the retrievals
	held  amount      // reserved by calls under way
}

// amount is a cost in sums that cannot overflow.
type amount struct{ calls, tokens, retrievals int64 }

// huge replaces every greater number: thousands of them can be added.
const huge = 1 << 50

func amountOf(calls, tokens, retrievals int) amount {
	return amount{min(int64(calls), huge), min(int64(tokens), huge), min(int64(retrievals), huge)}
}

// amount of a cost is never negative: nothing can give a budget more than it has.
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

// Open returns a context with a budget, which ends after Limits.Time. If ctx has a budget
// already, the new one is a part of it. Errors show the name. The caller must Close
// the budget when the work has ended.
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

// SetAside returns a context with a budget of as much as c, which is set aside in the
// budgets around it at once: what runs under the context cannot be refused it, whatever
// runs at the same time. Close gives back what was not used. The error wraps ErrExceeded.
// Without a budget in ctx it returns ctx and nil.
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

// Close ends a budget: it frees what its time limit takes and gives back what was set
// aside and not used. Calls that end later still count.
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

// Detach returns ctx without its budget. It is for a call that has been reserved as a
// whole.
func Detach(ctx context.Context) context.Context {
	if from(ctx) == nil {
		return ctx
	}
	return context.WithValue(ctx, key{}, (*Budget)(nil))
}

// Bounded reports whether a limit of calls or tokens holds for ctx.
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

// Exceeded reports whether err is, or wraps, that of something which the limits of b do
// not allow, and not just those of a budget around it or inside it.
func (b *Budget) Exceeded(err error) bool {
	return b != nil && err != nil && errors.Is(err, &exceeded{by: b})
}

// Exceeded reports whether err is, or wraps, that of a budget which holds for ctx, and not
// just that of one inside it.
func Exceeded(ctx context.Context, err error) bool {
	for b := from(ctx); b != nil && err != nil; b = b.outer {
		if b.Exceeded(err) {
			return true
		}
	}
	return false
}

// Left returns what the limits of calls, tokens and retrievals leave, those of all budgets
// of ctx taken together, reserved amounts taken off: -1 where nothing is left, 0 where
// there is no bound.
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

// least returns the smaller of what is left so far and of the room that a limit leaves:
// 0 is no bound, and -1 nothing.
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

// bounds returns the limits. For a leased budget they are what was set aside, and -1 for
// nothing.
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

// room is what the limits leave; meaningless where there is none.
func (b *Budget) room() amount {
	l := b.bounds()
	return amount{max(l.calls, 0), max(l.tokens, 0), max(l.retrievals, 0)}.minus(b.used).minus(b.held)
}

// refusal says why the limits of b do not allow another a; empty if they do.
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

// reserve sets a aside in b and in the budgets around it, up to one that is leased.
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

// move counts what was used, in b and in those around it, in the place of what was held.
// The caller holds the lock.
func (b *Budget) move(used amount, u Usage, held amount) {
	for ; b != nil; b = b.outer {
		b.usage = b.usage.Add(u)
		b.used, b.held = b.used.plus(used), b.held.minus(held)
		if b.leased {
			// Around it the whole lease is held. What was used of it is not any more.
			held = used.min(b.rest)
			b.rest = b.rest.minus(held)
		}
	}
}

// Reservation is a call for which room was made in the budgets of its context. The zero
// value belongs to no budget.
type Reservation struct {
	budget *Budget
	held   amount
}

// Reserve sets c aside in all budgets of ctx for a call, which what names in errors. The
// error wraps ErrExceeded and says which limit does not allow the call. Every reservation
// ends with [Reservation.Settle].
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

// Settle ends the call: it counts what the call did cost in the place of what was set
// aside. A retrieval is never given back. Settle must be called once.
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

// Charge counts usage that was not reserved, such as the calls of a part that asks its
// models past package generator. It can exceed the limits.
func Charge(ctx context.Context, u Usage) {
	if b := from(ctx); b != nil && u != (Usage{}) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.move(u.amount(), u, amount{})
	}
}
