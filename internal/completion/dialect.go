package completion

import (
	"bytes"
	"context"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/reflection"
)

// Dialect is the protocol of one family of servers.
type Dialect interface {
	// Open asks the server for the required facts about it and its model.
	Open(ctx context.Context, s *Server) (*Facts, error)
	// Call returns the call that makes the server generate, as a stream.
	Call(f *Facts, q *Query) modelhttp.Call
	// Stream returns a reader of the stream.
	Stream(f *Facts, q *Query) Stream
}

// Stream reads the events of one answer.
type Stream interface {
	// Read adds the content of an event to c. c may then refer to data.
	Read(a *modelhttp.Answer, data []byte, c *Chunk) error
	// Entries appends to list the alternatives in raw, which is a Token's Likeliest
	// or Asked.
	Entries(a *modelhttp.Answer, raw []byte, list []Entry) ([]Entry, error)
}

// Server is a model at its servers.
type Server struct {
	*modelhttp.Client
	Settings
}

// Facts holds what is known of a server and its model. It is immutable.
type Facts struct {
	// Model names the model.
	Model string
	// IDs maps the ids of the control tokens to them; nil if tokens are recognized
	// by their text.
	IDs map[int32]reflection.Token
	// EndID is the id of the end token and EndText its text; -1 and "" if unknown.
	EndID   int32
	EndText string
	// Special lists special tokens of the server.
	Special []string
	// Tight is set if a blank right after a control token would become a token of
	// its own, because the tokenizer adds one there itself.
	Tight bool
	// Level is the level of the judgments, TopN the length of the lists of
	// alternatives if Level is TopN.
	Level reflection.Level
	TopN  int
	// MaxTop is the greatest number of alternatives that the server gives, 0 if
	// there is no limit.
	MaxTop int
	// Tempered is set if log-probabilities are those after the temperature.
	Tempered bool
	// EndLogProb is set if the end token comes with its log-probability.
	EndLogProb bool
	// SharedPrefix and Slots are those of generator.Capabilities.
	SharedPrefix bool
	Slots        int
	// Vocabulary is the number of tokens, 0 if unknown.
	Vocabulary int
}

// ID returns the id of t.
func (f *Facts) ID(t reflection.Token) int32 {
	for id, u := range f.IDs {
		if u == t {
			return id
		}
	}
	return -1
}

// Query asks for the continuation of a prompt.
type Query struct {
	// Prompt is the prompt. Messages replaces it for a chat server.
	Prompt      string
	Messages    []generator.Message
	MaxTokens   int
	Temperature float64
	Seed        uint64
	// Probs is set if tokens must come with their log-probability. Top is the
	// required number of alternatives, and Watch lists ids whose log-probability is
	// required.
	Probs bool
	Top   int
	Watch []int32
	// Affinity is that of generator.Request.
	Affinity int
}

// Chunk is the content of one event of a stream. It is emptied before each event.
type Chunk struct {
	// Text is what the tokens add to the text, control tokens included. It is not
	// UTF-8 where a character is cut; the incomplete part is held back.
	Text []byte
	// Tokens are the tokens, in order.
	Tokens []Token
	// Hidden is the number of tokens before these that the server does not
	// describe: their bytes made no character yet.
	Hidden int
	// Finish is set on the last event. With FinishEnd, Ended is set if the last of
	// Tokens is the end token.
	Finish generator.Finish
	Ended  bool
	// The counts so far, 0 if not reported.
	PromptTokens, CachedTokens, GeneratedTokens int
}

// Token is a token that was generated.
type Token struct {
	// ID is its id, -1 if the server gives none.
	ID int32
	// Text is its text, nil if only the joint text with other tokens is known.
	Text []byte
	// LogProb is its log-probability.
	LogProb reflection.Prob
	// Likeliest and Asked hold the likeliest alternatives and those whose ids were
	// requested. Read them with Stream.Entries if needed.
	Likeliest, Asked []byte

	bytes []byte // an array of numbers, in its written form
}

// Entry is a possible token at a position.
type Entry struct {
	ID      int32 // -1 if the server gives none
	Text    string
	Bytes   []byte // nil unless known and not whole UTF-8
	LogProb reflection.Prob
	asked   bool // from Token.Asked
}

// Unnumbered adds the tokens of an event with only their text known: each control
// token is one, and so is the text between two.
func (c *Chunk) Unnumbered(text []byte) {
	start := 0
	add := func(end int) {
		if start < end {
			c.Tokens = append(c.Tokens, Token{ID: -1, Text: text[start:end]})
		}
		start = end
	}
	for at := 0; at < len(text); at++ {
		if b := text[at]; b != '[' && b != '<' { // every control token begins so
			continue
		}
		for _, t := range reflection.Tokens() {
			if s := t.String(); bytes.HasPrefix(text[at:], []byte(s)) {
				add(at)
				add(at + len(s))
				at += len(s) - 1
				break
			}
		}
	}
	add(len(text))
}
