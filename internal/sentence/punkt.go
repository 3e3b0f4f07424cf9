package sentence

import (
	"iter"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/neurosnap/sentences"
	"github.com/neurosnap/sentences/english"
)

// punkt loads the English data, some 400 kB, at first use. The tokenizer only
// reads it, so that all goroutines can share it.
var punkt = sync.OnceValue(func() *sentences.DefaultSentenceTokenizer {
	t, err := english.NewSentenceTokenizer(nil)
	if err != nil {
		panic("sentence: the data embedded in neurosnap/sentences is damaged: " + err.Error())
	}
	return t
})

// splitLatin cuts part, which is trimmed, where Punkt sees the end of a sentence.
func splitLatin(text string, part Span) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		s := part.Of(text)
		start := 0 // of the sentence being gathered
		for flat, ends := range excerpts(s) {
			stops := punkt().SentencePositions(flat)
			for _, e := range ends {
				for len(stops) > 0 && stops[0] < e.flat {
					stops = stops[1:]
				}
				found := len(stops) > 0 && stops[0] == e.flat
				c := context{last: e.word.Of(s), next: e.next.Of(s)}
				if e.before.Start >= start {
					c.before = e.before.Of(s)
				}
				if found && !c.joins() || !found && c.parts() {
					if !yield(Span{part.Start + start, part.Start + e.word.End}) {
						return
					}
					start = e.next.Start
				}
			}
		}
		yield(Span{part.Start + start, part.End})
	}
}

// end is a word that may end a sentence, since it holds a full stop, exclamation or
// question mark, with the words around it; before is empty if there is none.
type end struct {
	before, word, next Span
	flat               int // where it ends in the excerpt
}

// excerpts yields what Punkt has to see of s, with the words that may end a sentence:
// these, and the one behind each. Punkt marks no other word, and looks at
// nothing else to decide, so that it marks the same words as in all of s. A space stands
// behind each word: Punkt expects one between words, and loses a last word that ends
// in a character of several bytes.
func excerpts(s string) iter.Seq2[string, []end] {
	return func(yield func(string, []end) bool) {
		var flat []byte
		var ends []end
		var before Span
		open := false // the word before may end a sentence
		for w, stop := range fields(s) {
			if open {
				ends[len(ends)-1].next = w
			} else if len(flat) > 1<<14 {
				if !yield(string(flat), ends) {
					return
				}
				flat, ends = flat[:0], ends[:0]
			}
			if open || stop {
				for _, r := range w.Of(s) {
					flat = utf8.AppendRune(flat, r) // a bad byte becomes U+FFFD: Punkt slices by characters
				}
				if stop {
					ends = append(ends, end{before: before, word: w, flat: len(flat)})
				}
				flat = append(flat, ' ')
			}
			before, open = w, stop
		}
		if open {
			ends = ends[:len(ends)-1] // nothing follows it
		}
		if len(ends) > 0 {
			yield(string(flat), ends)
		}
	}
}

// fields yields the runs of characters of s without white space, and whether each
// holds a character that ends sentences.
func fields(s string) iter.Seq2[Span, bool] {
	return func(yield func(Span, bool) bool) {
		start, stop := -1, false
		for i, r := range s {
			switch {
			case !unicode.IsSpace(r):
				if start < 0 {
					start, stop = i, false
				}
				stop = stop || r == '.' || r == '!' || r == '?' || r == '。' || r == '！' || r == '？'
			case start >= 0:
				if !yield(Span{start, i}, stop) {
					return
				}
				start = -1
			}
		}
		if start >= 0 {
			yield(Span{start, len(s)}, stop)
		}
	}
}

// Words that Punkt's data lacks or that it judges otherwise than we need.
var (
	// Abbreviations that never end a sentence.
	open = set("mr mrs ms dr prof gen col lt sgt capt cmdr adm maj rev hon gov sen messrs mme mlle mt e.g i.e eg ie cf vs viz")
	// Abbreviations that do not end one before a number.
	beforeNumber = set("no nos p pp fig figs eq eqs vol vols ch sec art ver v al approx ca c jan feb mar apr jun jul aug sep sept oct nov dec")
	// Words that begin a sentence after a single letter, and are no surnames.
	starters = set("The This That These Those It He She They We There However")
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// context is the surroundings of a space between two words.
type context struct {
	before string // the word before last, "" if last begins a sentence
	last   string
	next   string
}

// joins reports whether the sentence goes on although Punkt found its end.
func (c context) joins() bool {
	first, _ := utf8.DecodeRuneInString(c.next)
	if strings.ContainsRune(",;:", first) {
		return true
	}
	if strings.HasSuffix(c.last, "!") {
		return unicode.IsLower(first) // a name: Yahoo! is
	}
	if isInitial(c.last) && (isInitial(c.before) || isInitial(c.next)) && !starters[c.next] {
		return true // W. E. B. Du Bois, (H. S. Truman)
	}
	abbr, ok := strings.CutSuffix(strings.ToLower(strings.TrimLeft(c.last, opening)), ".")
	if !ok {
		return false
	}
	first, _ = utf8.DecodeRuneInString(strings.TrimLeft(c.next, "(["))
	return open[abbr] || beforeNumber[abbr] && unicode.IsDigit(first)
}

// parts reports whether a sentence ends although Punkt found no end: Punkt takes
// every number before a full stop for that of a list item, and every single
// letter for an initial.
func (c context) parts() bool {
	if c.before == "" {
		return false
	}
	if isInitial(c.last) {
		return starters[c.next]
	}
	number, ok := strings.CutSuffix(c.last, ".")
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(c.next, opening))
	return ok && strings.ContainsAny(number, digits) && strings.Trim(number, digits+".,") == "" && unicode.IsUpper(first)
}

const (
	digits  = "0123456789"
	opening = "([{\"'“‘"
)

// isInitial reports whether w is a single letter with a full stop.
func isInitial(w string) bool {
	w = strings.TrimLeft(w, opening)
	r, size := utf8.DecodeRuneInString(w)
	return unicode.IsUpper(r) && w[size:] == "."
}
