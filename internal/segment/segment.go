// Package segment ends the stream of a model that was asked for the next sentence of an
// answer. The stream ends after the first sentence, if the model writes more, or at the
// mark that the answer is complete.
package segment

import (
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/reflection"
)

// First passes the stream of a whole reply on up to the end of its first sentence.
// The last step then has
//
//   - FinishEnd if [generator.EndMark] comes after the sentence or in its place,
//     in either case of letters, or if there is no text at all;
//   - FinishLength if the reply was cut before its sentence ended;
//   - FinishStop otherwise.
//
// Steps are held back as long as they can belong to the mark or to a second
// sentence; where a sentence ends depends on the text alone, not on how it is cut
// into steps. A stream that continues after the sentence is stopped, and its usage is
// then partial.
func First(seq iter.Seq2[generator.Step, error]) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		c := cutter{open: -1, word: -1, mark: -1}
		seen, found := 0, goesOn
		for s, err := range seq {
			if err != nil {
				yield(generator.Step{}, err)
				return
			}
			if s.Finish != generator.Running {
				if found == goesOn {
					var at int
					if at, found = c.end(); !c.yieldHeld(at, found, yield) {
						return
					}
				}
				yield(c.last(s, found), nil)
				return
			}
			seen++
			switch found {
			case cutOff: // it is not over, so what it cost will not be known
				s.Usage = generator.Usage{Calls: 1, GeneratedTokens: seen, Partial: true}
				yield(c.last(s, found), nil)
				return
			case marked: // the end is near
				continue
			}
			var at int
			if at, found = c.add(s); !c.yieldHeld(at, found, yield) {
				return
			}
		}
	}
}

// Wanted reports whether req asks for one segment of a longer answer.
func Wanted(req generator.Request) bool {
	return req.Task == nil && slices.ContainsFunc(req.Stop, func(t reflection.Token) bool { return t.Group() == reflection.Retrieve })
}

// outcome says whether the end of the sentence was found.
type outcome uint8

const (
	goesOn outcome = iota
	cutOff
	marked
)

// cutter looks for the end of the first sentence in a text that grows.
type cutter struct {
	text string
	held []generator.Step // not passed on yet
	base int              // where the text of the first held step begins

	lines bool // there is a line break in text

	open int // where a sentence may have ended, -1 if nowhere
	word int // where the word after that begins, -1 if not yet
	gap  bool
	mark int // where what may become the mark begins, -1 if nowhere
}

// last returns the last step of the sentence, given that of the reply.
func (c *cutter) last(s generator.Step, found outcome) generator.Step {
	out := generator.Step{Finish: generator.FinishStop, Usage: s.Usage}
	switch {
	case found == marked:
		out.Finish = generator.FinishEnd
	case found == cutOff:
	case s.Finish == generator.FinishLength:
		out.Finish = generator.FinishLength
	case strings.TrimSpace(c.text) == "":
		out.Finish, out.LogProb = generator.FinishEnd, s.LogProb
	}
	return out
}

// add takes the next step and returns up to where the text can be passed on.
func (c *cutter) add(s generator.Step) (int, outcome) {
	c.held = append(c.held, s)
	from := len(c.text)
	c.text += s.Text
	for at := from; at < len(c.text); {
		r, size := utf8.DecodeRuneInString(c.text[at:])
		c.lines = c.lines || strings.ContainsRune(lineEnds, r)
		if c.endsMark(at, at+size) {
			return c.mark, marked
		}
		if end, ok := c.findEnd(r, at, at+size); ok {
			return end, cutOff
		}
		at += size
	}
	return c.safe(), goesOn
}

// safe is where the text begins that must be held back.
func (c *cutter) safe() int {
	safe := len(c.text)
	if c.open >= 0 {
		safe = c.open
	}
	if c.mark >= 0 {
		safe = min(safe, c.mark)
	}
	return safe
}

// endsMark follows the mark and reports whether the character at text[at:next]
// ends it.
func (c *cutter) endsMark(at, next int) bool {
	if c.text[at] == generator.EndMark[0] {
		c.mark = at
	}
	if c.mark < 0 {
		return false
	}
	seen := c.text[c.mark:next]
	if len(seen) > len(generator.EndMark) || !strings.EqualFold(seen, generator.EndMark[:len(seen)]) {
		c.mark = -1
		return false
	}
	return len(seen) == len(generator.EndMark)
}

