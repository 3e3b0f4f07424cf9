package extractive

import (
	"math"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/reflection"
)

// world is the model of one request: the tree of what it may answer and the
// background behind it. It is read-only once made.
type world struct {
	weights    *weights
	lex        lexicon
	background background
	question   *question

	quotes   []quote // unused sentences, sorted by their tokens
	root     node
	start    fan // at root, when its phase is choosing
	closing  fan // the utility of the answer so far
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
	place   int // among all sentences of the request
	index   int // in its passage
	// words and pairs are what [question.cover] says of the sentence, near of the
	// title and the sentence before it.
	words, pairs, near uint64
	open, cut          bool    // begins with a pronoun; is not a whole sentence
	z                  float64 // its score in the choice of the answer
	u                  float64 // probability that it answers the question
	weight             float64 // exp(z) up to a factor
}

func newWorld(wt *weights, req generator.Request) *world {
	p := req.Prompt
	a := readQuestion(valid(p.Instruction), valid(p.Input))
	sources, textBytes := sourcesOf(p, a)
	for _, s := range p.Path {
		textBytes += len(s.Text)
	}
	w := &world{weights: wt, lex: newLexicon(textBytes/8 + 64), segments: len(p.Path)}
	w.promptTokens = promptTokens(p)
	w.abstains = len(p.Path) == 0 && len(p.Evidence) == 0 && len(a.given) == 0
	for _, t := range req.Stop {
		w.long = w.long || t.Group() == reflection.Retrieve
	}

	w.background.symbols = make([]symbol, 0, textBytes/4+64)
	w.appendText(valid(p.Instruction))
	w.appendText(valid(p.Input))
	w.question = newQuestion(&w.lex, w.lex.appendTokens(nil, a.ask))
	w.question.want, w.question.define = a.wants()

	var said [][]int32
	for _, s := range p.Path {
		symbols := w.lex.appendTokens(nil, valid(s.Text))
		said = append(said, w.termsOf(symbols))
		words, _ := w.question.cover(symbols)
		w.covered |= words
	}
	w.addQuotes(sources, said)
	w.background.index(w.lex.size())
	w.plant(p, a)
	return w
}

