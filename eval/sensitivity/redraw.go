package sensitivity

import (
	"slices"

	"github.com/goselfrag/goselfrag/reflection"
)

// Redraw returns a function that draws the label in the place of another one, as [Apply]
// does it with hard labels: by [Noise], each label of the group with the same probability
// if it is replaced, or by a row of [Confusion]. What is drawn depends only on seed, id and
// the group of the label. A label of a group that p does not name, and one that is None,
// stays as it is. The function is safe for concurrent use.
//
// The error is an *[InputError]; p must be a Noise or a Confusion.
func Redraw(p Perturbation) (func(t reflection.Token, id string, seed uint64) reflection.Token, error) {
	if err := checkPerturbation(p); err != nil {
		return nil, err
	}
	switch p.(type) {
	case Noise, Confusion:
	default:
		return nil, inputError("perturbation", "is %T: want Noise or Confusion, which draw labels", p)
	}
	c := compile(p)
	return func(t reflection.Token, id string, seed uint64) reflection.Token {
		g := t.Group()
		if g == reflection.NoGroup || int(g) >= len(c.touched) || !c.touched[g] {
			return t
		}
		at := slices.Index(g.Tokens(), t)
		key := judgmentKey(redrawKey(questionKey(seed, id), 0), 0, g)
		if i := c.permutation(g, at, key); i > 0 {
			return g.Tokens()[permutations[g.Size()][i][at]]
		}
		return t
	}, nil
}
