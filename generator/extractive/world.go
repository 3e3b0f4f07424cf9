package extractive

import (
	"math"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/reflection"
)

// world is the model of one request: the tree of its possible answers and the
// background behind it. It is read-only once made.
type world struct {
	parameters *parameters
	lex        vocabulary
	words      *lexicon.Lexicon
	background background
	question   *feature.Question

	quotes   []quote // unused sentences, sorted by their tokens
	root     node
	nothing  float64 // the weight of "nothing here answers", on the scale of the quotes' weights
	start    fan     // at root, when its phase is choosing
	closing  fan     // the utility of the answer so far
	abstains bool
	long     bool   // a segment may be followed by another
	covered  uint64 // content words of the question that the path holds
	segments int    // on the path
	topU     [2]int // the quotes with the greatest u, -1 for none

	promptTokens int
}

// quote is a sentence that can be the answer.
type quote struct {
	symbols []symbol
	words   []lexicon.Word
	place   int          // number among all sentences of the request
	covers  uint64       // content words of the question that it holds
	look    feature.Look // the look of the sentence by itself
	score   float64      // z, comparable across passages
	z       float64      // the score on the scale on which "nothing here answers" has 0
	// weight is its share in the choice of the text, up to a factor.
	weight float64
	// u is the probability that it answers the question; uIrrelevant is that after
	// [Irrelevant].
	u, uIrrelevant float64
}

// silentU is the usefulness of no text.
const silentU = 0.01

func newWorld(p0 *parameters, req generator.Request, a feature.Asked) *world {
	p := req.Prompt
	sources, textBytes := sourcesOf(p, a)
	for _, s := range p.Path {
		textBytes += len(s.Text)
	}
	w := &world{parameters: p0, lex: newVocabulary(textBytes/8 + 64), segments: len(p.Path)}
	w.promptTokens = promptTokens(p)
	w.abstains = len(p.Path) == 0 && len(p.Evidence) == 0 && a.Given == ""
	for _, t := range req.Stop {
		w.long = w.long || t.Group() == reflection.Retrieve
	}

	w.background.symbols = make([]symbol, 0, textBytes/4+64)
	w.appendText(valid(p.Instruction))
	w.appendText(valid(p.Input))
	w.words = lexicon.New(textBytes/12+16, languageOf(a, sources))
	w.question = feature.NewQuestion(w.words, a, p0.rarity)

	var said []saidText
	for _, s := range p.Path {
		words := w.words.Words(valid(s.Text))
		terms := termsOf(words)
		said = append(said, saidText{terms, trigramsOf(terms)})
		w.covered |= w.question.Holds(words)
	}
	w.addQuotes(sources, said)
	w.background.index(w.lex.size())
	w.plant(p, a)
	return w
}

// languageOf returns the language of the texts that may be quoted, and of the
// question.
func languageOf(a feature.Asked, sources []generator.Evidence) keyword.Language {
	texts := []string{a.Ask}
	for _, e := range sources {
		texts = append(texts, valid(e.Text))
	}
	return lexicon.LanguageOf(texts...)
}

// valid makes s valid UTF-8: quotes become the text of steps, which must be valid.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// sourcesOf returns the texts that may be quoted and the approximate number of
// bytes of the request's texts.
func sourcesOf(p generator.Prompt, a feature.Asked) (sources []generator.Evidence, bytes int) {
	switch {
	case len(p.Evidence) > 0:
		sources = p.Evidence
	case p.Force == reflection.ContinueEvidence, p.Force == reflection.None && len(p.Path) > 0:
		sources = p.PathEvidence()
	case len(p.Path) > 0: // the path is the answer
	case a.Given != "":
		sources = []generator.Evidence{{Text: a.Given}}
	default:
		sources = []generator.Evidence{{Text: Abstention}}
	}
	bytes = len(p.Instruction) + len(p.Input)
	for _, e := range sources {
		bytes += len(e.Title) + len(e.Text)
	}
	return sources, bytes
}

