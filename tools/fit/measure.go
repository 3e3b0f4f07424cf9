package main

import (
	"bytes"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/linear"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/scoring"
)

// Systems whose one-sentence answers are compared. full is the engine as it
// comes; the others are measured against it.
const (
	engineFull = "engine"
	topAlone   = "top passage alone"
	seqAlone   = "best of K by the sequence term alone"
	random     = "random choice of K"
	pooled     = "pooled sentences without critique"
	noRel      = "engine without IsREL"
	noSup      = "engine without IsSUP"
	noUse      = "engine without IsUSE"
	noSeq      = "engine without the sequence term"
	floor      = "pooled, largest rarity overlap"
	oracle     = "oracle sentence"
)

var systems = []string{engineFull, topAlone, seqAlone, random, pooled, noRel, noSup, noUse, noSeq, floor, oracle}

// ablations are the weights with which the engine answers again.
var ablations = map[string]scoring.Weights{
	seqAlone: {Sequence: 1},
	noRel:    {Support: 1, Utility: 0.5, Sequence: 1},
	noSup:    {Relevance: 1, Utility: 0.5, Sequence: 1},
	noUse:    {Relevance: 1, Support: 1, Sequence: 1},
	noSeq:    {Relevance: 1, Support: 1, Utility: 0.5},
}

// outcome is the result of one question: by system, whether it matched (0 or 1; for a
// random choice, the expectation).
type outcome struct {
	group string // its gold passage
	match map[string]float64
	words float64 // of the engine's answer
}

// judged is a probability and whether the event happened.
type judged struct {
	p   []float64
	was []bool
}

func (j *judged) add(p float64, was bool) { j.p, j.was = append(j.p, p), append(j.was, was) }

func (j *judged) join(o judged) { j.p, j.was = append(j.p, o.p...), append(j.was, o.was...) }

// classed holds true and predicted classes.
type classed struct{ truth, predicted []int }

func (c *classed) add(truth, predicted int) {
	c.truth, c.predicted = append(c.truth, truth), append(c.predicted, predicted)
}

// share counts how often something happened.
type share struct{ yes, all int }

func (s *share) add(yes bool) { s.yes, s.all = s.yes+classOf(yes), s.all+1 }

func (c *classed) join(o *classed) {
	c.truth, c.predicted = append(c.truth, o.truth...), append(c.predicted, o.predicted...)
}

// greatestOf keeps the greatest of some numbers.
type greatestOf struct {
	x    float64
	seen bool
}

func (g *greatestOf) see(x float64) {
	if !g.seen || x > g.x {
		*g = greatestOf{x, true}
	}
}

// figures holds the results of one fold.
type figures struct {
	outcomes  map[string][]outcome // by question set
	rel, use  map[string]*judged
	support   map[string]*classed
	supported judged             // p(fully supported) of claims
	swapped   map[string]*judged // the support score of clean quotes and of the same with a name or number swapped
	withheld  map[string]*judged // greatest P([Relevant]) of the passages of a question with and without those that answer
	overlap   map[string]*judged // the same by words in common
	pairs     map[string]*judged
	abstain   map[string]*judged
	follow    classed
	searched  map[string]*share // of prompts, by kind, whose P([Retrieval]) is above the default threshold
}

func newFigures(sets []*set) *figures {
	f := &figures{
		outcomes: map[string][]outcome{}, rel: map[string]*judged{}, use: map[string]*judged{}, pairs: map[string]*judged{}, abstain: map[string]*judged{},
		support: map[string]*classed{}, swapped: map[string]*judged{}, withheld: map[string]*judged{}, overlap: map[string]*judged{}, searched: map[string]*share{},
	}
	for _, s := range sets {
		f.rel[s.name], f.use[s.name], f.support[s.name], f.swapped[s.name] = &judged{}, &judged{}, &classed{}, &judged{}
		f.withheld[s.name], f.overlap[s.name] = &judged{}, &judged{}
	}
	for _, name := range abstainBy {
		f.abstain[name] = &judged{}
	}
	for _, name := range pairsBy {
		f.pairs[name] = &judged{}
	}
	return f
}

var (
	abstainBy = []string{"P([Relevant])", "greatest z", "rarity overlap", "fewer sentences"}
	pairsBy   = []string{"support score", "shorter", "word coverage"}
)

// load makes the model of the file, as a user does.
func load(f *linear.File) (*extractive.Model, error) {
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		return nil, err
	}
	return extractive.Load(&b)
}

