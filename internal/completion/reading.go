package completion

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/reflection"
)

// reading turns one answer into steps.
type reading struct {
	ctx    context.Context
	facts  *Facts
	req    generator.Request
	query  *Query
	stream Stream
	yield  func(generator.Step, error) bool
	plain  bool // the model has no control tokens
	exact  bool // watched tokens must come with their probabilities, not with bounds

	chunk   Chunk
	entries []Entry
	pending []byte // the beginning of a character
	held    *Token // possibly the end token
	tokens  int    // yielded so far
	text    int    // bytes of text received
	came    int    // tokens received
	visible bool   // text other than white space was yielded
	handed  *handed
	again   int    // how much of handed.said was repeated
	step    []byte // for comparing
	left    bool   // the reader has left
	finish  generator.Finish
	end     reflection.Prob
	usage   generator.Usage
}

// Bytes that occur in no text: a control token follows the first, and the second
// marks the end of a step.
const (
	controlByte = 0xFF
	endByte     = 0xFE
)

func (m *Model) newReading(ctx context.Context, f *Facts, req generator.Request, prompt string, yield func(generator.Step, error) bool) *reading {
	q := m.query(f, req, prompt)
	return &reading{
		ctx: ctx, facts: f, req: req, query: q, stream: m.dialect.Stream(f, q), yield: yield,
		plain: m.server.NoTokens, exact: f.Level == reflection.ExactIDs, usage: generator.Usage{Calls: 1}, handed: new(handed),
	}
}

// readEvents reads the events of a up to the last one.
func (r *reading) readEvents(a *modelhttp.Answer) error {
	events := a.Events()
	for {
		data, err := events.Next()
		switch {
		case err == io.EOF && r.finish != generator.Running:
			return nil
		case err == io.EOF:
			return a.Incomplete()
		case err != nil:
			return err
		}
		r.chunk = Chunk{Tokens: r.chunk.Tokens[:0], Text: r.chunk.Text[:0]}
		if err := r.stream.Read(a, data, &r.chunk); err != nil {
			return cmp.Or(a.Failure(data), err)
		}
		if err := r.measure(a); err != nil {
			return err
		}
		r.count()
		if r.finish != generator.Running {
			continue // only counts can follow
		}
		if c := &r.chunk; c.Finish == generator.Running && len(c.Tokens) == 0 && len(c.Text) == 0 && c.Hidden == 0 {
			continue // it only keeps the connection alive
		}
		more, err := r.steps(a)
		if err != nil || !more {
			return err
		}
		if r.finish = r.chunk.Finish; r.finish != generator.Running {
			if r.finish == generator.FinishEnd && max(r.tokens, r.handed.steps) >= r.req.MaxTokens {
				r.finish = generator.FinishLength // the end token would exceed the limit by one
			}
			events.Complete()
		}
	}
}

// longestToken is the assumed greatest length of a token's text in bytes. The
// longest ones in use are 128 characters.
const longestToken = 1024

// measure bounds the text by the tokens received with it, or by the requested
// number if the server does not report tokens one by one.
func (r *reading) measure(a *modelhttp.Answer) error {
	r.text += len(r.chunk.Text)
	r.came += len(r.chunk.Tokens) + r.chunk.Hidden
	tokens := r.req.MaxTokens
	if r.query.Probs {
		tokens = min(tokens, r.came)
	}
	if limit := longestToken * (int64(min(tokens, 1<<40)) + 1); int64(r.text) > limit {
		return a.TooLong(fmt.Sprintf("the text of %d tokens", tokens), limit)
	}
	return nil
}

// count stores the counts.
func (r *reading) count() {
	r.usage.PromptTokens = max(r.usage.PromptTokens, r.chunk.PromptTokens)
	r.usage.CachedTokens = max(r.usage.CachedTokens, r.chunk.CachedTokens)
	r.usage.GeneratedTokens = max(r.usage.GeneratedTokens, r.chunk.GeneratedTokens)
}

// last returns the last step.
func (r *reading) last() generator.Step {
	s := generator.Step{Finish: r.finish, Usage: r.usage}
	s.Usage.GeneratedTokens = max(s.Usage.GeneratedTokens, r.tokens)
	s.Usage.Partial = s.Usage.PromptTokens == 0
	s.Usage.PromptTokens = max(s.Usage.PromptTokens, s.Usage.CachedTokens)
	if r.finish == generator.FinishEnd && !r.tempered() {
		s.LogProb = r.end
	}
	return s
}

// steps yields the tokens of the chunk, and reports whether more may follow.
func (r *reading) steps(a *modelhttp.Answer) (more bool, err error) {
	c := &r.chunk
	if more, err := r.release(a); err != nil || !more {
		return more, err
	}
	for range c.Hidden {
		if more, err := r.send(a, generator.Step{}); err != nil || !more {
			return more, err
		}
	}
	tokens := c.Tokens
	rest := c.Text
	if c.Ended {
		last := &tokens[len(tokens)-1]
		r.end, rest = last.LogProb, r.facts.unended(rest, last)
		tokens = tokens[:len(tokens)-1]
	}
	if r.holdBack(tokens) {
		return true, nil
	}
	for len(tokens) > 0 {
		n := slices.IndexFunc(tokens, func(t Token) bool { return r.control(&t) != reflection.None })
		if n < 0 {
			return r.run(a, tokens, rest)
		}
		// The text before the control token belongs to the earlier tokens.
		var text []byte
		text, rest = cutLiteral(rest, []byte(r.control(&tokens[n]).String()), tokens[:n])
		if more, err := r.run(a, tokens[:n], text); err != nil || !more {
			return more, err
		}
		r.pending = r.pending[:0] // a character that will not be completed
		if more, err := r.token(a, &tokens[n], ""); err != nil || !more {
			return more, err
		}
		tokens = tokens[n+1:]
	}
	return r.yieldRest(a, rest)
}

