package llamacpp

import (
	"context"
	"io"
	"iter"
	"math"
	"slices"

	"github.com/go-faster/jx"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/internal/completion"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/reflection"
)

// topN is the number of alternatives that are asked for. More of them cost time
// and bytes with every token.
const topN = 20

// Config says which model to use and how. A server has one model, so Server.Model
// only names it in traces.
type Config = completions.Config

// Model is a [generator.Generator] with all powers, the optional interfaces of
// package generator, but scoring. It is safe for concurrent use.
type Model struct{ inner *completion.Model }

// New returns a model, or an error that wraps modelserver.ErrConfig. It does
// not talk to the server: [generator.Check] does.
func New(c Config) (*Model, error) {
	m, err := completion.New(completion.Settings(c), dialect{servers: len(c.Server.URLs)})
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

// Next implements [generator.NextPredictor]. The answer takes megabytes. The error wraps
// [errors.ErrUnsupported] with Config.NoProbs.
func (m *Model) Next(ctx context.Context, req generator.Request, after []generator.Step) (generator.NextDistribution, error) {
	return m.inner.Next(ctx, req, after)
}

// GroupProbs implements [generator.GroupProber], by a call for one token that is restricted to
// the group. The error wraps [errors.ErrUnsupported] with Config.NoProbs or NoTokens.
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

type dialect struct{ servers int }

// Open implements completion.Dialect.
func (d dialect) Open(ctx context.Context, s *completion.Server) (*completion.Facts, error) {
	var props struct {
		Slots int    `json:"total_slots"`
		Begin string `json:"bos_token"`
		End   string `json:"eos_token"`
	}
	if err := s.JSON(ctx, modelhttp.Call{Path: "/props"}, &props); err != nil {
		return nil, err
	}
	var models struct {
		Data []struct {
			ID   string
			Meta struct {
				Vocabulary int `json:"n_vocab"`
			}
		}
	}
	if err := s.JSON(ctx, modelhttp.Call{Path: "/v1/models"}, &models); err != nil {
		return nil, err
	}
	f := &completion.Facts{
		Model: s.Settings.Server.Model, Special: []string{props.Begin, props.End},
		Level: reflection.TopN, TopN: topN, EndLogProb: true, Slots: max(props.Slots, 0),
	}
	if len(models.Data) > 0 {
		f.Vocabulary = models.Data[0].Meta.Vocabulary
		if f.Model == "" {
			f.Model = models.Data[0].ID
		}
	}
	return f, f.Resolve(ctx, s, d, props.End)
}

// Tokenize implements completion.Tokenizer.
func (d dialect) Tokenize(ctx context.Context, s *completion.Server, _ *completion.Facts, text string, begin bool) ([]int32, error) {
	var answer struct{ Tokens []int32 }
	err := s.JSON(ctx, modelhttp.Call{Path: "/tokenize", Limit: completion.TokenizeRoom(text), Body: map[string]any{"content": text, "add_special": begin, "parse_special": true}}, &answer)
	return answer.Tokens, err
}

// Whole implements completion.Nexter. The server reduces a number that is too large.
func (d dialect) Whole(f *completion.Facts) int {
	if f.Vocabulary > 0 {
		return f.Vocabulary
	}
	return math.MaxInt32
}

// body returns what all requests have in common.
func body(prompt string) map[string]any {
	return map[string]any{
		"prompt": prompt, "stream": true, "return_tokens": true, "cache_prompt": true,
		// The server's defaults cut the distribution before they sample.
		"samplers": []string{"temperature"},
	}
}

// Call implements completion.Dialect.
func (d dialect) Call(f *completion.Facts, q *completion.Query) modelhttp.Call {
	b := body(q.Prompt)
	b["n_predict"], b["temperature"] = q.MaxTokens, q.Temperature
	b["seed"] = uint32(q.Seed % math.MaxUint32) // MaxUint32 would mean a random seed
	if q.Probs {
		b["n_probs"] = max(q.Top, 1)
	}
	if q.Affinity > 0 && f.Slots > 0 {
		b["id_slot"] = q.Affinity / d.servers % f.Slots // the remainder chooses the server
	}
	return modelhttp.Call{Path: "/completion", Body: b, Affinity: uint64(q.Affinity)}
}

// Stream implements completion.Dialect.
func (d dialect) Stream(*completion.Facts, *completion.Query) completion.Stream { return &stream{} }

// event is what the server sends for a token, and at the end.
type event struct {
	content             []byte
	ids                 []int32
	stop, cut           bool
	reason              string
	predicted, prompted int
	evaluated           int // of the prompt, -1 if not told
	positions           []completion.Token
	group               []completion.Entry // with post_sampling_probs
}

// read parses an event.
func (e *event) read(a *modelhttp.Answer, data []byte) error {
	*e = event{content: e.content[:0], ids: e.ids[:0], positions: e.positions[:0], evaluated: -1}
	err := completion.Object(a, data, func(d *jx.Decoder, key []byte) (err error) {
		switch string(key) {
		case "content":
			e.content, err = completion.AppendString(e.content, d)
		case "tokens":
			e.ids, err = completion.Int32s(d, e.ids)
		case "stop":
			e.stop, err = completion.Bool(d)
		case "stop_type":
			e.reason, err = completion.String(d)
		case "truncated":
			e.cut, err = completion.Bool(d)
		case "tokens_predicted":
			e.predicted, err = completion.Int[int](d)
		case "tokens_evaluated":
			e.prompted, err = completion.Int[int](d)
		case "timings":
			err = completion.Members(d, func(d *jx.Decoder, key []byte) (err error) {
				if string(key) != "prompt_n" {
					return d.Skip()
				}
				e.evaluated, err = completion.Int[int](d)
				return err
			})
		case "completion_probabilities":
			err = completion.Elements(d, e.position)
		default:
			err = d.Skip()
		}
		return err
	})
	if err == nil && e.cut {
		return a.Errorf("the prompt was cut because it does not fit a slot of the server: start it with a greater context (-c) or fewer slots (-np)")
	}
	return err
}

// position reads what the server says of a token that was generated.
func (e *event) position(d *jx.Decoder) error {
	t, err := completion.ReadToken(d, func(d *jx.Decoder, key []byte) error {
		if string(key) != "top_probs" {
			return d.Skip()
		}
		return completion.Elements(d, e.member)
	})
	e.positions = append(e.positions, t)
	return err
}

// member reads a token of a group with its probability.
func (e *event) member(d *jx.Decoder) error {
	entry := completion.Entry{}
	t, err := completion.ReadToken(d, func(d *jx.Decoder, key []byte) error {
		if string(key) != "prob" {
			return d.Skip()
		}
		p, err := d.Float64()
		entry.LogProb = reflection.ExactValue(p)
		return err
	})
	entry.ID = t.ID
	e.group = append(e.group, entry)
	return err
}

type stream struct {
	event event
	seen  int // tokens
}

// Read implements completion.Stream.
func (s *stream) Read(a *modelhttp.Answer, data []byte, c *completion.Chunk) error {
	e := &s.event
	if err := e.read(a, data); err != nil {
		return err
	}
	c.Text = append(c.Text, e.content...)
	c.Tokens = append(c.Tokens, e.positions...)
	if len(e.positions) == 0 && !e.stop {
		for _, id := range e.ids {
			c.Tokens = append(c.Tokens, completion.Token{ID: id})
		}
	}
	// Of a token that leaves a character incomplete the server says nothing.
	c.Hidden = max(e.predicted-s.seen-len(c.Tokens), 0)
	s.seen = max(s.seen, e.predicted)
	c.PromptTokens, c.GeneratedTokens = e.prompted, e.predicted
	if !e.stop {
		return nil
	}
	if e.evaluated >= 0 {
		c.CachedTokens = max(e.prompted-e.evaluated, 0)
	}
	return c.End(a, e.reason)
}

// Entries implements completion.Stream.
func (s *stream) Entries(a *modelhttp.Answer, raw []byte, list []completion.Entry) ([]completion.Entry, error) {
	return completion.ReadEntries(a, raw, list)
}

// bias makes the tokens of a group so likely that no other one has a chance.
const bias = 100

// Group implements completion.Grouper: with the bias, the distribution that is
// sampled from holds nothing but the group, in the ratios it had.
func (d dialect) Group(ctx context.Context, s *completion.Server, _ *completion.Facts, prompt string, ids []int32) ([]reflection.Prob, error) {
	b := body(prompt)
	b["n_predict"], b["temperature"] = 1, 1
	b["n_probs"], b["post_sampling_probs"] = len(ids), true
	var biases [][2]int32
	for _, id := range ids {
		biases = append(biases, [2]int32{id, bias})
	}
	b["logit_bias"] = biases
	probs := make([]reflection.Prob, len(ids))
	err := s.Do(ctx, modelhttp.Call{Path: "/completion", Body: b, Limit: completion.Room(len(prompt), 1, len(ids))}, func(a *modelhttp.Answer) error {
		for {
			data, err := a.Events().Next()
			if err == io.EOF {
				return a.Incomplete()
			}
			if err != nil {
				return err
			}
			var e event
			if err := e.read(a, data); err != nil {
				return err
			}
			if len(e.positions) > 0 || e.stop {
				return fill(a, e.group, ids, probs)
			}
		}
	})
	return probs, err
}

// fill takes the probabilities of ids from list.
func fill(a *modelhttp.Answer, list []completion.Entry, ids []int32, probs []reflection.Prob) error {
	for i, id := range ids {
		at := slices.IndexFunc(list, func(e completion.Entry) bool { return e.ID == id })
		if at < 0 || list[at].LogProb.Known != reflection.Exact || list[at].LogProb.Check() != nil {
			return a.Errorf("the answer lacks the probability of the token %d", id)
		}
		probs[i] = list[at].LogProb
	}
	return nil
}
