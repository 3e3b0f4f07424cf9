package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// The question of the checks. Any model should be able to answer it.
const (
	question = "Which planet is nearest to the sun?"
	title    = "Mercury"
	text     = "Mercury is the planet nearest to the sun."
)

// passages is how many passages are generated from at the same time: the engine's
// default.
const passages = 5

// doctor examines one model.
type doctor struct {
	model connect.Model
	out   io.Writer

	caps   generator.Capabilities
	groups bool // it gives exact probabilities of a group
	first  generator.Completion
	took   time.Duration // by the candidate in first
	advice []string
}

// line prints a finding.
func (d *doctor) line(name, format string, args ...any) {
	fmt.Fprintf(d.out, "%-13s %s\n", name, show.Clean(fmt.Sprintf(format, args...)))
}

func (d *doctor) advise(format string, args ...any) {
	d.advice = append(d.advice, fmt.Sprintf(format, args...))
}

// examine prints the findings. Its error is the reason why the server cannot be used.
func (d *doctor) examine(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		d.describe, d.tokens, d.answer, d.lazy, d.candidate, d.powers, d.repeatRequest, d.stopEarly, d.atOnce,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.family()
	if len(d.advice) > 0 {
		fmt.Fprintln(d.out, "\nadvice")
		for _, a := range d.advice {
			fmt.Fprintf(d.out, "- %s\n", a)
		}
	}
	return nil
}

// describe checks the server and prints its capabilities.
func (d *doctor) describe(ctx context.Context) error {
	start := time.Now()
	if err := generator.Check(ctx, d.model.Generator); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	var err error
	if d.caps, err = generator.Describe(ctx, d.model.Generator); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	d.line("model", "%s, ready after %v", d.caps.Model, time.Since(start).Round(time.Millisecond))
	switch d.caps.Level {
	case reflection.ExactIDs:
		d.line("level", "%v: the probability of every reflection token", d.caps.Level)
	case reflection.TopN:
		d.line("level", "%v: the probabilities of the %d likeliest tokens; what lies below is bounded", d.caps.Level, d.caps.TopN)
	case reflection.HardLabels:
		d.line("level", "%v: reflection tokens without probabilities", d.caps.Level)
		d.advise("without probabilities a judgment is yes or no, and the threshold means nothing: use a server, or an interface of this one, that tells log-probabilities")
	default:
		d.line("level", "no reflection tokens: a critic judges the texts")
	}
	switch {
	case !d.caps.LogProbs:
		d.line("sequence", "no log-probabilities of words: the score has no sequence term")
	case !d.caps.EndLogProb:
		d.line("sequence", "log-probabilities of words, not of the end token")
	default:
		d.line("sequence", "log-probabilities of words and of the end token")
	}
	return nil
}

// tokens looks up the ids of the reflection tokens.
func (d *doctor) tokens(ctx context.Context) error {
	if d.caps.Level == reflection.LevelUnstated {
		return nil
	}
	var names []string
	for _, t := range reflection.Tokens() {
		names = append(names, t.String())
	}
	ids, err := generator.ResolveTokens(ctx, d.model.Generator, names)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		d.line("tokens", "known by their text")
	case err != nil:
		return err
	default:
		d.line("tokens", "known by their ids: %d", ids)
	}
	return nil
}

// runEngine runs the engine over one passage.
func (d *doctor) runEngine(ctx context.Context, options ...selfrag.Option) (*selfrag.Answer, error) {
	passage := retriever.Passage{ID: "mercury", Title: title, Text: text}
	e, err := selfrag.New(d.model.Generator, retriever.List(passage), append(options, d.model.Options...)...)
	if err != nil {
		return nil, err
	}
	return e.Answer(ctx, question)
}

// answer prints the decision and the candidates, with the passage and without it.
func (d *doctor) answer(ctx context.Context) error {
	a, err := d.runEngine(ctx, selfrag.WithK(1), selfrag.WithTrace(selfrag.TraceFull))
	if err != nil {
		return err
	}
	fmt.Fprintln(d.out)
	columns := command.Columns(d.out)
	show.Answer(d.out, a, columns)
	show.Legend(d.out, columns)
	fmt.Fprintln(d.out)
	show.Details(d.out, a, columns)
	fmt.Fprintln(d.out)
	d.line("judged by", "%v", a.Level)
	if a.Level == reflection.LevelUnstated {
		d.advise("the judgments of this model cannot be read: it needs reflection tokens, or a chat model that follows instructions")
	}
	return nil
}

// lazy finds out whether the engine could stop candidates that cannot win.
func (d *doctor) lazy(ctx context.Context) error {
	a, err := d.runEngine(ctx, selfrag.WithK(passages), selfrag.WithMode(selfrag.Always), selfrag.WithLazy(1))
	if err != nil {
		return err
	}
	if off := a.Trace.Settings.LazyOff; off != "" {
		d.line("lazy", "selfrag.WithLazy would be off: %s", off)
	} else {
		d.line("lazy", "selfrag.WithLazy would stop candidates that cannot win")
	}
	return nil
}

// request asks for the candidate of the passage.
func request(title string) generator.Request {
	return generator.Request{
		Prompt:    generator.Prompt{Instruction: question, Evidence: []generator.Evidence{{Title: title, Text: text}}},
		MaxTokens: 100, Watch: reflection.Groups(), Stop: reflection.Retrieve.Tokens(),
	}
}

func (d *doctor) complete(ctx context.Context, title string) (generator.Completion, time.Duration, error) {
	start := time.Now()
	c, err := generator.Complete(ctx, d.model.Generator, request(title))
	return c, time.Since(start), err
}

