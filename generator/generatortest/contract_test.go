package generatortest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/contracttest"
	"github.com/goselfrag/goselfrag/reflection"
)

// TestContractHolds runs the suite, as a user would, on generators that keep the
// contract.
func TestContractHolds(t *testing.T) {
	for name, g := range map[string]generator.Generator{
		"exact":      good(),
		"no noise":   &Random{Seed: 2},
		"top n":      &Random{Seed: 3, Noise: 0.1, Level: reflection.TopN, N: 3},
		"labels":     &Random{Seed: 4, Level: reflection.HardLabels},
		"bare":       Bare(good()),
		"script":     &Script{Rules: []Rule{{Steps: Segment(0.9, "Some words.", [3]float64{1, 0, 0}, [5]float64{0, 0, 0, 0, 1})}}, Capabilities: generator.Capabilities{Model: "script"}},
		"no task":    &Script{Rules: []Rule{{When: Decides(), Steps: Words(1, "No.")}, {Err: errors.ErrUnsupported}}, Capabilities: generator.Capabilities{Model: "script"}},
		"at once":    &Script{Rules: []Rule{{Steps: []generator.Step{{Text: "A whole answer."}}}}, Capabilities: generator.Capabilities{Model: "script"}},
		"says none":  &fake{Random: good(), caps: func(c generator.Capabilities) generator.Capabilities { return generator.Capabilities{Quotes: true} }},
		"divided":    &fake{Random: good(), score: divided},
		"only group": generator.Wrap(Bare(good()), good().Generate),
	} {
		t.Run(name, func(t *testing.T) {
			opts := []Option{MaxTokens(12)}
			if _, scripted := g.(*Script); !scripted {
				opts = append(opts, Seeded())
			}
			TestGenerator(t, g, opts...)
		})
	}
}

func good() *Random { return &Random{Seed: 1, Noise: 0.05} }

// divided scores text in other pieces than those in which it was generated.
func divided(c generator.Completion) generator.Completion {
	for i := 1; i < len(c.Steps); i++ {
		a, b := c.Steps[i-1], c.Steps[i]
		if a.Text != "" && b.Text != "" {
			a.Text += b.Text
			a.LogProb.Log += b.LogProb.Log
			c.Steps = slices.Replace(slices.Clone(c.Steps), i-1, i+1, a)
			return c
		}
	}
	return c
}

// fake is a good model with faults.
type fake struct {
	*Random
	generate func(context.Context, generator.Request) iter.Seq2[generator.Step, error]
	score    func(generator.Completion) generator.Completion
	next     func(generator.NextDistribution) generator.NextDistribution
	group    func(reflection.Distribution) reflection.Distribution
	caps     func(generator.Capabilities) generator.Capabilities
	err      error // of every power
	ids      []int32
}

func (f *fake) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	if f.generate != nil {
		return f.generate(ctx, req)
	}
	return f.Random.Generate(ctx, req)
}

func (f *fake) Score(ctx context.Context, req generator.Request, steps []generator.Step, end bool) (generator.Completion, error) {
	c, err := f.Random.Score(ctx, req, steps, end)
	if f.score != nil {
		c = f.score(c)
	}
	return c, errors.Join(err, f.err)
}

func (f *fake) Next(ctx context.Context, req generator.Request, after []generator.Step) (generator.NextDistribution, error) {
	d, err := f.Random.Next(ctx, req, after)
	if f.next != nil {
		d = f.next(d)
	}
	return d, errors.Join(err, f.err)
}

func (f *fake) GroupProbs(ctx context.Context, req generator.Request, after []generator.Step, g reflection.Group) (reflection.Distribution, error) {
	d, err := f.Random.GroupProbs(ctx, req, after, g)
	if f.group != nil {
		d = f.group(d)
	}
	return d, errors.Join(err, f.err)
}

func (f *fake) Describe(ctx context.Context) (generator.Capabilities, error) {
	c, err := f.Random.Describe(ctx)
	if f.caps != nil {
		c = f.caps(c)
	}
	return c, err
}

