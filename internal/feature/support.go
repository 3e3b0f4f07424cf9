package feature

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
)

// The features of the support of a text by a passage. None of them depends on the
// question.
const (
	pOne       = iota // always 1
	pWhole            // 1 if the text is whole sentences of the passage, in a row
	pRun              // 1 if it is a run of the passage's words
	pWords            // share of its content words in the passage
	pPairs            // share of its pairs of neighboring words in the passage
	pTriples          // share of its word triples in the passage
	pBreaks           // pairs that are not in the passage, up to five, in fives
	pNewNumber        // 1 if a number of it occurs nowhere in the passage
	pNewName          // 1 if a name of it (a capital after its first word) occurs nowhere in the passage
	pNewWord          // 1 if another content word of it occurs nowhere in the passage
	pMoved            // 1 if a number or a name of it occurs in the passage, but between other words on both sides
	pNegation         // 1 if it has a negation more or fewer than its most similar sentence
	pOpen             // 1 if it begins with a pronoun
	pCutFront         // 1 if it begins with a small letter
	pCutEnd           // 1 if it does not end like a sentence
	pBest             // share of its content words in its most similar sentence
	supportWidth
)

var supportNames = [supportWidth]string{
	"one", "whole", "run", "words", "pairs", "triples", "breaks", "new number", "new name", "new word", "moved", "negation", "open",
	"cut front", "cut end", "best",
}

// SupportNames returns the names of the features of [Evidence.Support].
func SupportNames() []string { return supportNames[:] }

// SupportClasses are the classes of support, in the order of the model's rows.
var SupportClasses = []string{"full", "partial", "none"}

// Evidence is a passage prepared for comparison with texts. It is read-only once
// made.
type Evidence struct {
	sentences [][]int32 // terms
	negations []int
	holding   map[int32][]int // the sentences that hold a term, in order
	run       []int32         // the terms of all sentences
	pairs     map[[2]int32]bool
	triples   map[[3]int32]bool
}

// NewEvidence prepares the sentences of a passage.
func NewEvidence(sentences [][]lexicon.Word) *Evidence {
	e := &Evidence{holding: map[int32][]int{}, pairs: map[[2]int32]bool{}, triples: map[[3]int32]bool{}}
	for i, s := range sentences {
		var terms []int32
		negations := 0
		for _, w := range s {
			if w.Term < 0 {
				continue
			}
			terms = append(terms, w.Term)
			if in := e.holding[w.Term]; len(in) == 0 || in[len(in)-1] != i {
				e.holding[w.Term] = append(in, i)
			}
			negations += int(b2f(w.Is&lexicon.Negation != 0))
		}
		e.sentences = append(e.sentences, terms)
		e.negations = append(e.negations, negations)
		e.run = append(e.run, terms...)
	}
	for i := range e.run {
		if i > 0 {
			e.pairs[[2]int32(e.run[i-1:i+1])] = true
		}
		if i > 1 {
			e.triples[[3]int32(e.run[i-2:i+1])] = true
		}
	}
	return e
}

// Look describes a text by itself.
type Look struct {
	Open     bool // begins with a pronoun
	CutFront bool // begins with a small letter
	CutEnd   bool // does not end like a sentence
}

// LookAt returns the look of a text with these words.
func LookAt(text string, words []lexicon.Word) Look {
	text = strings.TrimSpace(text)
	first := strings.TrimLeft(text, "([{\"'“‘«")
	var l Look
	r, _ := utf8.DecodeRuneInString(first)
	l.CutFront = unicode.IsLower(r)
	for _, w := range words {
		if w.Term >= 0 {
			l.Open = w.Is&lexicon.Pronoun != 0
			break
		}
	}
	end := strings.TrimRightFunc(text, func(r rune) bool { return strings.ContainsRune(")]}\"'”’»", r) || unicode.IsSpace(r) })
	r, _ = utf8.DecodeLastRuneInString(end)
	l.CutEnd = !unicode.Is(unicode.Sentence_Terminal, r) && !unicode.In(r, unicode.Thai, unicode.Lao) // they end sentences with a space
	return l
}

