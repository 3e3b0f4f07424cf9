package completion

import (
	"bytes"
	"errors"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// handed is what the reader has received of a continuation: another try must begin
// with the same.
type handed struct {
	said  []byte // the steps, each followed by a mark if their ends must agree, too
	steps int
}

// add appends a step to what was said.
func (h *handed) add(said []byte, s *generator.Step, marked bool) []byte {
	if s.Token != reflection.None {
		said = append(said, controlByte, byte(s.Token))
	}
	said = append(said, s.Text...)
	if marked {
		said = append(said, endByte)
	}
	return said
}

// errDiverged is the error of a try that does not begin with what the reader has
// received.
var errDiverged = errors.New("completion: another continuation")

// cutLiteral cuts text at the control token that follows the tokens before. Its
// literal is not in the text if the server hides it.
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

// joined reports whether text is the concatenation of the tokens' texts.
func joined(tokens []Token, text []byte) bool {
	for _, t := range tokens {
		if !bytes.HasPrefix(text, t.Text) {
			return false
		}
		text = text[len(t.Text):]
	}
	return len(text) == 0
}

// repeat compares a step with what the reader has already received. It reports
// whether that is all of the step; otherwise it removes the received part from the
// step.
func (r *reading) repeat(s *generator.Step) (known bool, err error) {
	rest := r.handed.said[r.again:]
	r.step = r.handed.add(r.step[:0], s, r.query.Probs)
	switch {
	case bytes.HasPrefix(rest, r.step):
		r.again += len(r.step)
		return true, nil
	case !r.query.Probs && s.Token == reflection.None && bytes.HasPrefix(r.step, rest): // the server cuts its text in other places
		r.visible = r.visible || len(bytes.TrimSpace(rest)) > 0
		s.Text = s.Text[len(rest):]
		return false, nil
	}
	return false, errDiverged
}

// goesOn reports whether more may follow a step.
func (r *reading) goesOn(s *generator.Step) bool {
	if slices.Contains(r.req.Stop, s.Token) || r.plain && r.paragraph(s.Text) {
		r.finish = generator.FinishStop
		return false
	}
	return true
}

// paragraph reports whether text ends a paragraph of an answer when only one
// segment is wanted: so a model without control tokens ends a segment.
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