// candidate generates the candidate alone, for the checks that follow.
func (d *doctor) candidate(ctx context.Context) error {
	var err error
	if d.first, d.took, err = d.complete(ctx, title); err != nil {
		return err
	}
	d.line("candidate", "%d tokens in %v, finish %v", len(d.first.Steps), d.took.Round(time.Millisecond), d.first.Finish)
	return nil
}

// powers tries what only some servers can do.
func (d *doctor) powers(ctx context.Context) error {
	_, group := generator.GroupProbs(ctx, d.model.Generator, request(title), nil, reflection.IsREL)
	_, score := generator.Score(ctx, d.model.Generator, request(title), d.first.Steps, false)
	_, next := generator.Next(ctx, d.model.Generator, request(title), nil)
	d.groups = group == nil
	for _, p := range []struct {
		name, about string
		err         error
	}{
		{"group", "exact probabilities of one group, where a decision hangs on them", group},
		{"score", "the probability of a given text", score},
		{"next", "the whole distribution of a token", next},
	} {
		switch {
		case p.err == nil:
			d.line(p.name, "yes: %s", p.about)
		case errors.Is(p.err, errors.ErrUnsupported):
			d.line(p.name, "no: %s", p.about)
		case ctx.Err() != nil:
			return p.err
		default:
			d.line(p.name, "fails: %s", command.Words(p.err))
		}
	}
	if d.caps.Level == reflection.TopN && !d.groups {
		d.advise("a group whose tokens are below the %d likeliest stays unknown to this server: selfrag.WithUnknown says what then happens", d.caps.TopN)
	}
	return nil
}

// repeatRequest repeats a request: are the numbers the same, and was the prompt in the cache?
func (d *doctor) repeatRequest(ctx context.Context) error {
	c, took, err := d.complete(ctx, title)
	if err != nil {
		return err
	}
	if far, same := distance(d.first, c); !same {
		d.line("repeatable", "no: the same request gave another text")
		d.advise("answers are repeatable only if the server's are: look for sampling that it does not let go of, or for batching that changes its numbers")
	} else {
		d.line("repeatable", "yes: the same tokens; log-probabilities at most %.2g apart", far)
	}
	switch {
	case c.Usage.CachedTokens > 0:
		d.line("prefix", "reused: %d of %d prompt tokens", c.Usage.CachedTokens, c.Usage.PromptTokens)
	default:
		d.line("prefix", "the server does not tell of any prompt tokens in its cache; the second time took %v", took.Round(time.Millisecond))
	}
	return nil
}

// distance returns the greatest difference between the log-probabilities of two
// completions, and whether their tokens are the same.
func distance(a, b generator.Completion) (far float64, same bool) {
	if len(a.Steps) != len(b.Steps) {
		return 0, false
	}
	for i, s := range a.Steps {
		if s.Text != b.Steps[i].Text || s.Token != b.Steps[i].Token {
			return 0, false
		}
		if s.LogProb.Known == reflection.Exact && b.Steps[i].LogProb.Known == reflection.Exact {
			far = max(far, math.Abs(s.LogProb.Log-b.Steps[i].LogProb.Log))
		}
	}
	return far, true
}

// stopEarly stops a stream after its first token. Canceling works if this returns and the server
// answers the next request.
func (d *doctor) stopEarly(ctx context.Context) error {
	start := time.Now()
	for _, err := range d.model.Generator.Generate(ctx, request(title)) {
		if err != nil {
			return err
		}
		break
	}
	left := time.Since(start)
	start = time.Now()
	req := request(title)
	req.MaxTokens = 1
	if _, err := generator.Complete(ctx, d.model.Generator, req); err != nil {
		return fmt.Errorf("the request after a stream that was left: %w", err)
	}
	d.line("canceling", "a stream was left after its first token within %v; the next request took %v", left.Round(time.Millisecond), time.Since(start).Round(time.Millisecond))
	return nil
}

// atOnce generates from several passages at the same time.
func (d *doctor) atOnce(ctx context.Context) error {
	errs := make([]error, passages)
	start := time.Now()
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { _, _, errs[i] = d.complete(ctx, title+strings.Repeat(" again", i+1)) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	d.line("at once", "%d passages took %.1f times as long as one", passages, float64(time.Since(start))/float64(d.took))
	return nil
}

// family gives the advice that goes with a family of servers.
func (d *doctor) family() {
	switch d.model.Family {
	case "vllm":
		if d.caps.Level != reflection.ExactIDs {
			d.advise("a newer vLLM gives exact probabilities: it knows the field logprob_token_ids")
		}
		d.advise("start vLLM with --enable-prompt-tokens-details to see how much of a prompt was in its cache")
	case "llamacpp":
		if d.caps.Slots < passages {
			d.advise("the server has %d slots: with -np %d, and -c of that many times the longest prompt, each of %d passages keeps its prompt", d.caps.Slots, passages, passages)
		}
	case "ollama":
		d.advise("set OLLAMA_NUM_PARALLEL to the number of passages, %d or more: Ollama does not tell its value, and 1 works on one passage after the other", passages)
		d.advise("Ollama 0.17 loses one of OLLAMA_NUM_PARALLEL for good, now and then, when a stream is left (its issue 17131): set some more than needed, and restart a server that no longer answers")
	case "completions", "completions-labels":
		d.advise("a family of its own gives more than /v1/completions, if the server has one: vllm, sglang, llamacpp or ollama")
	}
}
