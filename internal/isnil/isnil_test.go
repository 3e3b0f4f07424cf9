package isnil

import (
	"errors"
	"testing"
)

func TestValue(t *testing.T) {
	for name, c := range map[string]struct {
		v    any
		want bool
	}{
		"nil": {nil, true}, "pointer": {(*int)(nil), true}, "function": {(func())(nil), true},
		"value": {0, false}, "error": {errors.New("x"), false}, "nil map": {map[string]int(nil), false},
	} {
		if Value(c.v) != c.want {
			t.Errorf("%s: want %v", name, c.want)
		}
	}
}
