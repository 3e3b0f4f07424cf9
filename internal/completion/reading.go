package completion

import (
	"bytes"
	"context"
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
	held    *Token // may be the end token
	tokens  int    // yielded so far
	visible bool   // text that is no white space was yielded
	left    bool   // the reader has left
	finish  generator.Finish
	end     reflection.Prob
	usage   generator.Usage
}

func (m *Model) newReading(ctx context.Context, f *Facts, req generator.Request, prompt string, yield func(generator.Step, error) bool) *reading {
	q := m.query(f, req, prompt)
	return &reading{
		ctx: ctx, facts: f, req: req, query: q, stream: m.dialect.Stream(f, q), yield: yield,
		plain: m.server.NoTokens, exact: f.Level == reflection.ExactIDs, usage: generator.Usage{Calls: 1},
	}
}

// read reads the events of a up to the last one.
func (r *reading) read(a *modelhttp.Answer) error {
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
			return err
		}
		r.count()
		if r.finish != generator.Running {
			continue // only counts can follow
		}
		more, err := r.steps(a)
		if err != nil || !more {
			return err
		}
		if r.finish = r.chunk.Finish; r.finish != generator.Running {
			if r.finish == generator.FinishEnd && r.tokens >= r.req.MaxTokens {
				r.finish = generator.FinishLength // the end is one more than was asked for
			}
			events.Complete()
		}
	}
}

// count takes the counts over.
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
	if r.hold(tokens) {
		return true, nil
	}
	for len(tokens) > 0 {
		n := slices.IndexFunc(tokens, func(t Token) bool { return r.control(&t) != reflection.None })
		if n < 0 {
			return r.run(a, tokens, rest)
		}
		// The text before the control token belongs to the tokens before it.
		var text []byte
		text, rest = cutLiteral(rest, []byte(r.control(&tokens[n]).String()), tokens[:n])
		if more, err := r.run(a, tokens[:n], text); err != nil || !more {
			return more, err
		}
		r.pending = r.pending[:0] // a character that was cut off for good
		if more, err := r.token(a, &tokens[n], ""); err != nil || !more {
			return more, err
		}
		tokens = tokens[n+1:]
	}
	return r.late(a, rest)
}

// late yields text that is left over: what the server held back of earlier tokens, whose
// probabilities were told then, until it saw that the answer ends.
func (r *reading) late(a *modelhttp.Answer, rest []byte) (more bool, err error) {
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

// unended returns text without what it shows of the end token.
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

// hold keeps a token back that may be the end token: one that shows no text, or
// that of a special token. What follows will tell.
func (r *reading) hold(tokens []Token) bool {
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

// cutLiteral cuts text at the control token that follows the tokens before. Its
// literal is not in the text where the server hides it.
func cutLiteral(text, literal []byte, before []Token) (head, rest []byte) {
	if i := bytes.Index(text, literal); i >= 0 {
		return text[:i], text[i+len(literal):]
	}
	n := 0
	for _, t := range before {
		n += len(t.Text)
	}
	n = min(n, len(text))
	return text[:n], text[n:]
}

// run yields tokens that are text. If their texts are not known one by one, the
// last one gets all, as if the bytes had been held back until then.
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

// joined reports whether text is the texts of the tokens one after the other.
func joined(tokens []Token, text []byte) bool {
	for _, t := range tokens {
		if !bytes.HasPrefix(text, t.Text) {
			return false
		}
		text = text[len(t.Text):]
	}
	return len(text) == 0
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
	if r.tokens == r.req.MaxTokens {
		r.finish = generator.FinishLength
		return false, nil
	}
	r.tokens++
	a.Keep()
	if !r.yield(s, nil) {
		r.left = true
		return false, nil
	}
	if slices.Contains(r.req.Stop, s.Token) || r.plain && r.paragraph(s.Text) {
		r.finish = generator.FinishStop
		return false, nil
	}
	return true, nil
}

// paragraph reports whether text ends a paragraph of an answer of which only one
// segment is wanted: that is how a model without control tokens ends a segment.
func (r *reading) paragraph(text string) bool {
	for _, c := range text {
		switch {
		case c != '\n' && c != '\r' && c != ' ' && c != '\t':
			r.visible = true
		case c == '\n' && r.visible:
			return slices.ContainsFunc(r.req.Stop, func(t reflection.Token) bool { return t.Group() == reflection.Retrieve })
		}
	}
	return false
}
