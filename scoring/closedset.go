package scoring

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ClosedResult is the outcome of [ClosedSet]. It refers to labels, texts and scores
// by their indices in the arguments.
type ClosedResult struct {
	Best      int       `json:"best"`                // the winning label; -1 if no text matches any label
	Sums      []float64 `json:"sums"`                // per label, the sum of the scores of its texts
	Labels    []int     `json:"labels"`              // per text, its label; -1 if it matches none
	Unmatched []int     `json:"unmatched,omitempty"` // the texts that match no label, in order
}

// ClosedSet chooses among labels. It adds up, per label, the scores of the texts
// that give it. The label with the largest sum wins, even if another one has the
// best single text. Of labels with equal sums the one whose first text came first
// wins. A label without texts has the sum 0 and cannot win. Scores are added in the
// order of the texts and should be finite.
//
// Texts and labels are compared in a normal form: white space, punctuation and
// backquotes are cut off at both ends, white space inside becomes single spaces,
// characters of full width become ordinary ones, and the comparison ignores case,
// as [strings.EqualFold] does. A text gives a label
//
//   - if the two are equal;
//   - if the text begins with the label, followed by something that ends a word:
//     "A: Paris", "(B) because", "B是对的". A point or comma between two digits does
//     not end a label, so "3.5" does not give the label 3. Nor does a hyphen or
//     an apostrophe before a letter ("A-level", "I'm"), except in "'s". After a
//     label that is an ordinary word (a, an, e, i, no, o, u, y) a space and a
//     word may follow only if the word is one like "is" or "because", or if the
//     label is alone on the first line: "A better answer" and "No one" give no
//     label;
//   - otherwise, if the text names exactly one label as the answer. That means
//     after a word like "is", "answer" or "option", in English, Chinese, French,
//     German, Italian, Portuguese or Spanish, or in brackets of its own: "A
//     better answer is B", "Paris (C)". A label that is an ordinary letter must
//     be a capital there.
//
// If several labels begin a text, the longest counts, and of equal ones the first.
//
// Labels should pass [CheckLabels]; one whose normal form is empty matches nothing.
// If texts and scores differ in length, texts without a score match nothing, and
// scores without a text do not count.
func ClosedSet(labels []string, texts []string, scores []float64) ClosedResult {
	r := ClosedResult{Best: -1, Sums: make([]float64, len(labels)), Labels: make([]int, len(texts))}
	forms := make([]string, len(labels))
	for i, l := range labels {
		forms[i] = normalForm(l)
	}
	var order []int // labels by their first text
	seen := make([]bool, len(labels))
	for i, text := range texts {
		l := -1
		if i < len(scores) {
			l = matchLabel(forms, text)
		}
		r.Labels[i] = l
		if l < 0 {
			r.Unmatched = append(r.Unmatched, i)
			continue
		}
		r.Sums[l] += scores[i]
		if !seen[l] {
			seen[l] = true
			order = append(order, l)
		}
	}
	for _, l := range order {
		if r.Best < 0 || r.Sums[l] > r.Sums[r.Best] {
			r.Best = l
		}
	}
	return r
}

// Settled reports whether further texts cannot change the best label. Each may
// score anywhere within its interval in open, not count, or give no label. The best
// label is settled if its sum, with everything that can lower it, is above the sum
// of every other label, with everything that can raise it. A label without texts so
// far counts like any other. The sums are not settled. Without a best label the
// result is false.
func (r ClosedResult) Settled(open []Interval) bool {
	if r.Best < 0 {
		return false
	}
	down, up := 0.0, 0.0
	for _, i := range open {
		down += min(0, i.Lo)
		up += max(0, i.Hi)
	}
	for l, sum := range r.Sums {
		if l != r.Best && !Below(sum+up, r.Sums[r.Best]+down) {
			return false
		}
	}
	return true
}

// CheckLabels returns a [*ConfigError] unless there are at least two labels, all
// different and not empty in the normal form of [ClosedSet].
func CheckLabels(labels []string) error {
	if len(labels) < 2 {
		return &ConfigError{"labels", fmt.Sprintf("%d given; want at least 2", len(labels))}
	}
	first := make(map[string]int, len(labels))
	for i, l := range labels {
		form, field := normalForm(l), fmt.Sprintf("labels[%d]", i)
		if form == "" {
			return &ConfigError{field, fmt.Sprintf("%q holds nothing but white space and punctuation; want a letter, digit or symbol", l)}
		}
		if j, ok := first[form]; ok {
			return &ConfigError{field, fmt.Sprintf("%q is the same as labels[%d], %q, apart from case, white space and outer punctuation; rename or drop one", l, j, labels[j])}
		}
		first[form] = i
	}
	return nil
}

// matchLabel returns the index of the label that text gives, or -1. The labels are in
// normal form.
func matchLabel(labels []string, text string) int {
	form := normalForm(text)
	if i := prefix(labels, form); i >= 0 {
		return i
	}
	if line, _, more := strings.Cut(strings.TrimSpace(text), "\n"); more {
		if i := slices.Index(labels, normalForm(line)); i >= 0 && labels[i] != "" {
			return i
		}
	}
	return named(labels, strings.Join(strings.Fields(strings.Map(narrow, text)), " "))
}

