package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

// What the records are about. The model knows these words.
var (
	things = []string{"bridge", "tower", "king"}
	places = []string{"Paris", "London", "Rome", "Italy"}
	// moons is only asked for first in a question with two answers.
	moons = []string{"moon", "sun"}
)

// claim is a passage about a thing, and how far it supports what is quoted from it.
type claim struct {
	thing, place string
	word         string // before the place: "", "perhaps " or "not "
}

func (c claim) quote() string { return fmt.Sprintf("the %s is %sin %s.", c.thing, c.word, c.place) }

func (c claim) evidence() *generator.Evidence {
	return &generator.Evidence{Title: capital(c.thing), Text: capital(c.quote())}
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (c claim) support() reflection.Token {
	switch c.word {
	case "perhaps ":
		return reflection.PartiallySupported
	case "not ":
		return reflection.NoSupport
	}
	return reflection.FullySupported
}

// utility of an answer that ends with a claim. Only that of a full support is what the
// toy model says before it is trained.
func (c claim) utility() reflection.Token {
	return map[reflection.Token]reflection.Token{
		reflection.FullySupported: reflection.Utility5, reflection.PartiallySupported: reflection.Utility3, reflection.NoSupport: reflection.Utility1,
	}[c.support()]
}

// answer is the segment that quotes a claim.
func (c claim) answer() training.Segment {
	return training.Segment{Retrieve: reflection.Retrieval, Passage: c.evidence(), Relevance: reflection.Relevant, Text: c.quote(), Support: c.support()}
}

const unknown = "I do not know."

// records returns the records to train on, and others about the same words to measure on.
func records() (train, held []training.Record) {
	add := func(to *[]training.Record, question string, utility reflection.Token, segments ...training.Segment) {
		*to = append(*to, training.Record{
			Instruction: question, Output: training.Output{Segments: segments, Utility: utility}.String(), DatasetName: "toy",
			ID: training.ID(fmt.Sprint(len(train) + len(held))),
		})
	}
	for i, thing := range things {
		for j, place := range places {
			to := &train
			if (i+j)%3 == 0 {
				to = &held
			}
			for _, word := range []string{"", "perhaps ", "not "} {
				c := claim{thing, place, word}
				add(to, fmt.Sprintf("Where is the %s?", thing), c.utility(), c.answer())
			}
			c := claim{thing: thing, place: place}
			other := things[(i+1+j%2)%len(things)]
			add(to, fmt.Sprintf("Where is the %s?", other), reflection.Utility2,
				training.Segment{Retrieve: reflection.Retrieval, Passage: c.evidence(), Relevance: reflection.Irrelevant, Text: unknown})
			first := claim{thing: moons[j%2], place: places[(j+i)%len(places)]}
			add(to, fmt.Sprintf("List the %s and the %s.", first.thing, thing), reflection.Utility5, first.answer(), c.answer())
		}
	}
	for i, question := range []string{"Hello there.", "What is it?", "Who is that?", "Why was it so?", "Is it?"} {
		to := &train
		if i == 0 {
			to = &held
		}
		add(to, question, reflection.Utility3, training.Segment{Retrieve: reflection.NoRetrieval, Text: unknown})
	}
	return train, held
}

// masked returns the records with the mask of a kind.
func masked(list []training.Record, kind training.MaskKind) ([]training.Record, error) {
	list = slices.Clone(list)
	for i := range list {
		spans, err := training.Mask(list[i].Output, kind)
		if err != nil {
			return nil, err
		}
		list[i].Masked = training.Runes(spans)
	}
	return list, nil
}
