package sglang

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"math"

	"github.com/go-faster/jx"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/internal/completion"
	"github.com/goselfrag/goselfrag/internal/completion/openai"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/reflection"
)

// Config says which model to use and how.
type Config = completions.Config

// Model is a [generator.Generator] with all powers, the optional interfaces of
// package generator, but the whole distribution of the next token. It is safe for
// concurrent use.
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

// Score implements [generator.Scorer]. The error wraps [errors.ErrUnsupported] with
// Config.NoProbs, if the server's tokenizer does not cut between the prompt and steps, and
// if end is set but the end token unknown.
func (m *Model) Score(ctx context.Context, req generator.Request, steps []generator.Step, end bool) (generator.Completion, error) {
	return m.inner.Score(ctx, req, steps, end)
}

// GroupProbs implements [generator.GroupProber]. The error wraps [errors.ErrUnsupported] with
// Config.NoProbs or NoTokens.
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
	f := &completion.Facts{Level: reflection.ExactIDs, Tempered: true, EndLogProb: true, SharedPrefix: true}
	var err error
	if f.Model, err = openai.Model(ctx, s); err != nil {
		return nil, err
	}
	return f, f.Resolve(ctx, s, d, "")
}

// Tokenize implements completion.Tokenizer.
func (d dialect) Tokenize(ctx context.Context, s *completion.Server, f *completion.Facts, text string, begin bool) ([]int32, error) {
	return openai.Tokenize(ctx, s, f, text, begin)
}

// path is where the server generates.
const path = "/generate"

// body returns the fields of a request that ask for probabilities.
func body(q *completion.Query, start int) map[string]any {
	b := map[string]any{"return_logprob": q.Probs}
	if !q.Probs {
		return b
	}
	b["logprob_start_len"] = start
	b["top_logprobs_num"], b["return_text_in_logprobs"] = q.Top, q.Top > 0
	if len(q.Watch) > 0 {
		b["token_ids_logprob"] = q.Watch
	}
	return b
}

// Call implements completion.Dialect.
func (d dialect) Call(_ *completion.Facts, q *completion.Query) modelhttp.Call {
	b := body(q, -1)
	b["text"], b["stream"] = q.Prompt, true
	b["sampling_params"] = map[string]any{
		"temperature": q.Temperature, "max_new_tokens": q.MaxTokens,
		"skip_special_tokens": false, "spaces_between_special_tokens": false,
		// The model's generation_config may change any of these.
		"top_p": 1, "top_k": -1, "min_p": 0, "repetition_penalty": 1, "presence_penalty": 0, "frequency_penalty": 0,
	}
	// Each event may repeat all text before it, so the sum has no useful bound.
	return modelhttp.Call{Path: path, Body: b, Affinity: uint64(q.Affinity), Limit: math.MaxInt64, EventLimit: q.Room()}
}

// Stream implements completion.Dialect.
func (d dialect) Stream(*completion.Facts, *completion.Query) completion.Stream { return &stream{} }

// event is what the server says of an answer so far, or of what is new.
type event struct {
	text                        []byte
	ids                         []int32
	finish, message             string
	told                        bool // it is about the answer
	prompted, completed, cached int
	output, input               positions
}

// positions are tokens with their alternatives.
type positions struct {
	tokens           []completion.Entry
	likeliest, asked [][]byte
}

// read parses an event.
func (e *event) read(a *modelhttp.Answer, data []byte) error {
	*e = event{text: e.text[:0], ids: e.ids[:0], output: e.output.empty(), input: e.input.empty()}
	return completion.Object(a, data, func(d *jx.Decoder, key []byte) (err error) {
		switch string(key) {
		case "text":
			e.told = true
			e.text, err = completion.AppendString(e.text, d)
		case "output_ids":
			e.told = true
			e.ids, err = completion.Int32s(d, e.ids)
		case "meta_info":
			e.told = true
			err = completion.Members(d, e.meta)
		default:
			err = d.Skip()
		}
		return err
	})
}

func (e *event) meta(d *jx.Decoder, key []byte) (err error) {
	switch string(key) {
	case "finish_reason":
		err = completion.Members(d, func(d *jx.Decoder, key []byte) (err error) {
			switch string(key) {
			case "type":
				e.finish, err = completion.String(d)
			case "message":
				e.message, err = completion.String(d)
			default:
				err = d.Skip()
			}
			return err
		})
	case "prompt_tokens":
		e.prompted, err = completion.Int[int](d)
	case "completion_tokens":
		e.completed, err = completion.Int[int](d)
	case "cached_tokens":
		e.cached, err = completion.Int[int](d)
	case "output_token_logprobs":
		err = e.output.read(d)
	case "output_top_logprobs":
		err = rows(d, &e.output.likeliest)
	case "output_token_ids_logprobs":
		err = rows(d, &e.output.asked)
	case "input_token_logprobs":
		err = e.input.read(d)
	case "input_top_logprobs":
		err = rows(d, &e.input.likeliest)
	case "input_token_ids_logprobs":
		err = rows(d, &e.input.asked)
	default:
		err = d.Skip()
	}
	return err
}

func (p positions) empty() positions {
	return positions{p.tokens[:0], p.likeliest[:0], p.asked[:0]}
}

func (p *positions) read(d *jx.Decoder) error {
	return completion.Elements(d, func(d *jx.Decoder) error {
		e, err := tuple(d)
		p.tokens = append(p.tokens, e)
		return err
	})
}

