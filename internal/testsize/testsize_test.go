package testsize

import "testing"

func TestOf(t *testing.T) {
	for value, want := range map[string]int{"": 1, "1": 2} {
		t.Setenv("GOSELFRAG_FULL", value)
		if got := Of(1, 2); got != want {
			t.Errorf("GOSELFRAG_FULL=%q: %d: want %d", value, got, want)
		}
	}
}
