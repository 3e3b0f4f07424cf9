package generator

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/reflection"
)

// Neutralize returns text with every reserved string made harmless, so that text
// from outside (questions, passages, titles, history) cannot be read as control
// text in a prompt. Reserved are
//
//   - the fifteen control tokens of package reflection;
//   - the headings Instruction, Input and Response of the prompt template: at the
//     start of a line or of text, two or more #, the word, a colon;
//   - the markers of roles, turns, tools and thoughts of chat models. They are
//     recognized by shape, since new models have new markers: one word of at most
//     64 runes (letters, digits and the runes _ - . / ▁) between <| and |> or [|
//     and |]; tags and bracketed words such as "</s>", "<think>", "<tool_call>"
//     and "[INST]"; numbered tokens such as "<extra_id_7>". "<S>" is no marker;
//   - the strings in special: other tokens with a meaning for the server. A
//     string of only white space and invisible runes is ignored. Special strings
//     are found inside words, too: "eos" changes "videos".
//
// A variant counts as the string itself if it differs only in case, in full-width
// forms (U+FF01 to U+FF5E), in invisible runes (format and control runes, variation
// selectors), or in white space. Any run of white space, line breaks included,
// counts as one space. White space is optional just inside brackets, around the
// runes : / | and between the parts of a heading. Other look-alikes, such as
// Cyrillic letters or mathematical alphabets, are not variants.
//
// Runes are replaced one for one, never added or removed. The first bracket of a
// reserved string becomes ( and its last one ), the first # of a heading becomes *,
// and so does the first rune of a special string that does not start with a
// bracket. If special itself contains one of these, another rune is used. Every
// other byte is kept, invalid UTF-8 included. The result holds no reserved string,
// so neutralizing it again with the same special changes nothing. Text without
// reserved strings is returned unchanged.
//
// The guarantee is about one text: two harmless texts may form a variant when they
// are joined. The templates of this package prevent that.
//
// The time is proportional to the length of text, in the worst case times the total
// length of the reserved strings. Neutralize is safe for concurrent use.
func Neutralize(text string, special ...string) string {
	set := reservedFor(special)
	var subs []substitution
	for _, o := range set.scan(text, true) {
		subs = append(subs, set.breakFirst(o.first))
		if strings.ContainsRune(closers, o.last.r) {
			subs = append(subs, substitution{o.last.at, o.last.end, set.closing})
		}
	}
	return substitute(text, subs)
}

// neutralizeSeams neutralizes text in which only some ranges of bytes, in order,
// are data. A string that is reserved within the trusted text alone stays. If data
// is part of it, one rune of the data is replaced.
func neutralizeSeams(text string, data [][2]int, special ...string) string {
	set := reservedFor(special)
	var subs []substitution
	for _, o := range set.scan(text, true) { // sorted by start, as the ranges are
		for len(data) > 0 && data[0][1] <= o.first.at {
			data = data[1:]
		}
		for _, d := range data {
			if d[0] >= o.last.end {
				break
			}
			// The first rune of the occurrence that is in the data. If only blanks
			// and invisible runes follow in the data, the string is reserved
			// without it.
			f, ok := nextFolded(text, max(d[0], o.first.at))
			if ok && f.end <= d[1] && f.end <= o.last.end {
				subs = append(subs, substitution{f.at, f.end, set.other})
				break
			}
		}
	}
	return substitute(text, subs)
}

// substitute makes the substitutions.
func substitute(text string, subs []substitution) string {
	if len(subs) == 0 {
		return text
	}
	// Reserved strings may overlap, so the closing rune of one can come after
	// the opening rune of the next, and a rune can be named twice.
	slices.SortFunc(subs, func(a, b substitution) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.r, b.r))
	})
	var out strings.Builder
	out.Grow(len(text))
	done := 0
	for _, s := range subs {
		if s.at < done {
			continue
		}
		out.WriteString(text[done:s.at])
		out.WriteRune(s.r)
		done = s.end
	}
	out.WriteString(text[done:])
	return out.String()
}

// ContainsReserved reports whether text contains a reserved string or a variant of
// one, that is, whether Neutralize would change text. Use it to reject text instead
// of changing it, to count attempts, or to check the values in a finished prompt.
// It is safe for concurrent use.
func ContainsReserved(text string, special ...string) bool {
	return len(reservedFor(special).scan(text, false)) > 0
}

const (
	openers = "[<({"
	closers = "]>)}"
	joiners = ":/|" // blanks on either side of these are optional
)

var (
	controlPatterns = func() []pattern {
		var ps []pattern
		for _, t := range reflection.Tokens() {
			ps = append(ps, newPattern(t.String()))
		}
		return ps
	}()
	// headingPatterns follow the # signs of a heading.
	headingPatterns = []pattern{newPattern("Instruction:"), newPattern("Input:"), newPattern("Response:")}
)

// builtin holds the strings that are always reserved, builtinUsed the runes in them
// and in the markers recognized by shape.
var builtin, builtinUsed = func() (*index, map[rune]bool) {
	x, used := new(index), map[rune]bool{'#': true, '|': true}
	for _, p := range slices.Concat(controlPatterns, markerPatterns) {
		x.add(p)
	}
	for _, p := range slices.Concat(controlPatterns, markerPatterns, headingPatterns) {
		for _, c := range p {
			used[c.r] = true
		}
	}
	return x, used
}()