// measureRest judges everything else that is held: support, abstention, what
// follows, and the decision to retrieve.
func (fg *figures) measureRest(d *data, f *linear.File, rarity feature.Rarity, held part) {
	support := f.Models["support"]
	d.claims(held.measured, func(s *set, sentences []string, claims []claim) {
		lex := lexicon.New(256, lexicon.LanguageOf(sentences...))
		e := evidenceOf(lex, sentences)
		for _, c := range claims {
			p := support.Probs(supportRow(e, lex, c.text))
			fg.support[s.name].add(c.class, best(p))
			fg.supported.add(p[full], c.class == full)
			if c.clean != "" {
				fg.swapped[s.name].add(supportScore(support, e, lex, c.clean), true)
				fg.swapped[s.name].add(supportScore(support, e, lex, c.text), false)
			}
		}
	})
	for i, s := range d.clap {
		if !held.clap[i] {
			continue
		}
		v := s.view(rarity)
		c := choose(f.Models["choice"], v)
		q, lex := readQuestion(s.Question, rarity, s.Passage.Sentences...)
		answerable := len(s.Support) > 0
		overlap := 0.0
		for _, t := range s.Passage.Sentences {
			overlap = max(overlap, q.Share(q.Holds(lex.Words(t))))
		}
		fg.abstain["P([Relevant])"].add(relevanceOf(f.Models["relevance"], v, c), answerable)
		fg.abstain["greatest z"].add(slices.Max(append(c.z, -100)), answerable)
		fg.abstain["rarity overlap"].add(overlap, answerable)
		fg.abstain["fewer sentences"].add(-float64(len(s.Passage.Sentences)), answerable)
	}
	for _, e := range d.followExamples(f.Models["choice"], f.Models["use"], rarity, func(i int) bool { return held.clap[i] }) {
		p := f.Models["follow"].Probs(e.Row)
		if e.Row[1] == 0 && e.Row[3] == 1 {
			p[0] = 0 // nothing is left to continue with
		}
		fg.follow.add(e.Class, best(p))
	}
	for i, x := range d.decisions {
		if !held.decisions[i] {
			continue
		}
		fg.search(x, f.Models["retrieve"])
	}
}

// search judges the decision to retrieve for a prompt.
func (fg *figures) search(x decision, retrieve *linear.Model) {
	kind := x.kind
	if kind == "" {
		kind = "questions of the sets"
	}
	if fg.searched[kind] == nil {
		fg.searched[kind] = &share{}
	}
	fg.searched[kind].add(searched(x.text, retrieve))
}

// defaultThreshold is that of the engine.
const defaultThreshold = 0.2

// measurePairs judges answers to evidence, to which nothing here is fitted.
func (fg *figures) measurePairs(pairs []pair, support *linear.Model) {
	for _, p := range pairs {
		var sentences []string
		for _, s := range sentence.Split(p.Evidence) {
			sentences = append(sentences, s.Of(p.Evidence))
		}
		lex := lexicon.New(256, lexicon.LanguageOf(sentences...))
		e := evidenceOf(lex, sentences)
		for _, a := range []struct {
			text string
			ok   bool
		}{{p.Supported, true}, {p.Unsupported, false}} {
			fg.pairs["support score"].add(supportScore(support, e, lex, a.text), a.ok)
			fg.pairs["shorter"].add(-float64(len(strings.Fields(a.text))), a.ok)
			fg.pairs["word coverage"].add(supportRow(e, lex, a.text)[3], a.ok)
		}
	}
}

func supportScore(m *linear.Model, e *feature.Evidence, lex *lexicon.Lexicon, text string) float64 {
	p := m.Probs(supportRow(e, lex, text))
	return p[full] + p[partial]/2
}

// join adds the figures of another fold.
func (fg *figures) join(o *figures) {
	for name, x := range o.outcomes {
		fg.outcomes[name] = append(fg.outcomes[name], x...)
	}
	for _, m := range [...][2]map[string]*judged{
		{fg.rel, o.rel}, {fg.use, o.use}, {fg.pairs, o.pairs}, {fg.abstain, o.abstain}, {fg.swapped, o.swapped}, {fg.withheld, o.withheld}, {fg.overlap, o.overlap},
	} {
		for name, x := range m[1] {
			if m[0][name] == nil {
				m[0][name] = &judged{}
			}
			m[0][name].join(*x)
		}
	}
	fg.follow.join(&o.follow)
	for name, c := range o.support {
		fg.support[name].join(c)
	}
	fg.supported.join(o.supported)
	for kind, n := range o.searched {
		if fg.searched[kind] == nil {
			fg.searched[kind] = &share{}
		}
		fg.searched[kind].yes += n.yes
		fg.searched[kind].all += n.all
	}
}
