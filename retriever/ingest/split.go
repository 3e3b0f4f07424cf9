package ingest

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/goselfrag/goselfrag/internal/sentence"
)

// Unit is what the length of a passage is counted in.
type Unit uint8

const (
	// Words are runs without white space, but that every Han, Hiragana or
	// Katakana character is a word of its own, and that a run of more than 64
	// characters counts as one word for every 64.
	Words Unit = iota
	// Sentences are those that [Split] would keep whole; one of more than 60 words
	// counts as several.
	Sentences
	// Tokens are what Split.Count counts.
	Tokens
)

// Whole is what is kept whole where the limit allows it.
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

// Split says how text is cut into passages. The zero value gives whole sentences
// of together at most 100 words.
//
//   - Whole sentences, one shared: {Unit: Sentences, Size: 4, Overlap: 1}.
//   - Blocks of 100 words, as in DPR (Karpukhin et al., arXiv 2004.04906, section
//     4.1): {Whole: WholeWords}.
//   - By the structure of Markdown or HTML: {Whole: WholeBlocks}. No passage goes
//     across a heading, whatever the Split.
//   - By tokens: {Unit: Tokens, Size: 256, Count: tokenizer}.
//
// What is longer than Size is cut at the next smaller thing: a block between
// sentences, a sentence between words, a word between characters, so that no
// passage is longer. No grapheme cluster (a letter with its accents, an emoji with
// its modifiers, CR LF) is cut, but for the sake of a limit in tokens.
//
// All that is not white space is in a passage, and in more than one only because
// of Overlap. Without Overlap and WholeWords, neighbouring passages are made
// alike in length.
type Split struct {
	Unit Unit
	// Size is the greatest length of a passage in Units, at least 1; 0 means 100
	// words, 5 sentences or 256 tokens.
	Size int
	// Overlap is the greatest length of what a passage repeats of the end of the
	// one before, in Units and in wholes: less than Size.
	Overlap int
	// Whole is what is not cut if it can be helped.
	Whole Whole
	// Count returns the number of tokens of a text. It must be there if and only if
	// Unit is Tokens, and may be called many times with overlapping texts. A word
	// or character for which it returns none is taken for one token.
	Count func(text string) int
}

// Span is a piece of a text: the bytes from Start up to but not including End.
type Span struct{ Start, End int }

