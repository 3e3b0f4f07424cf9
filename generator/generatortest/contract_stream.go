package generatortest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/contracttest"
	"github.com/goselfrag/goselfrag/reflection"
)

// stream: steps are well formed, the last one comes, and nothing follows it.
func (s *suite) stream(ctx context.Context) error {
	answered := false
	for _, x := range s.questions() {
		events := record(x.req, s.g.Generate(ctx, x.req), nil)
		if len(events) > 0 && errors.Is(events[0].err, errors.ErrUnsupported) {
			continue
		}
		answered = true
		if err := checkEvents(x.req, events); err != nil {
			return x.errorf("%w", err)
		}
	}
	if !answered {
		return errors.New("every question is unsupported: want an answer to at least one")
	}
	return nil
}

func checkEvents(req generator.Request, events []event) error {
	for i, e := range events {
		bad := func(format string, args ...any) error {
			return fmt.Errorf("step %d: "+format, append([]any{i}, args...)...)
		}
		last := i == len(events)-1
		switch {
		case e.err != nil:
			return bad("%w", e.err)
		case e.Finish > generator.FinishLength:
			return bad("finish %d does not exist", e.Finish)
		case last && e.Finish == generator.Running:
			return bad("the stream ends without a last step")
		case !last && e.Finish != generator.Running:
			return bad("a last step (%v), but %d more follow", e.Finish, len(events)-1-i)
		case last && (e.Text != "" || e.Token != reflection.None):
			return bad("the last step holds %q", written([]generator.Step{e.Step}))
		case e.Text != "" && e.Token != reflection.None:
			return bad("holds the text %q and the token %v: want one of them", e.Text, e.Token)
		case e.Token > reflection.NoSupport:
			return bad("token %d does not exist", e.Token)
		case !utf8.ValidString(e.Text):
			return bad("%q is not valid UTF-8", e.Text)
		case i > 0 && !last && e.Usage != (generator.Usage{}):
			return bad("has a usage: want it on the last step, or what is known of the prompt on the first")
		case e.Usage.CachedTokens < 0 || e.Usage.PromptTokens < e.Usage.CachedTokens || e.Usage.GeneratedTokens < 0 || e.Usage.Calls < 0:
			return bad("usage %+v is negative, or more tokens were cached than there are", e.Usage)
		case last && e.Finish == generator.FinishStop:
			return bad("finish %v, but the request has no stop tokens", e.Finish)
		}
		probs := []reflection.Prob{e.LogProb}
		for _, d := range e.Watched {
			probs = append(probs, d.Probs[:]...)
		}
		for _, a := range e.Top {
			probs = append(probs, a.Prob)
		}
		for _, p := range probs {
			if err := p.Check(); err != nil {
				return bad("%w", err)
			}
		}
	}
	if len(events) == 0 {
		return errors.New("the stream is empty: want at least a last step or an error")
	}
	return nil
}

// badRequest: a request that fails its check yields that error, once.
func (s *suite) badRequest(ctx context.Context) error {
	good := s.questions()[0].req
	change := func(f func(*generator.Request)) generator.Request {
		req := good
		f(&req)
		return req
	}
	bad := map[string]generator.Request{
		"zero":                 {},
		"no tokens":            change(func(r *generator.Request) { r.MaxTokens = 0 }),
		"negative temperature": change(func(r *generator.Request) { r.Temperature = -1 }),
		"temperature NaN":      change(func(r *generator.Request) { r.Temperature = math.NaN() }),
		"alternatives":         change(func(r *generator.Request) { r.Alternatives = -1 }),
		"watch no group":       change(func(r *generator.Request) { r.Watch = []reflection.Group{reflection.NoGroup} }),
		"stop at none":         change(func(r *generator.Request) { r.Stop = []reflection.Token{reflection.None} }),
		"no instruction":       change(func(r *generator.Request) { r.Prompt.Instruction = " " }),
		"force without passage": change(func(r *generator.Request) {
			r.Prompt.Force = reflection.Retrieval
		}),
		"prompt and task": change(func(r *generator.Request) {
			r.Task = &generator.Task{Template: suiteTask, Values: map[string]string{"question": "q"}}
		}),
		"task without value": {MaxTokens: 1, Task: &generator.Task{Template: suiteTask}},
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		req := bad[name]
		events := record(req, s.g.Generate(ctx, req), nil)
		if len(events) != 1 || !errors.Is(events[0].err, generator.ErrRequest) || !zero(events[0].Step) {
			return fmt.Errorf("bad request %q gives %d steps, the first with error %w: want one zero step and the error of Request.Check", name, len(events), firstError(events))
		}
	}
	return nil
}

