package sensitivity

import (
	"cmp"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/selfrag"
)

// top returns the place of the likeliest member of d, the first of equal ones, or -1 if
// no member is exact.
func top(d *reflection.Distribution) int {
	at, most := -1, 0.0
	for i, p := range d.Probs[:d.Group.Size()] {
		if p.Known == reflection.Exact && (at < 0 || p.Log > most) {
			at, most = i, p.Log
		}
	}
	return at
}

// permuted carries out permutation number i.
func permuted(d *reflection.Distribution, token *reflection.Token, g reflection.Group, i int) {
	p := &permutations[g.Size()][i]
	if d.Group == g {
		old := d.Probs
		for i := range g.Size() {
			d.Probs[p[i]] = old[i]
		}
	}
	tokens := g.Tokens()
	if i := slices.Index(tokens, *token); i >= 0 {
		*token = tokens[p[i]]
	}
}

// tempered raises the probabilities of d to the power of 1/t.
func tempered(d *reflection.Distribution, t float64) {
	probs := d.Probs[:d.Group.Size()]
	known := 0.0
	for _, p := range probs {
		if p.Known == reflection.Exact {
			known += math.Exp(p.Log)
		}
	}
	rest := math.Log(max(0, 1-known))
	most := math.Inf(-1)
	for i := range probs {
		p := &probs[i]
		if p.Known == reflection.Unknown {
			*p = reflection.AtMostLog(rest)
		}
		p.Log /= t
		most = max(most, p.Log)
	}
	if math.IsInf(most, -1) {
		return
	}
	// The bounds count as if they were reached. Scores are ratios inside the group, so
	// this bounds them correctly for every sum.
	sum := 0.0
	for _, p := range probs {
		sum += math.Exp(p.Log - most)
	}
	for i := range probs {
		probs[i].Log = min(0, probs[i].Log-most-math.Log(sum))
	}
}

// apply returns the perturbed copy, and whether it can differ from t.
func apply(t *selfrag.Trace, c *compiled, redraw uint64) (*selfrag.Trace, bool) {
	out := *t
	if c.drop != nil {
		out.Settings = without(t, c.drop)
		return &out, true
	}
	changed := false
	var from map[int]int // see origins
	out.Expansions = make([]*selfrag.Expansion, len(t.Expansions))
	for i, e := range t.Expansions {
		if e == nil {
			continue
		}
		x := *e
		d := &x.Decision
		changed = c.change(&d.Dist, &d.Token, reflection.Retrieve, e.Parent, redraw) || changed
		x.Candidates = slices.Clone(e.Candidates)
		for j := range x.Candidates {
			n, cr := x.Candidates[j].Node, &x.Candidates[j].Critique
			for _, of := range [...]struct {
				g reflection.Group
				j *reflection.Judgment
			}{{reflection.IsREL, &cr.IsREL}, {reflection.IsSUP, &cr.IsSUP}, {reflection.IsUSE, &cr.IsUSE}} {
				node := n
				if of.j.Inherited {
					if from == nil {
						from = origins(t)
					}
					node = cmp.Or(from[e.Parent], n)
				}
				changed = c.change(&of.j.Dist, &of.j.Token, of.g, node, redraw) || changed
			}
		}
		out.Expansions[i] = &x
	}
	return &out, changed
}

// change perturbs one judgment, and reports whether it did.
func (c *compiled) change(d *reflection.Distribution, token *reflection.Token, g reflection.Group, node int, redraw uint64) bool {
	if c.touched[g] {
		label := -1
		if d.Group == g {
			label = top(d)
		}
		i := c.permutation(g, label, judgmentKey(redraw, node, g))
		if i > 0 {
			permuted(d, token, g, i)
		}
		return i > 0
	}
	if t := c.temper[g]; t > 0 && d.Group == g {
		tempered(d, t)
		return true
	}
	return false
}

// origins maps a node to the last node of its path with a passage of its own. Candidates
// that continue the path inherit the judgments of that node.
func origins(t *selfrag.Trace) map[int]int {
	of := map[int]int{}
	for _, e := range t.Expansions { // segment by segment, so that parents come first
		if e == nil {
			continue
		}
		for i := range e.Candidates {
			if c := &e.Candidates[i]; c.Passage >= 0 {
				of[c.Node] = c.Node
			} else if from, ok := of[e.Parent]; ok {
				of[c.Node] = from
			}
		}
	}
	return of
}

// without returns the settings of a system without groups.
func without(t *selfrag.Trace, groups []reflection.Group) selfrag.SettingsTrace {
	s := t.Settings
	for _, g := range groups {
		switch g {
		case reflection.Retrieve:
			if s.Mode == selfrag.Adaptive || s.Mode == selfrag.Hard || s.Mode == "" {
				s.Mode = selfrag.Always
			}
		case reflection.IsREL:
			s.Scoring.Weights.Relevance = 0
			s.Constraints.RejectIrrelevant = false
			// An abstention because nothing was found judged no relevance.
			if slices.ContainsFunc(t.Expansions, func(e *selfrag.Expansion) bool { return e != nil && len(e.Passages) > 0 }) {
				s.Abstention = nil
			}
		case reflection.IsSUP:
			s.Scoring.Weights.Support = 0
			s.Constraints.RejectNoSupport, s.Constraints.MaxNoSupport = false, 0
		case reflection.IsUSE:
			s.Scoring.Weights.Utility = 0
		}
	}
	return s
}
