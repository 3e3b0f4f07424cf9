package check

import (
	"slices"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/internal/scan"
)

// masks counts what each mask takes the loss from in a record whose output is well-formed.
func (c *checker) masks(r training.Record, line int) {
	for _, k := range []training.MaskKind{training.MaskPassages, training.MaskMarks, training.MaskReleased} {
		spans, err := training.Mask(r.Output, k)
		if err != nil { // it would be malformed
			return
		}
		c.report.loss(string(k)).add(r.Output, spans)
	}
	if r.Masked != nil {
		spans, err := training.SpansOf(r.Output, r.Masked)
		if err != nil { // it would be no record
			return
		}
		l := c.report.loss("masked")
		before := *l
		l.add(r.Output, spans)
		learned := l.Passages.All - before.Passages.All - (l.Passages.Masked - before.Passages.Masked)
		if l.Records > before.Records || learned > 0 {
			c.report.addFinding(WrongMask, Place{Line: line, Reason: reason(l.Records > before.Records, learned > 0)})
		}
	}
	if c.options.Length > 0 {
		c.report.loss("length").add(r.Output, behind(r, c.options.Length))
	}
}

func reason(lost, learned bool) string {
	switch {
	case !learned:
		return "text outside of passages has no loss"
	case !lost:
		return "a part of a passage has a loss"
	}
	return "text outside of passages has no loss, and a part of a passage has one"
}

// behind returns the span of the output that is behind n characters of the record.
func behind(r training.Record, n int) []training.Span {
	from := max(n-utf8.RuneCountInString(r.Instruction)-utf8.RuneCountInString(r.Input), 0)
	to := utf8.RuneCountInString(r.Output)
	if from >= to {
		return nil
	}
	spans, _ := training.SpansOf(r.Output, [][2]int{{from, to}})
	return spans
}

// add counts an output that has no loss in spans.
func (l *Loss) add(output string, spans []training.Span) {
	masked := func(from, to int) (runes int) {
		// Spans are in order, so that most of them are passed over.
		i, _ := slices.BinarySearchFunc(spans, from, func(s training.Span, from int) int { return s.Bytes[1] - from - 1 })
		for ; i < len(spans) && spans[i].Bytes[0] < to; i++ {
			runes += utf8.RuneCountInString(output[max(from, spans[i].Bytes[0]):min(to, spans[i].Bytes[1])])
		}
		return runes
	}
	s := scan.Scanner{Text: output}
	lost, passage := false, false
	for {
		text, t, ok := s.Next()
		if text != "" {
			part := &l.Sentences
			if passage {
				part = &l.Passages
			}
			n := masked(s.Start-len(text), s.Start)
			part.Masked += n
			part.All += utf8.RuneCountInString(text)
			lost = lost || n > 0 && !passage
		}
		if !ok {
			break
		}
		part := &l.Tokens
		if t == reflection.ParagraphStart || t == reflection.ParagraphEnd {
			part = &l.Marks
			passage = t == reflection.ParagraphStart
		}
		part.All++
		if masked(s.Start, s.End) > 0 {
			part.Masked++
			lost = lost || part == &l.Tokens
		}
	}
	if lost {
		l.Records++
	}
}
