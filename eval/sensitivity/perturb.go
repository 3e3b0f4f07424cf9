package sensitivity

import (
	"slices"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Perturbation is a way in which a critic is wrong: [Noise], [Confusion], [Temper] or
// [Drop]. Groups that it does not name do not change.
type Perturbation interface {
	// check returns an *InputError if a value is out of its range.
	check() error
	// summary returns the groups, in the order of reflection.Groups, and the strength.
	summary() (kind Kind, groups []reflection.Group, strength float64)
}

// Kind names a kind of perturbation.
type Kind string

const (
	KindNone      Kind = "none" // of the baseline
	KindNoise     Kind = "noise"
	KindConfusion Kind = "confusion"
	KindTemper    Kind = "temper"
	KindDrop      Kind = "drop"
)

// Noise gives, for each group, the probability in [0, 1] with which a judgment is
// replaced: the members of its distribution are permuted, each permutation as likely as
// any other, and the generated label with them. The distribution keeps its sharpness. A
// hard label becomes each label of the group with the same probability, its own
// included: for the share of unchanged labels see [NoiseStrength].
//
// A group that was not judged stays so. The group Retrieve is that of decisions.
type Noise map[reflection.Group]float64

// Confusion gives, for each group, the probability of each label given the stored one:
// one row per stored label, one column per new label, both in the order of
// [reflection.Group.Tokens]; rows sum to 1. The stored label is the likeliest member. It
// and the drawn label exchange their probabilities. If no member has an exact probability
// there is no label, and nothing changes.
type Confusion map[reflection.Group][][]float64

// Temper gives, for each group, a temperature T above 0: each probability p becomes
// p^(1/T), renormalized over the group. Above 1 the critic is less sure, below 1 surer;
// the order of the labels does not change, nor do hard labels. Bounds of probabilities are
// raised to the same power. An unknown member is bounded by the rest that the known ones
// leave.
type Temper map[reflection.Group]float64

// Drop leaves groups out, as if the system had never had them: the weight of the group is
// 0, and constraints and abstention ignore it. Retrieve has no weight. Without it the modes
// that use it, adaptive and hard, become [selfrag.Always].
type Drop []reflection.Group

func (n Noise) summary() (Kind, []reflection.Group, float64) {
	return KindNoise, groupsOf(n), average(n)
}
func (t Temper) summary() (Kind, []reflection.Group, float64) {
	return KindTemper, groupsOf(t), average(t)
}
func (c Confusion) summary() (Kind, []reflection.Group, float64) {
	return KindConfusion, groupsOf(c), 0
}
func (d Drop) summary() (Kind, []reflection.Group, float64) {
	return KindDrop, slices.Sorted(slices.Values(d)), 0
}

func groupsOf[V any](m map[reflection.Group]V) []reflection.Group {
	groups := make([]reflection.Group, 0, len(m))
	for g := range m {
		groups = append(groups, g)
	}
	slices.Sort(groups)
	return groups
}

// average returns the mean strength; exactly the strength if all groups have one.
func average(m map[reflection.Group]float64) float64 {
	groups := groupsOf(m)
	sum, same := 0.0, true
	for _, g := range groups {
		sum += m[g]
		same = same && m[g] == m[groups[0]]
	}
	if same && len(groups) > 0 {
		return m[groups[0]]
	}
	return sum / float64(max(len(groups), 1))
}

// Apply returns a copy of a trace with perturbed judgments, for [selfrag.Rescore]. The
// trace is not changed. The draws depend only on seed, id, the candidate's node and the
// group. So a judgment inherited from an earlier segment changes like its original, and a
// judgment replaced at one strength is replaced in the same way at every greater one. The
// result is the first redraw of [Run] with this seed, for a question with this id.
//
// Scores, statuses and path in the copy are still those of the stored run. The error is
// an *[InputError].
func Apply(t *selfrag.Trace, p Perturbation, id string, seed uint64) (*selfrag.Trace, error) {
	if t == nil {
		return nil, inputError("trace", "is nil")
	}
	if err := checkPerturbation(p); err != nil {
		return nil, err
	}
	out, _ := apply(t, compile(p), redrawKey(questionKey(seed, id), 0))
	return out, nil
}

// compiled is a perturbation in a form that is fast to draw from. The arrays are indexed
// by group.
type compiled struct {
	random  bool // it depends on what is drawn
	noise   [reflection.IsUSE + 1]float64
	rows    [reflection.IsUSE + 1][][]float64
	touched [reflection.IsUSE + 1]bool    // judgments can be permuted
	temper  [reflection.IsUSE + 1]float64 // 0 for none
	drop    []reflection.Group
}

func compile(p Perturbation) *compiled {
	c := &compiled{}
	switch p := p.(type) {
	case Noise:
		for g, e := range p {
			c.noise[g], c.touched[g] = e, e > 0
			c.random = c.random || e > 0
		}
	case Confusion:
		for g, rows := range p {
			c.rows[g], c.touched[g], c.random = rows, true, true
		}
	case Temper:
		for g, t := range p {
			if t != 1 {
				c.temper[g] = t
			}
		}
	case Drop:
		c.drop = p
	}
	return c
}

// permutation returns the number of the permutation that is drawn for one judgment of
// g; top is its label's place in the group, -1 if it has none.
func (c *compiled) permutation(g reflection.Group, top int, key uint64) int {
	if e := c.noise[g]; e > 0 && unit(key) < e {
		return int(mix(key+golden) % uint64(len(permutations[g.Size()])))
	}
	if rows := c.rows[g]; rows != nil && top >= 0 {
		u, last := unit(key), top
		for j, p := range rows[top] {
			if p == 0 {
				continue
			}
			if last = j; u < p {
				break
			}
			u -= p
		}
		return swaps[g.Size()][top][last]
	}
	return 0
}

// golden is 2^64 divided by the golden ratio, the step of SplitMix64.
const golden = 0x9e3779b97f4a7c15

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast Splittable
// Pseudorandom Number Generators", 2014): a bijection whose output looks random.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unit returns a number in [0, 1).
func unit(x uint64) float64 { return float64(x>>11) * 0x1p-53 }

// questionKey mixes a seed with the id of a question.
func questionKey(seed uint64, id string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return mix(mix(seed+golden) ^ h)
}

func redrawKey(question uint64, redraw int) uint64 {
	return mix(question + golden*uint64(redraw+1))
}

// judgmentKey is the key of one judgment: of node's for the groups of critics, and of
// the decision after node for Retrieve.
func judgmentKey(redraw uint64, node int, g reflection.Group) uint64 {
	return mix(redraw + golden*(uint64(node)<<3|uint64(g)))
}

// permutation maps the place of each member to its new one.
type permutation [reflection.MaxGroupSize]uint8

// permutations holds, by the size of a group, all permutations, the identity first, and
// swaps the number of the one that exchanges two places.
var permutations, swaps = func() (all [reflection.MaxGroupSize + 1][]permutation, swaps [reflection.MaxGroupSize + 1][reflection.MaxGroupSize][reflection.MaxGroupSize]int) {
	for n := range all {
		all[n] = permute(permutation{}, 0, n, nil)
		for i := range n {
			for j := range n {
				want := all[n][0]
				want[i], want[j] = want[j], want[i]
				swaps[n][i][j] = slices.Index(all[n], want)
			}
		}
	}
	return all, swaps
}()

// permute appends, in lexicographic order, the permutations of n places that begin with
// the first at places of p.
func permute(p permutation, at, n int, list []permutation) []permutation {
	if at == n {
		return append(list, p)
	}
	for i := range n {
		if !slices.Contains(p[:at], uint8(i)) {
			p[at] = uint8(i)
			list = permute(p, at+1, n, list)
		}
	}
	return list
}
