package training

import (
	"fmt"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/enum"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training/internal/scan"
)

// MaskKind says which part of an output has no loss.
type MaskKind string

// The kinds of masks; the zero value is MaskPassages.
const (
	// MaskPassages masks the text of each passage between its paragraph marks. The model
	// learns to write the marks.
	MaskPassages MaskKind = "passages"
	// MaskMarks masks each passage and its two paragraph marks.
	MaskMarks MaskKind = "marks"
	// MaskReleased is the mask of the released trainer (1fcdc42): it begins after the
	// first <paragraph> and ends before the last </paragraph>. With several passages, the
	// sentences and tokens between them have no loss.
	MaskReleased MaskKind = "released"
)

var maskKinds = enum.Texts[MaskKind]{Package: "training", What: "mask", Names: []MaskKind{MaskPassages, MaskMarks, MaskReleased}}

// MarshalText writes the name of the kind.
func (k MaskKind) MarshalText() ([]byte, error) { return maskKinds.Marshal(k) }

// UnmarshalText reads the name of a kind.
func (k *MaskKind) UnmarshalText(b []byte) error { return maskKinds.Unmarshal(b, k) }

// Span is a part of a text that is not empty, counted in two units. Both ends are from the
// start of the text, the first within the span and the second behind it.
type Span struct {
	Bytes [2]int
	Runes [2]int // code points, as len and slices of Python's str count
}

// Of returns the part of text that s spans.
func (s Span) Of(text string) string { return text[s.Bytes[0]:s.Bytes[1]] }

// Runes returns the spans in code points, as [Record] has them. It is never nil.
func Runes(spans []Span) [][2]int {
	list := make([][2]int, len(spans))
	for i, s := range spans {
		list[i] = s.Runes
	}
	return list
}

// Mask returns the spans of an output that have no loss, in order; they do not overlap. A
// passage without text has none. The error is a *[MalformedError] if paragraph marks do not
// come in pairs; other rules of the format are not looked at. It wraps ErrOption if there
// is no such kind.
func Mask(text string, kind MaskKind) ([]Span, error) {
	if _, err := kind.MarshalText(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOption, err)
	}
	var ranges [][2]int
	p := scan.Scanner{Text: text}
	for open := -1; ; {
		_, t, ok := p.Next()
		switch {
		case !ok && open >= 0:
			return nil, &MalformedError{open, "the passage has no end"}
		case !ok:
			return spans(text, ranges, kind), nil
		case t == reflection.ParagraphStart && open >= 0, t == reflection.ParagraphEnd && open < 0:
			return nil, &MalformedError{p.Start, fmt.Sprintf("%v has no partner", t)}
		case t == reflection.ParagraphStart:
			open = p.Start
		case t == reflection.ParagraphEnd:
			ranges = append(ranges, [2]int{open, p.End})
			open = -1
		}
	}
}

// spans returns the mask of passages. ranges has their bytes, marks included.
func spans(text string, ranges [][2]int, kind MaskKind) []Span {
	if len(ranges) == 0 {
		return nil
	}
	if kind == MaskReleased {
		ranges = [][2]int{{ranges[0][0], ranges[len(ranges)-1][1]}}
	}
	var list []Span
	bytes, runes := 0, 0 // as far as counted
	count := func(to int) int {
		runes += utf8.RuneCountInString(text[bytes:to])
		bytes = to
		return runes
	}
	for _, r := range ranges {
		if kind != MaskMarks {
			r[0] += len(reflection.ParagraphStart.String())
			r[1] -= len(reflection.ParagraphEnd.String())
		}
		if r[0] < r[1] {
			list = append(list, Span{r, [2]int{count(r[0]), count(r[1])}})
		}
	}
	return list
}

// SpansOf returns the spans of text with the given ends in code points, which must be in
// order, must not overlap, and must not be empty.
func SpansOf(text string, runes [][2]int) ([]Span, error) {
	var list []Span
	bytes, at := 0, 0
	seek := func(to int) error { // moves both to a code point
		for ; at < to; at++ {
			if bytes == len(text) {
				return fmt.Errorf("%w: the text ends before code point %d", ErrRecord, to)
			}
			_, size := utf8.DecodeRuneInString(text[bytes:])
			bytes += size
		}
		return nil
	}
	for i, r := range runes {
		if r[0] < at || r[1] <= r[0] {
			return nil, fmt.Errorf("%w: masked[%d] is %v: want spans in order that are not empty and do not overlap", ErrRecord, i, r)
		}
		s := Span{Runes: r}
		for k := range r {
			if err := seek(r[k]); err != nil {
				return nil, fmt.Errorf("masked[%d]: %w", i, err)
			}
			s.Bytes[k] = bytes
		}
		list = append(list, s)
	}
	return list, nil
}