// valid makes s UTF-8: quotes become the text of steps, which must be.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// sourcesOf returns the texts that may be quoted and about how many bytes the
// request's texts have.
func sourcesOf(p generator.Prompt, a asked) (sources []generator.Evidence, bytes int) {
	switch {
	case len(p.Evidence) > 0:
		sources = p.Evidence
	case p.Force == reflection.ContinueEvidence, p.Force == reflection.None && len(p.Path) > 0:
		sources = p.PathEvidence()
	case len(p.Path) > 0: // the path is the answer
	case len(a.given) > 0:
		for _, t := range a.given {
			sources = append(sources, generator.Evidence{Text: t})
		}
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

// appendText adds a text, closed by end, to the background and returns its
// symbols without end. They stay valid: a grown background leaves the old array
// behind.
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

// addQuotes adds the sentences of sources to the background, scores them, and
// keeps those that hold a word, come for the first time and are not said yet.
func (w *world) addQuotes(sources []generator.Evidence, said [][]int32) {
	q := w.question
	var all []quote
	var anywhere uint64
	for _, e := range sources {
		title, _ := q.cover(w.appendText(valid(e.Title)))
		text, before := valid(e.Text), uint64(0)
		for i, span := range sentence.Split(text) {
			s := quote{symbols: w.appendText(span.Of(text)), place: len(all), index: i, near: title | before}
			s.words, s.pairs = q.cover(s.symbols)
			anywhere |= s.near | s.words
			before = s.words
			all = append(all, s)
		}
	}
	q.weigh(all)

	w.quotes = make([]quote, 0, len(all))
	for i := range all {
		if terms := w.termsOf(all[i].symbols); len(terms) > 0 && !saidBefore(terms, said) {
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
		s := &w.quotes[i]
		s.open, s.cut = w.opensWith(s.symbols, pronoun), w.isCut(s.symbols)
		s.z = q.features(s).dot(w.weights.sentence)
		s.u = logistic(w.weights.answers.at + w.weights.answers.by*s.z)
		top = max(top, s.z)
	}
	sum := 0.0
	w.topU = [2]int{-1, -1}
	for i := range w.quotes {
		s := &w.quotes[i]
		s.weight = math.Exp(s.z - top)
		sum += s.weight
		switch {
		case w.topU[0] < 0 || s.u > w.quotes[w.topU[0]].u:
			w.topU = [2]int{i, w.topU[0]}
		case w.topU[1] < 0 || s.u > w.quotes[w.topU[1]].u:
			w.topU[1] = i
		}
	}

	w.start = fan{symbol(reflection.Irrelevant): 1}
	if len(w.quotes) > 0 {
		// The weights are e^(z-top), so that of "nothing here answers" is
		// e^(z0-top).
		z0 := w.weights.nothing + w.weights.missing*(1-q.share(anywhere))
		w.start[reflection.Irrelevant] = 1 / (1 + sum*math.Exp(top-z0))
		w.start[reflection.Relevant] = 1 / (1 + math.Exp(z0-top)/sum)
	}
}

// plant sets where the tree begins.
func (w *world) plant(p generator.Prompt, a asked) {
	w.closing = utility(logistic(w.weights.finished.at + w.weights.finished.by*w.question.share(w.covered)))
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
		given := uint64(0)
		if !w.abstains {
			for i := range w.quotes {
				given |= w.quotes[i].words
			}
		}
		x := w.weights.retrieveAt + a.retrieveFeatures(w.question.share(given)).dot(w.weights.retrieve)
		w.start = fan{
			symbol(reflection.Retrieval):   logistic(x),
			symbol(reflection.NoRetrieval): logistic(-x),
		}
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

// support returns the distribution of IsSUP for a quote. It looks at the
// sentence only, never at the question.
func (w *world) support(i int) fan {
	s := &w.quotes[i]
	x := w.weights.support.clean
	for k := range x {
		if s.open {
			x[k] += w.weights.support.open[k]
		}
		if s.cut {
			x[k] += w.weights.support.cut[k]
		}
	}
	p := softmax(0, x[0], x[1])
	return fan{
		symbol(reflection.FullySupported):     p[0],
		symbol(reflection.PartiallySupported): p[1],
		symbol(reflection.NoSupport):          p[2],
	}
}

// follow returns the distribution of what follows quote i and its IsSUP token,
// if it has one.
func (w *world) follow(i int, r route) fan {
	if w.abstains {
		return utility(0)
	}
	s := &w.quotes[i]
	u, covered := s.u, w.covered|s.words
	if r == irrelevant {
		u, covered = u*w.weights.afterIrrelevant, w.covered
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

// onward returns the probabilities to go on with the evidence at hand, to
// retrieve and to end the answer. best is the greatest u of an unused sentence,
// negative if there is none; then the first is zero.
func (w *world) onward(best float64, covered uint64, segments int) (onwards, fetch, done float64) {
	t := &w.weights.after
	share := w.question.share(covered)
	x := math.Inf(-1)
	if best >= 0 {
		x = t.onwards + t.best*best
	}
	p := softmax(x, t.fetch+t.open*(1-share), t.done+t.covered*share+t.segments*float64(min(segments, 100)))
	return p[0], p[1], p[2]
}

func softmax(x ...float64) []float64 {
	top, sum := slices.Max(x), 0.0
	for i := range x {
		x[i] = math.Exp(x[i] - top)
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum
	}
	return x
}

// utility returns the distribution of IsUSE: the mark less one is binomial with
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

// opensWith reports whether the first word has the trait.
func (w *world) opensWith(symbols []symbol, is trait) bool {
	for _, s := range symbols {
		if x := w.lex.word(s); x.term >= 0 {
			return x.is&is != 0
		}
	}
	return false
}

// isCut reports whether a sentence looks incomplete: it begins with a small
// letter or does not end with a full stop or the like.
func (w *world) isCut(symbols []symbol) bool {
	first := strings.TrimLeft(w.lex.text(symbols[0]), " ")
	if first >= "a" && first < "{" {
		return true
	}
	for i := len(symbols) - 1; i >= 0; i-- {
		x := w.lex.word(symbols[i])
		if x.is&lastStop != 0 {
			return false
		}
		if x.term >= 0 || !strings.ContainsAny(w.lex.text(symbols[i]), `)]}"'”’»`) {
			return true
		}
	}
	return true
}