// yieldRest yields the remaining text: text of earlier tokens that the server held back
// until it saw the end of the answer. Their probabilities were reported before.
func (r *reading) yieldRest(a *modelhttp.Answer, rest []byte) (more bool, err error) {
	if r.chunk.Finish == generator.Running {
		if len(bytes.TrimSpace(rest)) > 0 {
			return false, a.Errorf("the text %q came without its tokens", rest[:min(len(rest), 50)])
		}
		return true, nil
	}
	if text := r.whole(rest); text != "" {
		return r.send(a, generator.Step{Text: text})
	}
	return true, nil
}

// unended returns text without the text of the end token.
func (f *Facts) unended(text []byte, end *Token) []byte {
	if len(end.Text) > 0 {
		return bytes.TrimSuffix(text, end.Text)
	}
	for _, s := range f.Special {
		if s != "" && bytes.HasSuffix(text, []byte(s)) {
			return text[:len(text)-len(s)]
		}
	}
	return text
}

// holdBack holds back a token that may be the end token: one without text, or with that
// of a special token. The next event decides.
func (r *reading) holdBack(tokens []Token) bool {
	if len(tokens) != 1 || r.chunk.Finish != generator.Running || r.control(&tokens[0]) != reflection.None {
		return false
	}
	if text := string(r.chunk.Text); text != "" && !slices.Contains(r.facts.Special, text) {
		return false
	}
	t := tokens[0]
	t.Text, t.Likeliest, t.Asked = bytes.Clone(r.chunk.Text), bytes.Clone(t.Likeliest), bytes.Clone(t.Asked)
	r.held = &t
	return true
}

// release decides what a held token was.
func (r *reading) release(a *modelhttp.Answer) (more bool, err error) {
	t := r.held
	if r.held = nil; t == nil {
		return true, nil
	}
	if r.chunk.Finish == generator.FinishEnd && !r.chunk.Ended && len(r.chunk.Tokens) == 0 {
		r.end = t.LogProb
		return true, nil
	}
	return r.token(a, t, r.whole(t.Text))
}

// run yields tokens that are text. If their texts are not known one by one, the
// last one gets all the text, as if the bytes had been held back until then.
func (r *reading) run(a *modelhttp.Answer, tokens []Token, text []byte) (more bool, err error) {
	apart := len(tokens) > 1 && joined(tokens, text)
	for i := range tokens {
		var own []byte
		switch {
		case apart:
			own = tokens[i].Text
		case i == len(tokens)-1:
			own = text
		}
		if more, err := r.token(a, &tokens[i], r.whole(own)); err != nil || !more {
			return more, err
		}
	}
	return true, nil
}

// whole returns the whole characters of what was held back and b, and holds the
// rest back.
func (r *reading) whole(b []byte) string {
	if len(r.pending) == 0 && utf8.Valid(b) {
		return string(b)
	}
	r.pending = append(r.pending, b...)
	end := len(r.pending)
	for i := max(end-utf8.UTFMax+1, 0); i < end; i++ {
		if utf8.RuneStart(r.pending[i]) && !utf8.FullRune(r.pending[i:]) {
			end = i
			break
		}
	}
	s := string(bytes.ToValidUTF8(r.pending[:end], []byte("\uFFFD")))
	r.pending = append(r.pending[:0], r.pending[end:]...)
	return s
}

// control returns the control token that t is, or None.
func (r *reading) control(t *Token) reflection.Token {
	switch {
	case r.plain:
		return reflection.None
	case t.ID >= 0 && r.facts.IDs != nil:
		return r.facts.IDs[t.ID]
	}
	c, _ := reflection.ParseToken(string(t.Text))
	return c
}

// token yields one token.
func (r *reading) token(a *modelhttp.Answer, t *Token, text string) (more bool, err error) {
	s := generator.Step{Text: text, Token: r.control(t), LogProb: t.LogProb}
	if r.query.Probs {
		if err := r.probs(a, t, &s); err != nil {
			return false, err
		}
	}
	return r.send(a, s)
}

// send yields a step and reports whether more may follow.
func (r *reading) send(a *modelhttp.Answer, s generator.Step) (more bool, err error) {
	if err := r.ctx.Err(); err != nil {
		return false, err
	}
	h := r.handed
	if r.tokens == r.req.MaxTokens || r.again == len(h.said) && h.steps == r.req.MaxTokens {
		r.finish = generator.FinishLength
		return false, nil
	}
	r.tokens++
	if r.again < len(h.said) {
		if known, err := r.repeat(&s); known || err != nil {
			return known && r.goesOn(&s), err
		}
	}
	h.said = h.add(h.said, &s, r.query.Probs)
	r.again = len(h.said)
	h.steps++
	if !r.yield(s, nil) {
		r.left = true
		return false, nil
	}
	return r.goesOn(&s), nil
}
