package ingest

import (
	"bytes"
	"context"
	"html"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// writer builds a document. A reader of a format calls it with the pieces of the
// original in their order; offsets are into src.
type writer struct {
	ctx   context.Context // when it is done, readers stop and what they gathered is of no use
	src   string
	doc   document
	notes *notes

	path  *heading // of the section being gathered
	text  []byte
	runs  runs
	codes []TextRange // the blocks of code
	cost  int         // of the sections, see sectionBytes

	start   int   // of the block being gathered; -1 when it is empty
	mark    int   // the length of text before it
	pending []run // of the block
	gap     byte  // the white space before the next character, 0 if none
	wrapped bool  // the gap is the end of a line
	gapAt   struct{ src, end int }
	level   int // of the heading being gathered, 0 if it is no heading
	inCode  bool
}

func newWriter(ctx context.Context, src string) *writer {
	return &writer{ctx: ctx, src: src, notes: &notes{}, start: -1}
}

// appendText appends text, which comes from the original from src to end.
func (w *writer) appendText(text string, src, end int) {
	if n := len(w.text) - w.start; w.start >= 0 && n > maxBlock && (w.gap != 0 || w.inCode || n > 2*maxBlock) {
		in := w.inCode
		w.end(in)
		w.inCode = in
	}
	if w.start < 0 {
		w.mark = len(w.text)
		if len(w.text) > 0 {
			w.add("\n\n", src, src)
		}
		w.start = len(w.text)
	} else if w.gap != 0 && !(w.wrapped && w.gap == ' ' && unspaced(w.text, text)) {
		w.add(string(rune(w.gap)), w.gapAt.src, w.gapAt.end)
	}
	w.gap = 0
	w.add(text, src, end)
}

func (w *writer) add(text string, src, end int) {
	next := run{len(w.text), len(text), src, end}
	w.text = append(w.text, text...)
	if k := len(w.pending) - 1; k >= 0 && w.pending[k].join(next) {
		return
	}
	w.pending = append(w.pending, next)
}

// truncate drops the text after its first n bytes, all of them of the block.
func (w *writer) truncate(n int) {
	w.text = w.text[:n]
	for k := len(w.pending) - 1; k >= 0; k-- {
		r := &w.pending[k]
		if r.at < n {
			if more := r.at + r.n - n; more > 0 {
				if r.end-r.src == r.n {
					r.end -= more
				}
				r.n -= more
			}
			return
		}
		w.pending = w.pending[:k]
	}
}

// space notes white space in the original from src to end.
func (w *writer) space(src, end int) {
	if w.gap == 0 {
		w.gap = ' '
		w.gapAt.src = src
		w.wrapped = strings.IndexByte(w.src[src:end], '\n') >= 0
	}
	w.gapAt.end = end
}

// wrap notes the end of a line within a paragraph.
func (w *writer) wrap(src, end int) {
	w.wrapped = w.wrapped || w.gap == 0
	wrapped := w.wrapped
	w.space(src, end)
	w.wrapped = wrapped
}

// line notes a line break that is meant.
func (w *writer) line(src, end int) {
	w.space(src, end)
	if w.gap == ' ' && w.level == 0 {
		w.gap = '\n'
	}
}

// cell notes the end of a table cell at offset src.
func (w *writer) cell(src int) {
	w.space(src, src)
	w.gap = '\t'
}

// prose appends the original from src to end, white space collapsed.
func (w *writer) prose(src, end int) {
	for src < end {
		s := w.src[src:end]
		n := len(s) - len(strings.TrimLeftFunc(s, unicode.IsSpace))
		if n > 0 {
			w.space(src, src+n)
			src += n
			continue
		}
		if n = strings.IndexFunc(s[:min(len(s), maxBlock)], unicode.IsSpace); n < 0 {
			n = cutRune(s, maxBlock)
		}
		w.visible(s[:n], src)
		src += n
	}
}

// escaped is prose with character references, and in Markdown with backslashes
// before punctuation.
func (w *writer) escaped(src, end int, markdown bool) {
	special := "&"
	if markdown {
		special = "&\\"
	}
	for src < end {
		i := strings.IndexAny(w.src[src:end], special)
		if i < 0 {
			w.prose(src, end)
			return
		}
		w.prose(src, src+i)
		src += i
		if w.src[src] == '\\' {
			if src+1 < end && isPunctuation(w.src[src+1]) {
				w.appendText(w.src[src+1:src+2], src, src+2)
				src += 2
			} else {
				w.appendText("\\", src, src+1)
				src++
			}
			continue
		}
		src = w.reference(src, end, markdown)
	}
}

// reference decodes the character reference at src, or takes its ampersand as it
// is, and returns where it ends. Markdown has those of HTML that end in a semicolon,
// and numbers of at most seven digits, or six hexadecimal ones.
func (w *writer) reference(src, end int, markdown bool) int {
	n := 1
	for src+n < end && (isAlphanumeric(rune(w.src[src+n])) || n == 1 && w.src[src+n] == '#') {
		n++
	}
	if src+n < end && w.src[src+n] == ';' {
		n++
	}
	name := w.src[src : src+n]
	decoded := html.UnescapeString(name)
	if markdown && (!strings.HasSuffix(name, ";") || // or only its beginning is one:
		strings.HasSuffix(decoded, ";") && decoded != ";" ||
		strings.HasPrefix(name, "&#") && len(name) > len("&#1234567;")) {
		decoded = name
	}
	switch {
	case decoded == name:
		w.prose(src, src+n)
	case strings.TrimSpace(decoded) == "":
		w.space(src, src+n)
	default:
		w.appendText(decoded, src, src+n)
	}
	return src + n
}

// code appends the original from src to end as it is. Blank lines before the first
// line are dropped.
func (w *writer) code(src, end int) {
	s := w.src[src:end]
	if w.start < 0 {
		i := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsSpace(r) })
		if i < 0 {
			return
		}
		i = strings.LastIndexByte(s[:i], '\n') + 1
		s, src = s[i:], src+i
	}
	w.inCode = true
	for s != "" {
		n := cutRune(s, maxBlock)
		if n < len(s) {
			if k := strings.LastIndexByte(s[:n], '\n'); k > 0 {
				n = k + 1
			}
		}
		w.appendText(s[:n], src, src+n)
		s, src = s[n:], src+n
	}
}

