package keyword

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/internal/analysis/analysistest"
)

// A passage has the terms that Places finds in its text, whatever was read before.
func TestReadAsPlaces(t *testing.T) {
	With(func(r *Reader) {
		for range 2 {
			for _, l := range []Language{Plain, english, unstemmed, standard} {
				for _, text := range analysistest.Sample(t) {
					var want, got []string
					for p := range Places(text, l) {
						want = append(want, p.Text)
					}
					r.Read(text, l, func(w *Word) { got = append(got, w.Terms...) }, func(term []byte) { got = append(got, string(term)) })
					slices.Sort(want)
					slices.Sort(got)
					if d := cmp.Diff(want, got); d != "" {
						t.Errorf("%q in %s (-places +read):\n%s", text, l.Name(), d)
					}
				}
			}
		}
	})
}

// Words that were read before cost no memory.
func TestReadAllocates(t *testing.T) {
	const text = "The bridges of Paris, built in 1932, were rebuilt: naïve e-mail."
	With(func(r *Reader) {
		read := func() { r.Read(text, english, func(*Word) {}, func([]byte) {}) }
		read()
		if n := testing.AllocsPerRun(100, read); n > 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
