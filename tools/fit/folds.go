package main

import (
	"context"
	"errors"
	"math"
	"sync"

	"github.com/goselfrag/goselfrag/internal/feature"
)

// measure fits the models once for each fold and measures them on the held part. Once for
// each set and half of its passages, it also fits them to the other sets alone.
func measure(ctx context.Context, d *data, pairs []pair, o options) (*report, error) {
	full := map[*set]feature.Rarity{}
	for _, s := range d.sets {
		var texts []string
		for _, p := range s.corpus {
			texts = append(texts, p.Title+"\n"+p.Text)
		}
		full[s] = countRarity(texts, 1, math.MaxInt)
	}
	work := o.folds
	if len(d.sets) > 1 {
		work += 2 * len(d.sets)
	}
	parts, errs := make([]*figures, work), make([]error, work)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2)
	for k := range parts {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			parts[k] = newFigures(d.sets)
			if k < o.folds {
				errs[k] = parts[k].fold(ctx, d, pairs, full, k, o.folds)
			} else {
				errs[k] = parts[k].leftOut(ctx, d, full, (k-o.folds)/2, k%2)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	all, others := newFigures(d.sets), newFigures(d.sets)
	for k, fg := range parts {
		if k < o.folds {
			all.join(fg)
		} else {
			others.join(fg)
		}
	}
	return newReport(all, others, d, o)
}

// fold measures fold k.
func (fg *figures) fold(ctx context.Context, d *data, pairs []pair, full map[*set]feature.Rarity, k, folds int) error {
	held := d.heldOut(k, folds)
	f, err := d.train(held, nil)
	if err != nil {
		return err
	}
	rarity := d.rarity(held)
	for _, s := range d.sets {
		if err := fg.measureQuestions(ctx, s, f, rarity, full[s], func(i int) bool { return s.fold(i, folds) == k }); err != nil {
			return err
		}
	}
	fg.measureRest(d, f, rarity, held)
	if k == 0 {
		// The claims that the model of support is fitted to have nothing in
		// common with these pairs, so that any fold will do.
		fg.measurePairs(pairs, f.Models["support"])
		list, err := readDecisions(unseen)
		if err != nil {
			return err
		}
		for _, x := range list {
			x.kind = "unseen, " + x.kind
			fg.search(x, f.Models["retrieve"])
		}
	}
	return nil
}

// leftOut fits the models to all sets but one, and measures them on one half of its questions.
// Other sets may be translations of it: the questions with the same
// names are not fitted to, and neither are their passages.
func (fg *figures) leftOut(ctx context.Context, d *data, full map[*set]feature.Rarity, out, half int) error {
	s := d.sets[out]
	in := func(i int) bool { return s.fold(i, 2) == half }
	measured := map[string]bool{}
	for i, q := range s.questions {
		if in(i) {
			measured[q.ID] = true
		}
	}
	rest := *d
	rest.sets = nil
	held := part{passages: map[*set]map[int]bool{}, questions: map[*set]map[int]bool{}}
	for n, other := range d.sets {
		if n == out {
			continue
		}
		rest.sets = append(rest.sets, other)
		held.passages[other], held.questions[other] = map[int]bool{}, map[int]bool{}
		for i, q := range other.questions {
			if !measured[q.ID] {
				continue
			}
			held.questions[other][i] = true
			for _, id := range q.Positive {
				held.passages[other][other.place[id]] = true
			}
		}
	}
	f, err := rest.train(held, nil)
	if err != nil {
		return err
	}
	return fg.measureQuestions(ctx, s, f, rest.rarity(held), full[s], in)
}
