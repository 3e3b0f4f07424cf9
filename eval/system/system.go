// Package system has the systems that Self-RAG is compared with, each under a name for
// command lines: plain prompts without retrieval, the decoders of package rag, the engine
// of package selfrag in several settings, and lower and upper bounds (floors and oracles)
// of the choice of a sentence.
//
// [All] lists them. A [Bench] holds the parts that they share, so that systems differ in
// nothing else:
//
//	bench, err := system.NewBench(system.Config{Model: model, Retriever: index, Passages: passages})
//	answer, err := bench.Open(ctx, "pooled")
//	a, err := answer(ctx, question)
//
// No system abstains: a comparison would then measure the threshold of abstention as well.
package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/rag"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// ErrConfig is wrapped by errors about an invalid [Config] and about an unknown name of a
// system.
var ErrConfig = errors.New("system: bad configuration")

// Config is what the systems of a bench have in common.
type Config struct {
	// Model answers. It is needed.
	Model generator.Generator
	// Options are passed to every engine before those of a system, such as the critic of
	// a model that has no reflection tokens. They must not change the nature of a system.
	Options []selfrag.Option
	// Instructed says that Model follows instructions, as chat models do. Prompts with
	// examples need it.
	Instructed bool
	// Retriever finds passages. It is needed.
	Retriever retriever.Retriever
	// Passages are all that Retriever searches. The floors weigh words by them.
	Passages []retriever.Passage
	// K is how many passages to retrieve, at least 1; 0 means 5.
	K int
	// Prior weighs the passages for RAG-Sequence and RAG-Token. Nil is rag.Uniform, since
	// the scores of keyword search and fusion, which most indexes use, are no
	// probabilities. rag.Part uses the vector part of a fusion.
	Prior *rag.Prior
	// Seed is that of the random choice.
	Seed uint64
	// Examples and Steps are the prompts of the systems "few-shot" and "step-by-step",
	// with the placeholder question; zero means [ExamplesTemplate] and [StepsTemplate].
	Examples, Steps generator.TaskTemplate
}

// Answerer answers one question. It is safe for concurrent use. Only an oracle reads more
// of the question than its text and its id. An error is returned with the partial answer,
// which can be nil.
type Answerer func(ctx context.Context, q dataset.Question) (*selfrag.Answer, error)

// System is a way of answering.
type System struct {
	Name  string
	About string // one line, for a list

	open func(ctx context.Context, b *Bench) (Answerer, error)
}

// All returns every system; the list is the caller's. The first is the engine with its
// defaults, with which the others are compared.
func All() []System {
	return slices.Concat(engines, prompted, decoders, bounds)
}

// Bench opens systems over one model and one retriever. It is safe for concurrent use.
type Bench struct {
	Config
	overlap overlap
}

// NewBench returns a bench, or an error that wraps [ErrConfig]. It asks nothing of the
// model.
func NewBench(c Config) (*Bench, error) {
	switch {
	case c.Model == nil:
		return nil, fmt.Errorf("%w: Model is missing", ErrConfig)
	case c.Retriever == nil:
		return nil, fmt.Errorf("%w: Retriever is missing", ErrConfig)
	case c.K < 0:
		return nil, fmt.Errorf("%w: K is %d: want at least 1, or 0 for 5", ErrConfig, c.K)
	case c.K == 0:
		c.K = 5
	}
	for _, t := range []struct {
		template *generator.TaskTemplate
		preset   generator.TaskTemplate
	}{{&c.Examples, ExamplesTemplate}, {&c.Steps, StepsTemplate}} {
		if t.template.Name() == "" {
			*t.template = t.preset
		}
		if p := t.template.Placeholders(); len(p) != 1 || p[0] != "question" {
			return nil, fmt.Errorf("%w: template %s has the placeholders %q: want question alone", ErrConfig, t.template.Name(), p)
		}
	}
	if c.Prior == nil {
		uniform := rag.Uniform()
		c.Prior = &uniform
	}
	c.Options = slices.Clone(c.Options)
	return &Bench{Config: c, overlap: newOverlap(c.Passages)}, nil
}

// Open returns the system of a name, ready to answer. The error wraps [ErrConfig] if there
// is none, and errors.ErrUnsupported if the model cannot do what the system needs.
func (b *Bench) Open(ctx context.Context, name string) (Answerer, error) {
	for _, s := range All() {
		if s.Name != name {
			continue
		}
		open, err := s.open(ctx, b)
		if err != nil {
			return nil, fmt.Errorf("system %s: %w", name, err)
		}
		return open, nil
	}
	return nil, fmt.Errorf("%w: there is no system %q: want one of %s", ErrConfig, name, strings.Join(Names(), ", "))
}

// Names returns the names of all systems in the order of [All].
func Names() []string {
	var names []string
	for _, s := range All() {
		names = append(names, s.Name)
	}
	return names
}

// answer makes the answer of a system without an engine: a text that cites passages.
func answer(q dataset.Question, text string, cited ...retriever.Passage) *selfrag.Answer {
	a := &selfrag.Answer{Question: q.Question, Text: text, Stop: selfrag.StopEnd, Segments: []selfrag.Segment{}, Citations: []selfrag.Citation{}}
	if text == "" {
		return a
	}
	s := selfrag.Segment{Text: text, End: len(text)}
	for i, p := range cited {
		s.Citations = append(s.Citations, i+1)
		a.Citations = append(a.Citations, selfrag.Citation{Number: i + 1, Passage: p, Spans: []selfrag.Span{{End: len(text)}}})
	}
	a.Segments = append(a.Segments, s)
	return a
}
