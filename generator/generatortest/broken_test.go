package generatortest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// leaver keeps goroutines waiting, like a leak, until end is called.
type leaver struct {
	stop chan struct{}
	all  sync.WaitGroup
}

func newLeaver() *leaver { return &leaver{stop: make(chan struct{})} }

// leave starts a goroutine that waits until the end, or until done is closed.
func (l *leaver) leave(done <-chan struct{}) {
	l.all.Go(func() {
		select {
		case <-l.stop:
		case <-done:
		}
	})
}

// end ends the goroutines, so that the next test does not count them.
func (l *leaver) end() {
	close(l.stop)
	l.all.Wait()
}

// broken lists generators by the check that must catch them, with the expected
// message.
func broken(leaks *leaver) []struct {
	check, says string
	g           generator.Generator
} {
	boom := errors.New("boom")
	// later returns the good model with f applied to requests after the first round
	// of questions.
	later := func(f func(*generator.Request)) *fake {
		var calls atomic.Int64
		return asks(func(ctx context.Context, req generator.Request) (context.Context, generator.Request) {
			if int(calls.Add(1)) > len(newSuite(nil).questions()) {
				f(&req)
			}
			return ctx, req
		})
	}
	var calls atomic.Int64
	oneGroup := func(f func(*reflection.Distribution)) *fake {
		return each(func(i int, _ generator.Request, s *generator.Step) {
			for k := range s.Watched {
				f(&s.Watched[k])
			}
		})
	}
	top := func(f func([]generator.Alternative) []generator.Alternative) *fake {
		return each(func(_ int, _ generator.Request, s *generator.Step) { s.Top = f(s.Top) })
	}
	caps := func(f func(*generator.Capabilities)) *fake {
		return &fake{Random: good(), caps: func(c generator.Capabilities) generator.Capabilities { f(&c); return c }}
	}
	next := func(f func(*generator.NextDistribution)) *fake {
		return &fake{Random: good(), next: func(d generator.NextDistribution) generator.NextDistribution { f(&d); return d }}
	}
	score := func(f func(*generator.Completion)) *fake {
		return &fake{Random: good(), score: func(c generator.Completion) generator.Completion { f(&c); return c }}
	}
	group := func(f func(*reflection.Distribution)) *fake {
		return &fake{Random: good(), group: func(d reflection.Distribution) reflection.Distribution { f(&d); return d }}
	}
	raw := func(f func(ctx context.Context, req generator.Request, yield func(generator.Step, error) bool)) *fake {
		return &fake{Random: good(), generate: func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
			return func(yield func(generator.Step, error) bool) { f(ctx, req, yield) }
		}}
	}
	whole := func(ctx context.Context, req generator.Request) []event {
		return record(req, good().Generate(context.WithoutCancel(ctx), req), nil)
	}
	return []struct {
		check, says string
		g           generator.Generator
	}{
		{"stream", "without a last step", edit(good(), func(_ generator.Request, l []event) []event { return l[:len(l)-1] })},
		{"stream", "is empty", edit(good(), func(generator.Request, []event) []event { return nil })},
		{"stream", "more follow", edit(good(), func(_ generator.Request, l []event) []event { return append(l, l[0]) })},
		{"stream", "boom", edit(good(), func(_ generator.Request, l []event) []event { return []event{l[0], {err: boom}} })},
		{"stream", "every question is unsupported", &Script{Rules: []Rule{{Err: errors.ErrUnsupported}}}},
		{"stream", "the last step holds", last(func(_ generator.Request, s *generator.Step) { s.Text = "x" })},
		{"stream", "finish 9 does not exist", last(func(_ generator.Request, s *generator.Step) { s.Finish = 9 })},
		{"stream", "has no stop tokens", last(func(_ generator.Request, s *generator.Step) { s.Finish = generator.FinishStop })},
		{"stream", "is negative", last(func(_ generator.Request, s *generator.Step) { s.Usage.GeneratedTokens = -1 })},
		{"stream", "want one of them", each(func(_ int, _ generator.Request, s *generator.Step) { s.Text, s.Token = "x", reflection.Relevant })},
		{"stream", "token 99", each(func(_ int, _ generator.Request, s *generator.Step) { s.Text, s.Token = "", 99 })},
		{"stream", "UTF-8", each(func(_ int, _ generator.Request, s *generator.Step) { s.Text, s.Token = "\xc3", 0 })},
		{"stream", "usage", each(func(_ int, _ generator.Request, s *generator.Step) { s.Usage.Calls = 1 })},
		{"stream", "NaN", each(func(_ int, _ generator.Request, s *generator.Step) { s.LogProb = reflection.ExactLog(math.NaN()) })},
		{"stream", "log-probability 3", oneGroup(func(d *reflection.Distribution) { d.Probs[0] = reflection.ExactLog(3) })},
		{"stream", "+Inf", each(func(_ int, _ generator.Request, s *generator.Step) {
			s.Top = []generator.Alternative{{End: true, Prob: reflection.AtMostLog(math.Inf(1))}}
		})},

		{"bad-request", "gives 1 steps", raw(func(_ context.Context, _ generator.Request, yield func(generator.Step, error) bool) {
			yield(generator.Step{Finish: generator.FinishEnd}, nil)
		})},
		{"bad-request", "gives 2 steps", raw(func(ctx context.Context, req generator.Request, yield func(generator.Step, error) bool) {
			for _, e := range whole(ctx, req) {
				if !yield(e.Step, e.err) || e.err != nil && !yield(e.Step, e.err) {
					return
				}
			}
		})},
		{"bad-request", "boom", raw(func(_ context.Context, _ generator.Request, yield func(generator.Step, error) bool) {
			yield(generator.Step{}, boom)
		})},
		{"bad-request", "zero step", raw(func(ctx context.Context, req generator.Request, yield func(generator.Step, error) bool) {
			for _, e := range whole(ctx, req) {
				e.Text = "x"
				if !yield(e.Step, e.err) {
					return
				}
			}
		})},

		{"repeatable", "asked twice", later(func(r *generator.Request) { r.Watch = nil })},
		{"repeatable", "asked twice", later(func(r *generator.Request) { r.Temperature = 2 })},
		{"repeatable", "the seed matters", asks(func(ctx context.Context, r generator.Request) (context.Context, generator.Request) {
			if r.Seed > 0 && r.Check() == nil {
				r.Temperature = 2
			}
			return ctx, r
		})},
		{"seeded", "asked twice", asks(func(ctx context.Context, r generator.Request) (context.Context, generator.Request) {
			r.Seed += uint64(calls.Add(1))
			return ctx, r
		})},
		{"seeded", "the same continuation", asks(func(ctx context.Context, r generator.Request) (context.Context, generator.Request) {
			r.Temperature = min(r.Temperature, 0)
			return ctx, r
		})},

		{"max-tokens", "tokens came", asks(func(ctx context.Context, r generator.Request) (context.Context, generator.Request) {
			if r.MaxTokens > 0 {
				r.MaxTokens += 2
			}
			return ctx, r
		})},
		{"max-tokens", "the end token came after", asks(func(ctx context.Context, r generator.Request) (context.Context, generator.Request) {
			if r.MaxTokens == 3 {
				r.MaxTokens++
			}
			return ctx, r
		})},
		{"max-tokens", "is cut but its finish is end", last(func(_ generator.Request, s *generator.Step) { s.Finish = generator.FinishEnd })},
		{"max-tokens", "does not begin", each(func(i int, r generator.Request, s *generator.Step) {
			if r.MaxTokens < 5 {
				s.Text, s.Token = " else", 0
			}
		})},

		{"stop", "stop at", asks(func(ctx context.Context, r generator.Request) (context.Context, generator.Request) {
			if r.Check() == nil {
				r.Stop = nil
			}
			return ctx, r
		})},
		{"stop", "with finish end", last(func(r generator.Request, s *generator.Step) {
			if s.Finish == generator.FinishStop {
				s.Finish = generator.FinishEnd
			}
		})},
		{"stop", "stop at", edit(good(), func(r generator.Request, l []event) []event {
			if n := len(l) - 1; l[n].Finish == generator.FinishStop {
				return slices.Delete(l, n-1, n)
			}
			return l
		})},

		{"stop", "stop at [</paragraph>]", edit(good(), func(r generator.Request, l []event) []event {
			if len(r.Stop) > 0 {
				return []event{{Step: generator.Step{Finish: generator.FinishStop}}}
			}
			return l
		})},

		{"watched", "is not exact, but Describe says exact-ids", each(func(_ int, _ generator.Request, s *generator.Step) { s.Watched = nil })},
		{"watched", "twice", each(func(_ int, _ generator.Request, s *generator.Step) { s.Watched = append(s.Watched, s.Watched...) })},
		{"watched", "of no group", each(func(_ int, _ generator.Request, s *generator.Step) { s.Watched = make([]reflection.Distribution, 1) })},
		{"watched", "was generated at temperature 0", oneGroup(func(d *reflection.Distribution) { slices.Reverse(d.Probs[:d.Group.Size()]) })},
		{"watched", "want exact values and bounds", edit(&Random{Noise: 0.05, Level: reflection.TopN, N: 3}, func(_ generator.Request, l []event) []event {
			for i := range l {
				l[i].Watched = nil
			}
			return l
		})},

		{"alternatives", "were asked for", asks(func(ctx context.Context, r generator.Request) (context.Context, generator.Request) {
			if r.Alternatives >= 0 {
				r.Alternatives += 2
			}
			return ctx, r
		})},
		{"alternatives", "likeliest first", top(func(l []generator.Alternative) []generator.Alternative { slices.Reverse(l); return l })},
		{"alternatives", "exactly one of", top(func(l []generator.Alternative) []generator.Alternative {
			for i := range l {
				l[i] = generator.Alternative{Prob: l[i].Prob}
			}
			return l
		})},
		{"alternatives", "exactly one of", top(func(l []generator.Alternative) []generator.Alternative {
			for i := range l {
				l[i].Text, l[i].End = "x", true
			}
			return l
		})},
		{"alternatives", "twice", top(func(l []generator.Alternative) []generator.Alternative {
			for i := range l {
				l[i] = generator.Alternative{End: true, Prob: l[i].Prob}
			}
			return l
		})},
		{"alternatives", "want Text", top(func(l []generator.Alternative) []generator.Alternative {
			for i := range l {
				l[i] = generator.Alternative{Bytes: []byte("whole"), Prob: l[i].Prob}
			}
			return l
		})},
		{"after", "want the rest of the answer", asks(func(ctx context.Context, r generator.Request) (context.Context, generator.Request) {
			r.After = nil
			return ctx, r
		})},
		{"alternatives", "is likelier than the token", top(func(l []generator.Alternative) []generator.Alternative {
			for i := range l {
				l[i].Prob = reflection.ExactLog(0)
			}
			return l
		})},
		{"alternatives", "became", each(func(_ int, r generator.Request, s *generator.Step) {
			if s.Text != "" {
				s.Text += strings.Repeat("x", r.Alternatives)
			}
		})},
		{"alternatives", "boom", edit(good(), func(r generator.Request, l []event) []event {
			if r.Alternatives > 0 {
				return []event{{err: boom}}
			}
			return l
		})},

		{"break", "more came", raw(func(ctx context.Context, req generator.Request, yield func(generator.Step, error) bool) {
			for _, e := range whole(ctx, req) {
				// In a range loop this panics; the suite must see it first.
				yield(e.Step, e.err)
			}
		})},
		{"break", "goroutines behind", raw(func(ctx context.Context, req generator.Request, yield func(generator.Step, error) bool) {
			for _, e := range whole(ctx, req) {
				if !yield(e.Step, e.err) {
					leaks.leave(nil)
					return
				}
			}
		})},
		{"lazy", "goroutines behind", &fake{Random: good(), generate: func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
			begin := make(chan struct{})
			leaks.leave(begin)
			return func(yield func(generator.Step, error) bool) {
				close(begin)
				good().Generate(ctx, req)(yield)
			}
		}}},

		{"canceled", "want an error that wraps", asks(func(ctx context.Context, r generator.Request) (context.Context, generator.Request) {
			return context.WithoutCancel(ctx), r
		})},
		{"canceled", "boom", raw(func(ctx context.Context, req generator.Request, yield func(generator.Step, error) bool) {
			if ctx.Err() != nil {
				yield(generator.Step{}, boom)
				return
			}
			good().Generate(ctx, req)(yield)
		})},
		{"canceled", "without an error", raw(func(ctx context.Context, req generator.Request, yield func(generator.Step, error) bool) {
			if ctx.Err() == nil {
				good().Generate(ctx, req)(yield)
			}
		})},
		{"canceled", "after the error", raw(func(ctx context.Context, req generator.Request, yield func(generator.Step, error) bool) {
			_ = ctx.Err() == nil || yield(generator.Step{}, ctx.Err())
			good().Generate(ctx, req)(yield)
		})},
		{"canceled", "want a zero step", raw(func(ctx context.Context, req generator.Request, yield func(generator.Step, error) bool) {
			if err := ctx.Err(); err != nil {
				yield(generator.Step{Text: "x"}, err)
				return
			}
			good().Generate(ctx, req)(yield)
		})},
		{"canceled", "after the last one", raw(func(ctx context.Context, req generator.Request, yield func(generator.Step, error) bool) {
			_ = ctx.Err() == nil || yield(generator.Step{Finish: generator.FinishEnd}, nil)
			good().Generate(ctx, req)(yield)
		})},
		{"canceled-midway", "want an error that wraps", asks(func(ctx context.Context, r generator.Request) (context.Context, generator.Request) {
			if ctx.Err() == nil {
				ctx = context.WithoutCancel(ctx)
			}
			return ctx, r
		})},
		{"canceled-midway", "goroutines behind", raw(func(ctx context.Context, req generator.Request, yield func(generator.Step, error) bool) {
			good().Generate(ctx, req)(func(s generator.Step, err error) bool {
				if errors.Is(err, context.Canceled) {
					leaks.leave(nil)
				}
				return yield(s, err)
			})
		})},

		{"concurrent", "16 requests at once", later(func(r *generator.Request) { r.Temperature = 2 })},
		{"request-unchanged", "was changed", each(func(_ int, r generator.Request, _ *generator.Step) { slices.Sort(r.Stop) })},
		{"request-unchanged", "boom", edit(good(), func(r generator.Request, l []event) []event {
			if r.Stop != nil {
				return []event{{err: boom}}
			}
			return l
		})},
		{"data", "reserved strings in Instruction", believes(func(p generator.Prompt) string { return p.Instruction })},
		{"data", "reserved strings in Input", believes(func(p generator.Prompt) string { return p.Input })},
		{"data", "reserved strings in Queries", believes(func(p generator.Prompt) string { return fmt.Sprint(p.Queries) })},
		{"data", "reserved strings in Evidence.Title", believes(func(p generator.Prompt) string { return fmt.Sprint(p.Evidence) })},
		{"data", "reserved strings in Path.Text", believes(func(p generator.Prompt) string { return fmt.Sprint(p.Path) })},
		{"data", "reserved strings in Task.Template.Examples", each(func(i int, r generator.Request, s *generator.Step) {
			if i == 0 && r.Task != nil && strings.Contains(fmt.Sprint(r.Task.Template.Examples()), reflection.Utility5.String()) {
				s.Text, s.Token = "", reflection.Utility5
			}
		})},
		{"data", "boom", edit(good(), func(r generator.Request, l []event) []event {
			if strings.Contains(fmt.Sprint(r.Prompt), "The sun") {
				return []event{{err: boom}}
			}
			return l
		})},

		{"describe", "no exact log-probability, but Describe says LogProbs", each(func(_ int, _ generator.Request, s *generator.Step) { s.LogProb = reflection.Prob{} })},
		{"describe", "says EndLogProb", last(func(_ generator.Request, s *generator.Step) { s.LogProb = reflection.Prob{} })},
		{"describe", "TopN 4", caps(func(c *generator.Capabilities) { c.TopN = 4 })},
		{"describe", "level 77", caps(func(c *generator.Capabilities) { c.Level = 77 })},
		{"describe", "recommends to abstain below 2", caps(func(c *generator.Capabilities) { c.AbstainBelow = 2 })},
		{"describe", "-1 slots", caps(func(c *generator.Capabilities) { c.Slots = -1 })},
		{"describe", "want both or none", caps(func(c *generator.Capabilities) { c.TemplateHash = "" })},
		{"describe", "asked twice", caps(func(c *generator.Capabilities) { c.Model = fmt.Sprint(calls.Add(1)) })},
		{"describe", "Noise", &fake{Random: &Random{Noise: 7}}},

		{"resumes", "resumed after", later(func(r *generator.Request) { r.Prompt.Relevance = reflection.None })},
		{"resumes", "boom", edit(good(), func(r generator.Request, l []event) []event {
			if r.Prompt.Relevance != reflection.None {
				return []event{{err: boom}}
			}
			return l
		})},

		{"powers", "Score: boom", &fake{Random: good(), err: boom}},
		{"powers", "two different ones", &fake{Random: good(), ids: []int32{5, 5}}},

		{"score", "were scored as", score(func(c *generator.Completion) { c.Steps[0].LogProb.Log -= 0.5 })},
		{"score", "step 0: generated", score(func(c *generator.Completion) {
			if len(c.Steps) > 1 {
				c.Steps[0].LogProb.Log, c.Steps[1].LogProb.Log = c.Steps[0].LogProb.Log-1, c.Steps[1].LogProb.Log+1
			}
		})},
		{"score", "was scored as", score(func(c *generator.Completion) { c.Steps = c.Steps[1:] })},
		{"score", "finish stop", score(func(c *generator.Completion) { c.Finish = generator.FinishStop })},

		{"next", "sum to", next(func(d *generator.NextDistribution) { d.Rest = 0.5 })},
		{"next", "sum to", next(func(d *generator.NextDistribution) {
			d.Tokens[len(d.Tokens)-1].Prob, d.Rest = reflection.ExactValue(0), -0.2
		})},
		{"next", "likeliest first", next(func(d *generator.NextDistribution) { slices.Reverse(d.Tokens) })},
		{"next", "not an exact probability", next(func(d *generator.NextDistribution) { d.Tokens[0].Prob.Known = reflection.Bounded })},
		{"next", "does not hold it", next(func(d *generator.NextDistribution) {
			d.Tokens[0].Text, d.Tokens[0].Token, d.Tokens[0].End = "other", 0, false
		})},
		{"next", "does not hold it", next(func(d *generator.NextDistribution) {
			for i := range d.Tokens {
				d.Tokens[i].Prob = reflection.ExactValue(1 / float64(len(d.Tokens)))
			}
		})},
		{"next", "is likelier", &fake{Random: good(), generate: edit(good(), func(_ generator.Request, l []event) []event {
			for i := range l {
				l[i].LogProb = reflection.Prob{}
			}
			return l
		}).generate, next: func(d generator.NextDistribution) generator.NextDistribution {
			p := d.Tokens[0].Prob
			for i := 0; i+1 < len(d.Tokens); i++ {
				d.Tokens[i].Prob = d.Tokens[i+1].Prob
			}
			d.Tokens[len(d.Tokens)-1].Prob = p
			d.Tokens = append(d.Tokens[len(d.Tokens)-1:], d.Tokens[:len(d.Tokens)-1]...)
			return d
		}}},

		{"group-probs", "were watched", group(func(d *reflection.Distribution) { slices.Reverse(d.Probs[:d.Group.Size()]) })},
		{"group-probs", "want exact probabilities", group(func(d *reflection.Distribution) { d.Probs[0].Known = reflection.Bounded })},
		{"group-probs", "want exact probabilities", group(func(d *reflection.Distribution) { d.Group = reflection.IsREL })},
	}
}

// believes returns a model that treats control tokens in a part of the data as its
// own.
func believes(part func(generator.Prompt) string) *fake {
	return each(func(i int, r generator.Request, s *generator.Step) {
		if i == 0 && strings.Contains(part(r.Prompt), reflection.Utility5.String()) {
			s.Text, s.Token = "", reflection.Utility5
		}
	})
}
