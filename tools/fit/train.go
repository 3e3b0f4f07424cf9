package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/linear"
	"github.com/goselfrag/goselfrag/tools/internal/fit"
)

// The strengths of the penalties. That of the choice is large: with a small one it fits
// the peculiarities of one question set and is worse on the other.
const (
	choiceL2 = 2000
	adjustL2 = 2000
	otherL2  = 1
	// clapWeight is what a question with known supporting sentences weighs.
	clapWeight = 5
	// nearMissWeight is the weight of such a question in the fit of relevance. It is high
	// because these questions have near misses: most passages of the sets without an
	// answer are about something else.
	nearMissWeight = 10
	relevanceL2    = 3
	// leastTexts is the number of passages that must hold a stem for it to have a
	// rarity of its own in the file.
	leastTexts = 5
	// mostStems is the most stems of a language in the file. The language with most
	// passages has no limit.
	mostStems = 200
)

var free = map[string]bool{"one": true}

// data holds all examples.
type data struct {
	sets      []*set
	clap      []supported // answerable and unanswerable
	decisions []decision
	seed      uint64
}

// part is the part of the data that is held back from a fit.
type part struct {
	passages  map[*set]map[int]bool // places in the corpus
	questions map[*set]map[int]bool
	clap      map[int]bool
	decisions map[int]bool
	fold      int
	folds     int
}

// measured reports whether made-up claims about a passage are measured: each
// passage in one fold.
func (p part) measured(s *set, i int) bool { return p.passages[s][i] && i%p.folds == p.fold }

// heldOut returns the part that fold f of several is measured on: its questions and
// every passage that is shown for them.
func (d *data) heldOut(f, folds int) part {
	p := part{map[*set]map[int]bool{}, map[*set]map[int]bool{}, map[int]bool{}, map[int]bool{}, f, folds}
	for _, s := range d.sets {
		p.passages[s], p.questions[s] = map[int]bool{}, map[int]bool{}
		for i, q := range s.questions {
			if s.fold(i, folds) != f {
				continue
			}
			p.questions[s][i] = true
			for _, at := range s.pools[i] {
				p.passages[s][at] = true
			}
			for _, id := range q.Positive {
				p.passages[s][s.place[id]] = true
			}
		}
		// A question whose gold passage is held has no example left.
		for i, q := range s.questions {
			for _, id := range q.Positive {
				if p.passages[s][s.place[id]] {
					p.questions[s][i] = true
				}
			}
		}
	}
	// Questions about the same passage are held together.
	first := map[string]int{}
	for i, c := range d.clap {
		if _, ok := first[c.Passage.Text]; !ok {
			first[c.Passage.Text] = i
		}
		if first[c.Passage.Text]%folds == f {
			p.clap[i] = true
		}
	}
	for i := range d.decisions {
		if i%folds == f {
			p.decisions[i] = true
		}
	}
	return p
}

// train fits all models to the data without the held part.
func (d *data) train(held part, provenance map[string]string) (*linear.File, error) {
	rarity := d.rarity(held)
	f := &linear.File{
		Provenance: provenance,
		Models:     map[string]*linear.Model{},
		Tables:     rarity.Tables(),
	}
	choice, examples, err := d.trainChoice(held, rarity)
	if err != nil {
		return nil, fmt.Errorf("choice: %w", err)
	}
	f.Models["choice"] = choice
	relevance, err := d.trainRelevance(choice, examples, held, rarity)
	if err != nil {
		return nil, fmt.Errorf("relevance: %w", err)
	}
	f.Models["relevance"] = relevance
	if f.Models["use"], f.Models["finished"], err = trainUse(choice, relevance, examples); err != nil {
		return nil, fmt.Errorf("use: %w", err)
	}
	if f.Models["support"], err = fit.Classes(feature.SupportNames(), feature.SupportClasses, d.supportExamples(func(s *set, i int) bool { return !held.passages[s][i] }), fit.Options{L2: otherL2, Free: free}); err != nil {
		return nil, fmt.Errorf("support: %w", err)
	}
	follow := d.followExamples(f.Models["choice"], f.Models["use"], rarity, func(i int) bool { return !held.clap[i] })
	follow = append(follow, followShort(f.Models["choice"], f.Models["use"], rarity, examples, len(follow))...)
	if f.Models["follow"], err = fit.Classes(feature.FollowNames(), feature.FollowClasses, follow, fit.Options{L2: otherL2, Free: free}); err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	if f.Models["retrieve"], err = d.trainRetrieve(held); err != nil {
		return nil, fmt.Errorf("retrieve: %w", err)
	}
	return f, nil
}

func (d *data) rarity(held part) feature.Rarity {
	var texts []string
	for _, s := range d.sets {
		for i, p := range s.corpus {
			if !held.passages[s][i] {
				texts = append(texts, p.Title+"\n"+p.Text)
			}
		}
	}
	return countRarity(texts, leastTexts, mostStems)
}

// example is a question with the passages it may be fitted to.
type example struct {
	question string
	views    []view
}

