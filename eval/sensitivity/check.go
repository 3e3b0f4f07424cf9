package sensitivity

import (
	"fmt"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/reflection"
)

func (n Noise) check() error {
	return checkStrengths("Noise", n, "a probability in [0, 1]", func(e float64) bool { return e >= 0 && e <= 1 })
}

func (t Temper) check() error {
	return checkStrengths("Temper", t, "a finite temperature above 0", func(t float64) bool { return t > 0 && !math.IsInf(t, 1) })
}

func checkStrengths(name string, m map[reflection.Group]float64, want string, fine func(float64) bool) error {
	if len(m) == 0 {
		return inputError(name, "has no group: want at least one")
	}
	for _, g := range groupsOf(m) {
		if err := checkGroup(name, g); err != nil {
			return err
		}
		if !fine(m[g]) {
			return inputError(fmt.Sprintf("%s[%v]", name, g), "is %v: want %s", m[g], want)
		}
	}
	return nil
}

func checkGroup(name string, g reflection.Group) error {
	if g.Size() == 0 {
		return inputError(name, "group %d is not one: want Retrieve, IsREL, IsSUP or IsUSE", g)
	}
	return nil
}

// rowTolerance is how far the sum of a row may be from 1: matrices are often rounded to
// a few digits.
const rowTolerance = 1e-6

func (c Confusion) check() error {
	if len(c) == 0 {
		return inputError("Confusion", "has no group: want at least one")
	}
	for _, g := range groupsOf(c) {
		if err := checkGroup("Confusion", g); err != nil {
			return err
		}
		name, n := fmt.Sprintf("Confusion[%v]", g), g.Size()
		if len(c[g]) != n {
			return inputError(name, "has %d rows: want %d, one per label", len(c[g]), n)
		}
		for i, row := range c[g] {
			if len(row) != n {
				return inputError(name, "row %d has %d columns: want %d, one per label", i, len(row), n)
			}
			sum := 0.0
			for j, p := range row {
				if !(p >= 0 && p <= 1) {
					return inputError(name, "row %d, column %d is %v: want a probability in [0, 1]", i, j, p)
				}
				sum += p
			}
			if math.Abs(sum-1) > rowTolerance {
				return inputError(name, "row %d sums to %v: want 1", i, sum)
			}
		}
	}
	return nil
}

func (d Drop) check() error {
	if len(d) == 0 {
		return inputError("Drop", "has no group: want at least one")
	}
	for i, g := range d {
		if err := checkGroup("Drop", g); err != nil {
			return err
		}
		if slices.Contains(d[:i], g) {
			return inputError("Drop", "names %v twice", g)
		}
	}
	return nil
}

func checkPerturbation(p Perturbation) error {
	if p == nil {
		return inputError("Perturbation", "is nil: want Noise, Confusion, Temper or Drop")
	}
	return p.check()
}
