package ingest

import "strings"

// markdown reads CommonMark and GitHub's tables line by line. It knows of the
// structure only as much as its text needs - where blocks end, what is code, what
// is markup - and so takes time in proportion to the length of the document,
// whatever that says: goldmark, which reads all of the structure, takes 17 seconds
// for one line of 100,000 quotation marks.
type markdown struct {
	w    *writer
	refs map[string]bool // the labels of link and footnote definitions

	para     []span // the lines of the paragraph being gathered
	quotes   int    // how many block quotes the last line was in
	list     int    // the column where the text of the last list item begins, 0 outside lists
	indented bool   // in an indented code block
	table    bool   // in a table

	fence struct {
		mark   byte // 0 outside a fenced code block
		n      int  // marks in the opening fence
		indent int  // its column
		list   int  // as of the document, when it began
		quotes int  // likewise
	}
}

// span is a piece of the original.
type span struct{ start, end int }

// readMarkdown takes the original from offset body on as Markdown.
func readMarkdown(w *writer, body int) {
	m := markdown{w: w, refs: map[string]bool{}}
	at := w.frontMatter(body)
	for line := range strings.Lines(w.src[at:]) {
		if label, _, ok := definition(strings.TrimLeft(line, " \t>")); ok {
			m.refs[label] = true
		}
	}
	for at < len(w.src) && w.ctx.Err() == nil {
		end, next := lineEnd(w.src, at)
		at = m.line(at, end, next)
	}
	if m.fence.mark != 0 {
		w.end(true)
	}
	m.endBlock()
}

// lineEnd returns where the line at offset at ends, and where the next begins.
func lineEnd(src string, at int) (end, next int) {
	i := strings.IndexByte(src[at:], '\n')
	if i < 0 {
		return len(src), len(src)
	}
	return at + len(strings.TrimSuffix(src[at:at+i], "\r")), at + i + 1
}

// indent returns the column of the first character of src[at:end] that is no
// space or tab, given the column of at, and the offset of that character.
func indent(src string, at, end, column int) (int, int) {
	for ; at < end; at++ {
		switch src[at] {
		case ' ':
			column++
		case '\t':
			column += 4 - column%4
		default:
			return column, at
		}
	}
	return column, at
}

// line takes the line from at to end and returns the offset to go on from, which is
// next unless the line began a block that it took whole.
func (m *markdown) line(at, end, next int) int {
	src := m.w.src
	if m.fence.mark != 0 && m.fenced(at, end, next) {
		return next
	}
	lineStart, quotes, inItem := at, 0, false
	tail := ruleTail(src, at, end)
	column, at := indent(src, at, end, 0)
	for at < end {
		if src[at] == '>' && column < m.list+4 {
			if quotes++; quotes > m.quotes {
				m.endBlock()
				m.list = 0
				m.quotes = quotes
			}
			at++
			if at < end && src[at] == ' ' {
				at++
			}
			column, at = indent(src, at, end, 0)
			continue
		}
		inPara := len(m.para) > 0 && column >= m.list && quotes == m.quotes
		if at >= tail && isRule(src[at:end]) {
			break
		}
		width := m.marker(src[at:end], column, inPara)
		if width == 0 {
			break
		}
		m.endBlock()
		inItem = true
		m.list = column + width + 1
		column, at = indent(src, at+width, end, column+width)
		if at < end && column < m.list+4 {
			m.list = column
		}
	}
	if at == end {
		if m.indented {
			m.w.code(lineStart, next) // trimmed if no more code follows
		} else {
			m.endBlock()
		}
		m.setQuotes(quotes)
		return next
	}
	if len(m.para) == 0 && !m.table {
		m.setQuotes(quotes)
		if !inItem {
			m.leave(column)
		}
	}
	if !inItem && len(m.para) == 0 && column >= m.list+4 {
		if !m.indented {
			m.endBlock()
			m.indented = true
		}
		// Columns beyond the fourth are part of the code.
		_, first := indent(src, lineStart, at, 0)
		m.w.code(max(lineStart, first-(column-m.list-4)), next)
		return next
	}
	if m.indented {
		m.endBlock()
	}
	// A line that is in the paragraph but not in what encloses it cannot make it
	// a heading.
	underline := len(m.para) > 0 && !inItem && column >= m.list && quotes == m.quotes
	if len(m.para) > 0 && column >= m.list+4 {
		m.para = append(m.para, span{at, end})
		return next
	}
	return m.leaf(at, end, next, surroundings{underline, inItem, quotes > 0, column})
}

