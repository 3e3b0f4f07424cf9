package ingest

import (
	"context"
	"fmt"
	"iter"

	"github.com/goselfrag/goselfrag/internal/analysis"
)

// Unit is the unit of the length of a passage.
type Unit uint8

const (
	// Words are runs without white space. Every Han, Hiragana or Katakana character
	// is a word of its own, and a run of more than 64 characters counts as one word
	// for every 64.
	Words Unit = iota
	// Sentences are those that [Split] would keep whole; one of more than 60 words
	// counts as several.
	Sentences
	// Tokens are what Split.Count counts.
	Tokens
)

// Whole is the kind of piece that is kept whole where the limit allows it.
type Whole uint8

const (
	// WholeSentences cuts between sentences, and in code between lines.
	WholeSentences Whole = iota
	// WholeBlocks cuts between paragraphs, list items, table rows and code blocks.
	// The sentences of a block that is too long may share a passage with the blocks
	// around it.
	WholeBlocks
	// WholeWords cuts between words: passages are as full as they can be.
	WholeWords
)

// Split says how text is cut into passages. The zero value gives passages of whole
// sentences, with at most 100 words.
//
//   - Whole sentences, one shared: {Unit: Sentences, Size: 4, Overlap: 1}.
//   - Blocks of 100 words, as in DPR (Karpukhin et al., arXiv 2004.04906, section
//     4.1): {Whole: WholeWords}.
//   - By the structure of Markdown or HTML: {Whole: WholeBlocks}. No Split makes
//     passages that cross a heading.
//   - By tokens: {Unit: Tokens, Size: 256, Count: tokenizer}.
//
// No passage is longer than Size. A longer piece is cut at the next smaller unit: a block
// between sentences, a sentence between words, a word between characters. A grapheme
// cluster (a letter with its accents, an emoji with its modifiers, CR LF) is cut only if a
// limit in tokens requires it.
//
// All text but white space is in a passage, and in more than one only because of Overlap.
// Without Overlap and WholeWords, neighboring passages are made similar in length.
type Split struct {
	Unit Unit
	// Size is the greatest length of a passage in Units, at least 1; 0 means 100
	// words, 5 sentences or 256 tokens.
	Size int
	// Overlap is the greatest length, in Units, of the end of a passage that the next
	// one repeats. It is made of wholes and must be less than Size.
	Overlap int
	// Whole is the kind of piece that is cut only if it is too long.
	Whole Whole
	// Count returns the number of tokens of a text. It must be set if and only if Unit
	// is Tokens, and may be called many times with overlapping texts. A word or
	// character for which it returns 0 counts as one token.
	Count func(text string) int
}

// TextRange is a piece of a text: the bytes from Start up to but not including End.
type TextRange struct{ Start, End int }

func (s Split) check() (Split, error) {
	bad := func(format string, args ...any) (Split, error) {
		return s, fmt.Errorf("%w: Split: %s", ErrOption, fmt.Sprintf(format, args...))
	}
	switch {
	case s.Unit > Tokens:
		return bad("Unit is %d: want Words, Sentences or Tokens", s.Unit)
	case s.Whole > WholeWords:
		return bad("Whole is %d: want WholeSentences, WholeBlocks or WholeWords", s.Whole)
	case s.Unit == Sentences && s.Whole == WholeWords:
		return bad("a length in sentences needs whole sentences: want WholeSentences or WholeBlocks")
	case s.Unit == Tokens && s.Count == nil:
		return bad("Unit is Tokens: want a Count")
	case s.Unit != Tokens && s.Count != nil:
		return bad("Count counts tokens: want Unit Tokens")
	case s.Size < 0:
		return bad("Size is %d: want at least 1, or 0 for the default", s.Size)
	}
	if s.Size == 0 {
		s.Size = [...]int{Words: 100, Sentences: 5, Tokens: 256}[s.Unit]
	}
	if s.Overlap < 0 || s.Overlap >= s.Size {
		return bad("Overlap is %d: want 0 to %d, less than Size", s.Overlap, s.Size-1)
	}
	return s, nil
}

// Text returns the places of the passages of a plain text. The error wraps
// ErrOption.
func (s Split) Text(text string) ([]TextRange, error) {
	s, err := s.check()
	if err != nil {
		return nil, err
	}
	var out []TextRange
	whole := section{text: text, one: true}
	if err := s.cut(context.Background(), text, whole.blocks(), func(u unit) bool {
		out = append(out, TextRange{u.start, u.end})
		return true
	}); err != nil {
		return nil, err
	}
	return out, nil
}

// maxWindow is how many bytes of a text are cut at a time, so that memory does not grow
// with the text.
const maxWindow = 256 << 10

// cut calls emit with the passages of text, which consists of blocks, until it returns
// false. The error wraps ErrOption, or is ctx.Err().
func (s Split) cut(ctx context.Context, text string, blocks iter.Seq[block], emit func(unit) bool) error {
	c := cutter{Split: s, ctx: ctx, text: text}
	even := s.Whole != WholeWords && s.Overlap == 0
	var units []unit
	for b := range blocks {
		for p := range paragraphs(text, b) {
			for _, u := range c.wholes(p) {
				var err error
				if units, err = c.appendUnit(units, u); err != nil {
					return err
				}
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if len(units) == 0 || units[len(units)-1].end-units[0].start < maxWindow {
				continue
			}
			out := c.pack(units, s.Overlap, even)
			rest := len(units)
			if !even && len(out) > 1 { // the last one may not be full
				last := out[len(out)-1]
				out = out[:len(out)-1]
				for rest > 0 && units[rest-1].start >= last.start {
					rest--
				}
			}
			for _, u := range out {
				if !emit(u) {
					return ctx.Err()
				}
			}
			units = units[:copy(units, units[rest:])]
		}
	}
	for _, u := range c.pack(units, s.Overlap, even) {
		if !emit(u) {
			break
		}
	}
	return ctx.Err()
}

func (s TextRange) of(text string) string { return text[s.Start:s.End] }

// length returns how long a text that is not blank is in words or tokens. It is at
// least one: an estimate of tokens by the length in bytes may give none for a short
// word, and none for all the words of a text.
func (s Split) length(text string) int {
	if s.Unit == Tokens {
		return max(s.Count(text), 1)
	}
	n := 0
	for range analysis.Pieces(text) {
		n++
	}
	return n
}
