package sensitivity

import (
	"fmt"

	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/reflection"
)

// NoiseStrength returns the strength ε of [Noise] at which a share accuracy of the labels
// of a group with n members does not change. Uniform permutation keeps 1 - ε + ε/n of
// them, so ε is (1 - accuracy) / (1 - 1/n). Even at strength 1 a share of 1/n is kept.
//
// It holds for the likeliest label, and there must be one. A decision by the ratio
// of two members of Retrieve can agree more often, since the third may move without
// effect. The error, an *[InputError], says that n is below 2 or accuracy outside
// [1/n, 1].
func NoiseStrength(accuracy float64, n int) (float64, error) {
	if n < 2 {
		return 0, inputError("NoiseStrength", "n is %d: want at least 2 members", n)
	}
	least := 1 / float64(n)
	if !(accuracy >= least && accuracy <= 1) {
		return 0, inputError("NoiseStrength", "accuracy is %v: want a share in [1/%d, 1]; noise of strength 1 leaves 1/%d", accuracy, n, n)
	}
	return min(1, (1-accuracy)/(1-least)), nil
}

// PublishedCases returns the noise that matches a published accuracy, such as one of
// [critics.PaperCritics]: for each group by itself, in the order of [reflection.Groups], and
// for all of them at once. The error, an *[InputError], says which group or accuracy is out
// of range.
func PublishedCases(p critics.Published) ([]Case, error) {
	all := Noise{}
	var cases []Case
	for _, g := range groupsOf(p.Accuracy) {
		e, err := NoiseStrength(p.Accuracy[g], g.Size())
		if err != nil {
			return nil, inputError(fmt.Sprintf("%s: Accuracy[%v]", p.Critic, g), "is %v: want a share from 1/%d to 1", p.Accuracy[g], g.Size())
		}
		all[g] = e
		cases = append(cases, Case{p.Critic, Noise{g: e}})
	}
	if len(cases) == 0 {
		return nil, inputError(p.Critic, "has no accuracy: want that of at least one group")
	}
	if len(cases) > 1 {
		cases = append(cases, Case{p.Critic, all})
	}
	return cases, nil
}

// NoiseCases returns, for each strength, noise in each group by itself and in all four.
func NoiseCases(strengths ...float64) []Case {
	var cases []Case
	for _, g := range reflection.Groups() {
		for _, e := range strengths {
			cases = append(cases, Case{"", Noise{g: e}})
		}
	}
	for _, e := range strengths {
		all := Noise{}
		for _, g := range reflection.Groups() {
			all[g] = e
		}
		cases = append(cases, Case{"", all})
	}
	return cases
}

// DropCases returns the system without each group, and without each pair of groups.
func DropCases() []Case {
	groups := reflection.Groups()
	var cases []Case
	for _, g := range groups {
		cases = append(cases, Case{"", Drop{g}})
	}
	for i, a := range groups {
		for _, b := range groups[i+1:] {
			cases = append(cases, Case{"", Drop{a, b}})
		}
	}
	return cases
}