// prefix returns the index of the longest label that text, in normal form, begins with,
// or -1.
func prefix(labels []string, text string) int {
	best := -1
	for i, l := range labels {
		if l != "" && (best < 0 || len(l) > len(labels[best])) && gives(text, l) {
			best = i
		}
	}
	return best
}

// ordinary holds the labels that are also common words.
var ordinary = words("a an e i no o u y")

// clear holds words that can follow an ordinary word only if it is a label.
var clear = words("is because since as it it's this that the they he she there ist weil denn est car es porque è perché é")

func words(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

// gives reports whether text is label, or label and then something that does not
// continue its last word or number. Both are in normal form.
func gives(text, label string) bool {
	rest, ok := strings.CutPrefix(text, label)
	if !ok || rest == "" {
		return ok
	}
	last, _ := utf8.DecodeLastRuneInString(label)
	next, size := utf8.DecodeRuneInString(rest)
	after, _ := utf8.DecodeRuneInString(rest[size:])
	switch next {
	case '.', ',':
		return !unicode.IsDigit(last) || !unicode.IsDigit(after)
	case '-', '\u2010', '\u2011':
		return !unicode.IsLetter(after)
	case '\'', '’':
		word := firstWord(rest[size:])
		return word == "" || strings.Map(fold, "s") == word
	case ' ':
		word := firstWord(rest[size:])
		return word == "" || !isOrdinary(label) || isClear(word)
	}
	if last < utf8.RuneSelf && unicode.In(next, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai) {
		return true // the scripts have no spaces between words
	}
	return !unicode.In(next, unicode.Letter, unicode.Number, unicode.Mark)
}

func isOrdinary(label string) bool { return ordinary[strings.ToLower(label)] }

func isClear(word string) bool { return clear[strings.ToLower(word)] }

// firstWord returns the letters, digits and marks that s begins with.
func firstWord(s string) string {
	if i := strings.IndexFunc(s, func(r rune) bool { return !inWord(r) }); i >= 0 {
		return s[:i]
	}
	return s
}

// lastWord returns the letters, digits and marks that s ends with.
func lastWord(s string) string {
	if i := strings.LastIndexFunc(s, func(r rune) bool { return !inWord(r) }); i >= 0 {
		_, size := utf8.DecodeRuneInString(s[i:])
		return s[i+size:]
	}
	return s
}

func inWord(r rune) bool { return unicode.In(r, unicode.Letter, unicode.Number, unicode.Mark) }

// cues holds words that precede an answer.
var cues = words(`is be answer option choice choose chose pick select label boxed
	ist lautet antwort wähle est réponse choix es respuesta opción é resposta opção è risposta opzione`)

// hanCues holds the same for Chinese and Japanese, which have no spaces between
// words.
const hanCues = "是为為选選答案择擇は"

// named returns the index of the only label that text names as the answer, or -1 if
// it names none or several.
func named(labels []string, text string) int {
	longest := 0
	for _, l := range labels {
		longest = max(longest, len(l))
	}
	found := -1
	before := ' '
	for at, r := range text {
		begins := inWord(r) && (!inWord(before) || strings.ContainsRune(hanCues, before))
		before = r
		if !begins || !isCued(text[:at], text[at:]) {
			continue
		}
		// Only as much text as a label and the word after it can take up, since a
		// text may have many cues.
		rest := text[at:]
		if most := 4*longest + 64; len(rest) > most {
			rest = strings.ToValidUTF8(rest[:most], "")
		}
		i := prefix(labels, normalForm(rest))
		if i < 0 || isOrdinary(labels[i]) && utf8.RuneCountInString(labels[i]) == 1 && !unicode.IsUpper(r) {
			continue
		}
		if found >= 0 && found != i {
			return -1
		}
		found = i
	}
	return found
}

// isCued reports whether the text before rest says that the answer follows.
func isCued(before, rest string) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	if last == '(' || last == '[' {
		word := rest[:min(len(rest), 64)]
		closed, _ := utf8.DecodeRuneInString(word[len(firstWord(word)):])
		if closed == ')' || closed == ']' {
			return true
		}
	}
	trimmed := strings.TrimRightFunc(before[max(0, len(before)-64):], func(r rune) bool {
		return strings.ContainsRune(" :=*`\"'", r) || unicode.In(r, unicode.Ps, unicode.Pi)
	})
	last, _ = utf8.DecodeLastRuneInString(trimmed)
	return strings.ContainsRune(hanCues, last) || cues[strings.ToLower(lastWord(trimmed))]
}

// normalForm returns s in the form that ClosedSet compares.
func normalForm(s string) string {
	s = strings.TrimFunc(strings.Map(narrow, s), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsPunct(r) || r == '`'
	})
	return strings.Map(fold, strings.Join(strings.Fields(s), " "))
}

// narrow returns the ordinary character for a full-width one.
func narrow(r rune) rune {
	if r >= '！' && r <= '～' {
		return r - '！' + '!'
	}
	return r
}

// fold returns the least of the runes that differ from r only in case.
func fold(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}
