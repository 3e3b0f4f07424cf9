package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Pipeline is the parsed form of a text, made by [Parse]. It is immutable and safe
// for concurrent use.
type Pipeline struct {
	text   string
	stages []*stage // the base first
}

// stage is one element.
type stage struct {
	*technique
	at     int // of the name in the text
	values values
	parts  []*part
}

// part is one pipeline inside a base.
type part struct {
	label  string
	at     int
	stages []*stage
	values values
}

// values holds the given options, in the order of the table, and the meanings of
// all options.
type values struct {
	given []given
	read  map[string]any
}

type given struct{ name, text string }

// whole, number, word and yes return the meaning of an option of that kind.
func (v values) whole(name string) int      { return v.read[name].(int) }
func (v values) number(name string) float64 { return v.read[name].(float64) }
func (v values) word(name string) string    { return v.read[name].(string) }
func (v values) yes(name string) bool       { return v.read[name].(bool) }

// has reports whether the option was given.
func (v values) has(name string) bool {
	return slices.ContainsFunc(v.given, func(g given) bool { return g.name == name })
}

// Error is the error of [Parse] and of [Corpus.Build]: where the text is wrong, and
// what is allowed there.
type Error struct {
	// Offset is the position in the text, in bytes from its start.
	Offset int
	// Line and Column are the same position for a reader. Both count from 1; Column
	// counts code points.
	Line, Column int
	// Reason says what was found and what is wanted.
	Reason string
	// Err is the error of the technique that could not be built; nil if the text itself
	// is wrong.
	Err error
}

// Error returns the place and the reason, as in
//
//	pipeline: 1:11: there is no stage "rerenk": want one of …
func (e *Error) Error() string {
	return fmt.Sprintf("pipeline: %d:%d: %s", e.Line, e.Column, e.Reason)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

func errorAt(text string, at int, format string, args ...any) *Error {
	before := text[:at]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	return &Error{
		Offset: at,
		Line:   strings.Count(before, "\n") + 1,
		Column: utf8.RuneCountInString(line) + 1,
		Reason: fmt.Sprintf(format, args...),
	}
}

// String returns the canonical text, which [Parse] reads as the same pipeline: one blank
// between words, and options in the order of [UsageOf].
func (p *Pipeline) String() string {
	if p == nil {
		return ""
	}
	return join(p.stages)
}

func join(stages []*stage) string {
	list := make([]string, len(stages))
	for i, s := range stages {
		list[i] = s.String()
	}
	return strings.Join(list, " | ")
}

// String returns the canonical text of a stage.
func (s *stage) String() string {
	var b strings.Builder
	b.WriteString(s.name)
	for i, p := range s.parts {
		b.WriteString([]string{"(", ", "}[min(i, 1)])
		if p.label != "" {
			b.WriteString(quote(p.label, isWord) + ": ")
		}
		b.WriteString(join(p.stages) + p.values.String())
	}
	if len(s.parts) > 0 {
		b.WriteByte(')')
	}
	return b.String() + s.values.String()
}

// String returns the canonical text of the options that were given.
func (v values) String() string {
	var b strings.Builder
	for _, g := range v.given {
		b.WriteString(" " + g.name + "=" + quote(g.text, isBare))
	}
	return b.String()
}
