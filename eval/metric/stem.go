package metric

import "strings"

// stem returns the stem of a word of ASCII letters and digits in lower case: Porter's
// algorithm ("An algorithm for suffix stripping", 1980) with the additions that NLTK makes by
// default, which rouge-score relies on.
func stem(word string) string {
	if s, ok := irregular[word]; ok {
		return s
	}
	if len(word) <= 2 {
		return word
	}
	word = plural(word)
	word = participle(word)
	if s, ok := strings.CutSuffix(word, "y"); ok && len(s) > 1 && consonant(s, len(s)-1) {
		word = s + "i"
	}
	word = derived(word)
	word = apply(word, adjectives)
	word = apply(word, endings)
	return final(word)
}

// irregular are the words that NLTK stems by a list.
var irregular = map[string]string{
	"sky": "sky", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news",
	"innings": "inning", "inning": "inning", "outings": "outing", "outing": "outing",
	"cannings": "canning", "canning": "canning", "howe": "howe",
	"proceed": "proceed", "exceed": "exceed", "succeed": "succeed",
}

// consonant reports whether the letter at i is one. A y is one at the start and behind a
// vowel.
func consonant(word string, i int) bool {
	alternate := true // consonant, if everything back to the start is y
	for ; word[i] == 'y' && i > 0; i-- {
		alternate = !alternate
	}
	return strings.IndexByte("aeiou", word[i]) < 0 == alternate
}

// measure returns how often a vowel is followed by a consonant.
func measure(word string) int {
	n, vowel, before := 0, false, false
	for i := range len(word) {
		c := word[i] // as in consonant, from left to right
		is := strings.IndexByte("aeiou", c) < 0 && (c != 'y' || i == 0 || !before)
		if is && vowel {
			n++
		}
		vowel, before = !is, is
	}
	return n
}

func hasVowel(word string) bool {
	for i := range len(word) {
		if !consonant(word, i) {
			return true
		}
	}
	return false
}

// double reports whether word ends in a consonant that is there twice.
func double(word string) bool {
	n := len(word)
	return n >= 2 && word[n-1] == word[n-2] && consonant(word, n-1)
}

// short reports whether word ends in consonant, vowel, consonant, the last none of w, x and
// y, or is a vowel and a consonant.
func short(word string) bool {
	n := len(word)
	if n == 2 {
		return !consonant(word, 0) && consonant(word, 1)
	}
	return n >= 3 && consonant(word, n-3) && !consonant(word, n-2) && consonant(word, n-1) && strings.IndexByte("wxy", word[n-1]) < 0
}

// plural is step 1a.
func plural(word string) string {
	switch {
	case strings.HasSuffix(word, "ies") && len(word) == 4:
		return word[:len(word)-1]
	case strings.HasSuffix(word, "sses"), strings.HasSuffix(word, "ies"):
		return word[:len(word)-2]
	case strings.HasSuffix(word, "s") && !strings.HasSuffix(word, "ss"):
		return word[:len(word)-1]
	}
	return word
}

// participle is step 1b.
func participle(word string) string {
	if s, ok := strings.CutSuffix(word, "ied"); ok {
		if len(word) == 4 {
			return s + "ie"
		}
		return s + "i"
	}
	if s, ok := strings.CutSuffix(word, "eed"); ok {
		if measure(s) > 0 {
			return s + "ee"
		}
		return word
	}
	s, ok := strings.CutSuffix(word, "ed")
	if !ok || !hasVowel(s) {
		if s, ok = strings.CutSuffix(word, "ing"); !ok || !hasVowel(s) {
			return word
		}
	}
	switch {
	case strings.HasSuffix(s, "at"), strings.HasSuffix(s, "bl"), strings.HasSuffix(s, "iz"):
		return s + "e"
	case double(s):
		if strings.IndexByte("lsz", s[len(s)-1]) < 0 {
			return s[:len(s)-1]
		}
		return s
	case measure(s) == 1 && short(s):
		return s + "e"
	}
	return s
}

// rule replaces a suffix if what is left has a measure above least.
type rule struct {
	suffix, by string
	least      int
}

// apply applies the first rule with a suffix that the word has.
func apply(word string, rules []rule) string {
	for _, r := range rules {
		s, ok := strings.CutSuffix(word, r.suffix)
		if !ok {
			continue
		}
		switch {
		case r.suffix == "logi":
			ok = measure(word[:len(word)-3]) > 0
		case r.suffix == "ion":
			ok = measure(s) > 1 && strings.IndexByte("st", s[len(s)-1]) >= 0
		default:
			ok = measure(s) > r.least
		}
		if ok {
			return s + r.by
		}
		return word
	}
	return word
}

// derived is step 2.
func derived(word string) string {
	if s, ok := strings.CutSuffix(word, "alli"); ok && measure(s) > 0 {
		return derived(s + "al")
	}
	return apply(word, nouns)
}

// nouns are the rules of step 2, adjectives those of step 3, endings those of step 4.
var (
	nouns = []rule{
		{"ational", "ate", 0}, {"tional", "tion", 0}, {"enci", "ence", 0}, {"anci", "ance", 0}, {"izer", "ize", 0},
		{"bli", "ble", 0}, {"alli", "al", 0}, {"entli", "ent", 0}, {"eli", "e", 0}, {"ousli", "ous", 0},
		{"ization", "ize", 0}, {"ation", "ate", 0}, {"ator", "ate", 0}, {"alism", "al", 0}, {"iveness", "ive", 0},
		{"fulness", "ful", 0}, {"ousness", "ous", 0}, {"aliti", "al", 0}, {"iviti", "ive", 0}, {"biliti", "ble", 0},
		{"fulli", "ful", 0}, {"logi", "log", 0},
	}
	adjectives = []rule{
		{"icate", "ic", 0}, {"ative", "", 0}, {"alize", "al", 0}, {"iciti", "ic", 0}, {"ical", "ic", 0}, {"ful", "", 0}, {"ness", "", 0},
	}
	endings = []rule{
		{"al", "", 1}, {"ance", "", 1}, {"ence", "", 1}, {"er", "", 1}, {"ic", "", 1}, {"able", "", 1}, {"ible", "", 1},
		{"ant", "", 1}, {"ement", "", 1}, {"ment", "", 1}, {"ent", "", 1}, {"ion", "", 1}, {"ou", "", 1}, {"ism", "", 1},
		{"ate", "", 1}, {"iti", "", 1}, {"ous", "", 1}, {"ive", "", 1}, {"ize", "", 1},
	}
)

// final is step 5.
func final(word string) string {
	if s, ok := strings.CutSuffix(word, "e"); ok {
		if m := measure(s); m > 1 || m == 1 && !short(s) {
			word = s
		}
	}
	if strings.HasSuffix(word, "ll") && measure(word[:len(word)-1]) > 1 {
		word = word[:len(word)-1]
	}
	return word
}
