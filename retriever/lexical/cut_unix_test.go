//go:build unix

package lexical

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
)

// A mapped file that is truncated while it is open gives an error.
func TestCutWhileMapped(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 1))
	ix, err := New(t.Context(), synthetic(r, 0, 5000), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := ix.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	ix = read(t, dir, true, Options{})
	if err := os.Truncate(segmentsIn(t, dir)[0], 4096); err != nil {
		t.Fatal(err)
	}
	_, err = ix.Retrieve(t.Context(), retriever.Query{Text: "w1x w2x", K: 3})
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("search: %v", err)
	}
	if err := ix.Delete(t.Context(), "17"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("delete: %v", err)
	}
	if err := ix.Save(t.Context(), t.TempDir()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("save: %v", err)
	}
	if err := ix.Verify(t.Context()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("verify: %v", err)
	}
}
