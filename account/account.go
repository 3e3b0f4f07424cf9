package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Limits bounds what an account may cost. A zero field is no bound, a negative one
// allows nothing.
type Limits struct {
	// Calls bounds the calls of models.
	Calls int
	// Tokens bounds the generated tokens. A call sets its own limit aside before it
	// begins and gives back what it did not use.
	Tokens int
}

// ErrLimit is wrapped by the error about a call that the limits of an account do not
// allow. [Account.Forbade] tells which account that was.
var ErrLimit = errors.New("account: the budget is used up")

// limitError remembers whose limits they were.
type limitError struct {
	by     *Account
	reason string
}

func (e *limitError) Error() string { return ErrLimit.Error() + ": " + e.reason }
func (e *limitError) Unwrap() error { return ErrLimit }

// Is also holds for a limitError without a reason of the same account: errors.Is then
// looks through all errors that one wraps.
func (e *limitError) Is(target error) bool {
	t, ok := target.(*limitError)
	return ok && t.reason == "" && t.by == e.by
}

// Usage is what model calls cost.
type Usage struct {
	// Calls is the number of model calls.
	Calls int `json:"calls"`
	// PromptTokens is the number of prompt tokens, CachedTokens how many of them
	// the server had in its cache.
	PromptTokens int `json:"prompt_tokens"`
	CachedTokens int `json:"cached_tokens,omitempty"`
	// GeneratedTokens is the number of generated tokens, the end token included.
	GeneratedTokens int `json:"generated_tokens"`
	// Partial is set when some count was not reported, so that the sums are too
	// low.
	Partial bool `json:"partial,omitempty"`
}

// Add returns the sum of two usages.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		Calls:           u.Calls + v.Calls,
		PromptTokens:    u.PromptTokens + v.PromptTokens,
		CachedTokens:    u.CachedTokens + v.CachedTokens,
		GeneratedTokens: u.GeneratedTokens + v.GeneratedTokens,
		Partial:         u.Partial || v.Partial,
	}
}

// Step is what an account says of one thing that was done.
type Step struct {
	// Name says what was done, or by which part of a composition.
	Name string `json:"name"`
	// Texts is what came of it: the texts that were searched for, the parts that were
	// chosen, the reply of a model.
	Texts []string `json:"texts,omitempty"`
	// Template and TemplateHash identify the prompt of a model call that had one.
	Template     string `json:"template,omitempty"`
	TemplateHash string `json:"template_hash,omitempty"`
	// Usage is that of the step's own model call, nil if it is none.
	Usage *Usage `json:"usage,omitempty"`
	// Error says why the step failed; empty if it did not.
	Error string `json:"error,omitempty"`
	// Steps are the parts of the step, in the order in which they began.
	Steps []Step `json:"steps,omitempty"`
}

// Account is the account of one piece of work, or of one step of it. Its methods are
// safe for concurrent use, and do nothing if it is nil.
type Account struct {
	outer  *Account
	limits Limits

	mu    *sync.Mutex // of the outermost one
	step  Step
	used  Usage // settled, by this account and those inside it
	set   Usage // calls and tokens set aside
	inner []*Account
}

type key struct{}

// Open returns a context with a new account. If ctx has one already, the new one is a
// step of it, and its limits hold as well.
func Open(ctx context.Context, name string, l Limits) (context.Context, *Account) {
	a := &Account{outer: From(ctx), limits: l, step: Step{Name: clean(name)}}
	if o := a.outer; o == nil {
		a.mu = new(sync.Mutex)
	} else {
		a.mu = o.mu
		o.mu.Lock()
		o.inner = append(o.inner, a)
		o.mu.Unlock()
	}
	return context.WithValue(ctx, key{}, a), a
}

// Begin opens a step without limits of its own in the account of ctx. Without an
// account nobody wants to know: it returns ctx and nil. Steps stand in the order in
// which they began: who does several at once begins them all first.
func Begin(ctx context.Context, name string) (context.Context, *Account) {
	if From(ctx) == nil {
		return ctx, nil
	}
	return Open(ctx, name, Limits{})
}

// From returns the account of ctx, nil if it has none.
func From(ctx context.Context) *Account {
	a, _ := ctx.Value(key{}).(*Account)
	return a
}

// Detach returns ctx without its account. It is for a call that has been accounted for
// as a whole.
func Detach(ctx context.Context) context.Context {
	if From(ctx) == nil {
		return ctx
	}
	return context.WithValue(ctx, key{}, (*Account)(nil))
}

// Bounded reports whether limits hold for ctx. Then calls that could run at the same
// time must be made one after the other.
func Bounded(ctx context.Context) bool {
	for a := From(ctx); a != nil; a = a.outer {
		if a.limits != (Limits{}) {
			return true
		}
	}
	return false
}

