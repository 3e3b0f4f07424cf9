package keyword

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The fast path for simple words gives the same as the general path.
func TestSimple(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[A-Za-z][a-z]{0,12}|v[a-z]|the|The|[a-z]{60,70}`).Draw(t, "word")
		l := Language(rapid.IntRange(0, int(Count)-1).Draw(t, "language"))
		if !simple(word) {
			t.Fatalf("%q is not simple", word)
		}
		if d := cmp.Diff(splitPieces(word, l), piecesOf(word, l), cmp.AllowUnexported(piece{})); d != "" {
			t.Fatalf("%q in %s (-long +short):\n%s", word, l.Name(), d)
		}
	})
}
