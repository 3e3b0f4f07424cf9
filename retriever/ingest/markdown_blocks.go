package ingest

import "strings"

// definition reports whether s defines a link or footnote ("[label]: text"), with
// the normal form of its label and the offset of what follows. The label of a
// footnote begins with "^".
func definition(s string) (label string, text int, ok bool) {
	if len(s) < 2 || s[0] != '[' {
		return "", 0, false
	}
	n := strings.IndexByte(s[:min(len(s), maxLabel+2)], ']')
	if n < 2 || !strings.HasPrefix(s[n:], "]:") {
		return "", 0, false
	}
	label, text = normalLabel(s[1:n]), n+2
	text += len(s[text:]) - len(strings.TrimLeft(s[text:], " \t"))
	if label == "" {
		return "", 0, false
	}
	if label[0] == '^' {
		return label, text, true
	}
	// A destination, then nothing or a title.
	destination, title, _ := strings.Cut(strings.TrimRight(s[text:], " \t\r\n"), " ")
	title = strings.TrimLeft(title, " \t")
	if destination == "" || title != "" && !strings.ContainsRune(`"'(`, rune(title[0])) {
		return "", 0, false
	}
	return label, text, true
}

// htmlBlockEnd returns where the block of HTML ends that begins at offset at, in a
// line that ends at end and belongs to a list item whose text is at column list; 0
// if none begins there.
func htmlBlockEnd(src string, at, end, list int, inPara bool) int {
	s := src[at:end]
	if len(s) < 2 || s[0] != '<' {
		return 0
	}
	for _, kind := range []struct{ open, closed string }{
		{"<!--", "-->"}, {"<?", "?>"}, {"<![CDATA[", "]]>"}, {"<!", ">"},
	} {
		if strings.HasPrefix(s, kind.open) {
			return throughLine(src, at+len(kind.open), kind.closed)
		}
	}
	name := strings.TrimPrefix(s[1:], "/")
	n := strings.IndexFunc(name, func(r rune) bool { return !isAlphanumeric(r) && r != '-' })
	if n < 0 {
		n = len(name)
	}
	after := name[n:]
	name = strings.ToLower(name[:n])
	bounded := after == "" || strings.ContainsRune(" \t/>", rune(after[0]))
	switch name {
	case "":
		return 0
	case "script", "style", "pre", "textarea":
		if s[1] != '/' && bounded {
			return throughLine(src, at, "</"+name)
		}
	}
	if bounded && (blockElements[name] || hidden[name]) {
		return untilBlank(src, at, list)
	}
	// Any other tag, if it stands alone and interrupts no paragraph.
	if n := tagEnd(s[:min(len(s), maxLink)]); !inPara && n > 0 && strings.TrimSpace(s[n:]) == "" {
		return untilBlank(src, at, list)
	}
	return 0
}

// throughLine returns the end of the line in which mark next stands, or of src. Mark
// may be in upper or lower case.
func throughLine(src string, at int, mark string) int {
	for ; at+len(mark) <= len(src); at++ {
		if src[at] == mark[0] && strings.EqualFold(src[at:at+len(mark)], mark) {
			end, _ := lineEnd(src, at)
			return end
		}
	}
	return len(src)
}

// untilBlank returns the end of the last line before one that is blank or outside
// the list item whose text is at column list.
func untilBlank(src string, at, list int) int {
	end, next := lineEnd(src, at)
	for next < len(src) {
		stop, after := lineEnd(src, next)
		if column, i := indent(src, next, stop, 0); i == stop || column < list {
			break
		}
		end, next = stop, after
	}
	return end
}

// frontMatter returns the offset after the front matter, a block of YAML between lines
// of three dashes, and takes the title from it. Text between two rules is none.
func (w *writer) frontMatter(body int) int {
	at, title, keys := body, "", 0
	for line := range strings.Lines(w.src[body:]) {
		s := strings.TrimRight(line, " \t\r\n")
		switch {
		case at == body && s != "---":
			return body
		case at == body:
		case s == "---" || s == "...":
			if keys == 0 {
				return body
			}
			w.title(title)
			return at + len(line)
		case s == "" || strings.ContainsRune(" \t#-]}", rune(s[0])): // no new key
		case !strings.Contains(s, ":"):
			return body
		default:
			keys++
		}
		if value, ok := strings.CutPrefix(s, "title:"); ok {
			title = strings.Trim(strings.TrimSpace(value), `"'`)
		}
		at += len(line)
	}
	return body // never closed: a rule
}

// cells returns the places of the cells in a row.
func cells(s string) []span {
	var out []span
	start, end := 0, len(s)
	if strings.HasPrefix(s, "|") {
		start = 1
	}
	if strings.HasSuffix(s, "|") && !strings.HasSuffix(s, "\\|") && end > start {
		end--
	}
	from := start
	for i := start; i < end; i++ {
		switch s[i] {
		case '\\':
			i++
		case '|':
			out = append(out, span{from, i})
			from = i + 1
		}
	}
	return append(out, span{from, end})
}

// delimiterCells returns the number of cells of a row that parts the head of a
// table from its body, 0 if s is none.
func delimiterCells(s string) int {
	s = strings.TrimSpace(s)
	if strings.Trim(s, "|:- \t") != "" || !strings.Contains(s, "|") {
		return 0 // a line of dashes alone underlines a heading
	}
	list := cells(s)
	for _, c := range list {
		cell := strings.TrimSpace(s[c.start:c.end])
		if strings.Trim(cell, ":") == "" || strings.Trim(strings.TrimSuffix(strings.TrimPrefix(cell, ":"), ":"), "-") != "" {
			return 0
		}
	}
	return len(list)
}
