package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/retriever"
)

// The words of the passages. The toy model knows them all; things are what a
// question can be about.
var (
	things = strings.Fields("London Rome France England Italy city river bridge tower king queen moon sun planet year capital water")
	fill   = strings.Fields("a is in of on it was and to")
)

// relevant is how many of the passages are.
const relevant = 3

// task returns a question and its passages, the relevant ones at random ranks. No
// word occurs twice in a passage, so that the model quotes it to the end.
func task(form string, number, k int) (string, retriever.Retriever) {
	r := rand.New(rand.NewPCG(uint64(number), uint64(k)))
	topics := pick(r, things, 3)
	others := slices.DeleteFunc(slices.Clone(things), func(w string) bool { return slices.Contains(topics, w) })
	question := fmt.Sprintf("Where is the %s of the %s and the %s?", topics[0], topics[1], topics[2])
	if form == "long" {
		question = fmt.Sprintf("List the %s, the %s and the %s.", topics[0], topics[1], topics[2])
	}
	hits := make([]retriever.Hit, k)
	for i, rank := range r.Perm(k) {
		words := pick(r, fill, 7+r.IntN(3))
		if i < relevant {
			// More topics than other things: the share makes it relevant.
			words = append(words, pick(r, topics, 2+i%2)...)
			words = append(words, pick(r, others, i)...)
		} else {
			words = append(words, pick(r, others, 3)...)
			words = append(words, pick(r, topics, i%2)...)
		}
		if i%4 == 1 {
			words = append(words, "perhaps")
		}
		r.Shuffle(len(words), func(a, b int) { words[a], words[b] = words[b], words[a] })
		id := fmt.Sprintf("%d-%d", number, i)
		hits[rank] = retriever.Hit{Score: float64(k - rank), Passage: retriever.Passage{ID: id, Title: id, Text: "The " + strings.Join(words, " ") + "."}}
	}
	return question, retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		return retriever.Result{Hits: slices.Clone(hits), Scores: retriever.RankOnly}, nil
	})
}

// pick draws n different words.
func pick(r *rand.Rand, from []string, n int) []string {
	var list []string
	for _, i := range r.Perm(len(from))[:n] {
		list = append(list, from[i])
	}
	return list
}
