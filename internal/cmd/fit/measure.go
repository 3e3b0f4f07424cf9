package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/linear"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
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

// ablations are what the engine does again with other weights.
var ablations = map[string]scoring.Weights{
	seqAlone: {Sequence: 1},
	noRel:    {Support: 1, Utility: 0.5, Sequence: 1},
	noSup:    {Relevance: 1, Utility: 0.5, Sequence: 1},
	noUse:    {Relevance: 1, Support: 1, Sequence: 1},
	noSeq:    {Relevance: 1, Support: 1, Utility: 0.5},
}

// outcome is what one question gave: by system, how far it matched (0 or 1; for
// a random choice, its expectation).
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

// figures is what one fold measured.
type figures struct {
	outcomes  map[string][]outcome // by question set
	rel, use  map[string]*judged
	support   classed
	supported judged // p(fully supported) of claims
	swapped   judged // the support score of clean quotes and of the same with a name or number swapped
	pairs     map[string]*judged
	abstain   map[string]*judged
	follow    classed
	retrieve  judged
	skipped   int // questions of the sets that fall below the default threshold
	asked     int
}

func newFigures(sets []*set) *figures {
	f := &figures{outcomes: map[string][]outcome{}, rel: map[string]*judged{}, use: map[string]*judged{}, pairs: map[string]*judged{}, abstain: map[string]*judged{}}
	for _, s := range sets {
		f.rel[s.name], f.use[s.name] = &judged{}, &judged{}
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

// load makes the model that a user of the file has.
func load(f *linear.File) (*extractive.Model, error) {
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		return nil, err
	}
	return extractive.Load(&b)
}

// measureQuestions answers the questions of a set that are in, through the
// engine, and judges what the model says of their passages.
func (fg *figures) measureQuestions(ctx context.Context, s *set, f *linear.File, rarity, full feature.Rarity, in func(int) bool) error {
	model, err := load(f)
	if err != nil {
		return err
	}
	engine, err := selfrag.New(model, s.index, selfrag.WithMode(selfrag.Always), selfrag.WithConcurrency(1), selfrag.WithK(topK))
	if err != nil {
		return err
	}
	choice, relevance, use := f.Models["choice"], f.Models["relevance"], f.Models["use"]
	for i, q := range s.questions {
		if !in(i) {
			continue
		}
		o := outcome{match: map[string]float64{}}
		if len(q.Positive) > 0 {
			o.group = q.Positive[0]
		}
		hit := func(text string) float64 { return float64(classOf(holds(text, q.Answers))) }

		answer, err := engine.Answer(ctx, q.Question)
		if err != nil {
			return fmt.Errorf("%s: %w", q.ID, err)
		}
		o.match[engineFull] = hit(answer.Text)
		o.words = float64(sentence.Count(answer.Text))
		for name, w := range ablations {
			again, err := selfrag.Rescore(answer.Trace, selfrag.WithWeights(w))
			if err != nil {
				return fmt.Errorf("%s: %s: %w", q.ID, name, err)
			}
			o.match[name] = hit(again.Text)
		}
		if alone, err := engine.Answer(ctx, q.Question, selfrag.WithK(1)); err != nil {
			return fmt.Errorf("%s: %w", q.ID, err)
		} else {
			o.match[topAlone] = hit(alone.Text)
		}
		if len(answer.Trace.Expansions) > 0 {
			candidates := answer.Trace.Expansions[0].Candidates
			for _, c := range candidates {
				o.match[random] += hit(c.Text) / float64(len(candidates))
			}
		}

		asked, lex := readQuestion(q.Question, full)
		topZ, topShare := math.Inf(-1), -1.0
		for _, v := range s.views(i, rarity, false, nil) {
			c := choose(choice, v)
			rel := relevanceOf(relevance, v, c)
			fg.rel[s.name].add(rel, v.any)
			if c.at < 0 {
				continue
			}
			fg.use[s.name].add(use.Probs(c.use(rel))[1], v.right[c.at])
			for k, t := range v.texts {
				right := float64(classOf(v.right[k]))
				if c.z[k] > topZ {
					topZ, o.match[pooled] = c.z[k], right
				}
				if x := asked.Share(asked.Holds(lex.Words(t))); x > topShare {
					topShare, o.match[floor] = x, right
				}
			}
			o.match[oracle] = max(o.match[oracle], float64(classOf(v.any)))
		}
		fg.outcomes[s.name] = append(fg.outcomes[s.name], o)
	}
	return nil
}

// measureRest judges everything else that is held: support, abstention, what
// follows, and the decision to retrieve.
func (fg *figures) measureRest(d *data, f *linear.File, rarity feature.Rarity, held part) {
	support := f.Models["support"]
	for _, e := range d.supportExamples(held.measured) {
		p := support.Probs(e.Row)
		fg.support.add(e.Class, best(p))
		fg.supported.add(p[full], e.Class == full)
	}
	d.claims(held.measured, func(sentences []string, claims []claim) {
		lex := feature.NewLexicon(256)
		e := evidenceOf(lex, sentences)
		for _, c := range claims {
			if c.clean != "" {
				fg.swapped.add(supportScore(support, e, lex, c.clean), true)
				fg.swapped.add(supportScore(support, e, lex, c.text), false)
			}
		}
	})
	for i, s := range d.clap {
		if !held.clap[i] {
			continue
		}
		v := s.view(rarity)
		c := choose(f.Models["choice"], v)
		q, lex := readQuestion(s.Question, rarity)
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
		p := f.Models["retrieve"].Probs(retrieveRow(x.text, rarity))[1]
		if x.written {
			fg.retrieve.add(p, x.retrieve)
		} else {
			fg.asked++
			fg.skipped += classOf(p <= 0.2)
		}
	}
}

// measurePairs judges answers to evidence, to which nothing here is fitted.
func (fg *figures) measurePairs(pairs []pair, support *linear.Model) {
	for _, p := range pairs {
		var sentences []string
		for _, s := range sentence.Split(p.Evidence) {
			sentences = append(sentences, s.Of(p.Evidence))
		}
		lex := feature.NewLexicon(256)
		e := evidenceOf(lex, sentences)
		for _, a := range []struct {
			text string
			ok   bool
		}{{p.Supported, true}, {p.Unsupported, false}} {
			fg.pairs["support score"].add(supportScore(support, e, lex, a.text), a.ok)
			fg.pairs["shorter"].add(-float64(len(strings.Fields(a.text))), a.ok)
			row := e.Support(lex.Words(a.text), feature.LookAt(a.text))
			fg.pairs["word coverage"].add(row[3], a.ok)
		}
	}
}

func supportScore(m *linear.Model, e *feature.Evidence, lex *feature.Lexicon, text string) float64 {
	p := m.Probs(e.Support(lex.Words(text), feature.LookAt(text)))
	return p[full] + p[partial]/2
}

// join adds the figures of another fold.
func (fg *figures) join(o *figures) {
	for name, x := range o.outcomes {
		fg.outcomes[name] = append(fg.outcomes[name], x...)
	}
	for _, m := range [...][2]map[string]*judged{{fg.rel, o.rel}, {fg.use, o.use}, {fg.pairs, o.pairs}, {fg.abstain, o.abstain}} {
		for name, x := range m[1] {
			if m[0][name] == nil {
				m[0][name] = &judged{}
			}
			m[0][name].join(*x)
		}
	}
	for _, c := range [...][2]*classed{{&fg.support, &o.support}, {&fg.follow, &o.follow}} {
		c[0].truth, c[0].predicted = append(c[0].truth, c[1].truth...), append(c[0].predicted, c[1].predicted...)
	}
	fg.supported.join(o.supported)
	fg.swapped.join(o.swapped)
	fg.retrieve.join(o.retrieve)
	fg.skipped += o.skipped
	fg.asked += o.asked
}
