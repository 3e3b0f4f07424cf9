package scoring

import (
	"fmt"
	"strings"
)

// name returns names[i], or a form like Kind(9) for a number without a name.
func name(names []string, i uint8, typ string) string {
	if int(i) >= len(names) {
		return fmt.Sprintf("%s(%d)", typ, i)
	}
	return names[i]
}

// marshalName returns names[i], or an error for a number without a name.
func marshalName(names []string, i uint8, typ string) ([]byte, error) {
	if int(i) >= len(names) {
		return nil, fmt.Errorf("scoring: no %s has the number %d: want 0 to %d", typ, i, len(names)-1)
	}
	return []byte(names[i]), nil
}

// parseName returns the index of b in names.
func parseName(names []string, b []byte, typ string) (uint8, error) {
	for i, n := range names {
		if n == string(b) {
			return uint8(i), nil
		}
	}
	return 0, fmt.Errorf("scoring: %q is not a %s: want one of %s", b, typ, strings.Join(names, ", "))
}