// fenced takes a line inside a fenced code block and reports whether it did: where
// the quotation or list item around the block ends, the block ends too.
func (m *markdown) fenced(at, end, next int) bool {
	src, f := m.w.src, &m.fence
	for range f.quotes {
		_, i := indent(src, at, end, 0)
		if i == end || src[i] != '>' {
			m.w.end(true)
			f.mark = 0
			return false
		}
		at = i + 1
		if at < end && src[at] == ' ' {
			at++
		}
	}
	if column, i := indent(src, at, end, 0); i < end && column < f.list {
		m.w.end(true)
		f.mark = 0
		return false
	}
	s := strings.TrimSpace(src[at:end])
	if len(s) >= f.n && strings.Trim(s, string(f.mark)) == "" {
		m.w.end(true)
		f.mark = 0
		return true
	}
	for i := 0; i < f.indent && at < end && src[at] == ' '; i++ {
		at++
	}
	m.w.code(at, next)
	return true
}

// marker returns the length of the list marker that s, which is no thematic break,
// begins with, 0 if none. Inside a paragraph only item 1 begins a list, and it must not be empty.
func (m *markdown) marker(s string, column int, inPara bool) int {
	if column >= m.list+4 {
		return 0
	}
	n := 0
	for n < len(s) && n < 9 && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	switch {
	case n == len(s):
		return 0
	case n > 0 && s[n] != '.' && s[n] != ')':
		return 0
	case n == 0 && !strings.ContainsRune("-+*", rune(s[0])):
		return 0
	case n > 0 && inPara && s[:n] != "1":
		return 0
	}
	n++
	if n < len(s) && s[n] != ' ' && s[n] != '\t' || inPara && strings.TrimSpace(s[n:]) == "" {
		return 0
	}
	return n
}

// ruleTail returns the offset from which on src[at:end] has nothing but one of the
// marks of thematic breaks and white space: none begins before it. Else each of
// many list markers on one line would be followed by a look at the rest of the line.
func ruleTail(src string, at, end int) int {
	s := strings.TrimRight(src[at:end], " \t")
	if s == "" || !strings.ContainsRune("-*_", rune(s[len(s)-1])) {
		return end
	}
	return at + len(strings.TrimRight(s, s[len(s)-1:]+" \t"))
}

// isRule reports whether s is a thematic break.
func isRule(s string) bool {
	s = strings.TrimRight(s, " \t")
	if s == "" || !strings.ContainsRune("-*_", rune(s[0])) {
		return false
	}
	return strings.Trim(s, s[:1]+" \t") == "" && strings.Count(s, s[:1]) >= 3
}

// surroundings says where a line stands.
type surroundings struct {
	underline bool // it may underline the paragraph before it, making that a heading
	item      bool // a list item begins in it
	quoted    bool // in a block quote
	column    int  // of its first character
}

