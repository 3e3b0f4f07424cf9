package steproom

import "testing"

// What comes out is empty, has the room that was promised, and nothing of what went in
// shows through it.
func TestTakeAfterKeep(t *testing.T) {
	for _, n := range []int{0, 1, Least - 1, Least, 3 * Least} {
		in := make([]string, n)
		for i := range in {
			in[i] = "old"
		}
		Keep(in)
		for range 3 {
			s := Take[string]()
			if len(s) != 0 || cap(s) < Least {
				t.Fatalf("after %d elements: length %d, capacity %d, want 0 and at least %d", n, len(s), cap(s), Least)
			}
			for i, v := range s[:cap(s)] {
				if v != "" {
					t.Fatalf("after %d elements: element %d is %q", n, i, v)
				}
			}
		}
	}
}

// A slice is given out once.
func TestTakeGivesEachOnce(t *testing.T) {
	Keep(make([]string, Least))
	a, b := append(Take[string](), "a"), append(Take[string](), "b")
	if a[0] != "a" || b[0] != "b" {
		t.Errorf("the slices share memory: %q, %q", a, b)
	}
}
