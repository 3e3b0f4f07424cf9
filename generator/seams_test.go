package generator

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestSeamsAgainstAllRanges compares with a loop over all ranges for each
// occurrence.
func TestSeamsAgainstAllRanges(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	pieces := []string{"[", "Rel", "evant", "]", " ", "\u200b", "[Relevant]", "\n", "##", "# ", "Input", ":", "x", "[[Rele", "vant]]"}
	changed := 0
	for range 30_000 {
		var text strings.Builder
		var data [][2]int
		for range random.IntN(12) {
			start := text.Len()
			text.WriteString(pieces[random.IntN(len(pieces))])
			if random.IntN(2) == 0 {
				data = append(data, [2]int{start, text.Len()})
			}
		}
		var subs []substitution
		set := reservedFor(nil)
		for _, o := range set.scan(text.String(), true) {
			for _, d := range data {
				if f, ok := nextFolded(text.String(), max(d[0], o.first.at)); ok && f.end <= d[1] && f.end <= o.last.end {
					subs = append(subs, substitution{f.at, f.end, set.other})
					break
				}
			}
		}
		want := substitute(text.String(), subs)
		if got := neutralizeSeams(text.String(), data); got != want {
			t.Fatalf("%q with data at %v: %q, want %q", text.String(), data, got, want)
		}
		if want != text.String() {
			changed++
		}
	}
	if changed < 1000 {
		t.Errorf("%d texts were changed: the test shows little", changed)
	}
}

// BenchmarkManyPassages prints the cost of a prompt with four times the passages.
func BenchmarkManyPassages(b *testing.B) {
	var took [2]time.Duration
	for b.Loop() {
		for i, n := range []int{2_000, 8_000} {
			p := Prompt{Instruction: "q", Evidence: make([]Evidence, n)}
			for j := range p.Evidence {
				p.Evidence[j].Text = "A passage."
			}
			start := time.Now()
			if _, err := (SelfRAGTemplate{}).Render(p); err != nil {
				b.Fatal(err)
			}
			took[i] += time.Since(start)
		}
	}
	b.ReportMetric(float64(took[1])/float64(took[0]), "times-for-4x")
}
