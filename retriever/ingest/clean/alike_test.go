package clean

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
)

// template makes passages of one template: every two are about share alike. Each
// tenth is a copy of an early one with a single word changed.
func template(n int, share float64) []retriever.Passage {
	rng := rand.New(rand.NewPCG(3, 1))
	base := make([]string, 100)
	for i := range base {
		base[i] = fmt.Sprint("w", i)
	}
	// A changed run of words changes two shingles more than it has words.
	changed := int(100*(1-share)/(1+share)) - 2
	var out []retriever.Passage
	for i := range n {
		words := slices.Clone(base)
		at := rng.IntN(len(words) - changed)
		if i%10 == 9 && i > 100 {
			words = strings.Fields(out[i/20*10/2].Text)
			words[len(words)-1] = fmt.Sprint("z", i)
		} else {
			for k := range changed {
				words[at+k] = fmt.Sprint("x", rng.Uint32())
			}
		}
		out = append(out, retriever.Passage{ID: fmt.Sprint(i), Text: strings.Join(words, " ")})
	}
	return out
}

// How many passages each is compared with is bounded, and copies are still found.
func TestTemplateIsBounded(t *testing.T) {
	passages := template(3000, 0.75)
	ctx := &patience{t.Context(), 1 << 40}
	_, report, err := Passages(ctx, passages, Options{NearDuplicate: 0.9})
	looks := 1<<40 - ctx.left
	if err != nil || looks > 600*len(passages) {
		t.Errorf("%d looks for %d passages, %v", looks, len(passages), err)
	}
	copies := 0
	for i := range passages {
		if i%10 == 9 && i > 100 {
			copies++
		}
	}
	if n := report.Count(NearDuplicate); n < copies*98/100 {
		t.Errorf("%d of %d copies found", n, copies)
	}
}

// The growth is that of the time for each passage when there are four times as many:
// near 1 if it is linear, 4 if it is quadratic.
func BenchmarkTemplate(b *testing.B) {
	small, large := template(2000, 0.75), template(8000, 0.75)
	var took [2]time.Duration
	for b.Loop() {
		for i, passages := range [][]retriever.Passage{small, large} {
			start := time.Now()
			if _, _, err := Passages(b.Context(), passages, Options{NearDuplicate: 0.8}); err != nil {
				b.Fatal(err)
			}
			took[i] += time.Since(start)
		}
	}
	b.ReportMetric(took[1].Seconds()/took[0].Seconds()/4, "growth")
	b.ReportMetric(took[1].Seconds()/float64(b.N), "s/8000")
}
