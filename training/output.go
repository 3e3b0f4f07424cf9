package training

import (
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training/internal/scan"
)

// Output is the answer of a training record with its control tokens.
type Output struct {
	Segments []Segment
	Utility  reflection.Token // of IsUSE
}

// Segment is a part of an Output. There are four kinds:
//
//   - [Retrieval], a passage, its relevance and a text; one whose passage is relevant may
//     end with a token of IsSUP;
//   - [Continue to Use Evidence] and a text;
//   - [No Retrieval] and a text;
//   - a text alone, where the sentence was too short to be judged.
//
// The format does not mark where a text alone begins unless it comes first or after a
// token of IsSUP. Anywhere else it is read as a part of the text before it.
type Segment struct {
	Retrieve  reflection.Token    // of Retrieve, or None
	Passage   *generator.Evidence // nil unless Retrieve is Retrieval
	Relevance reflection.Token    // of IsREL; None without a passage
	Text      string
	Support   reflection.Token // of IsSUP, or None
}

// MalformedError says where a text breaks the rules of the interleaved format.
type MalformedError struct {
	Offset int // in bytes from the start of the text
	Reason string
}

// Error implements error.
func (e *MalformedError) Error() string {
	return fmt.Sprintf("training: malformed output at byte %d: %s", e.Offset, e.Reason)
}

// String writes the output as one text. Titles, passages and texts are data: reserved
// strings in them, or made by them where they meet, are neutralized as
// [generator.Neutralize] does it. A passage is its title, a line break and its text; one
// without a title is its text, as in the prompts of [generator.SelfRAGTemplate].
//
// If [Parse] takes the result, then it returns the Output again, with these exceptions:
// what was neutralized; a text alone that is read as a part of the text before it; a
// passage whose first line break is not the one after its title.
func (o Output) String() string {
	var steps []generator.Step
	for _, s := range o.Segments {
		steps = append(steps, generator.Step{Token: s.Retrieve})
		if s.Passage != nil {
			steps = append(steps,
				generator.Step{Token: reflection.ParagraphStart, Text: generator.JoinEvidence([]generator.Evidence{*s.Passage})},
				generator.Step{Token: reflection.ParagraphEnd})
		}
		steps = append(steps, generator.Step{Token: s.Relevance, Text: s.Text}, generator.Step{Token: s.Support})
	}
	return generator.Extend("", append(steps, generator.Step{Token: o.Utility}))
}

// Parse reads an interleaved text. Control tokens are those spelled exactly, as a
// tokenizer knows them. The error is a *[MalformedError] if the text breaks one of these
// rules:
//
//   - each [Retrieval] is followed by one passage between paragraph marks, and each
//     passage by its relevance;
//   - a passage contains no control token;
//   - a token of IsSUP comes only at the end of a segment whose passage is relevant;
//   - one token of IsUSE ends the output, and there is no other.
//
// Of a text that has no reserved strings but control tokens, String gives back every byte.
func Parse(text string) (Output, error) {
	p := parser{Scanner: scan.Scanner{Text: text}}
	for {
		data, token, ok := p.Next()
		p.data(data)
		if !ok {
			return Output{}, p.malformed("no utility token ends the output")
		}
		if err := p.token(token); err != nil {
			return Output{}, err
		}
		if token.Group() != reflection.IsUSE {
			continue
		}
		if p.End != len(text) {
			p.Start = p.End
			return Output{}, p.malformed("the output goes on after %v", token)
		}
		return Output{p.segments, token}, nil
	}
}

// parser puts segments together.
type parser struct {
	scan.Scanner
	segments []Segment
	open     bool // there is a last segment, and its token of IsSUP was not read
}

func (p *parser) malformed(format string, args ...any) error {
	return &MalformedError{p.Start, fmt.Sprintf(format, args...)}
}

// last returns the segment that is open, or an empty one.
func (p *parser) last() Segment {
	if !p.open {
		return Segment{}
	}
	return p.segments[len(p.segments)-1]
}

func (p *parser) add(s Segment) {
	p.segments = append(p.segments, s)
	p.open = true
}

// data takes the text before a token.
func (p *parser) data(text string) {
	switch {
	case text == "":
	case p.open:
		p.segments[len(p.segments)-1].Text = text
	default:
		p.add(Segment{Text: text})
	}
}

// token takes a token.
func (p *parser) token(t reflection.Token) error {
	switch t.Group() {
	case reflection.Retrieve:
		if t == reflection.Retrieval {
			return p.passage()
		}
		p.add(Segment{Retrieve: t})
	case reflection.IsSUP:
		if p.last().Relevance != reflection.Relevant {
			return p.malformed("%v does not end a sentence about a relevant passage", t)
		}
		p.segments[len(p.segments)-1].Support = t
		p.open = false
	case reflection.IsREL:
		return p.malformed("%v does not follow a passage", t)
	case reflection.NoGroup:
		return p.malformed("%v does not follow %v", t, reflection.Retrieval)
	}
	return nil
}

// passage takes what follows [Retrieval].
func (p *parser) passage() error {
	if data, t, _ := p.Next(); data != "" || t != reflection.ParagraphStart {
		p.Start -= len(data)
		return p.malformed("no %v follows %v", reflection.ParagraphStart, reflection.Retrieval)
	}
	start := p.Start
	text, t, ok := p.Next()
	if !ok {
		p.Start = start
		return p.malformed("the passage has no end")
	}
	if t != reflection.ParagraphEnd {
		return p.malformed("%v is in a passage", t)
	}
	data, relevance, _ := p.Next()
	if data != "" || relevance.Group() != reflection.IsREL {
		p.Start -= len(data)
		return p.malformed("no relevance token follows the passage")
	}
	passage := &generator.Evidence{Text: text}
	if title, rest, ok := strings.Cut(text, "\n"); ok && title != "" {
		*passage = generator.Evidence{Title: title, Text: rest}
	}
	p.add(Segment{Retrieve: reflection.Retrieval, Passage: passage, Relevance: relevance})
	return nil
}