func zero(s generator.Step) bool {
	return s.Text == "" && s.Token == reflection.None && s.LogProb == reflection.Prob{} &&
		s.Watched == nil && s.Top == nil && s.Finish == generator.Running && s.Usage == generator.Usage{}
}

func firstError(events []event) error {
	for _, e := range events {
		if e.err != nil {
			return e.err
		}
	}
	return errors.New("none")
}

// repeatable: at temperature 0 equal requests give equal steps.
func (s *suite) repeatable(ctx context.Context) error {
	return s.each(ctx, func(x sample) error {
		if err := s.regenerate(ctx, x); err != nil {
			return x.errorf("asked twice: %w", err)
		}
		x.req.Seed = 1
		if err := s.regenerate(ctx, x); err != nil {
			return x.errorf("the seed matters at temperature 0: %w", err)
		}
		return nil
	})
}

// seededSampling: above temperature 0 equal seeds give equal steps.
func (s *suite) seededSampling(ctx context.Context) error {
	if !s.seeded {
		return contracttest.NotApplicable("the option Seeded is not given")
	}
	different := make(map[string]bool)
	err := s.each(ctx, func(x sample) error {
		x.req.Temperature = 1
		for seed := range uint64(4) {
			x.req.Seed = seed
			c, err := generator.Complete(ctx, s.g, x.req)
			if err == nil {
				err = s.regenerate(ctx, sample{x.name, x.req, c})
			}
			if err != nil {
				return x.errorf("asked twice at temperature 1 with seed %d: %w", seed, err)
			}
			different[x.name+written(c.Steps)] = true
		}
		return nil
	})
	if err == nil && len(different) <= len(s.cached) {
		return errors.New("four seeds give the same continuation to every question: want samples at temperature 1")
	}
	return err
}

// maxTokensKept: a limit cuts the continuation and reports it.
func (s *suite) maxTokensKept(ctx context.Context) error {
	return s.each(ctx, func(x sample) error {
		full := written(x.Steps)
		for _, n := range [...]int{1, 2, 3} {
			x.req.MaxTokens = n
			events := record(x.req, s.g.Generate(ctx, x.req), nil)
			if err := checkEvents(x.req, events); err != nil {
				return x.errorf("MaxTokens %d: %w", n, err)
			}
			var steps []generator.Step
			for _, e := range events[:len(events)-1] {
				steps = append(steps, e.Step)
			}
			got, finish := written(steps), events[len(events)-1].Finish
			switch {
			case len(steps) > n:
				return x.errorf("MaxTokens %d: %d tokens came", n, len(steps))
			case !strings.HasPrefix(full, got):
				return x.errorf("MaxTokens %d: %q does not begin %q, the continuation with more", n, got, full)
			case got != full && finish != generator.FinishLength:
				return x.errorf("MaxTokens %d: %q is cut but its finish is %v", n, got, finish)
			case finish == generator.FinishEnd && len(steps) == n:
				return x.errorf("MaxTokens %d: the end token came after %d others: want finish %v", n, n, generator.FinishLength)
			}
		}
		return nil
	})
}

// stop: after a stop token the last step follows, at any position. Stop tokens that
// do not occur change nothing.
func (s *suite) stop(ctx context.Context) error {
	return s.each(ctx, func(x sample) error {
		sets := [][]reflection.Token{{reflection.ParagraphEnd}, reflection.Retrieve.Tokens()}
		for _, st := range x.Steps {
			if st.Token != reflection.None {
				sets = append(sets, []reflection.Token{reflection.ParagraphStart, st.Token})
			}
		}
		for _, set := range sets {
			req := x.req
			req.Stop = set
			c, err := generator.Complete(ctx, s.g, req)
			if err != nil {
				return x.errorf("stop at %v: %w", set, err)
			}
			if err := stopped(x.Completion, c, set); err != nil {
				return x.errorf("stop at %v: %w", set, err)
			}
		}
		return nil
	})
}

