package completion

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// Tokenizer is a dialect whose servers cut text into tokens.
type Tokenizer interface {
	// Tokenize returns the ids of text. If begin is set, the token that begins
	// every prompt is first.
	Tokenize(ctx context.Context, s *Server, f *Facts, text string, begin bool) ([]int32, error)
}

// TokenizeRoom returns the greatest length of the answer to Tokenize: at most a
// token for each byte, with its id and its text.
func TokenizeRoom(text string) int64 { return roomBase + 64*int64(len(text)) }

// Resolve fills in what a tokenizer can tell: the ids of the control tokens, unless
// the model is declared to have none, the id of the end token, and whether blanks
// after control tokens must be removed. end is the text of the end token, "" to
// look for it.
func (f *Facts) Resolve(ctx context.Context, s *Server, t Tokenizer, end string) error {
	if err := f.resolveEnd(ctx, s, t, end); err != nil || s.NoTokens {
		return err
	}
	tokens := reflection.Tokens()
	names := make([]string, len(tokens))
	for i, c := range tokens {
		names[i] = c.String()
	}
	// One call for all: a control token is the same token whatever is next to it.
	ids, err := t.Tokenize(ctx, s, f, strings.Join(names, ""), false)
	if err != nil {
		return err
	}
	if len(ids) != len(names) {
		if ids, err = f.resolve(ctx, s, t, names); err != nil {
			return fmt.Errorf("%w: use a model that was trained for Self-RAG, or set NoTokens", err)
		}
	}
	f.IDs = make(map[int32]reflection.Token)
	for i, id := range ids {
		f.IDs[id] = tokens[i]
	}
	if len(f.IDs) != len(tokens) {
		return fmt.Errorf("%w: several reflection tokens have the same id, as if they were unknown: use a model that was trained for Self-RAG, or set NoTokens", modelserver.ErrModel)
	}
	return f.resolveTight(ctx, s, t)
}

// resolve returns the id of each name, and an error for the first that is not
// exactly one token.
func (f *Facts) resolve(ctx context.Context, s *Server, t Tokenizer, names []string) ([]int32, error) {
	ids := make([]int32, len(names))
	for i, name := range names {
		list, err := t.Tokenize(ctx, s, f, name, false)
		if err != nil {
			return nil, err
		}
		if len(list) != 1 {
			return nil, fmt.Errorf("%w: %q is %d tokens at the server", modelserver.ErrModel, name, len(list))
		}
		ids[i] = list[0]
	}
	return ids, nil
}

// resolveEnd looks the end token up.
func (f *Facts) resolveEnd(ctx context.Context, s *Server, t Tokenizer, end string) error {
	f.EndID = -1
	names := []string{end}
	if end == "" {
		names = []string{"</s>", "<|end_of_text|>", "<|endoftext|>", "<eos>", "<|im_end|>"}
	}
	for _, name := range names {
		ids, err := t.Tokenize(ctx, s, f, name, false)
		if err != nil {
			return err
		}
		if len(ids) == 1 {
			f.EndID, f.EndText = ids[0], name
			return nil
		}
	}
	return nil
}

// resolveTight finds out whether a blank after a control token is a token of its
// own.
func (f *Facts) resolveTight(ctx context.Context, s *Server, t Tokenizer) error {
	close, err := t.Tokenize(ctx, s, f, "[Relevant]The", false)
	if err != nil {
		return err
	}
	apart, err := t.Tokenize(ctx, s, f, "[Relevant] The", false)
	if err != nil {
		return err
	}
	f.Tight = len(close) > 1 && len(apart) == len(close)+1 && slices.Equal(apart[2:], close[1:])
	return nil
}