// reservedSet is the compiled form of all reserved strings of one call. It is
// immutable.
type reservedSet struct {
	special []string  // as given by the caller
	byFirst *index    // the special strings, nil if there is none
	opens   [256]bool // first bytes of the runes at which something reserved may start

	// The replacement runes, for an opening bracket, a closing bracket and any
	// other rune.
	//
	// They occur in no reserved string, and they are neither blank nor invisible.
	// So one pass is enough. Proof: suppose the result contained a reserved string.
	// That string has none of these runes, so all its runes come unchanged from the
	// original, where they were adjacent, with the same blanks between. Then the
	// original contained it, too. But every reserved string of the original lost
	// its first rune. For a heading this holds because no substitution makes a line
	// start.
	opening, closing, other rune
}

func newReservedSet(special []string) *reservedSet {
	s := &reservedSet{special: slices.Clone(special)}
	own := map[rune]bool{}
	for _, literal := range special {
		p := newPattern(literal)
		if len(p) == 0 {
			continue
		}
		for _, c := range p {
			own[c.r] = true
		}
		if s.byFirst == nil {
			s.byFirst = new(index)
		}
		s.byFirst.add(p)
		s.markOpening(p[0].r)
	}
	for _, p := range slices.Concat(controlPatterns, markerPatterns) {
		s.markOpening(p[0].r)
	}
	s.markOpening('#')
	used := func(r rune) bool { return builtinUsed[r] || own[r] }
	s.opening, s.closing = unusedPair(used)
	s.other = unusedRune(used, "*+~")
	return s
}

// markOpening marks the first byte of every rune that folds to r.
func (s *reservedSet) markOpening(r rune) {
	if r >= badByte {
		s.opens[r-badByte] = true
		return
	}
	if r == 'I' {
		s.opens["İ"[0]], s.opens["ı"[0]] = true, true
	}
	for f := r; ; {
		s.opens[string(f)[0]] = true
		if f > ' ' && f < utf8.RuneSelf {
			s.opens[string(f + wideShift)[0]] = true
		}
		if f = unicode.SimpleFold(f); f == r {
			return
		}
	}
}

// unusedPair returns a pair of brackets, or of other runes, not in used.
func unusedPair(used func(rune) bool) (opening, closing rune) {
	for _, p := range [][2]rune{{'(', ')'}, {'{', '}'}, {'⟨', '⟩'}} {
		if !used(p[0]) && !used(p[1]) {
			return p[0], p[1]
		}
	}
	r := unusedRune(used, "")
	return r, r
}

// unusedRune returns the first unused rune of preferred, or else the first unused
// visible one from the geometric shapes on. U+FFFD is the result only if the
// special strings contain all of these.
func unusedRune(used func(rune) bool, preferred string) rune {
	for _, r := range preferred {
		if !used(r) {
			return r
		}
	}
	for r := '\u25A0'; r <= unicode.MaxRune; r++ {
		if unicode.IsPrint(r) && !ignorable(r) && !inMarker(r) && !used(foldRune(r)) {
			return r
		}
	}
	return utf8.RuneError
}

var (
	defaultReserved = newReservedSet(nil)
	// lastReserved holds the set used last. A program uses few servers, so it
	// nearly always matches, and unlike a map it cannot grow.
	lastReserved atomic.Pointer[reservedSet]
)

func reservedFor(special []string) *reservedSet {
	if len(special) == 0 {
		return defaultReserved
	}
	if s := lastReserved.Load(); s != nil && slices.Equal(s.special, special) {
		return s
	}
	s := newReservedSet(special)
	lastReserved.Store(s)
	return s
}

// substitution replaces the rune at text[at:end] by r.
type substitution struct {
	at, end int
	r       rune
}

// occurrence is a reserved string in a text: its first and its last rune.
type occurrence struct{ first, last foldedRune }

// scan returns every reserved string in text, or, if all is false, only those that
// start at the first place where one does. It allocates nothing if there are none,
// unless a special string has more than 32 runes.
//
// It looks for a reserved string at each rune, even inside another one, so it finds
// all nested and overlapping ones. One start reads only a few runes ahead. Runs of
// blanks and invisible runes are read again only by the few starts right before
// them. So the time stays linear.
func (s *reservedSet) scan(text string, all bool) []occurrence {
	var found []occurrence
	w := foldWindow{text: text}
	for i := 0; i < len(text) && (all || len(found) == 0); {
		if b := text[i]; !s.opens[b] {
			size := 1
			if b >= utf8.RuneSelf {
				_, size = utf8.DecodeRuneInString(text[i:])
			}
			i += size
			continue
		}
		first, ok := nextFolded(text, i)
		if !ok {
			break
		}
		i = first.end
		w.reset(i)
		if s.byFirst != nil {
			found = s.byFirst.at(first, &w, found)
		}
		if first.r == '#' { // nothing else begins with #
			if last, ok := heading(&w, first); ok {
				found = append(found, occurrence{first, last})
			}
			continue
		}
		found = builtin.at(first, &w, found)
		if last, ok := marker(&w, first); ok {
			found = append(found, occurrence{first, last})
		}
	}
	return found
}

// breakFirst returns the substitution for the first rune of a reserved string.
func (s *reservedSet) breakFirst(f foldedRune) substitution {
	if strings.ContainsRune(openers, f.r) {
		return substitution{f.at, f.end, s.opening}
	}
	return substitution{f.at, f.end, s.other}
}

// heading reports whether first, a rune of w.text, begins a heading, and returns
// its last rune. It moves w.
func heading(w *foldWindow, first foldedRune) (last foldedRune, ok bool) {
	if first.r != '#' || !atLineStart(w.text, first.at) {
		return first, false
	}
	end, signs := first.end, 1
	for {
		f, ok := nextFolded(w.text, end)
		if !ok || f.r != '#' || f.blank {
			break
		}
		end = f.end
		signs++
	}
	if signs < 2 {
		return first, false
	}
	w.reset(end)
	for _, p := range headingPatterns {
		if last, ok := p.match(w); ok {
			return last, true
		}
	}
	return first, false
}
