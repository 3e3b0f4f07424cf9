package budget

import (
	"context"
	"errors"
	"math"
	"time"
)

// Limits bounds the cost of a piece of work. A zero field is no bound, a negative
// one allows nothing.
type Limits struct {
	// Calls bounds the calls of models: generators, and embedders and rerankers
	// that ask a server. Work within the process is no call.
	Calls int `json:"calls,omitempty"`
	// Tokens bounds the generated tokens. A call reserves its own limit before it
	// starts and gives back what it did not use. If a server reports more tokens
	// than it was allowed, that number counts, and can exceed the bound.
	Tokens int `json:"tokens,omitempty"`
	// Retrievals bounds how often an engine calls its retriever. A retrieval counts
	// even if its passages were not needed in the end.
	Retrievals int `json:"retrievals,omitempty"`
	// Time bounds how long the work takes, from Open on.
	Time time.Duration `json:"time,omitempty"`
}

// Cost is the most that something can cost. No field is negative.
type Cost struct {
	Calls, Tokens, Retrievals int
}

// Add returns the sum of two costs. Sums and products that do not fit in an int are
// the greatest int.
func (c Cost) Add(d Cost) Cost {
	return Cost{plus(c.Calls, d.Calls), plus(c.Tokens, d.Tokens), plus(c.Retrievals, d.Retrievals)}
}

// Times returns n times the cost. n is at least 0.
func (c Cost) Times(n int) Cost {
	return Cost{times(c.Calls, n), times(c.Tokens, n), times(c.Retrievals, n)}
}

func plus(a, b int) int {
	if a > math.MaxInt-b {
		return math.MaxInt
	}
	return a + b
}

func times(a, n int) int {
	if a > 0 && n > math.MaxInt/a {
		return math.MaxInt
	}
	return a * n
}

// ErrExceeded is wrapped by errors about a call or a wait that a budget does not
// allow. [Budget.Exceeded] reports whether a certain budget did not allow it. If
// the time of the budget is over, the error is also context.DeadlineExceeded.
var ErrExceeded = errors.New("budget: used up")

// Refused reports whether err is, or wraps, the error about work that a budget did
// not allow to begin, such as a call that was not made. It reports false for work
// that began and that the end of Limits.Time stopped.
func Refused(err error) bool {
	return errors.Is(err, ErrExceeded) && !errors.Is(err, context.DeadlineExceeded)
}

// exceeded records the budget whose limits were reached.
type exceeded struct {
	by     *Budget
	reason string
	late   bool // the time is over
}

func (e *exceeded) Error() string { return ErrExceeded.Error() + ": " + e.reason }
func (e *exceeded) Unwrap() error { return ErrExceeded }

// Is also reports true for an error without a reason of the same budget: errors.Is
// then searches all errors that one wraps. If the time is over it reports true for
// the error of the context, since backends return its cause as well.
func (e *exceeded) Is(target error) bool {
	t, ok := target.(*exceeded)
	return ok && t.reason == "" && t.by == e.by || e.late && target == context.DeadlineExceeded
}

// Usage is the actual cost of model calls.
type Usage struct {
	// Calls is the number of model calls.
	Calls int `json:"calls"`
	// PromptTokens is the number of prompt tokens, CachedTokens how many of them
	// the server had in its cache.
	PromptTokens int `json:"prompt_tokens"`
	CachedTokens int `json:"cached_tokens,omitempty"`
	// GeneratedTokens is the number of generated tokens, the end token included.
	GeneratedTokens int `json:"generated_tokens"`
	// Partial is set if some count was not reported, so that the sums are too low.
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

// Max returns the greater of each count of two usages.
func (u Usage) Max(v Usage) Usage {
	return Usage{
		Calls:           max(u.Calls, v.Calls),
		PromptTokens:    max(u.PromptTokens, v.PromptTokens),
		CachedTokens:    max(u.CachedTokens, v.CachedTokens),
		GeneratedTokens: max(u.GeneratedTokens, v.GeneratedTokens),
		Partial:         u.Partial || v.Partial,
	}
}

// Beyond returns by how much u exceeds v, count by count, at least 0.
func (u Usage) Beyond(v Usage) Usage {
	return Usage{
		Calls:           max(u.Calls-v.Calls, 0),
		PromptTokens:    max(u.PromptTokens-v.PromptTokens, 0),
		CachedTokens:    max(u.CachedTokens-v.CachedTokens, 0),
		GeneratedTokens: max(u.GeneratedTokens-v.GeneratedTokens, 0),
		Partial:         u.Partial && !v.Partial,
	}
}
