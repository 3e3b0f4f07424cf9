package generatortest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/contracttest"
	"github.com/goselfrag/goselfrag/reflection"
)

// Option adapts [TestGenerator] to an implementation.
type Option func(*suite)

// Tolerance sets how far apart numbers that should agree may be, as a share of the
// greater one or, below 1, absolutely. The default is 1e-6. Servers whose numbers
// depend on the rest of the batch need more.
func Tolerance(x float64) Option { return func(s *suite) { s.tolerance = x } }

// MaxTokens sets how many tokens are generated where a check does not need another
// number. The default is 16.
func MaxTokens(n int) Option { return func(s *suite) { s.maxTokens = n } }

// Seeded declares that the implementation can seed its sampling, so that the suite
// checks it.
func Seeded() Option { return func(s *suite) { s.seeded = true } }

// Skip leaves out the check whose subtest has the given name, and reports why.
func Skip(check, reason string) Option {
	return func(s *suite) { s.skip[check] = reason }
}

// TestGenerator checks that g keeps the contract of [generator.Generator] and of
// its powers. It runs one subtest per rule, first on g itself and then on g behind
// [generator.Wrap], which must hide nothing.
//
// The questions are fixed and have a few words; the answers do not matter. A kind
// of question that g rejects with an error that wraps errors.ErrUnsupported is left
// out. Each half takes a few hundred short calls of g. The suite counts goroutines,
// so nothing else may run at the same time in the process: do not use t.Parallel.
func TestGenerator(t *testing.T, g generator.Generator, opts ...Option) {
	t.Helper()
	for _, half := range halves(g) {
		s := newSuite(half.generator, opts...)
		t.Run(half.name, func(t *testing.T) {
			contracttest.Test(t, s.checks())
		})
	}
}

type half struct {
	name      string
	generator generator.Generator
}

func halves(g generator.Generator) []half {
	return []half{{"bare", g}, {"wrapped", generator.Wrap(g, g.Generate)}}
}

type suite struct {
	g         generator.Generator
	tolerance float64
	maxTokens int
	seeded    bool
	skip      map[string]string

	mu     sync.Mutex
	cached []sample
}

func newSuite(g generator.Generator, opts ...Option) *suite {
	s := &suite{g: g, tolerance: 1e-6, maxTokens: 16, skip: make(map[string]string)}
	for _, o := range opts {
		o(s)
	}
	return s
}

// checks lists the rules in the order of the contract, the powers last.
func (s *suite) checks() []contracttest.Check {
	list := []contracttest.Check{
		{Name: "stream", Run: s.stream},
		{Name: "bad-request", Run: s.badRequest},
		{Name: "repeatable", Run: s.repeatable},
		{Name: "seeded", Run: s.seededSampling},
		{Name: "max-tokens", Run: s.maxTokensKept},
		{Name: "stop", Run: s.stop},
		{Name: "watched", Run: s.watched},
		{Name: "alternatives", Run: s.alternatives},
		{Name: "after", Run: s.after},
		{Name: "break", Run: s.breakFrees},
		{Name: "lazy", Run: s.lazy},
		{Name: "canceled", Run: s.canceled},
		{Name: "canceled-midway", Run: s.canceledMidway},
		{Name: "concurrent", Run: s.concurrent},
		{Name: "request-unchanged", Run: s.requestUnchanged},
		{Name: "data", Run: s.data},
		{Name: "describe", Run: s.describe},
		{Name: "resumes", Run: s.resumes},
		{Name: "powers", Run: s.powers},
		{Name: "score", Run: s.score},
		{Name: "next", Run: s.next},
		{Name: "group-probs", Run: s.groupProbs},
	}
	for i, c := range list {
		if reason, ok := s.skip[c.Name]; ok {
			list[i].Run = func(context.Context) error { return contracttest.NotApplicable(reason) }
		}
	}
	return list
}

// sample is a question of the suite and its likeliest continuation.
type sample struct {
	name string
	req  generator.Request
	generator.Completion
}

// errorf returns an error about a sample.
func (x sample) errorf(format string, args ...any) error {
	return fmt.Errorf("question %q: "+format, append([]any{x.name}, args...)...)
}

var (
	passage  = generator.Evidence{Title: "Mercury", Text: "Mercury is the planet nearest to the sun. A year takes 88 days there."}
	question = "Which planet is nearest to the sun?"
	before   = generator.PathSegment{
		Text: "Mercury is the nearest planet.", Evidence: []generator.Evidence{passage},
		Retrieve: reflection.Retrieval, Relevance: reflection.Relevant, Support: reflection.FullySupported,
	}
	suiteTask = generator.MustTaskTemplate("rewrite", "You rewrite questions.", "Rewrite as a search query: {{question}}")
)

// questions returns a request for each form a prompt can take.
func (s *suite) questions() []sample {
	list := []sample{
		{name: "decision", req: generator.Request{Prompt: generator.Prompt{Instruction: question}}},
		{name: "evidence", req: generator.Request{Prompt: generator.Prompt{Instruction: question, Evidence: []generator.Evidence{passage}}}},
		{name: "two passages", req: generator.Request{Prompt: generator.Prompt{
			Instruction: question, Evidence: []generator.Evidence{passage, {Text: "Venus is hotter."}}, Force: reflection.Retrieval,
		}}},
		{name: "no retrieval", req: generator.Request{Prompt: generator.Prompt{Instruction: "Täglich grüßt das 火星 🪐?", Force: reflection.NoRetrieval}}},
		{name: "path", req: generator.Request{Prompt: generator.Prompt{Instruction: question, Path: []generator.PathSegment{before}}}},
		{name: "continued evidence", req: generator.Request{Prompt: generator.Prompt{
			Instruction: question, Path: []generator.PathSegment{before}, Force: reflection.ContinueEvidence,
		}}},
		{name: "instruction", req: generator.Request{Prompt: generator.PubHealth.Prompt("Mercury is a planet.")}},
		{name: "task", req: generator.Request{Task: &generator.Task{Template: suiteTask, Values: map[string]string{"question": question}}}},
	}
	for i := range list {
		list[i].req.MaxTokens = s.maxTokens
		list[i].req.Watch = reflection.Groups()
	}
	return list
}

// samples asks the questions once and keeps the answers.
func (s *suite) samples(ctx context.Context) ([]sample, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cached != nil {
		return s.cached, nil
	}
	var list []sample
	for _, x := range s.questions() {
		var err error
		x.Completion, err = generator.Complete(ctx, s.g, x.req)
		if errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		if err != nil {
			return nil, x.errorf("%w", err)
		}
		list = append(list, x)
	}
	if len(list) == 0 {
		return nil, errors.New("every question is unsupported: want an answer to at least one")
	}
	s.cached = list
	return list, nil
}

// each runs f on every sample until one fails.
func (s *suite) each(ctx context.Context, f func(sample) error) error {
	list, err := s.samples(ctx)
	if err != nil {
		return err
	}
	for _, x := range list {
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}

// some runs f on the first few samples, for checks that take many calls.
func (s *suite) some(ctx context.Context, f func(sample) error) error {
	list, err := s.samples(ctx)
	if err != nil {
		return err
	}
	for _, x := range list[:min(2, len(list))] {
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}