// end ends a block or heading.
func (w *writer) end(code bool) {
	level := w.level
	w.level, w.gap, w.inCode = 0, 0, false
	if w.start < 0 {
		return
	}
	w.truncate(w.start + len(bytes.TrimRightFunc(w.text[w.start:], unicode.IsSpace)))
	start := w.start
	w.start = -1
	if len(w.text) == start { // nothing but white space
		w.truncate(w.mark)
		w.pending = w.pending[:0]
		return
	}
	if level > 0 && w.head(level, start) {
		return
	}
	for _, r := range w.pending {
		w.runs.add(r.n, r.src, r.end)
	}
	w.pending = w.pending[:0]
	if code {
		w.codes = append(w.codes, TextRange{start, len(w.text)})
	}
	if len(w.text) > maxSection {
		w.endSection()
	}
}

// head takes the text from start on as a heading, unless it has to be a paragraph.
func (w *writer) head(level, start int) bool {
	if tooLong(w.text[start:]) {
		w.notes.add(NoteHeading, "of more than 300 characters, kept as text", 0)
		return false
	}
	// Many generators of documentation put a pilcrow at the end of a heading.
	text := strings.TrimRight(string(w.text[start:]), "¶ ")
	above := w.path
	for above != nil && above.level >= level {
		above = above.above
	}
	cost := sectionCost + len(text)
	for h := above; h != nil; h = h.above {
		cost += len(h.text)
	}
	at := w.pending[len(w.pending)-1].end
	if w.cost+cost > sectionBytes+2*at {
		w.notes.add(NoteHeading, "of too many for the length of the text, kept as text", 0)
		return false
	}
	w.cost += cost
	w.truncate(w.mark)
	w.pending = w.pending[:0]
	w.endSection()
	if level == 1 && w.doc.first == "" {
		w.doc.first = text
	}
	w.path = &heading{above, level, text}
	return true
}

// tooLong reports whether a title has more than longestTitle characters.
func tooLong[S ~string | ~[]byte](s S) bool {
	return len(s) > longestTitle && (len(s) > longestTitle*utf8.UTFMax || utf8.RuneCountInString(string(s)) > longestTitle)
}

// title takes what the document calls itself.
func (w *writer) title(s string) {
	s = strings.Join(strings.Fields(s[:cutRune(s, maxBlock)]), " ")
	w.doc.title = w.notes.shorten(s)
}

// heading begins a heading of a level from 1 to 6.
func (w *writer) heading(level int) {
	w.end(false)
	w.level = level
}

func (w *writer) endSection() {
	if len(w.text) > 0 {
		w.runs.flush()
		w.runs.code, w.runs.marks = slices.Clip(bytes.Clone(w.runs.code)), slices.Clone(w.runs.marks)
		w.doc.sections = append(w.doc.sections, section{
			path: w.path, text: string(w.text), runs: w.runs, code: slices.Clone(w.codes),
		})
	}
	w.text, w.runs, w.codes = w.text[:0], runs{}, w.codes[:0]
}

// finish ends the document.
func (w *writer) finish() *document {
	w.end(false)
	w.endSection()
	return &w.doc
}