// findEnd follows possible ends of the sentence. It returns the end once the text up
// to the character r, at text[at:next], shows it.
func (c *cutter) findEnd(r rune, at, next int) (int, bool) {
	switch {
	case unicode.IsSpace(r):
		if c.open >= 0 && c.word >= 0 { // the word after it is complete
			if end, ok := c.boundary(at); ok {
				return end, decided(c.text[end:at])
			}
			c.reopen(at)
		}
		if before, _ := utf8.DecodeLastRuneInString(c.text[:at]); c.open < 0 && (r == '\n' || sentence.IsThai(before)) {
			c.open = at
		}
		c.gap = c.open >= 0
	case c.open < 0:
		if sentence.Terminal(r) {
			c.open, c.word, c.gap = at, -1, false
		}
	default:
		if c.gap && c.word < 0 {
			c.word = at
		}
		// Scripts without spaces show the end with the next character. After other stops only
		// a letter does so: an opening quotation mark decides nothing without the next text.
		if o, _ := utf8.DecodeRuneInString(c.text[c.open:]); sentence.EndsAnywhere(o) || r >= 0x2e80 && unicode.IsLetter(r) {
			return c.boundary(next)
		}
	}
	return 0, false
}

// decided reports whether behind, complete words, is enough to see that a sentence ends
// before it. One word that may end a sentence itself is not: whether it is an initial,
// and so whether "i.. I. d" is one sentence, shows in the next word.
func decided(behind string) bool {
	behind = strings.TrimSpace(behind)
	return strings.ContainsFunc(behind, unicode.IsSpace) || !strings.ContainsFunc(behind, sentence.Terminal) && !sentence.Closes(behind)
}

// reopen continues the search after a stop that did not end the sentence: at the first
// stop within the word that ends at offset at, or after that word if it closes a
// quotation.
func (c *cutter) reopen(at int) {
	word := c.text[c.word:at]
	i := strings.IndexFunc(word, sentence.Terminal)
	switch {
	case i >= 0:
		c.open = c.word + i
	case sentence.Closes(word):
		c.open = c.word
	default:
		c.open = -1
	}
	c.word = -1
}

// boundary returns the end of the first sentence that does not end before c.open
// and has another one after it in text[:at].
func (c *cutter) boundary(at int) (int, bool) {
	if from := c.around(); from > 0 {
		// A word in the place of what is left out, lest the next begin a list item.
		if _, ok := endFrom("x"+c.text[from:at], c.open-from+1); !ok {
			return 0, false
		}
	}
	return endFrom(c.text[:at], c.open)
}

// endFrom returns the end of the first sentence of text that does not end before open
// and has another one after it.
func endFrom(text string, open int) (int, bool) {
	end := -1
	for s := range sentence.All(text) {
		if end >= 0 {
			return end, true
		}
		if s.End >= open {
			end = s.End
		}
	}
	return 0, false
}

const lineEnds = "\n\v\f\r\u0085\u2028\u2029"

// wordsBefore is more than the number of words before a full stop that decide its meaning.
const wordsBefore = 8

// around returns the offset of the white space before the words that are enough to see
// that no sentence ends at c.open; 0 for the beginning of the text. Without this
// the whole text would be cut again for each abbreviation, and a model that repeats itself
// can write thousands. A text of several lines is examined as a whole, since it can be a
// list.
func (c *cutter) around() int {
	if c.lines {
		return 0
	}
	from := c.open
	for range wordsBefore {
		from = max(0, strings.LastIndexFunc(strings.TrimRightFunc(c.text[:from], unicode.IsSpace), unicode.IsSpace))
	}
	return from
}

// end returns up to where a text that has ended is passed on.
func (c *cutter) end() (int, outcome) {
	if c.open >= 0 {
		if end, ok := c.boundary(len(c.text)); ok {
			return end, cutOff
		}
	}
	return len(c.text), goesOn
}

// yieldHeld yields the held steps up to offset at. If the end was found there, the text of a
// step after it is dropped, unless it is white space, and the rest of the step has no
// probability. It reports false when the reader has left.
func (c *cutter) yieldHeld(at int, found outcome, yield func(generator.Step, error) bool) bool {
	for len(c.held) > 0 && c.base <= at {
		s := c.held[0]
		end := c.base + len(s.Text)
		if end > at {
			part := c.text[c.base:at]
			if found == goesOn || strings.TrimSpace(part) == "" {
				return true
			}
			if strings.TrimSpace(c.text[at:end]) != "" {
				s = generator.Step{Text: part}
			}
		}
		c.base, c.held = end, c.held[1:]
		if !yield(s, nil) {
			return false
		}
	}
	return true
}
