package generatortest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Script is a Generator that answers by rules and records its requests. The zero
// value has no rules and rejects every request. Do not change the exported fields
// after first use; then it is safe for concurrent use.
//
// Like a real model it keeps the contract whatever the rules say, unless a rule has
// a [Fault]: it cuts an answer at Request.MaxTokens, stops after a token of
// Request.Stop, and gives only the distributions in Request.Watch.
type Script struct {
	// Rules are tried in order; the first that matches answers.
	Rules []Rule
	// Capabilities is the result of Describe. If it is zero, Describe returns a
	// model called "script" that has exact probabilities of everything, is paced,
	// and resumes.
	Capabilities generator.Capabilities

	mu       sync.Mutex
	used     []int // how often each rule has answered
	requests []generator.Request
}

// Rule says how a [Script] answers some requests.
type Rule struct {
	// When reports whether the rule is for a request; nil is for all.
	When Match
	// Times is how often the rule may answer; 0 is no limit. Among concurrent
	// requests, it is undefined which ones it answers.
	Times int
	// Delay is the wait before the first step. The wait ends early, with an error,
	// when the context is done.
	Delay time.Duration
	// Steps is the answer. If no step has a Finish, a last step follows, with
	// FinishEnd and an end token of probability 1; Request.MaxTokens must leave
	// room for it. If a request has a Prompt.Relevance and that is the first step's
	// token, the answer is the steps after it. If a request has After and the
	// answer begins with its text, the answer is the steps after that.
	Steps []generator.Step
	// Err, if set, is returned in place of the answer.
	Err error
	// Fault is the error in the answer; the zero Fault is none.
	Fault Fault
}

// UnscriptedError reports that a [Script] has no rule for a request.
type UnscriptedError struct{ Request generator.Request }

// Error describes the request so that a rule can be written for it.
func (e *UnscriptedError) Error() string {
	return "generatortest: the script has no rule for this request: " + describe(e.Request) + "; add a Rule whose When is true for it"
}

// describe names what distinguishes requests.
func describe(req generator.Request) string {
	if req.Task != nil {
		return fmt.Sprintf("task %q with values %q", req.Task.Template.Name(), req.Task.Values)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "instruction %q", req.Prompt.Instruction)
	if req.Prompt.Input != "" {
		fmt.Fprintf(&b, ", input %q", req.Prompt.Input)
	}
	fmt.Fprintf(&b, ", %d segments before it", len(req.Prompt.Path))
	for _, e := range req.Prompt.Evidence {
		fmt.Fprintf(&b, ", evidence %q %q", e.Title, e.Text)
	}
	if req.Prompt.Force != reflection.None {
		fmt.Fprintf(&b, ", force %v", req.Prompt.Force)
	}
	if len(req.After) > 0 {
		fmt.Fprintf(&b, ", after %q", written(req.After))
	}
	return b.String()
}

// Generate implements [generator.Generator].
func (s *Script) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		rule, err := s.find(req)
		if err == nil {
			err = wait(ctx, rule.Delay)
		}
		if err == nil {
			err = rule.Err
		}
		if err != nil {
			yield(generator.Step{}, err)
			return
		}
		steps := rule.Steps
		if !rule.Fault.unbounded() {
			steps = answer(req, steps)
		}
		rule.Fault.play(ctx, req, steps, yield)
	}
}

// find records req and returns its rule.
func (s *Script) find(req generator.Request) (Rule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, cloneRequest(req))
	if err := req.Check(); err != nil {
		return Rule{}, err
	}
	if s.used == nil {
		s.used = make([]int, len(s.Rules))
	}
	for i, r := range s.Rules {
		if (r.When == nil || r.When(req)) && (r.Times == 0 || s.used[i] < r.Times) {
			s.used[i]++
			return r, nil
		}
	}
	return Rule{}, &UnscriptedError{cloneRequest(req)}
}

