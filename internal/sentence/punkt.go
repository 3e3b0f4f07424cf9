package sentence

import (
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

// splitLatin cuts part where Punkt sees the end of a sentence.
func splitLatin(text string, part Span) []Span {
	s := part.Of(text)
	if !hasStop(s) {
		return []Span{part}
	}
	flat, words := flatten(s)
	stops := punkt().SentencePositions(flat)
	var out []Span
	first := 0 // the first word of the sentence being gathered
	for i := range len(words) - 1 {
		for len(stops) > 0 && stops[0] < words[i].flat {
			stops = stops[1:]
		}
		found := len(stops) > 0 && stops[0] == words[i].flat
		c := context{last: words[i].of(s), next: words[i+1].of(s)}
		if i > first {
			c.before = words[i-1].of(s)
		}
		if found && !c.joins() || !found && c.parts() {
			out = append(out, Span{part.Start + words[first].start, part.Start + words[i].end})
			first = i + 1
		}
	}
	return append(out, Span{part.Start + words[first].start, part.End})
}

// hasStop reports whether a full stop, exclamation or question mark stands in s
// before its last word, which spares most headings and list items the work.
func hasStop(s string) bool {
	i := strings.LastIndexFunc(s, unicode.IsSpace)
	return i > 0 && strings.ContainsAny(s[:i], ".!?")
}

// word is a run of characters without white space: its place in the original
// and the end of its place in the flattened text.
type word struct{ start, end, flat int }

func (w word) of(s string) string { return s[w.start:w.end] }

// flatten puts one space for every run of white space, which is what Punkt
// expects, and says where the words were. A space is added at the end, because
// Punkt's tokenizer loses a last word that ends in a character of several bytes.
func flatten(s string) (string, []word) {
	var b strings.Builder
	b.Grow(len(s) + 1)
	var words []word
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsSpace(r) {
			i += size
			continue
		}
		start := i
		for i < len(s) {
			r, size = utf8.DecodeRuneInString(s[i:])
			if unicode.IsSpace(r) {
				break
			}
			// A bad byte becomes U+FFFD: Punkt slices by characters.
			b.WriteRune(r)
			i += size
		}
		words = append(words, word{start, i, b.Len()})
		b.WriteByte(' ')
	}
	return b.String(), words
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
