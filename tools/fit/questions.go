package main

import (
	"context"
	"fmt"
	"math"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/linear"
	"github.com/goselfrag/goselfrag/selfrag"
)

// measureQuestions answers the questions of a set that are in, through the
// engine, and judges what the model says of their passages.
func (fg *figures) measureQuestions(ctx context.Context, s *set, f *linear.File, rarity, full feature.Rarity, in func(int) bool) error {
	model, err := load(f)
	if err != nil {
		return err
	}
	engine, err := selfrag.New(model, s.index, selfrag.WithMode(selfrag.Always), selfrag.WithConcurrency(1), selfrag.WithK(topK), selfrag.WithAbstention(0, ""))
	if err != nil {
		return err
	}
	for i, q := range s.questions {
		if !in(i) {
			continue
		}
		o, err := answered(ctx, engine, q)
		if err != nil {
			return fmt.Errorf("%s: %w", q.ID, err)
		}
		fg.look(s, i, f, rarity, full, o)
		fg.outcomes[s.name] = append(fg.outcomes[s.name], o)
	}
	return nil
}

// answered returns what the engine answers to a question, as it comes, with other
// weights and with one passage.
func answered(ctx context.Context, engine *selfrag.Engine, q dataset.Question) (outcome, error) {
	o := outcome{match: map[string]float64{}}
	if len(q.Positive) > 0 {
		o.group = q.Positive[0]
	}
	hit := func(text string) float64 { return float64(classOf(holds(text, q.Answers))) }
	answer, err := engine.Answer(ctx, q.Question)
	if err != nil {
		return o, err
	}
	o.match[engineFull] = hit(answer.Text)
	o.words = float64(analysis.Count(answer.Text))
	for name, w := range ablations {
		again, err := selfrag.Rescore(answer.Trace, selfrag.WithWeights(w))
		if err != nil {
			return o, fmt.Errorf("%s: %w", name, err)
		}
		o.match[name] = hit(again.Text)
	}
	alone, err := engine.Answer(ctx, q.Question, selfrag.WithK(1))
	if err != nil {
		return o, err
	}
	o.match[topAlone] = hit(alone.Text)
	if len(answer.Trace.Expansions) > 0 {
		candidates := answer.Trace.Expansions[0].Candidates
		for _, c := range candidates {
			o.match[random] += hit(c.Text) / float64(len(candidates))
		}
	}
	return o, nil
}

// look measures the models on the passages of question i of a set, and adds to o the results
// of other ways to choose a sentence.
func (fg *figures) look(s *set, i int, f *linear.File, rarity, full feature.Rarity, o outcome) {
	choice, relevance, use := f.Models["choice"], f.Models["relevance"], f.Models["use"]
	topZ, topShare := math.Inf(-1), -1.0
	var with, without [2]greatestOf // by P([Relevant]) and by words in common, of all passages and of those that do not answer
	for _, v := range s.views(i, rarity, false, nil) {
		c := choose(choice, v)
		rel := relevanceOf(relevance, v, c)
		fg.rel[s.name].add(rel, v.any)
		if c.at < 0 {
			continue
		}
		fg.use[s.name].add(use.Probs(c.use(rel))[1], v.right[c.at])
		asked, lex := readQuestion(s.questions[i].Question, full, v.texts...)
		inPassage := -1.0
		for k, t := range v.texts {
			right := float64(classOf(v.right[k]))
			if c.z[k] > topZ {
				topZ, o.match[pooled] = c.z[k], right
			}
			x := asked.Share(asked.Holds(lex.Words(t)))
			inPassage = max(inPassage, x)
			if x > topShare {
				topShare, o.match[floor] = x, right
			}
		}
		for k, x := range [2]float64{rel, inPassage} {
			with[k].see(x)
			if !v.any {
				without[k].see(x)
			}
		}
		o.match[oracle] = max(o.match[oracle], float64(classOf(v.any)))
	}
	if o.match[oracle] == 1 && without[0].seen {
		for k, j := range [2]*judged{fg.withheld[s.name], fg.overlap[s.name]} {
			j.add(with[k].x, true)
			j.add(without[k].x, false)
		}
	}
}
