package completion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// Scorer is a dialect whose servers score a given continuation.
type Scorer interface {
	Tokenizer
	// ScoreCall returns the call that scores the tokens of ids from index from on.
	// The fields of q other than Prompt say what is wanted of each.
	ScoreCall(f *Facts, q *Query, ids []int32, from int) modelhttp.Call
	// ScoreRead adds these tokens to c.
	ScoreRead(a *modelhttp.Answer, q *Query, ids []int32, from int, c *Chunk) error
}

// Nexter is a dialect whose servers give the whole distribution of a token.
type Nexter interface {
	// Whole returns the Query.Top that this needs.
	Whole(f *Facts) int
}

// Grouper is a dialect whose servers have a call of their own for the
// probabilities of a few tokens.
type Grouper interface {
	// Group returns the probabilities of ids after prompt, up to a factor.
	Group(ctx context.Context, s *Server, f *Facts, prompt string, ids []int32) ([]reflection.Prob, error)
}

// unsupported returns the error of a missing power.
func unsupported(power string) error {
	return fmt.Errorf("the server cannot %s: %w", power, errors.ErrUnsupported)
}

// beginPower begins a call of one of the powers: it returns the prompt, and the prompt
// continued by steps.
func (m *Model) beginPower(ctx context.Context, req generator.Request, steps []generator.Step) (f *Facts, prompt, whole string, err error) {
	if err := req.Check(); err != nil {
		return nil, "", "", err
	}
	for i, s := range steps {
		if s.Text != "" && s.Token != reflection.None || s.Token > reflection.NoSupport {
			return nil, "", "", fmt.Errorf("%w: step %d holds the text %q and the token %v: want one of them", generator.ErrRequest, i, s.Text, s.Token)
		}
	}
	if f, err = m.serverFacts(ctx); err != nil {
		return nil, "", "", err
	}
	if prompt, err = m.prompt(f, req); err != nil {
		return nil, "", "", err
	}
	return f, prompt, f.tighten(generator.Extend(prompt, steps, f.Special...)), nil
}

// neutral returns req without the fields for generating.
func neutral(req generator.Request, maxTokens int) generator.Request {
	req.MaxTokens, req.Temperature, req.Seed, req.Stop, req.Alternatives = maxTokens, 0, 0, nil, 0
	return req
}

// Score implements [generator.Scorer].
func (m *Model) Score(ctx context.Context, req generator.Request, steps []generator.Step, end bool) (generator.Completion, error) {
	var c generator.Completion
	d, ok := m.dialect.(Scorer)
	if !ok || m.server.NoProbs {
		return c, unsupported("score a given continuation")
	}
	req = neutral(req, math.MaxInt32)
	f, prompt, whole, err := m.beginPower(ctx, req, steps)
	if err != nil {
		return c, err
	}
	ids, from, err := m.tokenize(ctx, d, f, prompt, whole)
	if err != nil {
		return c, err
	}
	if end {
		if f.EndID < 0 {
			return c, unsupported("tell its end token")
		}
		ids = append(ids, f.EndID)
	}
	if len(ids) == from {
		return generator.Completion{Finish: generator.FinishLength, Usage: generator.Usage{Calls: 1, PromptTokens: from}}, nil
	}
	q := m.query(f, req, "")
	call := d.ScoreCall(f, q, ids, from)
	call.Limit = Room(0, len(ids), max(q.Top, usualTop)+len(q.Watch))
	err = m.server.Do(ctx, call, func(a *modelhttp.Answer) error {
		c = generator.Completion{}
		r := m.newReading(ctx, f, req, "", func(s generator.Step, _ error) bool { c.Append(s); return true })
		r.exact = false
		r.chunk.Text, r.chunk.Ended = []byte(written(steps)), end
		if err := d.ScoreRead(a, q, ids, from, &r.chunk); err != nil {
			return err
		}
		if len(r.chunk.Tokens) != len(ids)-from {
			return a.Errorf("%d tokens were scored: want %d", len(r.chunk.Tokens), len(ids)-from)
		}
		if _, err := r.steps(a); err != nil {
			return err
		}
		r.usage.PromptTokens, r.finish = len(ids), generator.FinishLength
		if end {
			r.finish = generator.FinishEnd
		}
		last := r.last()
		last.Usage.GeneratedTokens = 0
		c.Append(last)
		return nil
	})
	return c, err
}

// tokenize returns the tokens of whole and the number of tokens of prompt.
func (m *Model) tokenize(ctx context.Context, t Tokenizer, f *Facts, prompt, whole string) (ids []int32, from int, err error) {
	head, err := t.Tokenize(ctx, m.server, f, prompt, true)
	if err != nil {
		return nil, 0, err
	}
	if ids, err = t.Tokenize(ctx, m.server, f, whole, true); err != nil {
		return nil, 0, err
	}
	for i, id := range head {
		if i >= len(ids) || ids[i] != id {
			return nil, 0, fmt.Errorf("the continuation cannot be scored by itself, because its first token reaches into the prompt: %w", errors.ErrUnsupported)
		}
	}
	return ids, len(head), nil
}

