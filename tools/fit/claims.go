package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
	"github.com/goselfrag/goselfrag/internal/analysis/token"
	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/tools/internal/fit"
)

// Classes of support, as in feature.SupportClasses.
const (
	full = iota
	partial
	none
)

// claim is a text against a passage.
type claim struct {
	text  string
	class int
	clean string // for a text with something swapped: the sentence it was made of
}

// supportExamples returns the claims about the passages that are in.
func (d *data) supportExamples(in func(*set, int) bool) []fit.Labeled {
	var out []fit.Labeled
	d.claims(in, func(_ *set, sentences []string, claims []claim) {
		lex := lexicon.New(256, lexicon.LanguageOf(sentences...))
		e := evidenceOf(lex, sentences)
		for _, c := range claims {
			out = append(out, fit.Labeled{Row: supportRow(e, lex, c.text), Class: c.class, Weight: 1})
		}
	})
	return out
}

func supportRow(e *feature.Evidence, lex *lexicon.Lexicon, text string) []float64 {
	words := lex.Words(text)
	return e.Support(words, feature.LookAt(text, words))
}

func evidenceOf(lex *lexicon.Lexicon, sentences []string) *feature.Evidence {
	var words [][]lexicon.Word
	for _, t := range sentences {
		words = append(words, lex.Words(t))
	}
	return feature.NewEvidence(words)
}

// claims makes claims about the passages that are in, from a random source of
// their own for each passage.
func (d *data) claims(in func(*set, int) bool, each func(s *set, sentences []string, claims []claim)) {
	for n, s := range d.sets {
		for i, p := range s.corpus {
			if !in(s, i) {
				continue
			}
			r := rand.New(rand.NewPCG(d.seed, uint64(n)<<32|uint64(i)))
			// What is foreign comes from another passage that is in, too.
			other := i
			for tries := 0; tries < 50 && (other == i || !in(s, other)); tries++ {
				other = r.IntN(len(s.corpus))
			}
			own, foreign := split(p.Text), split(s.corpus[other].Text)
			if len(own) == 0 || other == i || !in(s, other) {
				continue
			}
			each(s, own, makeClaims(r, lexicon.New(256, lexicon.LanguageOf(own...)), own, foreign))
		}
	}
}

func split(text string) []string {
	var out []string
	for _, s := range sentence.Split(text) {
		if t := s.Of(text); len(cutterOf(t).pieces(t)) >= 6 {
			out = append(out, t)
		}
	}
	return out
}

// cutter takes texts of a language apart into pieces and puts them together again: words, or
// characters where a script has no spaces.
type cutter struct {
	code  string // of the language
	space string // between pieces
	cased bool
}

func cutterOf(text string) cutter {
	l := lexicon.LanguageOf(text)
	c := cutter{code: l.Code(), space: " ", cased: l.Cased()}
	if c.code == "east" || c.code == "southeast" {
		c.space = ""
	}
	return c
}

func (c cutter) pieces(text string) []string {
	if c.space != "" {
		return strings.Fields(text)
	}
	var out []string
	for text != "" {
		n := analysis.TokenLen(text)
		start := 0
		for _, end := range token.Clusters(text[:n], nil) {
			if r, _ := utf8.DecodeRuneInString(text[start:]); c.code == "southeast" && r > utf8.RuneSelf {
				out = append(out, text[start:end])
				start = end
			}
		}
		if start < n {
			out = append(out, text[start:n])
		}
		text = text[n:]
	}
	return out
}

func (c cutter) join(pieces []string) string { return strings.Join(pieces, c.space) }