// stopped returns an error unless got is full with the stop tokens of set.
func stopped(full, got generator.Completion, set []reflection.Token) error {
	control := func(s generator.Step) bool { return s.Token != reflection.None }
	if !slices.ContainsFunc(full.Steps, control) && !slices.ContainsFunc(got.Steps, control) && slices.Contains(set, reflection.Retrieval) {
		return nil // a model without control tokens is asked for one segment
	}
	want, finish := full.Steps, full.Finish
	if at := slices.IndexFunc(want, func(s generator.Step) bool { return control(s) && slices.Contains(set, s.Token) }); at >= 0 {
		want, finish = want[:at+1], generator.FinishStop
	}
	if written(got.Steps) != written(want) || got.Finish != finish {
		return fmt.Errorf("%q with finish %v, want %q with %v", written(got.Steps), got.Finish, written(want), finish)
	}
	return nil
}

// breakFrees: a loop that was left is not entered again, and frees its resources.
func (s *suite) breakFrees(ctx context.Context) error {
	return s.some(ctx, func(x sample) error {
		for n := range min(len(x.Steps), 2) {
			calls := 0
			err := leaks(func() {
				left := 0
				s.g.Generate(ctx, x.req)(func(generator.Step, error) bool {
					left++
					calls = max(calls, left)
					return left <= n
				})
			})
			if calls > n+1 {
				return x.errorf("the loop was left after step %d but %d more came", n, calls-n-1)
			}
			if err != nil {
				return x.errorf("the loop was left after step %d: %w", n, err)
			}
		}
		return nil
	})
}

// lazy: the work starts with the loop.
func (s *suite) lazy(ctx context.Context) error {
	return s.each(ctx, func(x sample) error {
		if err := leaks(func() { s.g.Generate(ctx, x.req) }); err != nil {
			return x.errorf("the sequence was not used: %w", err)
		}
		return nil
	})
}

// canceled: a done context ends the stream with its error.
func (s *suite) canceled(ctx context.Context) error {
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	late, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
	defer cancel()
	return s.each(ctx, func(x sample) error {
		for _, done := range [...]context.Context{canceled, late} {
			if err := endsWith(record(x.req, s.g.Generate(done, x.req), nil), done.Err()); err != nil {
				return x.errorf("the context was done before: %w", err)
			}
		}
		return nil
	})
}

// endsWith returns an error unless the events end with want, yielded once.
func endsWith(events []event, want error) error {
	for i, e := range events {
		last := i == len(events)-1
		switch {
		case last && !errors.Is(e.err, want):
			return fmt.Errorf("the stream ends with finish %v and error %v: want an error that wraps %q", e.Finish, e.err, want)
		case last && !zero(e.Step):
			return fmt.Errorf("the error comes with the step %+v: want a zero step", e.Step)
		case !last && e.err != nil:
			return fmt.Errorf("%d more steps after the error %w", len(events)-1-i, e.err)
		case !last && e.Finish != generator.Running:
			return fmt.Errorf("%d more steps after the last one", len(events)-1-i)
		}
	}
	if len(events) == 0 {
		return fmt.Errorf("the stream ends without an error: want one that wraps %q", want)
	}
	return nil
}

// canceledMidway: the same after the first step.
func (s *suite) canceledMidway(ctx context.Context) error {
	canceled := func(x sample) error {
		midway, cancel := context.WithCancel(ctx)
		defer cancel()
		return endsWith(record(x.req, s.g.Generate(midway, x.req), func(int) { cancel() }), context.Canceled)
	}
	err := s.each(ctx, func(x sample) error {
		if len(x.Steps) == 0 {
			return nil
		}
		if err := canceled(x); err != nil {
			return x.errorf("the context was canceled after the first step: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.some(ctx, func(x sample) error {
		if err := leaks(func() { _ = canceled(x) }); err != nil {
			return x.errorf("the context was canceled after the first step: %w", err)
		}
		return nil
	})
}

// concurrent: many goroutines get the same result as one.
func (s *suite) concurrent(ctx context.Context) error {
	list, err := s.samples(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		x := list[i%len(list)]
		wg.Go(func() {
			if err := s.regenerate(ctx, x); err != nil {
				errs[i] = x.errorf("%d requests at once: %w", len(errs), err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
