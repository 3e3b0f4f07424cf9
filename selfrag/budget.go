package selfrag

import (
	"errors"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/scoring"
)

// errTimeBudget is the cause of a context that the time budget ended.
var errTimeBudget = errors.New("the time budget of the question is used up")

// meter keeps the call and token budget of one question. It is used by one
// goroutine at a time, between the calls, so that what is affordable never depends on
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

// forRetrieval is what a retrieval may spend on models.
// What only a full trace asks for must not use up a budget.
func (m *meter) forRetrieval(c scoring.Choice, maxTokens int) account.Limits {
	if !m.unlimited() && (c == scoring.ChooseNoRetrieval || c == scoring.ChooseContinue) {
		return account.Limits{Calls: -1}
	}
	return m.beside(maxTokens)
}

// beside is all that is left but for one candidate, without which there would be
// nothing to show.
func (m *meter) beside(maxTokens int) account.Limits {
	left := func(limit, used, keep int) int {
		switch {
		case limit == 0:
			return 0
		case limit-used-keep > 0:
			return limit - used - keep
		}
		return -1
	}
	return account.Limits{
		Calls:  left(m.limit.Calls, m.calls, 1),
		Tokens: left(m.limit.Tokens, m.tokens, maxTokens),
	}
}

// tighten makes a budget hold to what is left of another one.
func (b *Budget) tighten(left account.Limits) error {
	if left.Calls < 0 || left.Tokens < 0 {
		return account.ErrLimit
	}
	lower := func(bound, left int) int {
		if left > 0 && (bound == 0 || left < bound) {
			return left
		}
		return bound
	}
	b.Calls, b.Tokens = lower(b.Calls, left.Calls), lower(b.Tokens, left.Tokens)
	return nil
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
