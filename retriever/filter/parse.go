package filter

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxText is the greatest length of a filter's text form, in bytes.
const MaxText = 64 << 10

// ParseError says where the text of a filter is wrong, and what was expected.
type ParseError struct {
	// Offset is the position of the fault in bytes from the start of the text.
	Offset int
	// Line and Column are the same position for a reader: both count from 1, and
	// Column counts code points.
	Line, Column int
	// Reason says what was expected there and what was found.
	Reason string
}

// Error returns the place and the reason, as in
//
//	filter: 1:9: expected a value after ">=", found ")"
func (e *ParseError) Error() string {
	return fmt.Sprintf("filter: %d:%d: %s", e.Line, e.Column, e.Reason)
}

func parseError(s string, off int, reason string) *ParseError {
	before := s[:off]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	return &ParseError{
		Offset: off,
		Line:   strings.Count(before, "\n") + 1,
		Column: utf8.RuneCountInString(line) + 1,
		Reason: reason,
	}
}

// Parse reads the text form of a filter, such as
//
//	tenant = "acme" and (year >= 2020 or not lang in ("en", "de"))
//
// The conditions are
//
//	field = value            also != < <= > >=
//	field in (value, ...)    at least one value
//	field in [low .. high]   a Range; either end may be left out
//	field prefix "text"
//	exists(field)
//	true  false              the empty And, the empty Or
//
// They are joined by not, and, or, which bind in this order, the strongest first,
// and by parentheses. Keywords may be in any case.
//
// A field is a word of ASCII letters, digits and the marks _ . - that starts with a
// letter or _ and is no keyword. Any other name is written in back quotes, with the
// escapes of a JSON string: a back quote in it is \u0060.
//
// A value is a JSON string; an int; a float, which has a point or an exponent; true
// or false; or a time in RFC 3339, as time("2020-01-02T15:04:05Z") or bare.
//
// The filter is well formed (see [Check]). It has no And directly in an And, no Or
// directly in an Or, and none of only one child. Errors are of type *ParseError.
// Text longer than [MaxText] is an error, and so is text without content: the
// filter that allows all is nil.
func Parse(s string) (Expr, error) {
	if len(s) > MaxText {
		return nil, parseError(s, MaxText,
			fmt.Sprintf("the text has %d bytes: at most %d are allowed", len(s), MaxText))
	}
	for off, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[off:], string(r)) {
			return nil, parseError(s, off, "the text is not valid UTF-8")
		}
	}
	tokens, err := lex(s)
	if err != nil {
		return nil, err
	}
	if len(tokens) == 1 {
		return nil, parseError(s, 0, "the text is empty: for a filter that allows all, pass a nil Filter")
	}
	p := &parser{src: s, tokens: tokens}
	f, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokEnd {
		return nil, p.expected(`"and", "or" or the end of the text`)
	}
	f = normalize(f)
	if err := checkFilter(f, 1, new(int)); err != nil { // each leaf is valid, so it is a limit
		return nil, parseError(s, 0, err.Reason)
	}
	return f, nil
}

// parser reads a filter by recursive descent, one method for each rule.
type parser struct {
	src    string
	tokens []token // the remaining tokens, at least the tokEnd
	depth  int     // of parentheses and nots around the token
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != tokEnd {
		p.tokens = p.tokens[1:]
	}
	return t
}

// expected returns the error that says what is expected in place of the next token.
func (p *parser) expected(what string) error {
	t := p.peek()
	return parseError(p.src, t.off, fmt.Sprintf("expected %s, found %s", what, t))
}

// mark reads the mark s, which is expected at the place that where describes.
func (p *parser) mark(s, where string) error {
	if !p.peek().is(s) {
		return p.expected(fmt.Sprintf("%q %s", s, where))
	}
	p.next()
	return nil
}

func (p *parser) or() (Expr, error) {
	list, err := p.chain("or", p.and)
	return Or(list), err
}

func (p *parser) and() (Expr, error) {
	list, err := p.chain("and", p.unary)
	return And(list), err
}

// chain reads one or more items with rule, separated by the keyword.
func (p *parser) chain(keyword string, rule func() (Expr, error)) ([]Expr, error) {
	var list []Expr
	for {
		f, err := rule()
		if err != nil {
			return nil, err
		}
		list = append(list, f)
		if !p.peek().keyword(keyword) {
			return list, nil
		}
		p.next()
	}
}

