package interleave

import (
	"slices"

	"github.com/goselfrag/goselfrag/reflection"
)

// judged is what the source said of a passage. Both are None if there is no label; an
// irrelevant passage is not asked how far it supports the sentence.
type judged struct {
	relevance, support reflection.Token
}

func (j judged) usable() bool {
	return j.relevance == reflection.Irrelevant || j.relevance == reflection.Relevant && j.support != reflection.None
}

// supports reports whether the passage is one that the paper takes.
func (j judged) supports() bool {
	return j.relevance == reflection.Relevant && (j.support == reflection.FullySupported || j.support == reflection.PartiallySupported)
}

// draws are the random choices of one record.
type draws interface {
	// chance returns true with probability p.
	chance(p float64) bool
	// pick returns a number from 0 to n-1; n is at least 1.
	pick(n int) int
}

// classes are the places of usable passages.
type classes struct {
	all, full, partial, unsupported, irrelevant []int
}

func classify(list []judged) classes {
	var c classes
	for i, j := range list {
		if !j.usable() {
			continue
		}
		c.all = append(c.all, i)
		switch {
		case j.relevance == reflection.Irrelevant:
			c.irrelevant = append(c.irrelevant, i)
		case j.support == reflection.FullySupported:
			c.full = append(c.full, i)
		case j.support == reflection.PartiallySupported:
			c.partial = append(c.partial, i)
		default:
			c.unsupported = append(c.unsupported, i)
		}
	}
	return c
}

// choose returns the place of the passage for a sentence, best retrieved first in list, and
// the labels that are written for it. It reports false if there is none.
func (s ruleSet) choose(list []judged, set string, d draws) (at int, label judged, ok bool) {
	c := classify(list)
	if at, ok = s.rank(c, set, d); !ok {
		return 0, judged{}, false
	}
	if s[NegativeSamples] {
		if len(c.irrelevant) == 0 {
			return 0, judged{}, false
		}
		at = s.irrelevant(c, d)
	}
	if s[IrrelevantFact] && (set == "nq" || set == "fever") && len(c.irrelevant) > 0 {
		at = s.irrelevant(c, d)
	}
	if label = list[at]; !label.usable() { // only IrrelevantIndex leads to one
		return 0, judged{}, false
	}
	rewrites := s[UnsupportedIrrelevant] && slices.Contains([]string{"nq", "fever", "wow"}, set) || s[NegativeSamples]
	if rewrites && label.support == reflection.NoSupport {
		label = judged{relevance: reflection.Irrelevant}
	}
	return at, label, true
}

// rank chooses before the rules that look for irrelevant passages. The order of the draws is
// that of the released program.
func (s ruleSet) rank(c classes, set string, d draws) (at int, ok bool) {
	switch {
	case len(c.full) > 0 && (s[FirstFull] || len(c.partial) == 0 || c.full[0] < c.partial[0]):
		if s[SomeIrrelevantNQ] && set == "nq" && d.chance(0.25) && len(c.irrelevant) > 0 {
			return s.irrelevant(c, d), true
		}
		return c.full[0], true
	case len(c.partial) > 0 && (!s[SomePartial] || d.chance(0.7)):
		return c.partial[0], true
	case len(c.full) > 0: // behind a partial one that was not taken
		return c.full[0], true
	case s[SomeUnsupported] && len(c.partial) == 0 && len(c.unsupported) > 0 && d.chance(0.25):
		return c.unsupported[0], true
	case s[ElseIrrelevant] && len(c.irrelevant) == 0, len(c.all) == 0:
		return 0, false
	case s[ElseIrrelevant]:
		return s.irrelevant(c, d), true
	}
	return c.all[d.pick(len(c.all))], true
}

// irrelevant draws one of the irrelevant passages. There is at least one.
func (s ruleSet) irrelevant(c classes, d draws) int {
	i := d.pick(len(c.irrelevant))
	if s[IrrelevantIndex] {
		return i
	}
	return c.irrelevant[i]
}