// trainChoice fits the choice among sentences: each passage is a choice with
// "nothing here answers", and all passages of a question together are one
// without it, so that scores can be compared across passages.
func (d *data) trainChoice(held part, rarity feature.Rarity) (*linear.Model, []example, error) {
	var lists []fit.List
	var examples []example
	for _, s := range d.sets {
		for i, q := range s.questions {
			if held.questions[s][i] {
				continue
			}
			e := example{q.Question, s.views(i, rarity, true, held.passages[s])}
			examples = append(examples, e)
			lists = append(lists, choiceLists(e.views)...)
		}
	}
	for i, c := range d.clap {
		if !held.clap[i] {
			v := c.view(rarity)
			lists = append(lists, fit.List{Rows: v.rows, Right: v.right, HasNothing: true, NothingRight: !v.any, Weight: clapWeight})
		}
	}
	m, err := fit.Choice(feature.ChoiceNames(), lists, fit.Options{L2: choiceL2, Free: free})
	if err != nil {
		return nil, nil, err
	}
	return m, examples, adjust(m, lists)
}

// adjust fits how sure the model is of a passage: it multiplies the scores by a
// factor and adds a combination of the features of the passage, fitted to the
// choices with "nothing" alone. The order of the sentences of a passage stays.
// The first fit alone leaves probabilities too even, because of its penalty.
func adjust(m *linear.Model, lists []fit.List) error {
	places := feature.ChoiceOfPassage()
	names := []string{"score"}
	for _, j := range places {
		names = append(names, m.Features[j])
	}
	var scored []fit.List
	for _, l := range lists {
		if !l.HasNothing {
			continue
		}
		rows := make([][]float64, len(l.Rows))
		for k, r := range l.Rows {
			rows[k] = []float64{m.Score(r)}
			for _, j := range places {
				rows[k] = append(rows[k], r[j])
			}
		}
		l.Rows = rows
		scored = append(scored, l)
	}
	s, err := fit.Choice(names, scored, fit.Options{L2: adjustL2, Free: map[string]bool{"score": true, "one": true}})
	if err != nil {
		return err
	}
	for j := range m.Weights[0] {
		m.Weights[0][j] *= s.Weights[0][0]
	}
	for k, j := range places {
		m.Weights[0][j] += s.Weights[0][1+k]
	}
	return nil
}

// trainRelevance fits the probability that a passage answers, whichever of its
// sentences does: to the passages of the sets and to those of questions with one
// passage. Many are near misses.
func (d *data) trainRelevance(choice *linear.Model, examples []example, held part, rarity feature.Rarity) (*linear.Model, error) {
	var passages []fit.Labeled
	add := func(v view, weight float64) {
		if c := choose(choice, v); c.at >= 0 {
			passages = append(passages, fit.Labeled{Row: v.read.Relevance(c.z), Class: classOf(v.any), Weight: weight})
		}
	}
	for _, e := range examples {
		for _, v := range e.views {
			add(v, 1)
		}
	}
	for i, c := range d.clap {
		if !held.clap[i] {
			add(c.view(rarity), nearMissWeight)
		}
	}
	return fit.Classes(feature.RelevanceNames(), feature.YesNo, passages, fit.Options{L2: relevanceL2, Free: free})
}

func choiceLists(views []view) []fit.List {
	var lists []fit.List
	pooled := fit.List{Weight: 1}
	for _, v := range views {
		lists = append(lists, fit.List{Rows: v.rows, Right: v.right, HasNothing: true, NothingRight: !v.any, Weight: 1})
		pooled.Rows = append(pooled.Rows, v.rows...)
		pooled.Right = append(pooled.Right, v.right...)
	}
	if slices.Contains(pooled.Right, true) {
		lists = append(lists, pooled)
	}
	return lists
}

// chosen is the model's output for a passage: the scores, the probabilities with
// "nothing" first, and the likeliest sentence.
type chosen struct {
	z  []float64
	pi []float64
	at int
}

func choose(m *linear.Model, v view) chosen {
	var c chosen
	c.pi = []float64{0}
	for _, r := range v.rows {
		z := max(-30, min(30, m.Score(r)))
		c.z, c.pi = append(c.z, z), append(c.pi, z)
	}
	linear.Softmax(c.pi)
	c.at = best(c.z)
	return c
}

// relevanceOf returns p([Relevant]).
func relevanceOf(m *linear.Model, v view, c chosen) float64 {
	if c.at < 0 {
		return 0
	}
	return m.Probs(v.read.Relevance(c.z))[1]
}

func (c chosen) use(relevance float64) []float64 {
	return feature.Use(c.z[c.at], relevance < 0.5, c.pi[1+c.at])
}

// trainUse fits the probability that a quote answers its question to the
// sentence the model would quote of each passage, and that of a finished answer
// to the best sentence of all.
func trainUse(choice, relevance *linear.Model, examples []example) (use, finished *linear.Model, err error) {
	var quotes, answers []fit.Labeled
	for _, e := range examples {
		top, class, covered := math.Inf(-1), 0, 0.0
		for _, v := range e.views {
			c := choose(choice, v)
			if c.at < 0 {
				continue
			}
			l := classOf(v.right[c.at])
			quotes = append(quotes, fit.Labeled{Row: c.use(relevanceOf(relevance, v, c)), Class: l, Weight: 1})
			if c.z[c.at] > top {
				// The first feature after "one" is the share that is covered.
				top, class, covered = c.z[c.at], l, v.rows[c.at][1]
			}
		}
		if !math.IsInf(top, -1) {
			answers = append(answers, fit.Labeled{Row: feature.Finished(covered), Class: class, Weight: 1})
		}
	}
	o := fit.Options{L2: otherL2, Free: free}
	if use, err = fit.Classes(feature.UseNames(), feature.YesNo, quotes, o); err != nil {
		return nil, nil, err
	}
	finished, err = fit.Classes(feature.FinishedNames(), feature.YesNo, answers, o)
	return use, finished, err
}

func classOf(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
