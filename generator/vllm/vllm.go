package vllm

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/go-faster/jx"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/internal/completion"
	"github.com/goselfrag/goselfrag/internal/completion/openai"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/reflection"
)

// topN is the number of alternatives that a server gives unless it is started
// with another --max-logprobs.
const topN = 20

// whole as the number of alternatives means all of them.
const whole = math.MaxInt

// Config says which model to use and how.
type Config = completions.Config

// Model is a [generator.Generator] with all powers, the optional interfaces of
// package generator. It is safe for concurrent use.
type Model struct{ inner *completion.Model }

// New returns a model, or an error that wraps modelserver.ErrConfig. It does
// not talk to the server: [generator.Check] does.
func New(c Config) (*Model, error) {
	m, err := completion.New(completion.Settings(c), dialect{})
	if err != nil {
		return nil, err
	}
	return &Model{m}, nil
}

// Generate implements [generator.Generator]. The first call also asks the server for
// the facts that it needs. An error wraps [generator.ErrRequest], modelserver.ErrModel, a
// *modelserver.Error or ctx.Err().
func (m *Model) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return m.inner.Generate(ctx, req)
}

// Score implements [generator.Scorer]. Reflection tokens below the 20 likeliest are bounded.
// The error wraps [errors.ErrUnsupported] with Config.NoProbs, if the server's tokenizer
// does not cut between the prompt and steps, and if end is set but the end token unknown.
func (m *Model) Score(ctx context.Context, req generator.Request, steps []generator.Step, end bool) (generator.Completion, error) {
	return m.inner.Score(ctx, req, steps, end)
}

// Next implements [generator.NextPredictor]. The error wraps [errors.ErrUnsupported] if the
// server was not started with --max-logprobs -1, and with Config.NoProbs.
func (m *Model) Next(ctx context.Context, req generator.Request, after []generator.Step) (generator.NextDistribution, error) {
	return m.inner.Next(ctx, req, after)
}

// GroupProbs implements [generator.GroupProber]. The error wraps [errors.ErrUnsupported] if
// the server does not know the field logprob_token_ids, and with Config.NoProbs or NoTokens.
func (m *Model) GroupProbs(ctx context.Context, req generator.Request, after []generator.Step, g reflection.Group) (reflection.Distribution, error) {
	return m.inner.GroupProbs(ctx, req, after, g)
}

// ResolveTokens implements [generator.TokenResolver] by the tokenizer of the server.
func (m *Model) ResolveTokens(ctx context.Context, names []string) ([]int32, error) {
	return m.inner.ResolveTokens(ctx, names)
}

// Describe implements [generator.Describer]. It asks the server unless an earlier call
// did so with success.
func (m *Model) Describe(ctx context.Context) (generator.Capabilities, error) {
	return m.inner.Describe(ctx)
}

// Check implements [generator.Checker]: it asks the server for the facts that it needs and
// generates one token.
func (m *Model) Check(ctx context.Context) error {
	return m.inner.Check(ctx)
}

type dialect struct{}

// Open implements completion.Dialect.
func (d dialect) Open(ctx context.Context, s *completion.Server) (*completion.Facts, error) {
	f := &completion.Facts{Level: reflection.TopN, TopN: topN, MaxTop: topN, EndLogProb: true, SharedPrefix: true}
	var err error
	if f.Model, err = openai.Model(ctx, s); err != nil {
		return nil, err
	}
	if err := f.Resolve(ctx, s, d, ""); err != nil {
		return nil, err
	}
	if s.NoTokens || s.NoProbs {
		return f, nil
	}
	exact, err := d.exact(ctx, s, f)
	if exact {
		f.Level, f.TopN = reflection.ExactIDs, 0
	}
	return f, err
}

// exact finds out whether the server returns the probabilities of requested ids.
// Servers without the field ignore it.
func (d dialect) exact(ctx context.Context, s *completion.Server, f *completion.Facts) (bool, error) {
	q := &completion.Query{Prompt: "Ready?", MaxTokens: 1, Probs: true}
	for _, g := range reflection.Groups() {
		for _, t := range g.Tokens() {
			q.Watch = append(q.Watch, f.ID(t))
		}
	}
	found, natural := 0, false
	err := s.First(ctx, d, f, q, func(_ *modelhttp.Answer, _ *completion.Token, entries []completion.Entry) error {
		for _, e := range entries {
			if slices.Contains(q.Watch, e.ID) {
				found++
			}
		}
		natural = len(entries) > len(q.Watch)+1 // unrequested ones besides the generated one
		return nil
	})
	return found == len(q.Watch) && !natural, err
}

