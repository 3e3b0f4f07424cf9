package ingest

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain reads the rest from offset body as plain text. A paragraph whose lines were broken
// for their width becomes one line; other white space is kept.
func (w *writer) plain(body int) {
	p := plain{w: w, start: body}
	for at := body; at < len(w.src) && w.ctx.Err() == nil; {
		end := len(w.src)
		if n := strings.IndexByte(w.src[at:], '\n'); n >= 0 {
			end = at + n + 1
		}
		p.line(at, end)
		at = end
	}
	p.paragraph()
	p.section(len(w.src))
}

// maxLines is how many lines of a paragraph are judged together.
const maxLines = 1000

// plain gathers sections of plain text.
type plain struct {
	w     *writer
	start int         // of the section, in the original
	lines []TextRange // of the paragraph, without the white space at their ends
	text  []byte      // of the section up to done, if it is not that of the original
	done  int
	runs  runs
}

func (p *plain) line(at, end int) {
	s := p.w.src[at:end]
	if strings.TrimSpace(s) == "" {
		p.paragraph()
		if at-p.start > maxSection {
			p.section(at)
		}
		return
	}
	trimmed := TextRange{at, at + len(strings.TrimRightFunc(s, unicode.IsSpace))}
	p.lines = append(p.lines, trimmed)
	if len(p.lines) >= maxLines {
		p.paragraph()
	}
	if end-p.start > 2*maxSection {
		p.paragraph()
		p.section(end)
	}
}

// section ends one.
func (p *plain) section(end int) {
	src := p.w.src[p.start:end]
	s := section{text: src, one: true, runs: p.runs}
	if p.text == nil {
		s.runs.add(len(src), p.start, end)
	} else {
		s.runs.add(end-p.done, p.done, end)
		s.text = string(append(p.text, p.w.src[p.done:end]...))
	}
	s.runs.flush()
	if strings.TrimSpace(s.text) != "" {
		p.w.doc.sections = append(p.w.doc.sections, s)
	}
	p.start, p.text, p.runs = end, nil, runs{}
}

// paragraph joins the lines of one.
func (p *plain) paragraph() {
	lines := p.lines
	p.lines = p.lines[:0]
	if len(lines) < 2 {
		return
	}
	join := p.breaks(lines)
	for i, ok := range join {
		if !ok {
			continue
		}
		from, next := lines[i].End, lines[i+1]
		to := next.Start + len(next.of(p.w.src)) - len(strings.TrimLeftFunc(next.of(p.w.src), unicode.IsSpace))
		if p.text == nil {
			p.text, p.done = []byte{}, p.start
		}
		p.text = append(p.text, p.w.src[p.done:from]...)
		p.runs.add(from-p.done, p.done, from)
		before, after := p.w.src[:from], p.w.src[to:]
		if !unspaced(before, after) && !hyphen(before, after) {
			p.text = append(p.text, ' ')
			p.runs.add(1, from, to)
		}
		p.done = to
	}
}

// hyphen reports whether a word continues after a hyphen at the end of a line.
func hyphen(before, after string) bool {
	word, ok := strings.CutSuffix(before, "-")
	r, _ := utf8.DecodeLastRuneInString(word)
	q, _ := utf8.DecodeRuneInString(after)
	return ok && unicode.IsLetter(r) && unicode.IsLower(q)
}

// breaks reports for each line but the last whether the next one continues it. Lines of
// prose were broken where the next word did not fit; those of lists, tables, code,
// verse and addresses were not.
func (p *plain) breaks(lines []TextRange) []bool {
	type line struct {
		text          string
		indent, width int
		words, first  int // how many words, and the width of the first one
	}
	all := make([]line, len(lines))
	width, upper, indented := 0, 0, 0
	for i, l := range lines {
		s := l.of(p.w.src)
		text := strings.TrimLeftFunc(s, unicode.IsSpace)
		x := line{text: text, indent: len(s) - len(text), width: utf8.RuneCountInString(text)}
		for word := range strings.FieldsSeq(text) {
			if x.words++; x.words == 1 {
				x.first = utf8.RuneCountInString(word)
			}
		}
		if r, _ := utf8.DecodeRuneInString(text); unicode.IsUpper(r) {
			upper++
		}
		if x.indent >= 4 || strings.HasPrefix(s, "\t") {
			indented++
		}
		width = max(width, x.width+x.indent)
		all[i] = x
	}
	full := 0
	for i, x := range all[1:] {
		before := all[i]
		last, _ := utf8.DecodeLastRuneInString(before.text)
		first, _ := utf8.DecodeRuneInString(x.text)
		cjk := isUnspaced(last) && isUnspaced(first)
		if before.indent+before.width+1+x.first > width || cjk && before.indent+before.width+2 >= width {
			full++
		}
	}
	wrapped := width >= 40 && 3*full >= 2*(len(all)-1)
	// In verse each line begins with a capital letter, in code none need be prose.
	verse := len(all) > 2 && upper == len(all)
	code := indented == len(all) || slices.ContainsFunc(all, func(x line) bool { return looksLikeCode(x.text) })
	first, _ := utf8.DecodeRuneInString(all[0].text)
	prose := !verse && !code && !unicode.IsLower(first)
	join := make([]bool, len(all)-1)
	for i, x := range all[1:] {
		before := all[i]
		last, _ := utf8.DecodeLastRuneInString(before.text)
		next, _ := utf8.DecodeRuneInString(x.text)
		switch {
		case listMark(x.text), isRow(x.text), isRow(before.text), x.text[0] == '#', x.text[0] == '>', before.text[0] == '#',
			isRule(x.text), isRule(before.text):
		case x.indent >= before.indent+2 && !listMark(before.text) && i > 0, code && indented == len(all):
		case wrapped && !(verse && len(all) > 3 && full < len(all)-1):
			join[i] = true
		case strings.ContainsRune(".!?:;。！？：；|", last):
		case prose && isUnspaced(last) && isUnspaced(next):
			join[i] = before.width >= 10
		case prose && before.words >= 4:
			join[i] = unicode.IsLower(next) || unicode.IsDigit(next) && unicode.IsLetter(last)
		}
	}
	return join
}

// looksLikeCode reports whether a line looks like one of a program.
func looksLikeCode(s string) bool {
	return strings.HasSuffix(s, ";") || strings.HasSuffix(s, "{") || strings.HasSuffix(s, "}") || strings.HasSuffix(s, "\\") ||
		strings.Contains(s, "();") || strings.Contains(s, " = ") || strings.Contains(s, ":=") || strings.Contains(s, "=>") || strings.HasPrefix(s, "$ ")
}

// isRow reports whether a line is one of a table.
func isRow(s string) bool {
	return strings.Contains(s, "\t") || strings.Contains(s, "   ") || strings.HasPrefix(s, "|")
}

// isRule reports whether a line underlines another one.
func isRule(s string) bool { return len(s) > 2 && strings.Trim(s, "-=_*~+ ") == "" }

// listMark reports whether a line begins an item of a list.
func listMark(s string) bool {
	mark, _, ok := strings.Cut(s, " ")
	if !ok {
		return false
	}
	if strings.Contains("-*+•‣◦–—·●○■□☐☑✓", mark) {
		return true
	}
	inner := strings.TrimLeft(mark, "([")
	inner = strings.TrimRight(inner, ".)]:")
	if inner == mark || inner == "" || len(inner) > 3 {
		return false
	}
	return strings.Trim(inner, "0123456789") == "" || len(inner) == 1 && isAlphanumeric(rune(inner[0])) && !strings.HasSuffix(mark, ":") && strings.ContainsAny(mark, ")]")
}