// answer makes scripted steps an answer to req that keeps the contract.
func answer(req generator.Request, steps []generator.Step) []generator.Step {
	steps = behind(req.After, steps)
	out := make([]generator.Step, 0, len(steps)+1)
	last := generator.Step{Finish: generator.FinishEnd, LogProb: reflection.ExactLog(0)}
	if t := req.Prompt.Relevance; t != reflection.None && len(steps) > 0 && steps[0].Token == t {
		steps = steps[1:]
	}
	for _, s := range steps {
		if s.Finish != generator.Running {
			last = s
			break
		}
		s.Watched = slices.DeleteFunc(slices.Clone(s.Watched), func(d reflection.Distribution) bool {
			return !slices.Contains(req.Watch, d.Group)
		})
		s.Top = slices.Clone(s.Top[:min(len(s.Top), req.Alternatives)])
		out = append(out, s)
		if s.Token != reflection.None && slices.Contains(req.Stop, s.Token) {
			last = generator.Step{Finish: generator.FinishStop}
			break
		}
		if len(out) == req.MaxTokens {
			// The end token would exceed the limit by one.
			last = generator.Step{Finish: generator.FinishLength}
			break
		}
	}
	if last.Usage == (generator.Usage{}) {
		last.Usage = generator.Usage{Calls: 1, PromptTokens: promptWords(req), GeneratedTokens: len(out)}
		if last.Finish == generator.FinishEnd {
			last.Usage.GeneratedTokens++
		}
	}
	return append(out, last)
}

// behind returns the steps that follow after, or all steps if they do not begin
// with it.
func behind(after, steps []generator.Step) []generator.Step {
	want := written(after)
	for i := 0; want != "" && i < len(steps); i++ {
		if written(steps[:i+1]) == want {
			return steps[i+1:]
		}
	}
	return steps
}

// promptWords is used as the number of prompt tokens.
func promptWords(req generator.Request) int {
	n := 0
	count := func(list ...string) {
		for _, s := range list {
			n += len(strings.Fields(s))
		}
	}
	if req.Task != nil {
		messages := req.Task.Template.Messages()
		count(generator.JoinMessages(messages))
		for _, v := range req.Task.Values {
			count(v)
		}
		for _, e := range req.Task.Template.Examples() {
			count(messages[len(messages)-1].Text, e.Reply)
			for _, v := range e.Values {
				count(v)
			}
		}
		return n
	}
	count(req.Prompt.Instruction, req.Prompt.Input)
	count(req.Prompt.Queries...)
	for _, seg := range req.Prompt.Path {
		count(seg.Text)
		for _, e := range seg.Evidence {
			count(e.Title, e.Text)
		}
	}
	for _, e := range req.Prompt.Evidence {
		count(e.Title, e.Text)
	}
	return n
}

// Requests returns copies of the requests so far, in the order in which their loops
// began. Rejected requests are included.
func (s *Script) Requests() []generator.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]generator.Request, len(s.requests))
	for i, r := range s.requests {
		out[i] = cloneRequest(r)
	}
	return out
}

// Describe implements [generator.Describer].
func (s *Script) Describe(context.Context) (generator.Capabilities, error) {
	if s.Capabilities == (generator.Capabilities{}) {
		return generator.Capabilities{Model: "script", Level: reflection.ExactIDs, LogProbs: true, EndLogProb: true, Paced: true, Resumes: true}, nil
	}
	return s.Capabilities, nil
}

func cloneRequest(req generator.Request) generator.Request {
	req.Watch = slices.Clone(req.Watch)
	req.Stop = slices.Clone(req.Stop)
	req.After = slices.Clone(req.After)
	req.Prompt.Queries = slices.Clone(req.Prompt.Queries)
	req.Prompt.Evidence = slices.Clone(req.Prompt.Evidence)
	req.Prompt.Path = slices.Clone(req.Prompt.Path)
	for i := range req.Prompt.Path {
		req.Prompt.Path[i].Evidence = slices.Clone(req.Prompt.Path[i].Evidence)
	}
	if req.Task != nil {
		req.Task = &generator.Task{Template: req.Task.Template, Values: maps.Clone(req.Task.Values)}
	}
	return req
}

// wait waits for d, or for ctx to be done, and returns the error of ctx.
func wait(ctx context.Context, d time.Duration) error {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// Bare returns g without its powers: only a Generator.
func Bare(g generator.Generator) generator.Generator { return bare{g.Generate} }

type bare struct {
	generate func(context.Context, generator.Request) iter.Seq2[generator.Step, error]
}

func (b bare) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return b.generate(ctx, req)
}