// Call implements completion.Dialect.
func (d dialect) Call(f *completion.Facts, q *completion.Query) modelhttp.Call {
	body := openai.Body(f.Model, q)
	// The model's generation_config may change any of these.
	body["top_k"], body["min_p"], body["repetition_penalty"] = -1, 0, 1
	body["skip_special_tokens"], body["spaces_between_special_tokens"] = false, false
	body["return_token_ids"] = true
	body["stream_options"] = map[string]any{"include_usage": true, "continuous_usage_stats": true}
	switch {
	case !q.Probs:
	case len(q.Watch) > 0:
		// A server that ignores the ids answers with topN tokens, which shows that it does.
		body["logprobs"], body["logprob_token_ids"] = topN, q.Watch
	case q.Top == whole:
		body["logprobs"] = -1
	}
	if len(q.Watch) > 0 {
		body["return_tokens_as_token_ids"] = true
	}
	return modelhttp.Call{Path: openai.Path, Body: body, Affinity: uint64(q.Affinity)}
}

// Stream implements completion.Dialect.
func (d dialect) Stream(_ *completion.Facts, q *completion.Query) completion.Stream {
	return &stream{asked: len(q.Watch) > 0}
}

type stream struct {
	openai.Stream
	asked bool // alternatives are those that were asked for
}

// Read implements completion.Stream. The end token is the last one of the last
// event.
func (s *stream) Read(a *modelhttp.Answer, data []byte, c *completion.Chunk) error {
	err := s.Stream.Read(a, data, c)
	if n := len(c.Tokens); n > 0 && c.Finish == generator.FinishEnd {
		last := &c.Tokens[n-1]
		c.Ended = last.ID >= 0 || last.LogProb.Known != reflection.Unknown // else it is but text
	}
	if s.asked {
		for i := range c.Tokens {
			t := &c.Tokens[i]
			t.Likeliest, t.Asked = nil, t.Likeliest
		}
	}
	return err
}

// Entries implements completion.Stream, also for the tokens of a prompt.
func (s *stream) Entries(a *modelhttp.Answer, raw []byte, list []completion.Entry) ([]completion.Entry, error) {
	if !bytes.Contains(raw, []byte(`"logprob"`)) {
		return s.Stream.Entries(a, raw, list)
	}
	scored, err := scores(a, raw)
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(scored)) {
		e := completion.Entry{ID: id, Text: scored[id].Text, LogProb: scored[id].prob()}
		list = append(list, e)
	}
	return list, nil
}

// scored is a token of the prompt with its probability and rank.
type scored struct {
	LogProb *float64
	Text    string `json:"decoded_token"`
}

func (s scored) prob() reflection.Prob {
	if s.LogProb == nil {
		return reflection.Prob{}
	}
	return completion.Known(*s.LogProb)
}

// scores reads the alternatives at a place of the prompt.
func scores(a *modelhttp.Answer, raw []byte) (map[int32]scored, error) {
	var list map[int32]scored
	err := a.Decode(raw, &list)
	return list, err
}

// ScoreCall implements completion.Scorer.
func (d dialect) ScoreCall(f *completion.Facts, q *completion.Query, ids []int32, _ int) modelhttp.Call {
	wanted := 0
	if len(q.Watch) > 0 || q.Top > 0 {
		wanted = topN
	}
	return modelhttp.Call{Path: openai.Path, Affinity: uint64(q.Affinity), Body: map[string]any{
		"model": f.Model, "prompt": ids, "max_tokens": 1, "temperature": 0, "prompt_logprobs": wanted,
	}}
}

// ScoreRead implements completion.Scorer.
func (d dialect) ScoreRead(a *modelhttp.Answer, _ *completion.Query, ids []int32, from int, c *completion.Chunk) error {
	choices, n := 0, 0
	err := completion.Whole(a, func(d *jx.Decoder, key []byte) error {
		if string(key) != "choices" {
			return d.Skip()
		}
		return completion.Elements(d, func(d *jx.Decoder) error {
			choices++
			return completion.Members(d, func(d *jx.Decoder, key []byte) error {
				if string(key) != "prompt_logprobs" {
					return d.Skip()
				}
				return completion.Elements(d, func(d *jx.Decoder) error {
					raw, err := completion.Raw(d)
					if n++; err != nil || n <= from || n > len(ids) {
						return err
					}
					var list map[int32]scored
					if raw != nil {
						if list, err = scores(a, raw); err != nil {
							return err
						}
					}
					id := ids[n-1]
					c.Tokens = append(c.Tokens, completion.Token{ID: id, LogProb: list[id].prob(), Likeliest: bytes.Clone(raw)})
					return nil
				})
			})
		})
	})
	if err != nil {
		return err
	}
	if choices != 1 || n != len(ids) {
		return a.Errorf("the answer lacks the log-probabilities of the prompt")
	}
	return nil
}

// Whole implements completion.Nexter.
func (d dialect) Whole(*completion.Facts) int { return whole }

// Tokenize implements completion.Tokenizer.
func (d dialect) Tokenize(ctx context.Context, s *completion.Server, f *completion.Facts, text string, begin bool) ([]int32, error) {
	return openai.Tokenize(ctx, s, f, text, begin)
}
