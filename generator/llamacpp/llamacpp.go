package llamacpp

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"slices"

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

// Model is a [generator.Generator] with all powers but scoring. It is safe for
// concurrent use.
type Model struct{ base }

type base = *completion.Model

// New returns a model, or an error that wraps [modelserver.ErrConfig]. It does
// not talk to the server: [generator.Check] does.
func New(c Config) (*Model, error) {
	m, err := completion.New(completion.Settings(c), dialect{})
	if err != nil {
		return nil, err
	}
	return &Model{m}, nil
}

type dialect struct{}

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
	err := s.JSON(ctx, modelhttp.Call{Path: "/tokenize", Body: map[string]any{"content": text, "add_special": begin, "parse_special": true}}, &answer)
	return answer.Tokens, err
}

// Whole implements completion.Nexter. The server takes less if that is too many.
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
	b["seed"] = uint32(q.Seed % math.MaxUint32) // the greatest one stands for any
	if q.Probs {
		b["n_probs"] = max(q.Top, 1)
	}
	if q.Affinity > 0 && f.Slots > 0 {
		b["id_slot"] = q.Affinity % f.Slots
	}
	return modelhttp.Call{Path: "/completion", Body: b, Affinity: uint64(q.Affinity)}
}

// Stream implements completion.Dialect.
func (d dialect) Stream(*completion.Facts, *completion.Query) completion.Stream { return &stream{} }

// event is what the server sends for a token, and at the end.
type event struct {
	Content         string
	Tokens          []int32
	Stop            bool
	StopType        string `json:"stop_type"`
	Truncated       bool
	TokensPredicted int `json:"tokens_predicted"`
	TokensEvaluated int `json:"tokens_evaluated"`
	Timings         *struct {
		Evaluated *int `json:"prompt_n"`
	}
	Probs []position `json:"completion_probabilities"`
}

type position struct {
	ID      *int32
	Token   string
	LogProb *float64        `json:"logprob"`
	Top     json.RawMessage `json:"top_logprobs"`
	// With post_sampling_probs.
	TopProbs []struct {
		ID   int32
		Prob *float64
	} `json:"top_probs"`
}

type stream struct {
	seen int // tokens
}

// Read implements completion.Stream.
func (s *stream) Read(a *modelhttp.Answer, data []byte, c *completion.Chunk) error {
	var e event
	if err := a.Decode(data, &e); err != nil {
		return err
	}
	if e.Truncated {
		return a.Errorf("the prompt was cut because it does not fit a slot of the server: start it with a greater context (-c) or fewer slots (-np)")
	}
	c.Text = append(c.Text, e.Content...)
	switch {
	case len(e.Probs) > 0:
		for i := range e.Probs {
			p := &e.Probs[i]
			t := completion.Token{ID: -1, Text: []byte(p.Token), LogProb: completion.Log(p.LogProb), Likeliest: p.Top}
			if p.ID != nil {
				t.ID = *p.ID
			}
			c.Tokens = append(c.Tokens, t)
		}
	case !e.Stop:
		for _, id := range e.Tokens {
			c.Tokens = append(c.Tokens, completion.Token{ID: id})
		}
	}
	// Of a token that leaves a character incomplete the server says nothing.
	c.Hidden = max(e.TokensPredicted-s.seen-len(c.Tokens), 0)
	s.seen = max(s.seen, e.TokensPredicted)
	c.PromptTokens, c.GeneratedTokens = e.TokensEvaluated, e.TokensPredicted
	if !e.Stop {
		return nil
	}
	if e.Timings != nil && e.Timings.Evaluated != nil {
		c.CachedTokens = max(e.TokensEvaluated-*e.Timings.Evaluated, 0)
	}
	switch e.StopType {
	case "eos":
		c.Finish = generator.FinishEnd
	case "limit":
		c.Finish = generator.FinishLength
	default:
		return a.Errorf("the answer ended for the reason %q: want eos or limit", e.StopType)
	}
	return nil
}

// Entries implements completion.Stream.
func (s *stream) Entries(a *modelhttp.Answer, raw []byte, list []completion.Entry) ([]completion.Entry, error) {
	if len(raw) == 0 {
		return list, nil
	}
	var top []position
	if err := a.Decode(raw, &top); err != nil {
		return nil, err
	}
	list = slices.Grow(list, len(top))
	for i := range top {
		e := completion.Entry{ID: -1, Text: top[i].Token, LogProb: completion.Log(top[i].LogProb)}
		if top[i].ID != nil {
			e.ID = *top[i].ID
		}
		list = append(list, e)
	}
	return list, nil
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
	err := s.Do(ctx, modelhttp.Call{Path: "/completion", Body: b}, func(a *modelhttp.Answer) error {
		for {
			data, err := a.Events().Next()
			if err == io.EOF {
				return a.Incomplete()
			}
			if err != nil {
				return err
			}
			var e event
			if err := a.Decode(data, &e); err != nil {
				return err
			}
			if e.Truncated {
				return a.Errorf("the prompt was cut because it does not fit a slot of the server")
			}
			if len(e.Probs) == 0 && !e.Stop {
				continue
			}
			return group(a, e, ids, probs)
		}
	})
	return probs, err
}

// group fills in the probabilities of ids.
func group(a *modelhttp.Answer, e event, ids []int32, probs []reflection.Prob) error {
	for i, id := range ids {
		for _, p := range e.Probs {
			for _, t := range p.TopProbs {
				if t.ID == id && t.Prob != nil && *t.Prob >= 0 && *t.Prob <= 1 {
					probs[i] = reflection.ExactValue(*t.Prob)
				}
			}
		}
		if probs[i].Known != reflection.Exact {
			return a.Errorf("the answer lacks the probability of the token %d", id)
		}
	}
	return nil
}