func makeClaims(r *rand.Rand, lex *lexicon.Lexicon, own, foreign []string) []claim {
	var out []claim
	lookAt := func(t string) feature.Look { return feature.LookAt(t, lex.Words(t)) }
	for _, t := range pick(r, own, 3) {
		c := cutterOf(t)
		look := lookAt(t)
		class := full
		if look != (feature.Look{}) {
			class = partial
		}
		out = append(out, claim{text: t, class: class})
		words := c.pieces(t)
		half := words[:len(words)/2+r.IntN(2)]
		out = append(out, claim{text: c.join(half), class: partial})
		other := own[r.IntN(len(own))]
		if rest := c.pieces(other); other != t {
			out = append(out, claim{text: c.join(append(slices.Clone(half), rest[len(rest)/2:]...)), class: partial})
		}
		if look != (feature.Look{}) {
			continue
		}
		pools := [][]string{own, foreign}
		for _, is := range []lexicon.Trait{lexicon.Number, lexicon.Capital} {
			if x, ok := c.swapped(r, lex, t, pools[r.IntN(2)], is); ok {
				out = append(out, claim{text: x, class: none, clean: t})
			}
		}
		if x, ok := c.negated(t); ok {
			out = append(out, claim{text: x, class: none})
		}
	}
	for _, t := range pick(r, foreign, 2) {
		out = append(out, claim{text: t, class: none})
	}
	if len(own) > 1 {
		if k := r.IntN(len(own) - 1); lookAt(own[k]) == (feature.Look{}) && lookAt(own[k+1]) == (feature.Look{}) {
			out = append(out, claim{text: own[k] + cutterOf(own[k]).space + own[k+1], class: full})
		}
	}
	return out
}

func pick(r *rand.Rand, from []string, n int) []string {
	from = slices.Clone(from)
	r.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:min(n, len(from))]
}

// swapped returns text with one number or name, past its first word, replaced by
// another one from the texts of pool. Without capital letters any content
// word, or two characters, counts as a name.
func (c cutter) swapped(r *rand.Rand, lex *lexicon.Lexicon, text string, pool []string, is lexicon.Trait) (string, bool) {
	size := 1
	if c.space == "" && is == lexicon.Capital {
		size = 2
	}
	find := func(t string) (at []int, words []string) {
		words = c.pieces(t)
		for i := 1; i+size <= len(words); i++ {
			if c.counts(lex.Words(c.join(words[i:i+size])), is) {
				at = append(at, i)
			}
		}
		return at, words
	}
	at, words := find(text)
	var others []string
	for _, t := range pool {
		in, from := find(t)
		for _, i := range in {
			if w := trimMarks(c.join(from[i : i+size])); !strings.Contains(text, w) {
				others = append(others, w)
			}
		}
	}
	if len(at) == 0 || len(others) == 0 {
		return "", false
	}
	i := at[r.IntN(len(at))]
	old := c.join(words[i : i+size])
	words[i] = strings.Replace(old, trimMarks(old), others[r.IntN(len(others))], 1)
	return c.join(slices.Delete(words, i+1, i+size)), true
}

// counts reports whether the words of a piece are what may be swapped.
func (c cutter) counts(words []lexicon.Word, is lexicon.Trait) bool {
	if len(words) == 0 || words[0].Term < 0 || words[0].Is&lexicon.Stop != 0 {
		return false
	}
	if is == lexicon.Capital && !c.cased {
		return words[0].Is&lexicon.Number == 0 && (c.space != "" || len(words) == 1)
	}
	return words[0].Is&is != 0
}

func trimMarks(w string) string {
	return strings.Trim(w, ` .,;:!?()[]{}"'“”‘’。，、；：！？（）《》`)
}

// negations say how statements are negated: after or before one of the verbs.
var negations = map[string]struct {
	verbs  []string
	not    string
	before bool
}{
	"en":   {verbs: []string{"is", "are", "was", "were"}, not: "not"},
	"de":   {verbs: []string{"ist", "sind", "war", "waren"}, not: "nicht"},
	"hi":   {verbs: []string{"है", "हैं", "था", "थे", "है।", "था।"}, not: "नहीं", before: true},
	"east": {verbs: []string{"是"}, not: "不", before: true},
}

// negated returns text with a negation at its first form of be.
func (c cutter) negated(text string) (string, bool) {
	n := negations[c.code]
	words := c.pieces(text)
	for i, w := range words {
		if !slices.Contains(n.verbs, w) || i == 0 || i+1 == len(words) && !n.before {
			continue
		}
		at := i
		if !n.before {
			at++
		}
		if words[i-1] == n.not || i+1 < len(words) && words[i+1] == n.not {
			continue
		}
		return c.join(slices.Insert(words, at, n.not)), true
	}
	return "", false
}
