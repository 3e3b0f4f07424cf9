package pipeline

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits that prevent a text from using up stack or time.
const (
	maxText  = 16 << 10 // bytes
	maxDepth = 20       // pipelines within pipelines
)

// Parse parses the text of a pipeline. It checks names, options and their ranges,
// but nothing that depends on a model or the passages. The error is an *[Error].
func Parse(text string) (*Pipeline, error) {
	if len(text) > maxText {
		return nil, errorAt(text, 0, "the text has %d bytes: at most %d are allowed", len(text), maxText)
	}
	for at, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[at:], string(r)) {
			return nil, errorAt(text, at, "the text is not UTF-8")
		}
	}
	p := &parser{text: text}
	stages, _, err := p.pipeline(nil)
	if err == nil && p.at < len(text) {
		err = p.expected(`"|", an option such as depth=10, or the end`)
	}
	if err == nil {
		err = p.checkLast(stages, true)
	}
	if err != nil {
		return nil, err
	}
	return &Pipeline{text, stages}, nil
}

// parser parses a text by recursive descent. It skips white space after what it
// read.
type parser struct {
	text  string
	at    int
	depth int
}

func (p *parser) fail(at int, format string, args ...any) error {
	return errorAt(p.text, at, format, args...)
}

// expected returns the error that says what is expected at the current position.
func (p *parser) expected(what string) error {
	rest := p.text[p.at:]
	if rest == "" {
		return p.fail(p.at, "want %s, found the end", what)
	}
	end := len(leading(rest, isBare))
	if end == 0 {
		_, end = utf8.DecodeRuneInString(rest)
	}
	return p.fail(p.at, "want %s, found %q", what, shorten(rest[:end]))
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// leading returns the longest beginning of s whose bytes all satisfy in.
func leading(s string, in func(byte) bool) string {
	for i := range len(s) {
		if !in(s[i]) {
			return s[:i]
		}
	}
	return s
}

// isWord reports whether a byte can be in names and labels, isBare whether it can
// be in values without quotes.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}
func isBare(c byte) bool { return c > ' ' && c != 0x7f && !strings.ContainsRune(`|(),"`, rune(c)) }

// quote returns s in the form for a text: in quotes unless all its bytes satisfy
// in.
func quote(s string, in func(byte) bool) string {
	if s != "" && leading(s, in) == s {
		return s
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always has a JSON form
	return strings.TrimSuffix(b.String(), "\n")
}

func (p *parser) space() {
	p.at += len(leading(p.text[p.at:], func(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }))
}

// mark reads the mark c, one of | ( ) , : =, if it is next.
func (p *parser) mark(c byte) bool {
	if p.at == len(p.text) || p.text[p.at] != c {
		return false
	}
	p.at++
	p.space()
	return true
}

func (p *parser) word() string {
	w := leading(p.text[p.at:], isWord)
	p.at += len(w)
	p.space()
	return w
}

// quoted reads a JSON string, which must be next.
func (p *parser) quoted() (string, error) {
	var s string
	d := json.NewDecoder(strings.NewReader(p.text[p.at:]))
	if err := d.Decode(&s); err != nil {
		return "", p.fail(p.at, "the quotes are not closed, or hold what a JSON string must not: %v", err)
	}
	p.at += int(d.InputOffset())
	p.space()
	return s, nil
}

// value reads the value of an option.
func (p *parser) value(name string) (string, error) {
	if p.at < len(p.text) && p.text[p.at] == '"' {
		return p.quoted()
	}
	v := leading(p.text[p.at:], isBare)
	if v == "" {
		return "", p.expected("a value behind " + name + "=")
	}
	p.at += len(v)
	p.space()
	return v, nil
}

// pipeline reads stages as long as they follow. After the last stage of a part it
// reads the options of the part, if there are any.
func (p *parser) pipeline(ofPart []option) (stages []*stage, part values, err error) {
	if p.depth++; p.depth > maxDepth {
		return nil, part, p.fail(p.at, "pipelines are nested %d deep: at most %d are allowed", p.depth, maxDepth)
	}
	defer func() { p.depth-- }()
	p.space()
	for {
		s, of, err := p.stage(len(stages) == 0, ofPart)
		if err != nil {
			return nil, part, err
		}
		stages = append(stages, s)
		at := p.at
		if !p.mark('|') {
			return stages, of, nil
		}
		if len(of.given) > 0 {
			return nil, part, p.fail(at, "%s= is of the whole part: put it behind its last stage", of.given[0].name)
		}
	}
}

// stage reads one element.
func (p *parser) stage(base bool, ofPart []option) (*stage, values, error) {
	var none values
	kind := map[bool]string{true: "base", false: "stage"}
	s := &stage{at: p.at}
	name := p.word()
	if name == "" {
		p.at = s.at
		return nil, none, p.expected("the name of a " + kind[base])
	}
	at := slices.IndexFunc(techniques, func(t technique) bool { return t.name == name })
	switch {
	case at < 0:
		return nil, none, p.fail(s.at, "there is no %s %q: want one of %s", kind[base], shorten(name), names(base))
	case techniques[at].base != base:
		return nil, none, p.fail(s.at, "%q is a %s: want a %s here, one of %s", name, kind[!base], kind[base], names(base))
	}
	s.technique = &techniques[at]
	if s.ofPart != nil {
		if err := p.parts(s); err != nil {
			return nil, none, err
		}
	}
	own, of := map[string]string{}, map[string]string{}
	places := map[string]int{}
	for p.at < len(p.text) && isWord(p.text[p.at]) {
		if err := p.option(s, ofPart, own, of, places); err != nil {
			return nil, none, err
		}
	}
	var err error
	if s.values, err = p.meanings(s.options, own, places); err != nil {
		return nil, none, err
	}
	part, err := p.meanings(ofPart, of, places)
	return s, part, err
}

// option reads one option, of the stage or of the part that ends with it.
func (p *parser) option(s *stage, ofPart []option, own, of map[string]string, places map[string]int) error {
	at := p.at
	name := p.word()
	if !p.mark('=') {
		return p.expected(`"=" and a value behind ` + shorten(name) + `, or "|" in front of it`)
	}
	to := own
	if !has(s.options, name) {
		if to = of; !has(ofPart, name) {
			return p.fail(at, "%s has no option %q: %s", s.name, shorten(name), optionNames(slices.Concat(s.options, ofPart)))
		}
	}
	if _, twice := to[name]; twice {
		return p.fail(at, "%s= is given twice", name)
	}
	places[name] = p.at
	var err error
	to[name], err = p.value(name)
	return err
}

// meanings turns the texts of options into their meanings.
func (p *parser) meanings(options []option, texts map[string]string, places map[string]int) (values, error) {
	v := defaults(options)
	for _, o := range options {
		text, ok := texts[o.name]
		if !ok {
			continue
		}
		var wrong string
		if v.read[o.name], wrong = o.read(text); wrong != "" {
			return v, p.fail(places[o.name], "%s=%s: want %s", o.name, quote(shorten(text), isBare), wrong)
		}
		v.given = append(v.given, given{o.name, text})
	}
	return v, nil
}

// parts reads the pipelines inside a base.
func (p *parser) parts(s *stage) error {
	if !p.mark('(') {
		return p.expected(`"(" and pipelines behind ` + s.name)
	}
	for {
		one := &part{at: p.at}
		var err error
		if one.label, err = p.label(); err != nil {
			return err
		}
		if one.stages, one.values, err = p.pipeline(s.ofPart); err != nil {
			return err
		}
		if err := p.checkLast(one.stages, false); err != nil {
			return err
		}
		if slices.ContainsFunc(s.parts, func(other *part) bool { return other.name() == one.name() }) {
			return p.fail(one.at, "there are two parts %q: put a label in front of one, as in mine: %s", shorten(one.name()), join(one.stages))
		}
		s.parts = append(s.parts, one)
		if p.mark(')') {
			return nil
		}
		if !p.mark(',') {
			return p.expected(`"|", an option, "," or ")"`)
		}
	}
}

// name names a part in results: by its label, or else by its text.
func (p *part) name() string {
	if p.label != "" {
		return p.label
	}
	return join(p.stages)
}

// label reads a label and its colon, if there is one.
func (p *parser) label() (label string, err error) {
	start := p.at
	if p.at < len(p.text) && p.text[p.at] == '"' {
		if label, err = p.quoted(); err != nil {
			return "", err
		}
		if strings.TrimSpace(label) == "" || strings.ContainsAny(label, "\r\n") {
			return "", p.fail(start, "the label %q is blank or has a line break", shorten(label))
		}
		if !p.mark(':') {
			return "", p.expected(`":" behind the label`)
		}
		return label, nil
	}
	if label = p.word(); label != "" && p.mark(':') {
		return label, nil
	}
	p.at = start
	return "", nil
}

// checkLast returns an error if a technique that must come last does not.
func (p *parser) checkLast(stages []*stage, top bool) error {
	for i, s := range stages {
		if s.last && (!top || i < len(stages)-1) {
			return p.fail(s.at, "the order that %s makes is no ranking: it must come last of all", s.name)
		}
	}
	return nil
}
