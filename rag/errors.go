package rag

import (
	"fmt"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
)

// PowerError reports that the model lacks what a decoder needs.
type PowerError struct {
	Needs   string // what the decoder needs
	Instead string // what to do instead
	Err     error  // why it is missing, if the model reported it
}

// Error implements error.
func (e *PowerError) Error() string {
	s := fmt.Sprintf("rag: a model is needed that %s: %s", e.Needs, e.Instead)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns Err.
func (e *PowerError) Unwrap() error { return e.Err }

// PriorError reports that scores cannot be made into p(z|x).
type PriorError struct {
	Scores retriever.ScoreKind
	Reason string
}

// Error implements error.
func (e *PriorError) Error() string {
	return fmt.Sprintf("rag: no prior from scores of the kind %q: %s", e.Scores, e.Reason)
}

// UncertainError reports that it is unknown which of two continuations is likelier:
// the model reports only its likeliest tokens, and the mixture needs those below.
type UncertainError struct {
	Step          int    // number of tokens decoded before
	Text          string // their text
	First, Second Bounds // the best by its lower bound, and one that may be likelier
}

// Bounds is a candidate and the bounds of its probability, given what comes before.
type Bounds struct {
	// Token is the candidate, without Prob. It is zero for any token that no
	// passage lists. If whole answers compete, Text is the whole text.
	Token        generator.Alternative
	Lower, Upper float64 // in [0, 1]
}

// String names the candidate and its bounds.
func (b Bounds) String() string {
	name := "an unlisted token"
	switch t := b.Token; {
	case t.End:
		name = "the end"
	case t.Token != reflection.None:
		name = t.Token.String()
	case len(t.Bytes) > 0:
		name = fmt.Sprintf("the bytes %x", t.Bytes)
	case t.Text != "":
		name = fmt.Sprintf("%q", t.Text)
	}
	return fmt.Sprintf("%s in [%.6g, %.6g]", name, b.Lower, b.Upper)
}

// Error implements error.
func (e *UncertainError) Error() string {
	return fmt.Sprintf("rag: step %d, after %q: %v may be less likely than %v: want a model that gives whole distributions or scores a given continuation", e.Step, e.Text, e.First, e.Second)
}

// PieceError reports that the likeliest next token is part of a character. A prompt
// holds whole characters, so no passage can be asked what follows it.
type PieceError struct {
	Step  int    // number of tokens decoded before
	Text  string // their text
	Bytes []byte // the token
}

// Error implements error.
func (e *PieceError) Error() string {
	return fmt.Sprintf("rag: step %d, after %q: the next token, bytes %x, is a part of a character, after which no prompt can go on: use RAG-Sequence", e.Step, e.Text, e.Bytes)
}
