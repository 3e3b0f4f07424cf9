package run

import "github.com/goselfrag/goselfrag/budget"

// Prices are those of a model, in any currency, for a million tokens. A nil price is not
// known; it is never taken as 0.
type Prices struct {
	Prompt    *float64
	Generated *float64
}

// Of returns what usage costs, and whether that is known: it is not if a price of what was
// used is missing, or if a server did not report all that it used.
func (p Prices) Of(u budget.Usage) (cost float64, known bool) {
	known = !u.Partial
	for _, x := range []struct {
		tokens int
		price  *float64
	}{{u.PromptTokens, p.Prompt}, {u.GeneratedTokens, p.Generated}} {
		switch {
		case x.tokens == 0:
		case x.price == nil:
			known = false
		default:
			cost += float64(x.tokens) * *x.price / 1e6
		}
	}
	return cost, known
}

// Usage returns what the answers of a part need in all.
func (p *PartResults) Usage() (u budget.Usage) {
	for _, r := range p.Records {
		u = u.Add(budget.Usage{Calls: r.Calls, PromptTokens: r.PromptTokens, GeneratedTokens: r.Tokens, Partial: r.Partial})
	}
	return u
}
