package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/linear"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/tools/internal/fit"
)

const (
	// rankDepth is how many passages that keyword search finds are a choice.
	rankDepth = 10
	rankL2    = 1
)

// asked is a question and the ids of the passages that answer it.
type asked struct {
	question string
	right    []string
}

// trainRank fits the order of the passages that keyword search finds. Each question is one
// choice among them. A question that none of them answers is left out.
func (d *data) trainRank(ctx context.Context, provenance map[string]string) (*linear.File, error) {
	var lists []fit.List
	for _, s := range d.sets {
		var questions []asked
		for _, q := range s.questions {
			questions = append(questions, asked{q.Question, q.Positive})
		}
		more, err := rankLists(ctx, s.corpus, questions)
		if err != nil {
			return nil, err
		}
		lists = append(lists, more...)
	}
	corpus, questions := d.ownPassages()
	more, err := rankLists(ctx, corpus, questions)
	if err != nil {
		return nil, err
	}
	m, err := fit.Choice(feature.RankNames(), append(lists, more...), fit.Options{L2: rankL2})
	if err != nil {
		return nil, fmt.Errorf("rank: %w", err)
	}
	return &linear.File{Provenance: provenance, Models: map[string]*linear.Model{"rank": m}}, nil
}

// ownPassages makes a corpus of the passages of the questions that have one of their own.
// It includes passages that do not answer their questions, as near misses.
func (d *data) ownPassages() (corpus []retriever.Passage, questions []asked) {
	ids := map[string]string{}
	for _, c := range d.clap {
		id, known := ids[c.Passage.Text]
		if !known {
			id = fmt.Sprint(len(ids))
			ids[c.Passage.Text] = id
			corpus = append(corpus, retriever.Passage{ID: id, Title: c.Passage.Title, Text: c.Passage.Text})
		}
		questions = append(questions, asked{c.Question, []string{id}})
	}
	return corpus, questions
}

func rankLists(ctx context.Context, corpus []retriever.Passage, questions []asked) ([]fit.List, error) {
	index, err := lexical.New(ctx, corpus, lexical.Options{})
	if err != nil {
		return nil, err
	}
	collection := feature.NewCollection()
	for _, p := range corpus {
		collection.Add(p.Title, p.Text)
	}
	var lists []fit.List
	for _, q := range questions {
		res, err := index.Retrieve(ctx, retriever.Query{Text: q.question, K: rankDepth})
		if err != nil {
			return nil, err
		}
		ranking := collection.NewRanking(q.question)
		l := fit.List{Weight: 1}
		for _, h := range res.Hits {
			l.Rows = append(l.Rows, ranking.Features(h.Passage.Title, h.Passage.Text))
			l.Right = append(l.Right, slices.Contains(q.right, h.Passage.ID))
		}
		if slices.Contains(l.Right, true) {
			lists = append(lists, l)
		}
	}
	return lists, nil
}