func (f *fake) ResolveTokens(context.Context, []string) ([]int32, error) {
	if f.ids == nil {
		return nil, errors.ErrUnsupported
	}
	return f.ids, nil
}

// edit returns g with f applied to what each good request yields.
func edit(g *Random, f func(generator.Request, []event) []event) *fake {
	return &fake{Random: g, generate: func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		return func(yield func(generator.Step, error) bool) {
			list := record(req, g.Generate(context.WithoutCancel(ctx), req), nil)
			if req.Check() == nil {
				list = f(req, list)
			}
			for _, e := range list {
				if err := ctx.Err(); err != nil {
					yield(generator.Step{}, err)
					return
				}
				if !yield(e.Step, e.err) {
					return
				}
			}
		}
	}}
}

// each returns the good model with f applied to every step but the last.
func each(f func(i int, req generator.Request, s *generator.Step)) *fake {
	return edit(good(), func(req generator.Request, list []event) []event {
		for i := range list[:len(list)-1] {
			f(i, req, &list[i].Step)
		}
		return list
	})
}

// last returns the good model with f applied to the last step.
func last(f func(req generator.Request, s *generator.Step)) *fake {
	return edit(good(), func(req generator.Request, list []event) []event {
		f(req, &list[len(list)-1].Step)
		return list
	})
}

// asks returns the good model asked something else.
func asks(f func(context.Context, generator.Request) (context.Context, generator.Request)) *fake {
	return &fake{Random: good(), generate: func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		return func(yield func(generator.Step, error) bool) {
			good().Generate(f(ctx, req))(yield)
		}
	}}
}

// TestContractCatches proves that every check can fail.
func TestContractCatches(t *testing.T) {
	leaks := newLeaver()
	defer leaks.end()
	caught := make(map[string]bool)
	for i, h := range halves(good()) {
		for j, tt := range broken(leaks) {
			caught[tt.check] = true
			t.Run(fmt.Sprintf("%s/%s/%d", h.name, tt.check, j), func(t *testing.T) {
				checks := newSuite(halves(tt.g)[i].generator, Seeded()).checks()
				at := slices.IndexFunc(checks, func(c contracttest.Check) bool { return c.Name == tt.check })
				err := checks[at].Run(t.Context())
				if err == nil || errors.As(err, new(contracttest.NotApplicable)) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("the check says %v: want %q", err, tt.says)
				}
			})
		}
	}
	for _, c := range newSuite(good()).checks() {
		if !caught[c.Name] {
			t.Errorf("no broken generator proves that the check %s can fail", c.Name)
		}
	}
}

// TestContractReportsFailedAnswers runs every check on a model that fails.
func TestContractReportsFailedAnswers(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range newSuite(&Script{Rules: []Rule{{Err: boom}}}, Seeded()).checks() {
		t.Run(c.Name, func(t *testing.T) {
			if c.Name == "bad-request" {
				return // it asks nothing that the model could answer
			}
			if err := c.Run(t.Context()); !errors.Is(err, boom) {
				t.Errorf("%v: want the model's error", err)
			}
		})
	}
}

func TestContractOptions(t *testing.T) {
	var calls atomic.Int64
	jitter := each(func(_ int, _ generator.Request, s *generator.Step) { s.LogProb.Log -= 1e-4 * float64(calls.Add(1)%2) })
	run := func(name string, opts ...Option) error {
		list := newSuite(jitter, opts...).checks()
		return list[slices.IndexFunc(list, func(c contracttest.Check) bool { return c.Name == name })].Run(t.Context())
	}
	if err := run("repeatable"); err == nil {
		t.Error("numbers that differ by 1e-4 pass with the default tolerance")
	}
	if err := run("repeatable", Tolerance(1e-3)); err != nil {
		t.Errorf("tolerance 1e-3: %v", err)
	}
	if err := run("repeatable", Skip("repeatable", "it jitters")); err != contracttest.NotApplicable("it jitters") {
		t.Errorf("skipped: %v", err)
	}
	if err := run("seeded"); !errors.As(err, new(contracttest.NotApplicable)) {
		t.Errorf("seeded without the option: %v", err)
	}
}
