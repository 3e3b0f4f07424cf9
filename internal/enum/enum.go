// Package enum has the text forms of enumerations: types whose values have names.
package enum

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Numbers names the values of E, which count from 0.
type Numbers[E ~uint8] struct {
	// Package and What begin errors: "Package: no What has the number 9".
	Package, What string
	// Names are those of 0, 1 and so on; the first may be empty.
	Names []string
}

// String returns the name of e, or a form like Level(9) if it has none.
func (n Numbers[E]) String(e E) string {
	if int(e) >= len(n.Names) {
		return fmt.Sprintf("%s(%d)", reflect.TypeFor[E]().Name(), uint8(e))
	}
	return n.Names[e]
}

// Marshal returns the name of e, or an error if it has none.
func (n Numbers[E]) Marshal(e E) ([]byte, error) {
	if int(e) >= len(n.Names) {
		return nil, fmt.Errorf("%s: no %s has the number %d: want 0 to %d", n.Package, n.What, uint8(e), len(n.Names)-1)
	}
	return []byte(n.Names[e]), nil
}

// Unmarshal sets e to the value with the name b. For another text it leaves e alone and
// returns an error.
func (n Numbers[E]) Unmarshal(b []byte, e *E) error {
	i := slices.Index(n.Names, string(b))
	if i < 0 {
		return notOne(n.Package, n.What, string(b), n.Names)
	}
	*e = E(i)
	return nil
}

// Texts is an enumeration whose values are their own names. The zero value means the
// first of them.
type Texts[E ~string] struct {
	Package, What string // as in Numbers
	Names         []E
}

// Marshal returns the name of e, or an error if it is none.
func (t Texts[E]) Marshal(e E) ([]byte, error) {
	e = cmp.Or(e, t.Names[0])
	return []byte(e), t.Unmarshal([]byte(e), &e)
}

// Unmarshal sets e to the value with the name b. For another text it leaves e alone and
// returns an error.
func (t Texts[E]) Unmarshal(b []byte, e *E) error {
	if !slices.Contains(t.Names, E(b)) {
		return notOne(t.Package, t.What, string(b), t.Names)
	}
	*e = E(b)
	return nil
}

func notOne[E ~string](pkg, what, text string, names []E) error {
	return fmt.Errorf("%s: %q is not a %s: want one of %s", pkg, text, what, List(names))
}

// List returns the names in one line, without an empty one.
func List[E ~string](names []E) string {
	var list []string
	for _, n := range names {
		if n != "" {
			list = append(list, string(n))
		}
	}
	return strings.Join(list, ", ")
}
