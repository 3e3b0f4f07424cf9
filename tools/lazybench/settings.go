package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

const passages, relevant = 10, 3

// questionWords and passageWords are the lengths of the simulated texts.
const questionWords, passageWords = 60, 150

// setting is one line of the table without the width.
type setting struct {
	Host      string `json:"host"`
	Relevance string `json:"relevance"` // parameters of the beta distributions
	Sequence  string `json:"sequence"`
	Form      string `json:"form"`
	// ask returns the engine for question number i, the question, and the meter.
	ask func(i int) (*selfrag.Engine, string, *meter, error)
}

// form is a kind of answer.
type form struct {
	name     string
	segments int
	option   selfrag.Option
}

var forms = []form{
	{"short", 1, selfrag.WithShortForm()},
	{"long, B 1", 3, selfrag.WithLongForm(1, 3)},
	{"long, B 2", 3, selfrag.WithLongForm(2, 3)},
}

// sequence is a sequence term; q is the mean per token of the simulated model.
type sequence struct {
	name string
	term scoring.Sequence
	q    float64
}

var sequences = []sequence{
	{"none", scoring.SequenceNone, 0.85},
	{"q 0.85", scoring.SequenceGeometric, 0.85},
	{"q 0.6", scoring.SequenceGeometric, 0.6},
	{"q 0.4", scoring.SequenceGeometric, 0.4},
}

var distributions = [][2]float64{{20, 1}, {6, 1.5}, {4, 2}}

func relevanceName(ab [2]float64) string {
	return fmt.Sprintf("(%g,%g)/(%g,%g)", ab[0], ab[1], ab[1], ab[0])
}

// simulatedSettings lists the lines of a simulated model.
func simulatedSettings(model string) []setting {
	terms := sequences
	if model != "simulated" {
		terms = slices.Clone(sequences[:2])
		terms[1].name = "its own q" // the words of Random are as they are
	}
	var out []setting
	for _, ab := range distributions {
		for _, q := range terms {
			for _, f := range forms {
				out = append(out, simulatedSetting(inProcess, ab, q, f, model))
			}
		}
	}
	return out
}

// serverSettings compares the ways to wait.
func serverSettings() []setting {
	var out []setting
	for _, ab := range distributions {
		for _, q := range sequences[:2] {
			for _, f := range []form{forms[0], forms[2]} {
				for _, h := range hosts {
					out = append(out, simulatedSetting(h, ab, q, f, "simulated"))
				}
			}
		}
	}
	return out
}

func simulatedSetting(h host, ab [2]float64, q sequence, f form, model string) setting {
	s := setting{Host: h.name, Relevance: relevanceName(ab), Sequence: q.name, Form: f.name}
	asked := words("question", questionWords)
	s.ask = func(i int) (*selfrag.Engine, string, *meter, error) {
		var g generator.Generator = &simulated{uint64(i), ab, q.q, f.segments}
		if model != "simulated" {
			g = randomModel(i, ab, f, model == "flat")
		}
		m := newMeter(g, h)
		e, err := selfrag.New(m, found(i), f.option, selfrag.WithK(passages), selfrag.WithMode(selfrag.Always),
			selfrag.WithSequence(q.term, generator.CountAuto), selfrag.WithConcurrency(1))
		return e, asked, m, err
	}
	return s
}

// randomModel is as sure of support and utility as of relevance, unless it is flat.
func randomModel(question int, ab [2]float64, f form, flat bool) generator.Generator {
	sure := func(e generator.Evidence) (a, b float64) {
		if strings.HasPrefix(e.Title, "relevant") {
			return ab[0], ab[1]
		}
		return ab[1], ab[0]
	}
	m := &generatortest.Random{Seed: uint64(question), MinWords: 15, MaxWords: 40, MaxSegments: f.segments, Relevance: sure}
	if !flat {
		m.Support, m.Utility = sure, sure
	}
	return m
}

// words returns a text of n words.
func words(name string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " %s%d", name, i)
	}
	return b.String()[1:]
}

// texts of the passages, by their number.
var texts = func() (out [passages]string) {
	for i := range out {
		out[i] = words(fmt.Sprintf("text%d-", i), passageWords)
	}
	return out
}()

// found returns the passages of a question, the relevant ones at random ranks.
func found(question int) retriever.Retriever {
	hits := make([]retriever.Hit, passages)
	for i, place := range rand.New(rand.NewPCG(uint64(question), 0)).Perm(passages) {
		kind := "other"
		if i < relevant {
			kind = "relevant"
		}
		id := fmt.Sprintf("%s %d", kind, i)
		hits[place] = retriever.Hit{Passage: retriever.Passage{ID: id, Title: id, Text: texts[i]}, Score: float64(passages - place)}
	}
	return retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		return retriever.Result{Hits: slices.Clone(hits), Scores: retriever.RankOnly}, nil
	})
}

// embeddedSettings lists the lines of the embedded model, for at most n questions.
func embeddedSettings(corpus, questions string, n int) ([]setting, int, error) {
	list, err := dataset.Passages(corpus)
	if err != nil {
		return nil, 0, err
	}
	asked, err := dataset.Questions(questions)
	if err != nil {
		return nil, 0, err
	}
	index, err := lexical.New(context.Background(), list, lexical.Options{})
	if err != nil {
		return nil, 0, err
	}
	model := extractive.New()
	var out []setting
	for _, f := range forms {
		s := setting{Host: "in process", Relevance: "embedded model", Sequence: "auto", Form: f.name}
		s.ask = func(i int) (*selfrag.Engine, string, *meter, error) {
			m := newMeter(model, inProcess)
			e, err := selfrag.New(m, index, f.option, selfrag.WithAbstention(0, ""), selfrag.WithK(passages), selfrag.WithConcurrency(1))
			return e, asked[i].Question, m, err
		}
		out = append(out, s)
	}
	return out, min(n, len(asked)), nil
}
