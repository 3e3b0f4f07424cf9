package sentence

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// whole returns all words of s, as excerpts would if each of them could end a sentence.
func whole(s string) (string, []end) {
	var flat strings.Builder
	var all []end
	for w := range fields(s) {
		for _, r := range w.Of(s) {
			flat.WriteRune(r)
		}
		all = append(all, end{word: w, flat: flat.Len()})
		flat.WriteByte(' ')
	}
	return flat.String(), all
}

// FuzzExcerpts checks that Punkt marks the same words in the excerpts as in the
// whole text, of any length.
func FuzzExcerpts(f *testing.F) {
	for _, s := range []string{
		"Dr. Smith met J. K. Rowling in St. Louis. She wrote it! Why? He said \"no.\" Then he left.", "a . . . b . . c. . D", "1. One. 2) Two. N°. 1026.253.553. That is.",
		"U.S.A. The F.B.I. came at 5 p.m. on Jan. 5. (It rained.) It cost 3.5, no. 7", "。。 a；b. c！d ?? e", "A.B. C.; d.[1] E \xff. É. é.", "T. S. Eliot vs. J. Bach. The end. of",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, s string, long bool) {
		if long {
			s = strings.Repeat(s+" ", 1+1<<16/(len(s)+1)) // several excerpts
		}
		// The places in s where the marked words end.
		marked := func(flat string, ends []end) (out []int) {
			stops := punkt().SentencePositions(flat)
			for _, e := range ends {
				if _, ok := slices.BinarySearch(stops, e.flat); ok {
					out = append(out, e.word.End)
				}
			}
			return out
		}
		var got []int
		for flat, ends := range excerpts(s) {
			got = append(got, marked(flat, ends)...)
		}
		flat, all := whole(s)
		if want := marked(flat, all[:max(len(all)-1, 0)]); !slices.Equal(got, want) {
			t.Fatalf("%q: words that end at %v, in all of the text %v", s, got, want)
		}
	})
}

// BenchmarkExcerpts measures how much faster Punkt is with excerpts than with all
// of a text.
func BenchmarkExcerpts(b *testing.B) {
	s := strings.Repeat("The bridge across the northern arm of the bay was opened in 1932 by the mayor, who came by boat because the road was not yet finished. "+
		"It carries cars and trains on two decks, and some 40 thousand people walk over it on a day in summer. Dr. Smith wrote its history. ", 20)
	var part, all time.Duration
	for b.Loop() {
		start := time.Now()
		for flat := range excerpts(s) {
			punkt().SentencePositions(flat)
		}
		middle := time.Now()
		flat, _ := whole(s)
		punkt().SentencePositions(flat)
		part += middle.Sub(start)
		all += time.Since(middle)
	}
	b.ReportMetric(float64(all)/float64(part), "times-faster")
}
