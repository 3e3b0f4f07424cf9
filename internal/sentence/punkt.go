package sentence

import (
	"iter"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/neurosnap/sentences"
	"github.com/neurosnap/sentences/english"
)

// punkt loads the English data, some 400 kB, at first use. The tokenizer only reads
// it, so that all goroutines can share it.
var punkt = sync.OnceValue(func() *sentences.DefaultSentenceTokenizer {
	t, err := english.NewSentenceTokenizer(nil)
	if err != nil {
		panic("sentence: the data embedded in neurosnap/sentences is damaged: " + err.Error())
	}
	return t
})

// splitLatin cuts part, which is trimmed, where Punkt finds the end of a sentence.
func splitLatin(text string, part Span) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		s := part.Of(text)
		start := 0 // of the current sentence
		for flat, ends := range excerpts(s) {
			var stops []int
			if flat != "" {
				stops = punkt().SentencePositions(flat)
			}
			for _, e := range ends {
				for len(stops) > 0 && stops[0] < e.flat {
					stops = stops[1:]
				}
				c := context{last: e.word.Of(s), next: e.next.Of(s), found: len(stops) > 0 && stops[0] == e.flat}
				if e.before.Start >= start {
					c.before = e.before.Of(s)
				}
				if c.ends() {
					if !yield(Span{Start: part.Start + start, End: part.Start + e.word.End}) {
						return
					}
					start = e.next.Start
				}
			}
		}
		yield(Span{Start: part.Start + start, End: part.End})
	}
}

// end is a word that may end a sentence, with the words around it: it holds a full
// stop, exclamation or question mark, or is a phrase of Thai, or a closing mark
// after such a word. before is empty if there is none.
type end struct {
	before, word, next Span
	flat               int // where it ends in the excerpt, -1 if Punkt need not read it
}

// excerpts yields the parts of s that Punkt has to read, with the words that may
// end a sentence: these words, and the one after each. Punkt marks no other word,
// and reads nothing else to decide. So it marks the same words as in all of s. Each
// word is followed by a space: Punkt expects one between words, and loses a last
// word that ends in a character of several bytes.
func excerpts(s string) iter.Seq2[string, []end] {
	return func(yield func(string, []end) bool) {
		var flat []byte
		var ends []end
		var before Span
		open, shown := false, false // the previous word may end a sentence; Punkt reads it
		for w, holds := range fields(s) {
			stop := holds != nothing
			if open {
				ends[len(ends)-1].next = w
				stop = stop || Closes(w.Of(s))
			} else if len(flat) > 1<<14 {
				if !yield(string(flat), ends) {
					return
				}
				flat, ends = flat[:0], ends[:0]
			}
			if shown || holds == aStop {
				for _, r := range w.Of(s) {
					flat = utf8.AppendRune(flat, r) // a bad byte becomes U+FFFD: Punkt slices by characters
				}
			}
			if stop {
				e := end{before: before, word: w, flat: -1}
				if holds == aStop {
					e.flat = len(flat)
				}
				ends = append(ends, e)
			}
			if shown || holds == aStop {
				flat = append(flat, ' ')
			}
			before, open, shown = w, stop, holds == aStop
		}
		if open {
			ends = ends[:len(ends)-1] // nothing follows it
		}
		if len(ends) > 0 {
			yield(string(flat), ends)
		}
	}
}

// holding says what part of a word can end a sentence.
type holding uint8

const (
	nothing holding = iota
	aPhrase         // of Thai
	aStop
)

// fields yields the runs of characters of s without white space, and whether each
// may end a sentence: whether it holds a character that does, or is a phrase of
// Thai.
func fields(s string) iter.Seq2[Span, holding] {
	return func(yield func(Span, holding) bool) {
		start, stop, thai := -1, false, 0
		for i := 0; i < len(s); {
			r, size := rune(s[i]), 1
			space := r == ' ' || r >= '\t' && r <= '\r'
			if r >= utf8.RuneSelf {
				r, size = utf8.DecodeRuneInString(s[i:])
				space = unicode.IsSpace(r)
			}
			if !space {
				if start < 0 {
					start, stop, thai = i, false, 0
				}
				switch {
				case r == '.' || r == '!' || r == '?' || r == '…' || r == '。' || r == '！' || r == '？':
					stop = true
				case IsThai(r):
					thai++
				}
			} else if start >= 0 {
				if !yield(Span{Start: start, End: i}, holds(stop, thai)) {
					return
				}
				start = -1
			}
			i += size
		}
		if start >= 0 {
			yield(Span{Start: start, End: len(s)}, holds(stop, thai))
		}
	}
}

func holds(stop bool, thai int) holding {
	switch {
	case stop:
		return aStop
	case thai >= phraseLetters:
		return aPhrase
	}
	return nothing
}