func (s Split) check() (Split, error) {
	bad := func(format string, args ...any) (Split, error) {
		return s, fmt.Errorf("%w: Split: %s", ErrOptions, fmt.Sprintf(format, args...))
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
// ErrOptions.
func (s Split) Text(text string) ([]Span, error) {
	s, err := s.check()
	if err != nil {
		return nil, err
	}
	units, err := s.cut(context.Background(), text, []block{{end: len(text)}})
	if err != nil {
		return nil, err
	}
	var out []Span
	for _, u := range units {
		out = append(out, Span{u.start, u.end})
	}
	return out, nil
}

// cut returns the passages of text, which consists of blocks. The error wraps
// ErrOptions, or is ctx.Err().
func (s Split) cut(ctx context.Context, text string, blocks []block) ([]unit, error) {
	c := cutter{Split: s, ctx: ctx, text: text}
	var units []unit
	for _, b := range blocks {
		for _, p := range paragraphs(text, b) {
			for _, u := range c.wholes(p) {
				var err error
				if units, err = c.fit(units, u); err != nil {
					return nil, err
				}
			}
		}
	}
	units = c.pack(units, s.Overlap, s.Whole != WholeWords && s.Overlap == 0)
	return units, ctx.Err()
}

// cutter cuts a text. What its methods return is incomplete once ctx is done.
type cutter struct {
	Split
	ctx  context.Context
	text string
}

func (c cutter) done() bool { return c.ctx.Err() != nil }

// wholes returns what is to be kept whole of a paragraph.
func (c cutter) wholes(p block) []unit {
	if c.Whole == WholeWords {
		return c.words(Span{p.start, p.end})
	}
	var out []unit
	for _, s := range c.sentences(p) {
		if c.done() {
			return nil
		}
		u := unit{s.Start, s.End, 1}
		if c.Unit != Sentences {
			u.n = c.length(s.of(c.text))
		}
		out = append(out, u)
	}
	if c.Whole == WholeBlocks {
		u := unit{p.start, p.end, len(out)}
		if c.Unit != Sentences {
			u.n = c.length(c.text[p.start:p.end])
		}
		if u.n <= c.Size {
			return []unit{u}
		}
	}
	return out
}

func (s Span) of(text string) string { return text[s.Start:s.End] }

// length returns how long a text that is not blank is in words or tokens. It is at
// least one: an estimate of tokens by the length in bytes may give none for a short
// word, and none for all the words of a text.
func (s Split) length(text string) int {
	if s.Unit == Tokens {
		return max(s.Count(text), 1)
	}
	n := 0
	for range sentence.Pieces(text) {
		n++
	}
	return n
}

// fit appends u to units, cut if it is too long.
func (c cutter) fit(units []unit, u unit) ([]unit, error) {
	if u.n <= c.Size {
		return append(units, u), nil
	}
	p := Span{u.start, u.end}
	parts := c.words(p)
	if len(parts) <= 1 {
		parts = c.characters(p)
	}
	switch {
	case c.done():
		return nil, c.ctx.Err()
	case len(parts) <= 1:
		return nil, fmt.Errorf("%w: Split: Size is %d tokens: the character %q alone has %d", ErrOptions, c.Size, p.of(c.text), u.n)
	}
	var pieces []unit
	for _, part := range parts {
		var err error
		if pieces, err = c.fit(pieces, part); err != nil {
			return nil, err
		}
	}
	return append(units, c.pack(pieces, 0, true)...), nil
}

// words returns the words of a piece of text.
func (c cutter) words(p Span) []unit {
	var out []unit
	for w := range sentence.Pieces(p.of(c.text)) {
		if c.done() {
			return nil
		}
		u := unit{p.Start + w.Start, p.Start + w.End, 1}
		if c.Unit == Tokens {
			u.n = c.length(c.text[u.start:u.end])
		}
		out = append(out, u)
	}
	return out
}

// characters returns the grapheme clusters of a piece of text, or its code points
// if it is a single cluster, for a limit in tokens.
func (c cutter) characters(p Span) []unit {
	var out []unit
	add := func(n int) {
		out = append(out, unit{p.Start, p.Start + n, c.length(c.text[p.Start : p.Start+n])})
		p.Start += n
	}
	start := p.Start
	for state := -1; p.Start < p.End && !c.done(); {
		var cluster string
		cluster, _, _, state = uniseg.FirstGraphemeClusterInString(p.of(c.text), state)
		add(len(cluster))
	}
	if len(out) > 1 {
		return out
	}
	out, p.Start = nil, start
	for p.Start < p.End && !c.done() {
		_, n := utf8.DecodeRuneInString(p.of(c.text))
		add(n)
	}
	return out
}

// sentences returns the sentences of a block, or the lines of one of code.
func (c cutter) sentences(b block) []Span {
	var out []Span
	add := func(start, end int) {
		for p := range sentence.All(c.text[start:end]) {
			if c.done() {
				return
			}
			p.Start, p.End = p.Start+start, p.End+start
			if k := len(out) - 1; k >= 0 && out[k].End == p.Start && sentence.Joined(c.text, p.Start) {
				out[k].End = p.End
				continue
			}
			out = append(out, Span{p.Start, p.End})
		}
	}
	if !b.code {
		add(b.start, b.end)
		return out
	}
	start := b.start
	for line := range strings.Lines(c.text[b.start:b.end]) {
		code := strings.TrimRightFunc(line, unicode.IsSpace)
		if n := sentence.Count(code); n > sentence.MaxWords {
			add(start, start+len(code))
		} else if n > 0 {
			out = append(out, Span{start, start + len(code)})
		}
		start += len(line)
	}
	return out
}

// paragraphs returns the parts of a block between blank lines, all of it if it is
// code. No sentence goes on behind a blank line.
func paragraphs(text string, b block) []block {
	if b.code {
		return []block{b}
	}
	var out []block
	start, at := -1, b.start
	end := at
	for line := range strings.Lines(text[b.start:b.end]) {
		switch {
		case strings.TrimSpace(line) != "":
			if start < 0 {
				start = at + len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
			}
			end = at + len(strings.TrimRightFunc(line, unicode.IsSpace))
		case start >= 0:
			out = append(out, block{start: start, end: end})
			start = -1
		}
		at += len(line)
	}
	if start >= 0 {
		out = append(out, block{start: start, end: end})
	}
	return out
}

// unit is what passages are made of, and a passage itself: the bytes of a text from
// start to end, of length n.
type unit struct{ start, end, n int }

// pack joins neighbouring units to passages of at most c.Size, as few as it can
// without looking back, and as like in length if they are to be even. No unit may
// be longer.
func (c cutter) pack(units []unit, overlap int, even bool) []unit {
	left := 0
	for _, u := range units {
		left += u.n
	}
	var out []unit
	for i, before := 0, -1; i < len(units) && !c.done(); {
		target := c.Size
		if passages := (left + c.Size - 1) / c.Size; even && passages > 0 {
			target = left / passages
		}
		first, end, n := i, i+1, units[i].n
		for back := 0; first-1 > before && back+units[first-1].n <= overlap && n+units[first-1].n <= c.Size; {
			first--
			back += units[first].n
			n += units[first].n
		}
		for end < len(units) && n+units[end].n <= c.Size && n+units[end].n/2 <= target {
			n += units[end].n
			end++
		}
		// Tokens of a whole need not be as many as those of its parts.
		for c.Unit == Tokens && end-first > 1 {
			if n = c.length(c.text[units[first].start:units[end-1].end]); n <= c.Size {
				break
			}
			if end > i+1 {
				end--
			} else {
				first++
			}
		}
		for _, u := range units[i:end] {
			left -= u.n
		}
		out = append(out, unit{units[first].start, units[end-1].end, n})
		i, before = end, first
	}
	return out
}