func (p *parser) unary() (Expr, error) {
	t := p.peek()
	switch {
	case t.keyword("not"), t.is("("):
		if p.depth == MaxDepth {
			return nil, parseError(p.src, t.off, fmt.Sprintf("the filter is nested more than %d deep", MaxDepth))
		}
		p.depth++
		defer func() { p.depth-- }()
		p.next()
		if t.is("(") {
			f, err := p.or()
			if err != nil {
				return nil, err
			}
			return f, p.mark(")", `or "and" or "or"`)
		}
		f, err := p.unary()
		return Not{f}, err
	case t.keyword("true"):
		p.next()
		return And{}, nil
	case t.keyword("false"):
		p.next()
		return Or{}, nil
	}
	f, err := p.leaf()
	if err != nil {
		return nil, err
	}
	if err := checkLeaf(f); err != nil {
		return nil, parseError(p.src, t.off, err.Reason)
	}
	return f, nil
}

func (p *parser) leaf() (Expr, error) {
	if p.peek().keyword("exists") {
		p.next()
		if err := p.mark("(", `after "exists"`); err != nil {
			return nil, err
		}
		field, err := p.field("a field name")
		if err != nil {
			return nil, err
		}
		return Exists{field}, p.mark(")", "after the field name")
	}
	field, err := p.field("a condition")
	if err != nil {
		return nil, err
	}
	op := p.peek()
	switch {
	case op.is("="), op.is("!="), op.is("<"), op.is("<="), op.is(">"), op.is(">="):
		p.next()
		v, err := p.value("a value after " + op.String())
		return Compare{field, Op(op.text), v}, err
	case op.keyword("prefix"):
		p.next()
		if p.peek().kind != tokString {
			return nil, p.expected(`a string after "prefix"`)
		}
		return Prefix{field, p.next().value.str}, nil
	case op.keyword("in"):
		p.next()
		switch {
		case p.peek().is("("):
			return p.in(field)
		case p.peek().is("["):
			return p.between(field)
		}
		return nil, p.expected(`"(" or "[" after "in"`)
	}
	return nil, p.expected(`=, !=, <, <=, >, >=, "in" or "prefix" after the field`)
}

// field reads a field name. what describes what is expected here.
func (p *parser) field(what string) (string, error) {
	t := p.peek()
	if t.isReserved() {
		return "", p.expected(what + " (a field with the name of a keyword takes back quotes)")
	}
	if t.kind != tokWord && t.kind != tokName {
		return "", p.expected(what)
	}
	return p.next().name, nil
}

// in reads the values of In, from the opening parenthesis on.
func (p *parser) in(field string) (Expr, error) {
	in := In{Field: field}
	after := "("
	for {
		p.next() // the parenthesis or the comma
		v, err := p.value(fmt.Sprintf("a value after %q", after))
		if err != nil {
			return nil, err
		}
		in.Values = append(in.Values, v)
		if after = ","; !p.peek().is(after) {
			return in, p.mark(")", `or "," after the value`)
		}
	}
}

// between reads the ends of a Range, from the opening bracket on.
func (p *parser) between(field string) (Expr, error) {
	r := Range{Field: field}
	var err error
	p.next()
	if !p.peek().is("..") {
		if r.Low, err = p.value(`a value or ".." after "["`); err != nil {
			return nil, err
		}
	}
	if err := p.mark("..", "after the low end"); err != nil {
		return nil, err
	}
	if !p.peek().is("]") {
		if r.High, err = p.value(`a value or "]" after ".."`); err != nil {
			return nil, err
		}
	}
	return r, p.mark("]", "after the high end")
}

// value reads a value. what describes what is expected here.
func (p *parser) value(what string) (Value, error) {
	t := p.peek()
	switch {
	case t.kind == tokString, t.kind == tokNumber:
		return p.next().value, nil
	case t.keyword("true"), t.keyword("false"):
		return Bool(p.next().keyword("true")), nil
	case !t.keyword("time"):
		return Value{}, p.expected(what)
	}
	p.next()
	if err := p.mark("(", `after "time"`); err != nil {
		return Value{}, err
	}
	text := p.peek()
	if text.kind != tokString {
		return Value{}, p.expected(`an RFC 3339 time in double quotes after "time("`)
	}
	v, err := parseTime(p.next().value.str)
	if err != nil {
		return Value{}, parseError(p.src, text.off, err.Error())
	}
	return v, p.mark(")", "after the time")
}