// leaf takes a line without what encloses it: list markers, quotation marks and
// indentation.
func (m *markdown) leaf(at, end, next int, in surroundings) int {
	w := m.w
	s := strings.TrimRight(w.src[at:end], " \t")
	end = at + len(s)
	if level := strings.IndexFunc(s+" ", func(r rune) bool { return r != '#' }); level >= 1 && level <= 6 &&
		(level == len(s) || s[level] == ' ' || s[level] == '\t') {
		m.begin(in.column)
		m.heading(level, []span{headingText(w.src, span{at + level, end})})
		return next
	}
	if in.underline && (strings.Trim(s, "=") == "" || strings.Trim(s, "-") == "") {
		level := 1
		if s[0] == '-' {
			level = 2
		}
		lines := m.para
		m.para = nil
		lines[len(lines)-1] = headingText(w.src, lines[len(lines)-1])
		m.heading(level, lines)
		return next
	}
	if isRule(s) {
		m.begin(in.column)
		return next
	}
	if n := len(s) - len(strings.TrimLeft(s, s[:1])); n >= 3 && (s[0] == '~' || s[0] == '`' && !strings.Contains(s[n:], "`")) {
		m.begin(in.column)
		m.fence.mark, m.fence.n = s[0], n
		m.fence.indent, m.fence.list, m.fence.quotes = in.column, m.list, 0
		if in.quoted {
			m.fence.quotes = m.quotes
		}
		return next
	}
	limit := len(w.src)
	if in.quoted {
		limit = end // further lines begin with the mark of the quotation
	}
	if html := htmlBlockEnd(w.src[:limit], at, end, min(m.list, in.column), len(m.para) > 0 || m.table); html > 0 {
		m.begin(in.column)
		readHTML(w, at, html)
		return max(html, next)
	}
	if m.table {
		m.row(at, end)
		return next
	}
	if strings.Contains(s, "|") && next < len(w.src) {
		end2, next2 := lineEnd(w.src, next)
		if n := delimiterCells(strings.TrimLeft(w.src[next:end2], "> ")); n > 0 && n == len(cells(s)) {
			m.begin(in.column)
			m.table = true
			m.row(at, end)
			return next2
		}
	}
	if len(m.para) == 0 {
		if label, text, ok := definition(s); ok {
			if label[0] == '^' && text < len(s) {
				m.para = append(m.para, span{at + text, end})
			}
			return next
		}
	}
	if in.item {
		if box, _, _ := strings.Cut(s, " "); box == "[" && strings.HasPrefix(s, "[ ] ") || box == "[x]" || box == "[X]" {
			at += len("[x]")
		}
	}
	m.para = append(m.para, span{at, end})
	return next
}

// endBlock ends the paragraph, table or indented code block being gathered.
func (m *markdown) endBlock() {
	if len(m.para) > 0 {
		m.inline(m.para)
		m.para = m.para[:0]
	}
	m.w.end(m.indented)
	m.indented, m.table = false, false
}

// begin begins a block other than a paragraph at a column.
func (m *markdown) begin(column int) {
	m.endBlock()
	m.leave(column)
}

// setQuotes notes how many block quotes a line is in. Lists end with theirs.
func (m *markdown) setQuotes(n int) {
	if n < m.quotes {
		m.list = 0
	}
	m.quotes = n
}

// leave leaves the list items whose text is further right than column. Text of
// list items is at column 2 or beyond.
func (m *markdown) leave(column int) {
	if column < 2 {
		column = 0
	}
	m.list = min(m.list, column)
}

func (m *markdown) heading(level int, lines []span) {
	m.w.heading(level)
	m.inline(lines)
	m.w.end(false)
}

// headingText takes off what may follow the text of a heading: an attribute list,
// as in "Title {#id}", and number signs.
func headingText(src string, s span) span {
	t := strings.TrimRight(src[s.start:s.end], " \t")
	if i := strings.LastIndex(t, "{"); i > 0 && strings.HasSuffix(t, "}") && strings.ContainsAny(t[i+1:i+2], "#.") {
		t = strings.TrimRight(t[:i], " \t")
	}
	if u := strings.TrimRight(t, "#"); u == "" || strings.HasSuffix(u, " ") || strings.HasSuffix(u, "\t") {
		t = u
	}
	return span{s.start, s.start + len(t)}
}

// row takes a row of a table.
func (m *markdown) row(at, end int) {
	for _, c := range cells(m.w.src[at:end]) {
		m.inline([]span{{at + c.start, at + c.end}})
		m.w.cell(at + c.end)
	}
	m.w.end(false)
}