func promptTokens(p generator.Prompt) int {
	n := countTokens(p.Instruction, p.Input)
	for _, s := range p.Path {
		n += countTokens(s.Text)
		for _, e := range s.Evidence {
			n += countTokens(e.Title, e.Text)
		}
	}
	for _, e := range p.Evidence {
		n += countTokens(e.Title, e.Text)
	}
	return n
}

// appendText adds a text, closed by end, to the background and returns its symbols
// without end. They stay valid: growing the background makes a new array.
func (w *world) appendText(s string) []symbol {
	if s == "" {
		return nil
	}
	b := &w.background
	from := len(b.symbols)
	b.symbols = w.lex.appendTokens(b.symbols, s)
	to := len(b.symbols)
	b.symbols = append(b.symbols, end)
	return b.symbols[from:to:to]
}

// addQuotes adds the sentences of sources to the background, scores them, and keeps
// those that hold a word, occur for the first time and were not used yet.
func (w *world) addQuotes(sources []generator.Evidence, said []saidText) {
	q, p := w.question, w.parameters
	var all []quote
	for _, e := range sources {
		title := valid(e.Title)
		w.appendText(title)
		text, first := valid(e.Text), len(all)
		var sentences [][]lexicon.Word
		for _, span := range sentence.Split(text) {
			line := sentence.Line(text, span)
			words := w.words.Words(line)
			s := quote{symbols: w.appendText(line), place: len(all), look: feature.LookAt(line, words), words: words, covers: q.Holds(words)}
			sentences = append(sentences, words)
			all = append(all, s)
		}
		scores := make([]float64, len(sentences))
		read := q.Choice(w.words.Words(title), sentences, func(i int, features []float64) { scores[i] = p.score(features) })
		level := p.level(read, scores)
		for i, z := range scores {
			all[first+i].score, all[first+i].z = z, z+level
		}
	}

	w.quotes = make([]quote, 0, len(all))
	for i := range all {
		if terms := termsOf(all[i].words); len(terms) > 0 && !saidBefore(terms, said) {
			w.quotes = append(w.quotes, all[i])
		}
	}
	slices.SortFunc(w.quotes, func(a, b quote) int {
		if c := slices.Compare(a.symbols, b.symbols); c != 0 {
			return c
		}
		return a.place - b.place
	})
	w.quotes = slices.CompactFunc(w.quotes, func(a, b quote) bool { return slices.Equal(a.symbols, b.symbols) })

	top := math.Inf(-1)
	for i := range w.quotes {
		top = max(top, w.quotes[i].z)
	}
	sum, scores := 0.0, 1.0
	for i := range w.quotes {
		s := &w.quotes[i]
		x := math.Exp(s.z - top)
		s.weight = x
		sum += x
		scores += math.Exp(s.score)
	}
	w.nothing = math.Exp(-top)
	w.start = fan{symbol(reflection.Irrelevant): 1}
	if len(w.quotes) > 0 {
		// The weights are e^(z-top), so that of "nothing here answers", which has
		// the score 0, is e^-top.
		w.start[reflection.Irrelevant] = 1 / (1 + sum*math.Exp(top))
		w.start[reflection.Relevant] = 1 / (1 + w.nothing/sum)
	}
	w.topU = [2]int{-1, -1}
	for i := range w.quotes {
		s := &w.quotes[i]
		share := math.Exp(s.score) / scores
		s.u = answers(p.use, feature.Use(s.score, false, share))
		s.uIrrelevant = answers(p.use, feature.Use(s.score, true, share))
		switch {
		case w.topU[0] < 0 || s.u > w.quotes[w.topU[0]].u:
			w.topU = [2]int{i, w.topU[0]}
		case w.topU[1] < 0 || s.u > w.quotes[w.topU[1]].u:
			w.topU[1] = i
		}
	}
}

