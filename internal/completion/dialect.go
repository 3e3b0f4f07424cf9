package completion

import (
	"bytes"
	"context"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/reflection"
)

// Dialect is how one family of servers is spoken to.
type Dialect interface {
	// Open asks the server for what has to be known of it and its model.
	Open(ctx context.Context, s *Server) (*Facts, error)
	// Call returns the call that makes the server generate, as a stream.
	Call(f *Facts, q *Query) modelhttp.Call
	// Stream returns a reader of the stream.
	Stream(f *Facts, q *Query) Stream
}

// Stream reads the events of one answer.
type Stream interface {
	// Read adds to c what an event says. What it puts there may refer to data.
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

// Facts is what is known of a server and its model. It does not change.
type Facts struct {
	// Model names the model.
	Model string
	// IDs maps the ids of the control tokens to them; nil if tokens are known by
	// their text.
	IDs map[int32]reflection.Token
	// EndID is the id of the end token and EndText its text; -1 and "" if they are
	// not known.
	EndID   int32
	EndText string
	// Special lists special tokens of the server.
	Special []string
	// Tight is set when a blank right behind a control token would become a token
	// of its own, because the tokenizer puts one there anyway.
	Tight bool
	// Level is the level of the judgments, TopN the length of the lists of
	// alternatives where Level is TopN.
	Level reflection.Level
	TopN  int
	// MaxTop is the most alternatives that the server gives, 0 if there is no limit.
	MaxTop int
	// Tempered is set when log-probabilities are those after the temperature.
	Tempered bool
	// EndLogProb is set when the end token comes with its log-probability.
	EndLogProb bool
	// SharedPrefix and Slots are those of generator.Capabilities.
	SharedPrefix bool
	Slots        int
	// Vocabulary is the number of tokens, 0 if not known.
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
	// Prompt is the prompt, Messages are it for a chat server.
	Prompt      string
	Messages    []generator.Message
	MaxTokens   int
	Temperature float64
	Seed        uint64
	// Probs is set when tokens must come with their log-probability, Top is how
	// many alternatives must, and Watch lists ids whose log-probability must.
	Probs bool
	Top   int
	Watch []int32
	// Affinity is that of generator.Request.
	Affinity int
}

// Chunk is what one event of a stream says. It is emptied before each.
type Chunk struct {
	// Text is what the tokens add to the text, control tokens included. It is not
	// UTF-8 where a character is cut; what there is of it then is held back.
	Text []byte
	// Tokens are the tokens, in order.
	Tokens []Token
	// Hidden is how many tokens came before these of which the server says
	// nothing: their bytes made no character yet.
	Hidden int
	// Finish is set on the last event. With FinishEnd, Ended says that the last of
	// Tokens is the end token.
	Finish generator.Finish
	Ended  bool
	// The counts so far, 0 where they are not told.
	PromptTokens, CachedTokens, GeneratedTokens int
}

// Token is a token that was generated.
type Token struct {
	// ID is its id, -1 if the server gives none.
	ID int32
	// Text is its text, nil if it is only known together with that of others.
	Text []byte
	// LogProb is its log-probability.
	LogProb reflection.Prob
	// Likeliest and Asked hold the likeliest alternatives and those whose ids were
	// asked for, to be read with Stream.Entries if they are needed.
	Likeliest, Asked []byte

	bytes []byte // an array of numbers, as it is written
}

// Entry is a token that could stand at a position.
type Entry struct {
	ID      int32 // -1 if the server gives none
	Text    string
	Bytes   []byte // nil unless they are known and not whole UTF-8
	LogProb reflection.Prob
	asked   bool // from Token.Asked
}

// Unnumbered adds the tokens of an event of which only the text is known: each
// control token is one, and so is the text between two.
func (c *Chunk) Unnumbered(text []byte) {
	start := 0
	add := func(end int) {
		if start < end {
			c.Tokens = append(c.Tokens, Token{ID: -1, Text: text[start:end]})
		}
		start = end
	}
	for at := 0; at < len(text); at++ {
		if b := text[at]; b != '[' && b != '<' { // no control token begins otherwise
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