// written writes steps out.
func written(steps []generator.Step) string {
	var b strings.Builder
	for i := range steps {
		b.WriteString(steps[i].Text)
		b.WriteString(steps[i].Token.String())
	}
	return b.String()
}

// Next implements [generator.NextPredictor].
func (m *Model) Next(ctx context.Context, req generator.Request, after []generator.Step) (generator.NextDistribution, error) {
	var next generator.NextDistribution
	d, ok := m.dialect.(Nexter)
	if !ok || m.server.NoProbs {
		return next, unsupported("give the distribution of the next token")
	}
	req = neutral(req, 1)
	req.Watch = nil
	f, _, whole, err := m.beginPower(ctx, req, after)
	if err != nil {
		return next, err
	}
	q := m.query(f, req, whole)
	q.Top = d.Whole(f)
	err = m.server.First(ctx, m.dialect, f, q, func(a *modelhttp.Answer, t *Token, entries []Entry) error {
		r := m.newReading(ctx, f, req, whole, nil)
		if r.entries = entries; len(entries) > 0 {
			next = distribution(r.alternatives(len(entries)))
			return nil
		}
		return a.Errorf("the answer lacks the alternatives of the next token")
	})
	var refused *modelserver.Error
	if errors.As(err, &refused) && refused.Status == http.StatusBadRequest && strings.Contains(refused.Message, "logprobs") {
		return next, fmt.Errorf("the server does not give the probabilities of all tokens: %w: %w", errors.ErrUnsupported, err)
	}
	return next, err
}

// distribution returns the distribution over list and the rest.
func distribution(list []generator.Alternative) generator.NextDistribution {
	sum := 0.0
	for i := range list {
		p, _ := list[i].Prob.Value()
		sum += p
	}
	if sum > 1 { // servers round
		for i := range list {
			list[i].Prob.Log -= math.Log(sum)
		}
		sum = 1
	}
	return generator.NextDistribution{Tokens: list, Rest: 1 - sum}
}

// First lets the server generate one token, and passes it and its alternatives to
// use.
func (s *Server) First(ctx context.Context, d Dialect, f *Facts, q *Query, use func(*modelhttp.Answer, *Token, []Entry) error) error {
	return s.Do(ctx, s.call(d, f, q), func(a *modelhttp.Answer) error {
		stream := d.Stream(f, q)
		var c Chunk
		for len(c.Tokens) == 0 {
			data, err := a.Events().Next()
			if err == io.EOF {
				return a.Incomplete()
			}
			if err != nil {
				return err
			}
			c = Chunk{}
			if err := stream.Read(a, data, &c); err != nil {
				return err
			}
		}
		list, err := entries(a, stream, &c.Tokens[0], nil)
		if err != nil {
			return err
		}
		return use(a, &c.Tokens[0], list)
	})
}

// GroupProbs implements [generator.GroupProber].
func (m *Model) GroupProbs(ctx context.Context, req generator.Request, after []generator.Step, g reflection.Group) (reflection.Distribution, error) {
	dist := reflection.Distribution{Group: g}
	if g.Size() == 0 {
		return reflection.Distribution{}, fmt.Errorf("%w: %v is not a group: want Retrieve, IsREL, IsSUP or IsUSE", generator.ErrRequest, g)
	}
	req = neutral(req, 1)
	req.Watch = []reflection.Group{g}
	f, _, whole, err := m.beginPower(ctx, req, after)
	if err != nil {
		return reflection.Distribution{}, err
	}
	d, own := m.dialect.(Grouper)
	switch {
	case m.server.NoProbs || m.server.NoTokens, !own && f.Level != reflection.ExactIDs:
		return reflection.Distribution{}, unsupported("give exact probabilities of a group")
	case own:
		var ids []int32
		for _, t := range g.Tokens() {
			ids = append(ids, f.ID(t))
		}
		probs, err := d.Group(ctx, m.server, f, whole, ids)
		if err != nil {
			return reflection.Distribution{}, err
		}
		copy(dist.Probs[:], probs)
		return dist, nil
	}
	q := m.query(f, req, whole)
	err = m.server.First(ctx, m.dialect, f, q, func(a *modelhttp.Answer, t *Token, entries []Entry) error {
		r := m.newReading(ctx, f, req, whole, nil)
		r.entries = entries
		list, err := r.watched(a, t, r.control(t))
		if err == nil {
			dist = list[0]
		}
		return err
	})
	return dist, err
}

// ResolveTokens implements [generator.TokenResolver].
func (m *Model) ResolveTokens(ctx context.Context, names []string) ([]int32, error) {
	t, ok := m.dialect.(Tokenizer)
	if !ok {
		return nil, unsupported("resolve token names")
	}
	f, err := m.serverFacts(ctx)
	if err != nil {
		return nil, err
	}
	return f.resolve(ctx, m.server, t, names)
}
