package ingest

import (
	"bytes"
	"context"
	"html"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// document is a document without its markup.
type document struct {
	title    string // what it says of itself apart from its headings
	first    string // its first heading of level 1
	sections []section
}

// section is the text between two headings.
type section struct {
	path   []heading
	text   string
	runs   []run
	blocks []block
}

type heading struct {
	level int // 1 to 6
	text  string
}

// longestTitle is how many bytes a heading or a title has at most. A title stands in
// every passage below it, so that one as long as a chapter would be read as often.
const longestTitle = 1000

// block is a paragraph, list item, table row or code block: the bytes of its
// section's text from start to end.
type block struct {
	start, end int
	code       bool
}

// run says that the n bytes at offset at of a section's text come from the bytes
// src to end of the original: one by one if these are n bytes too.
type run struct{ at, n, src, end int }

// source returns the place in the original of the bytes from start to end of the
// section's text.
func (s *section) source(start, end int) (from, to int) {
	of := func(i int) run {
		return s.runs[sort.Search(len(s.runs), func(k int) bool { return s.runs[k].at > i })-1]
	}
	r := of(start)
	from = r.src
	if r.end-r.src == r.n {
		from += start - r.at
	}
	r = of(end - 1)
	to = r.end
	if r.end-r.src == r.n {
		to = r.src + end - r.at
	}
	return from, to
}

// writer gathers a document. A reader of a format calls it with the pieces of the
// original in their order; offsets are into src.
type writer struct {
	ctx context.Context // when it is done, readers stop and what they gathered is of no use
	src string
	doc document

	path   []heading // of the section being gathered
	text   []byte
	runs   []run
	blocks []block

	start int  // of the block being gathered; -1 when it is empty
	mark  int  // the length of text before it
	gap   byte // the white space before the next character, 0 if none
	gapAt struct{ src, end int }
	level int // of the heading being gathered, 0 if it is no heading
}

func newWriter(ctx context.Context, src string) *writer {
	return &writer{ctx: ctx, src: src, start: -1}
}

// plain takes all from offset body on as one block.
func (w *writer) plain(body int) {
	s := section{text: w.src[body:]}
	s.runs = []run{{at: 0, n: len(s.text), src: body, end: len(w.src)}}
	s.blocks = []block{{end: len(s.text)}}
	w.doc.sections = append(w.doc.sections, s)
}

// put appends text, which stands for the original from src to end.
func (w *writer) put(text string, src, end int) {
	if w.start < 0 {
		w.mark = len(w.text)
		if len(w.blocks) > 0 {
			w.add("\n\n", src, src)
		}
		w.start = len(w.text)
	} else if w.gap != 0 {
		w.add(string(w.gap), w.gapAt.src, w.gapAt.end)
	}
	w.gap = 0
	w.add(text, src, end)
}

func (w *writer) add(text string, src, end int) {
	at, n := len(w.text), len(text)
	w.text = append(w.text, text...)
	if k := len(w.runs) - 1; k >= 0 && end-src == n {
		if last := &w.runs[k]; last.end == src && last.end-last.src == last.n {
			last.n += n
			last.end = end
			return
		}
	}
	w.runs = append(w.runs, run{at, n, src, end})
}

// truncate drops the text after its first n bytes.
func (w *writer) truncate(n int) {
	w.text = w.text[:n]
	for k := len(w.runs) - 1; k >= 0; k-- {
		r := &w.runs[k]
		if r.at < n {
			if more := r.at + r.n - n; more > 0 && r.end-r.src == r.n {
				r.n -= more
				r.end -= more
			}
			return
		}
		w.runs = w.runs[:k]
	}
}

// space notes white space in the original from src to end.
func (w *writer) space(src, end int) {
	if w.gap == 0 {
		w.gap = ' '
		w.gapAt.src = src
	}
	w.gapAt.end = end
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
		if n = strings.IndexFunc(s, unicode.IsSpace); n < 0 {
			n = len(s)
		}
		w.put(s[:n], src, src+n)
		src += n
	}
}

// escaped is prose with character references, and with backslashes before
// punctuation if the format has them.
func (w *writer) escaped(src, end int, backslash bool) {
	special := "&"
	if backslash {
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
				w.put(w.src[src+1:src+2], src, src+2)
				src += 2
			} else {
				w.put("\\", src, src+1)
				src++
			}
			continue
		}
		src = w.reference(src, end)
	}
}

// isPunctuation reports whether c is punctuation in the sense of CommonMark.
func isPunctuation(c byte) bool {
	return c > ' ' && c < 0x7f && !isAlphanumeric(rune(c))
}

// isAlphanumeric reports whether r may stand in the name of a character reference.
func isAlphanumeric(r rune) bool {
	return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// reference decodes the character reference at src, or takes its ampersand as it
// is, and returns where it ends.
func (w *writer) reference(src, end int) int {
	n := 1
	for src+n < end && (isAlphanumeric(rune(w.src[src+n])) || n == 1 && w.src[src+n] == '#') {
		n++
	}
	if src+n < end && w.src[src+n] == ';' {
		n++
	}
	name := w.src[src : src+n]
	decoded := html.UnescapeString(name)
	switch {
	case decoded == name:
		w.prose(src, src+n)
	case strings.TrimSpace(decoded) == "":
		w.space(src, src+n)
	default:
		w.put(decoded, src, src+n)
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
	if s != "" {
		w.put(s, src, end)
	}
}

// end ends a block or heading.
func (w *writer) end(code bool) {
	level := w.level
	w.level, w.gap = 0, 0
	if w.start < 0 {
		return
	}
	w.truncate(len(bytes.TrimRightFunc(w.text, unicode.IsSpace)))
	start := w.start
	w.start = -1
	if level == 0 || len(w.text)-start > longestTitle {
		w.blocks = append(w.blocks, block{start: start, end: len(w.text), code: code})
		return
	}
	// Many generators of documentation put a pilcrow at the end of a heading.
	text := strings.TrimRight(string(w.text[start:]), "¶ ")
	w.truncate(w.mark)
	w.endSection()
	for len(w.path) > 0 && w.path[len(w.path)-1].level >= level {
		w.path = w.path[:len(w.path)-1]
	}
	if level == 1 && w.doc.first == "" {
		w.doc.first = text
	}
	w.path = append(w.path, heading{level, text})
}

// title takes what the document calls itself.
func (w *writer) title(s string) {
	if s = strings.Join(strings.Fields(s), " "); len(s) <= longestTitle {
		w.doc.title = s
	}
}

// heading begins a heading of a level from 1 to 6.
func (w *writer) heading(level int) {
	w.end(false)
	w.level = level
}

func (w *writer) endSection() {
	if len(w.blocks) > 0 {
		w.doc.sections = append(w.doc.sections, section{
			path: slices.Clone(w.path), text: string(w.text), runs: w.runs, blocks: w.blocks,
		})
	}
	w.text, w.runs, w.blocks = w.text[:0], nil, nil
}

// finish ends the document.
func (w *writer) finish() *document {
	w.end(false)
	w.endSection()
	return &w.doc
}
