package testsize

import "testing"

func TestOf(t *testing.T) {
	for value, want := range map[string][2]int{"": {1, 1}, "1": {2, 2}, "all": {2, 3}} {
		t.Setenv("GOSELFRAG_FULL", value)
		if got := [2]int{Of(1, 2), Long(1, 2, 3)}; got != want {
			t.Errorf("GOSELFRAG_FULL=%q: %d: want %d", value, got, want)
		}
	}
}

func TestRaced(t *testing.T) {
	want := 2
	if Racing {
		want = 1
	}
	if got := Raced(1, 2); got != want {
		t.Errorf("%d: want %d", got, want)
	}
}
