package selfrag

import (
	"errors"

	"github.com/goselfrag/goselfrag/generator"
)

// errTimeBudget is the cause of a context that the time budget ended.
var errTimeBudget = errors.New("the time budget of the question is used up")

// meter keeps the call and token budget of one question. It is used from one
// goroutine, between the calls, so that what is affordable never depends on
// which call is faster.
type meter struct {
	limit                     Budget
	calls, tokens, retrievals int
}

func newBudget(b Budget) *meter { return &meter{limit: b} }

func (m *meter) unlimited() bool { return m.limit.Calls == 0 && m.limit.Tokens == 0 }

// reserve takes one call of up to tokens tokens out of the budget; it reports
// false, and takes nothing, if that is more than there is.
func (m *meter) reserve(tokens int) bool {
	if m.limit.Calls > 0 && m.calls+1 > m.limit.Calls ||
		m.limit.Tokens > 0 && tokens > m.limit.Tokens-m.tokens {
		return false
	}
	m.calls++
	m.tokens += tokens
	return true
}

// reserveRetrieval takes one retrieval out of the budget, or reports false.
func (m *meter) reserveRetrieval() bool {
	if m.limit.Retrievals > 0 && m.retrievals == m.limit.Retrievals {
		return false
	}
	m.retrievals++
	return true
}

// settle replaces a reservation by what the call cost.
func (m *meter) settle(reserved int, u generator.Usage) {
	m.tokens -= reserved
	m.calls--
	m.charge(u)
}

// charge adds a cost that nobody reserved.
func (m *meter) charge(u generator.Usage) {
	m.calls += u.Calls
	m.tokens += u.GeneratedTokens
}

// costOf is what a completion cost. One that was cut off does not report all of
// it, but the call was made all the same.
func costOf(c generator.Completion) generator.Usage {
	if c.Finish != generator.Running {
		return c.Usage
	}
	u := generator.Usage{Calls: 1, GeneratedTokens: len(c.Steps), Partial: true}
	if len(c.Steps) > 0 { // some backends know the prompt's part at once
		u.PromptTokens, u.CachedTokens = c.Steps[0].Usage.PromptTokens, c.Steps[0].Usage.CachedTokens
	}
	return u
}