// Note adds texts to the step.
func (a *Account) Note(texts ...string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range texts {
		a.step.Texts = append(a.step.Texts, clean(t))
	}
}

// Fail writes down that the step failed; a nil error changes nothing.
func (a *Account) Fail(err error) {
	if a == nil || err == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.step.Error = clean(err.Error())
}

// Forbade reports whether err is, or wraps, that of a call which the limits of a did not
// allow, and not just those of an account around it or inside it.
func (a *Account) Forbade(err error) bool {
	return a != nil && errors.Is(err, &limitError{by: a})
}

// clean makes texts from outside fit for JSON.
func clean(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// Usage returns the sum over all calls so far, those of steps included.
func (a *Account) Usage() Usage {
	if a == nil {
		return Usage{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.used
}

// Steps returns a copy of the steps so far.
func (a *Account) Steps() []Step {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.steps()
}

func (a *Account) steps() []Step {
	var list []Step
	for _, i := range a.inner {
		s := i.step
		s.Texts = slices.Clone(s.Texts)
		s.Steps = i.steps()
		list = append(list, s)
	}
	return list
}

// Left returns what the limits leave, all of them taken together, calls under way
// taken off: negative numbers where nothing is left, 0 where there is no bound.
func Left(ctx context.Context) Limits {
	a := From(ctx)
	if a == nil {
		return Limits{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var l Limits
	for ; a != nil; a = a.outer {
		l.Calls = least(l.Calls, a.limits.Calls, a.used.Calls+a.set.Calls)
		l.Tokens = least(l.Tokens, a.limits.Tokens, a.used.GeneratedTokens+a.set.GeneratedTokens)
	}
	return l
}

// least returns the smaller of a bound so far and what is left of another.
func least(bound, limit, used int) int {
	if limit == 0 {
		return bound
	}
	left := limit - used
	if left <= 0 {
		left = -1
	}
	if bound == 0 || left < bound {
		return left
	}
	return bound
}

// Call is a model call of an account. A nil Call is one that nobody accounts for.
type Call struct {
	step   *Account
	tokens int
}

// Reserve writes down that a model is called, and sets one call and as many tokens as
// the call generates at most aside in all accounts that it belongs to. The error wraps
// ErrLimit, says which limit forbids the call, and stands in the step. Every call ends
// with [Call.Settle]. Without an account in ctx it returns nil.
func Reserve(ctx context.Context, name string, tokens int) (*Call, error) {
	_, a := Begin(ctx, name)
	if a == nil {
		return nil, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for o := a; o != nil; o = o.outer {
		reason := ""
		switch l, spent := o.limits, o.used.Add(o.set); {
		case l.Calls != 0 && spent.Calls+1 > l.Calls:
			reason = fmt.Sprintf("%s is one model call more than the %d that %q allows", name, max(l.Calls, 0), o.step.Name)
		case l.Tokens != 0 && tokens > max(l.Tokens, 0)-spent.GeneratedTokens:
			reason = fmt.Sprintf("%s may generate %d tokens, and of the %d that %q allows %d are left", name, tokens, max(l.Tokens, 0), o.step.Name, max(l.Tokens-spent.GeneratedTokens, 0))
		}
		if reason != "" {
			err := &limitError{o, reason}
			a.step.Error = clean(err.Error())
			return nil, err
		}
	}
	for o := a; o != nil; o = o.outer {
		o.set.Calls++
		o.set.GeneratedTokens += tokens
	}
	return &Call{a, tokens}, nil
}

// Prompt writes down which prompt the call has.
func (c *Call) Prompt(template, hash string) {
	if c == nil {
		return
	}
	c.step.mu.Lock()
	defer c.step.mu.Unlock()
	c.step.step.Template, c.step.step.TemplateHash = clean(template), clean(hash)
}

// Settle ends the call: it puts what the call cost in the place of what was set aside,
// and writes the reply and the error down.
func (c *Call) Settle(u Usage, reply string, err error) {
	if c == nil {
		return
	}
	if reply != "" {
		c.step.Note(reply)
	}
	c.step.Fail(err)
	c.step.mu.Lock()
	defer c.step.mu.Unlock()
	c.step.step.Usage = &u
	for a := c.step; a != nil; a = a.outer {
		a.set.Calls--
		a.set.GeneratedTokens -= c.tokens
		a.used = a.used.Add(u)
	}
}

// Charge adds what a step cost as a whole that kept account of itself, such as an
// answer.
func (a *Account) Charge(u Usage) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.step.Usage = &u
	for ; a != nil; a = a.outer {
		a.used = a.used.Add(u)
	}
}