// rows keeps the elements of an array as they are written.
func rows(d *jx.Decoder, list *[][]byte) error {
	return completion.Elements(d, func(d *jx.Decoder) error {
		raw, err := completion.Raw(d)
		*list = append(*list, raw)
		return err
	})
}

// tuple reads a token with its log-probability: [-0.1, 32004, null].
func tuple(d *jx.Decoder) (completion.Entry, error) {
	e := completion.Entry{ID: -1}
	n := 0
	err := d.Arr(func(d *jx.Decoder) (err error) {
		switch n {
		case 0:
			e.LogProb, err = completion.LogProb(d)
		case 1:
			e.ID, err = completion.Int[int32](d)
		case 2:
			e.Text, err = completion.String(d)
		default:
			err = d.Skip()
		}
		n++
		return err
	})
	return e, err
}

// stream reads events. Depending on the server's flags an event repeats the text of
// earlier ones or does not.
type stream struct {
	event event
	text  []byte
	seen  int // tokens
}

// Read implements completion.Stream.
func (s *stream) Read(a *modelhttp.Answer, data []byte, c *completion.Chunk) error {
	e := &s.event
	if err := e.read(a, data); err != nil {
		return err
	}
	if !e.told {
		return nil // it only keeps the connection alive
	}
	text := e.text
	if max(len(e.output.tokens), len(e.ids)) == e.completed {
		if !bytes.HasPrefix(text, s.text) {
			return a.Errorf("an event does not begin with the text of the one before")
		}
		text = text[len(s.text):]
	}
	s.text = append(s.text, text...)
	c.Text = append(c.Text, text...)
	if err := s.tokens(a, c); err != nil {
		return err
	}
	s.seen = e.completed
	c.PromptTokens, c.CachedTokens, c.GeneratedTokens = e.prompted, e.cached, e.completed
	switch e.finish {
	case "":
		return nil
	case "abort":
		return a.Failed("the server gave the answer up: " + e.message)
	}
	err := c.End(a, e.finish)
	c.Ended = c.Finish == generator.FinishEnd && len(c.Tokens) > 0
	return err
}

// tokens adds the tokens that are new to c.
func (s *stream) tokens(a *modelhttp.Answer, c *completion.Chunk) error {
	e := &s.event
	out := e.output.tokens
	fresh := e.completed - s.seen
	list := len(out)
	if list == 0 {
		list = len(e.ids)
	}
	if fresh < 0 || fresh > list {
		return a.Errorf("an event has %d tokens, but there are %d after %d", list, e.completed, s.seen)
	}
	if len(out) == 0 {
		for _, id := range e.ids[len(e.ids)-fresh:] {
			c.Tokens = append(c.Tokens, completion.Token{ID: id})
		}
		return nil
	}
	for i := 1; i <= min(fresh, len(e.ids)); i++ {
		if got, want := out[len(out)-i].ID, e.ids[len(e.ids)-i]; got != want {
			return a.Errorf("the token %d came with the log-probability of %d", want, got)
		}
	}
	return e.output.last(a, c, fresh)
}

// last adds the last n tokens to c, with their alternatives.
func (p *positions) last(a *modelhttp.Answer, c *completion.Chunk, n int) error {
	all := len(p.tokens)
	if len(p.likeliest) > 0 && len(p.likeliest) != all || len(p.asked) > 0 && len(p.asked) != all || n > all {
		return a.Errorf("%d tokens came with %d lists of alternatives and %d of those asked for", all, len(p.likeliest), len(p.asked))
	}
	for i := all - n; i < all; i++ {
		t := completion.Token{ID: p.tokens[i].ID, LogProb: p.tokens[i].LogProb}
		if len(p.likeliest) > 0 {
			t.Likeliest = p.likeliest[i]
		}
		if len(p.asked) > 0 {
			t.Asked = p.asked[i]
		}
		c.Tokens = append(c.Tokens, t)
	}
	return nil
}

// Entries implements completion.Stream.
func (s *stream) Entries(a *modelhttp.Answer, raw []byte, list []completion.Entry) ([]completion.Entry, error) {
	err := completion.List(a, raw, func(d *jx.Decoder) error {
		e, err := tuple(d)
		list = append(list, e)
		return err
	})
	return list, err
}

// ScoreCall implements completion.Scorer. The server says nothing of the token at
// the start.
func (d dialect) ScoreCall(_ *completion.Facts, q *completion.Query, ids []int32, from int) modelhttp.Call {
	b := body(q, from-1)
	b["input_ids"] = ids
	b["sampling_params"] = map[string]any{"temperature": 0, "max_new_tokens": 1}
	return modelhttp.Call{Path: path, Body: b, Affinity: uint64(q.Affinity)}
}

// ScoreRead implements completion.Scorer.
func (d dialect) ScoreRead(a *modelhttp.Answer, _ *completion.Query, ids []int32, from int, c *completion.Chunk) error {
	var raw json.RawMessage
	if err := a.JSON(&raw); err != nil {
		return err
	}
	var e event
	if err := e.read(a, raw); err != nil {
		return err
	}
	if err := e.input.last(a, c, len(ids)-from); err != nil {
		return err
	}
	for i := range c.Tokens {
		if c.Tokens[i].ID != ids[from+i] {
			return a.Errorf("the answer scores the token %d in place of %d", c.Tokens[i].ID, ids[from+i])
		}
	}
	return nil
}