// plant sets the root of the tree.
func (w *world) plant(p generator.Prompt, a feature.Asked) {
	w.closing = utility(answers(w.parameters.finished, feature.Finished(w.question.Share(w.covered))))
	switch {
	case len(p.Evidence) > 0:
		w.root = node{phase: choosing}
	case p.Force == reflection.ContinueEvidence:
		w.root = w.goOn()
	case p.Force == reflection.NoRetrieval:
		w.root = w.goAlone()
	case len(p.Path) > 0:
		w.root = node{phase: choosing}
		onwards, fetch, done := w.onward(w.bestU(-1), w.covered, w.segments)
		w.start = fan{
			symbol(reflection.ContinueEvidence): onwards,
			symbol(reflection.Retrieval):        fetch,
			symbol(reflection.NoRetrieval):      done,
		}
	default:
		w.root = node{phase: choosing}
		p := positive([]float64{1 - a.Search, a.Search})
		w.start = fan{symbol(reflection.NoRetrieval): p[0], symbol(reflection.Retrieval): p[1]}
	}
}

// goOn returns the node after [Continue to Use Evidence].
func (w *world) goOn() node {
	if len(w.quotes) == 0 {
		return node{phase: closing}
	}
	return w.quote(relevant)
}

// goAlone returns the node after [No Retrieval].
func (w *world) goAlone() node {
	if w.segments > 0 || len(w.quotes) == 0 {
		return node{phase: closing}
	}
	return w.quote(unsourced)
}

// support returns the distribution of IsSUP for a quote. It depends only on the
// sentence, never on the question.
func (w *world) support(i int) fan {
	p := branches(w.parameters.support, feature.QuoteSupport(w.quotes[i].look))
	return fan{
		symbol(reflection.FullySupported):     p[0],
		symbol(reflection.PartiallySupported): p[1],
		symbol(reflection.NoSupport):          p[2],
	}
}

// follow returns the distribution of what follows quote i and its IsSUP token, if
// it has one.
func (w *world) follow(i int, r route) fan {
	if w.abstains {
		return utility(0)
	}
	s := &w.quotes[i]
	u, covered := s.u, w.covered|s.covers
	if r == irrelevant {
		u, covered = s.uIrrelevant, w.covered
	}
	f := utility(u)
	if !w.long || r == unsourced {
		return f
	}
	onwards, fetch, done := w.onward(w.bestU(i), covered, w.segments+1)
	for k := range f {
		f[k] *= done
	}
	f[reflection.ContinueEvidence], f[reflection.Retrieval] = onwards, fetch
	return f
}

// bestU returns the greatest u of a quote other than i, -1 if there is none.
func (w *world) bestU(i int) float64 {
	for _, b := range w.topU {
		if b >= 0 && b != i {
			return w.quotes[b].u
		}
	}
	return -1
}

// onward returns the probabilities to continue with the current evidence, to
// retrieve and to end the answer. best is the greatest u of an unused sentence,
// negative if there is none; then the first is zero.
func (w *world) onward(best float64, covered uint64, segments int) (onwards, fetch, done float64) {
	p := branches(w.parameters.follow, feature.Follow(best, 1-w.question.Share(covered), segments, w.question.Short()))
	if best < 0 {
		p[0] = 0
	}
	sum := p[0] + p[1] + p[2]
	return p[0] / sum, p[1] / sum, p[2] / sum
}

// utility returns the distribution of IsUSE: the mark minus one is binomial with
// four trials of probability u.
func utility(u float64) fan {
	v := 1 - u
	return fan{
		symbol(reflection.Utility1): v * v * v * v,
		symbol(reflection.Utility2): 4 * u * v * v * v,
		symbol(reflection.Utility3): 6 * u * u * v * v,
		symbol(reflection.Utility4): 4 * u * u * u * v,
		symbol(reflection.Utility5): u * u * u * u,
	}
}
