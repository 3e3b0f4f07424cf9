package ingest

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/internal/sentence"
)

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
		return c.words(TextRange{p.start, p.end})
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

// appendUnit appends u to units, cut if it is too long.
func (c cutter) appendUnit(units []unit, u unit) ([]unit, error) {
	if u.n <= c.Size {
		return append(units, u), nil
	}
	p := TextRange{u.start, u.end}
	parts := c.words(p)
	if len(parts) <= 1 {
		parts = c.characters(p)
	}
	switch {
	case c.done():
		return nil, c.ctx.Err()
	case len(parts) <= 1:
		return nil, fmt.Errorf("%w: Split: Size is %d tokens: the character %q alone has %d", ErrOption, c.Size, p.of(c.text), u.n)
	}
	var pieces []unit
	for _, part := range parts {
		var err error
		if pieces, err = c.appendUnit(pieces, part); err != nil {
			return nil, err
		}
	}
	return append(units, c.pack(pieces, 0, true)...), nil
}

// words returns the words of a piece of text.
func (c cutter) words(p TextRange) []unit {
	var out []unit
	for w := range analysis.Pieces(p.of(c.text)) {
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
func (c cutter) characters(p TextRange) []unit {
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
func (c cutter) sentences(b block) []TextRange {
	var out []TextRange
	add := func(start, end int) {
		for p := range sentence.All(c.text[start:end]) {
			if c.done() {
				return
			}
			p.Start, p.End = p.Start+start, p.End+start
			if k := len(out) - 1; k >= 0 && out[k].End == p.Start && analysis.Joined(c.text, p.Start) {
				out[k].End = p.End
				continue
			}
			out = append(out, TextRange{p.Start, p.End})
		}
	}
	if !b.code {
		add(b.start, b.end)
		return out
	}
	start := b.start
	for line := range strings.Lines(c.text[b.start:b.end]) {
		code := strings.TrimRightFunc(line, unicode.IsSpace)
		if n := analysis.Count(code); n > sentence.MaxWords {
			add(start, start+len(code))
		} else if n > 0 {
			out = append(out, TextRange{start, start + len(code)})
		}
		start += len(line)
	}
	return out
}

// paragraphs yields the parts of a block between blank lines, all of it if it is code.
// No sentence continues after a blank line. A part longer than maxWindow is cut.
func paragraphs(text string, b block) iter.Seq[block] {
	return func(yield func(block) bool) {
		start, at := -1, b.start
		end := at
		emit := func() bool {
			for start >= 0 && end-start > maxWindow {
				n := cutWindow(text[start:end])
				if !yield(block{start, start + len(strings.TrimRightFunc(text[start:start+n], unicode.IsSpace)), b.code}) {
					return false
				}
				for start += n; start < end; {
					r, size := utf8.DecodeRuneInString(text[start:end])
					if !unicode.IsSpace(r) || b.code && r != '\n' {
						break
					}
					start += size
				}
			}
			ok := start < 0 || start >= end || yield(block{start, end, b.code})
			start = -1
			return ok
		}
		if b.code {
			start, end = b.start, b.end
			emit()
			return
		}
		for line := range strings.Lines(text[b.start:b.end]) {
			switch {
			case strings.TrimSpace(line) != "":
				if start < 0 {
					start = at + len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
				}
				end = at + len(strings.TrimRightFunc(line, unicode.IsSpace))
			case !emit():
				return
			}
			at += len(line)
		}
		emit()
	}
}

// cutWindow returns where to cut text, which is longer than maxWindow: at the last end
// of a line in its second half, else at white space, else between characters.
func cutWindow(text string) int {
	head := text[:cutRune(text, maxWindow)]
	if k := strings.LastIndexByte(head, '\n'); k > maxWindow/2 {
		return k + 1
	}
	if k := strings.LastIndexFunc(head, unicode.IsSpace); k > maxWindow/2 {
		return k
	}
	n := len(head)
	for k := n; k > maxWindow/2; k-- {
		if utf8.RuneStart(text[k]) && !analysis.Joined(text, k) {
			return k
		}
	}
	return n
}

// unit is what passages are made of, and a passage itself: the bytes of a text from
// start to end, of length n.
type unit struct{ start, end, n int }

// pack joins neighboring units to passages of at most c.Size, greedily. If even is set the
// passages are made similar in length. No unit may be longer than c.Size.
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
