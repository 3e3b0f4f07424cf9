package keyword

import (
	"slices"
	"strings"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/go-porterstemmer"
	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/romanian"
)

// longestStemmed is the length, in bytes, of the longest word that is stemmed:
// Porter's stemmer takes quadratic time for a run of the letter y, minutes for one
// of 100,000.
const longestStemmed = 64

// filtered makes a stemmer from a filter of bleve.
func filtered(f analysis.TokenFilter) func(string) string {
	return func(word string) string {
		out := f.Filter(analysis.TokenStream{&analysis.Token{Term: []byte(word)}})
		if len(out) == 0 {
			return word
		}
		return string(out[0].Term)
	}
}

// snowball makes a stemmer from one of Snowball's.
func snowball(stem func(*snowballstem.Env) bool) func(string) string {
	return func(word string) string {
		env := snowballstem.NewEnv(word)
		stem(env)
		return env.Current()
	}
}

func porter(word string) string { return porterstemmer.StemString(word) }

// hindiSpellings replaces interchangeable letters by one, and removes optional
// signs: nasal signs, vowel length, the dot below, the stroke that removes a vowel.
var hindiSpellings = strings.NewReplacer("न\u094d", "ं", "ँ", "ं", "\u093c", "", "\u094d", "", "\u0945", "े", "\u0946", "े", "\u0949", "ो", "\u094a", "ो",
	"ऍ", "ए", "ऎ", "ए", "ऐ", "ए", "ऑ", "ओ", "ऒ", "ओ", "औ", "ओ", "आ", "अ", "ई", "इ", "ऊ", "उ", "ी", "ि", "ू", "ु", "ै", "े", "ौ", "ो")

// hindiEndings holds those of Ramanathan and Rao, "A Lightweight Stemmer for Hindi"
// (2003), in the spelling of hindiSpellings, longest first.
var hindiEndings = func() []string {
	list := strings.Fields(hindiSpellings.Replace(`ाएंगी ाएंगे ाऊंगी ाऊंगा ाइयाँ ाइयों ाइयां ाएगी ाएगा ाओगी ाओगे एंगी ेंगी एंगे ेंगे ूंगी ूंगा
		ातीं नाओं नाएं ताओं ताएं ियाँ ियों ियां ाकर ाइए ाईं ाया ेगी ेगा ोगी ोगे ाने ाना ाते ाती ाता तीं ाओं ाएं ुओं ुएं ुआं
		कर ाओ िए ाई ाए ने नी ना ते ीं ती ता ाँ ां ों ें ो े ू ु ी ि ा`))
	slices.SortStableFunc(list, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(list)
}()

// hindi removes the longest ending that leaves two characters or more.
func hindi(word string) string {
	word = hindiSpellings.Replace(word)
	for _, e := range hindiEndings {
		if s, ok := strings.CutSuffix(word, e); ok && len(s) >= 2*3 {
			return s
		}
	}
	return word
}

// The stemmer expects s and t with a cedilla, which many texts have instead of the
// comma.
var cedillas = strings.NewReplacer("ș", "ş", "ț", "ţ")

func romanianStem(word string) string {
	return snowball(romanian.Stem)(cedillas.Replace(word))
}

// greekEndings holds those of nouns, adjectives and verbs without accents, longest
// first among those that end alike.
var greekEndings = strings.Fields(`ματων ματοσ ματα ουσαν ουμε ομαστε ιουνται ουνται ονται ονταν εται αται ηθηκε ηθηκαν θηκε θηκαν
	ησεισ ησησ ησεων εισ εων εωσ ιασ ιων ιου ιοι ιεσ ικα ικη ικησ ικο ικου ικοι ικεσ ικων ικουσ ικοσ
	ουσ ουν ου οσ οι ων αν ασ α εσ ε ησ η ο ισ ι υσ υ ω ον`)

// greek removes the ending of a word, so that three letters or more are left.
func greek(word string) string {
	best := word
	for _, e := range greekEndings {
		if s, ok := strings.CutSuffix(word, e); ok && len(s) >= 6 && len(s) < len(best) {
			best = s
		}
	}
	return best
}
