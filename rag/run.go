package rag

import (
	"context"
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// run is the work on one question. Everything except the calls happens in one
// goroutine.
type run struct {
	*Decoder
	settings
	question  string
	yield     func(selfrag.Event) bool // nil without a reader, or once it has gone
	told      int                      // bytes of the answer's text that the reader has received
	cancel    context.CancelFunc
	caps      generator.Capabilities
	described bool

	answer    *selfrag.Answer
	trace     *selfrag.Trace
	expansion *selfrag.Expansion
	rag       *selfrag.RAGTrace
	sources   []source
	spent     bool // a budget forbade a call
	partial   bool // the work has ended too early
	// cannotScore is set once the model has rejected scoring.
	cannotScore bool
}

// source is a prompt that answers are decoded from: with one passage, or without if
// nothing was found.
type source struct {
	hit *retriever.Hit // nil without a passage
	log float64        // of the prior
	req generator.Request
	// begin precedes every answer: see source.after.
	begin []generator.Step
}

// after returns the beginning of every answer followed by steps. A model with
// reflection tokens first judges the relevance of a passage. These decoders do not
// use that judgment and treat every passage as relevant.
func (s *source) after(steps []generator.Step) []generator.Step {
	return slices.Concat(s.begin, steps)
}

// next is generator.Next after the beginning.
func (r *run) next(ctx context.Context, z int, steps []generator.Step) (generator.NextDistribution, error) {
	s := &r.sources[z]
	return generator.Next(ctx, r.model, s.req, s.after(steps))
}

// complete is generator.Complete after the beginning.
func (r *run) complete(ctx context.Context, z int, req generator.Request) (generator.Completion, error) {
	req.After = r.sources[z].after(req.After)
	return generator.Complete(ctx, r.model, req)
}

// score is generator.Score after the beginning, which is not part of the result.
func (r *run) score(ctx context.Context, z int, steps []generator.Step, end bool) (generator.Completion, error) {
	s := &r.sources[z]
	c, err := generator.Score(ctx, r.model, s.req, s.after(steps), end)
	if n := len(s.begin); err == nil && n > 0 {
		if len(c.Steps) < n || c.Steps[0].Token != s.begin[0].Token {
			return c, &generator.ProtocolError{Reason: fmt.Sprintf("the scored continuation does not begin with %v", s.begin[0].Token)}
		}
		c.Steps = c.Steps[n:]
	}
	return c, err
}

// begin makes the trace.
func (r *run) begin() {
	r.expansion = &selfrag.Expansion{
		Segment:    1,
		Decision:   selfrag.Decision{Choice: scoring.ChooseRetrieval, Reason: "the decoder always retrieves"},
		Candidates: []selfrag.Candidate{},
	}
	r.rag = &selfrag.RAGTrace{
		Settings: selfrag.RAGSettings{
			K: r.k, Filter: filter.Format(r.filter), MaxTokens: r.maxTokens, Instruction: r.instruction.Name,
			Labels: slices.Clone(r.labels), Temperature: r.temperature, Decoding: string(r.decoding), Seed: r.seed,
		},
		Sources: []int{}, Hypotheses: []selfrag.RAGHypothesis{}, Chosen: -1,
	}
	if r.kind != selfrag.KindStandard {
		r.rag.Settings.Beams, r.rag.Settings.End = r.beams, r.end
	}
	if b := r.settings.budget; b != (budget.Limits{}) {
		r.rag.Settings.Budget = &b
	}
	r.trace = &selfrag.Trace{
		Version: selfrag.TraceVersion, Kind: r.kind, Question: r.question,
		Expansions: []*selfrag.Expansion{r.expansion}, Path: []int{}, RAG: r.rag,
	}
}

// event passes an event to the reader.
func (r *run) event(e selfrag.Event) {
	if e.Kind == selfrag.EventDelta {
		r.told += len(e.Text)
	}
	if r.yield != nil && !r.yield(e) {
		r.yield = nil
		r.cancel()
	}
}

// apart makes calls in a goroutine of their own. If a backend ends that goroutine
// the result is an error, and the caller's goroutine continues. The events that the
// calls emit are passed to the reader in the caller's goroutine.
func (r *run) apart(call func(emit func(selfrag.Event)) error) error {
	events := make(chan selfrag.Event)
	read := false
	defer func() {
		if !read { // the loop body panicked or ended its goroutine
			r.cancel()
			for range events {
			}
		}
	}()
	var errs []error
	var caught any
	go func() {
		defer close(events)
		defer func() { caught = recover() }()
		errs = fanout.Do(1, 0, func(int) error { return call(func(e selfrag.Event) { events <- e }) })
	}()
	for e := range events {
		r.event(e)
	}
	read = true
	if caught != nil {
		panic(caught)
	}
	for _, err := range errs {
		return err
	}
	return nil
}

// callEach makes n calls concurrently. Each has a step of its own, named after source
// of(i), and costs at most most, which is reserved in the order of the calls. It
// returns the first error, in that order, that does not come from a budget. Calls
// that a budget refused change nothing.
func (r *run) callEach(ctx context.Context, n int, most budget.Cost, of func(i int) int, do func(ctx context.Context, i int) error) error {
	if n == 0 {
		return nil
	}
	cost := func(int) (budget.Cost, bool) { return most, true }
	errs := budget.Each(ctx, n, r.concurrency, cost, func(ctx context.Context, i int) func() error {
		ctx, step := observe.Start(ctx, observe.Candidate, fmt.Sprintf("source %d", of(i)+1))
		return func() (err error) {
			defer func() {
				if p := recover(); p != nil { // the results of the others are not needed
					r.cancel()
					panic(p)
				}
			}()
			defer step.EndWith(&err)()
			if err = ctx.Err(); err == nil {
				err = do(ctx, i)
			}
			return err
		}
	})
	for _, err := range errs {
		switch {
		case refused(ctx, err):
			r.spent = true
		case err != nil:
			return err
		}
	}
	return nil
}