// Support returns the features of a text against the passage.
func (e *Evidence) Support(text []lexicon.Word, look Look) []float64 {
	f := make([]float64, supportWidth)
	var terms []int32
	var words []lexicon.Word
	negations, content, found := 0, 0, 0
	strange := false // the previous gram is not in the passage
	for _, w := range text {
		if w.Term < 0 {
			continue
		}
		words = append(words, w)
		terms = append(terms, w.Term)
		negations += int(b2f(w.Is&lexicon.Negation != 0))
		if w.Is&lexicon.Stop != 0 {
			continue
		}
		content++
		before := strange
		strange = false
		if len(e.holding[w.Term]) > 0 {
			found++
			continue
		}
		if strange = w.Is&lexicon.Gram != 0; strange && !before {
			continue // where two pieces meet, one gram is new; another character makes two new ones
		}
		switch {
		case w.Is&lexicon.Number != 0:
			f[pNewNumber] = 1
		case w.Is&lexicon.Capital != 0 && len(terms) > 1:
			f[pNewName] = 1
		default:
			f[pNewWord] = 1
		}
	}
	pairs, triples := 0, 0
	for i := 1; i < len(terms); i++ {
		pairs += int(b2f(e.pairs[[2]int32(terms[i-1:i+1])]))
		if i > 1 {
			triples += int(b2f(e.triples[[3]int32(terms[i-2:i+1])]))
		}
	}
	for i, w := range words {
		if w.Is&(lexicon.Number|lexicon.Capital) == 0 || len(e.holding[w.Term]) == 0 || len(words) < 3 || i == 0 && w.Is&lexicon.Number == 0 {
			continue
		}
		known := false
		for k := max(2, i); k < min(i+3, len(terms)); k++ {
			known = known || e.triples[[3]int32(terms[k-2:k+1])]
		}
		if !known {
			f[pMoved] = 1
		}
	}
	best, at := -1.0, -1
	for i, n := range e.shared(words) {
		if s := share(n, content); s > best {
			best, at = s, i
		}
	}
	f[pOne] = 1
	f[pRun] = b2f(pairs == len(terms)-1 && triples == max(0, len(terms)-2) && found == content)
	f[pWhole] = b2f(f[pRun] == 1 && e.whole(terms))
	f[pWords], f[pPairs], f[pTriples] = share(found, content), share(pairs, len(terms)-1), share(triples, len(terms)-2)
	f[pBreaks] = min(1, float64(max(0, len(terms)-1-pairs))/5)
	f[pBest] = max(0, best)
	if at >= 0 && f[pWhole] == 0 {
		f[pNegation] = b2f(negations != e.negations[at] && (negations > e.negations[at] || pairs == len(terms)-2))
	}
	f[pOpen], f[pCutFront], f[pCutEnd] = b2f(look.Open), b2f(look.CutFront), b2f(look.CutEnd)
	return f
}

// share returns part/all, 1 if there is nothing.
func share(part, all int) float64 {
	if all <= 0 {
		return 1
	}
	return float64(part) / float64(all)
}

// shared returns, for each sentence, how many of the content words it holds. It
// visits each sentence of a word once, however often the word occurs.
func (e *Evidence) shared(words []lexicon.Word) []int {
	times := map[int32]int{}
	for _, w := range words {
		if w.Is&lexicon.Stop == 0 {
			times[w.Term]++
		}
	}
	n := make([]int, len(e.sentences))
	for term, k := range times {
		for _, i := range e.holding[term] {
			n[i] += k
		}
	}
	return n
}

// whole reports whether terms are those of one or more consecutive sentences. It
// searches like Knuth, Morris and Pratt, in time linear in both.
func (e *Evidence) whole(terms []int32) bool {
	ends := map[int]bool{0: true}
	at := 0
	for _, s := range e.sentences {
		if at += len(s); len(s) == 0 && len(terms) == 0 {
			return true
		}
		ends[at] = true
	}
	if len(terms) == 0 {
		return false
	}
	// border[i] is the length of the longest proper prefix of terms[:i+1] that ends it.
	border := make([]int, len(terms))
	extend := func(k int, t int32) int {
		for k > 0 && (k == len(terms) || terms[k] != t) {
			k = border[k-1]
		}
		if terms[k] == t {
			k++
		}
		return k
	}
	for i, k := 1, 0; i < len(terms); i++ {
		k = extend(k, terms[i])
		border[i] = k
	}
	k := 0
	for i, t := range e.run {
		if k = extend(k, t); k == len(terms) && ends[i+1] && ends[i+1-k] {
			return true
		}
	}
	return false
}

// QuoteSupport returns the features of a whole sentence of the passage, which are
// those of [Evidence.Support] for it, without a comparison.
func QuoteSupport(look Look) []float64 {
	f := make([]float64, supportWidth)
	for _, i := range [...]int{pOne, pWhole, pRun, pWords, pPairs, pTriples, pBest} {
		f[i] = 1
	}
	f[pOpen], f[pCutFront], f[pCutEnd] = b2f(look.Open), b2f(look.CutFront), b2f(look.CutEnd)
	return f
}
