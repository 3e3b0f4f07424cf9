package ingest

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// names makes a set of the names of elements.
func names(list string) map[string]bool {
	m := map[string]bool{}
	for n := range strings.FieldsSeq(list) {
		m[n] = true
	}
	return m
}

var (
	// Elements whose content is not part of the text.
	hidden = names("script style nav template noscript iframe noembed noframes svg canvas audio video object select datalist textarea button")
	// Elements whose end is that of a hidden element in them, if that was not ended.
	containers = names("article aside body div footer form header html main section table")
	// Elements that begin and end a block.
	blockElements = names("address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure " +
		"footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu ol p pre search section summary " +
		"table tbody tfoot thead title tr ul xmp")
)

// htmlReader reads HTML by its tokens, which unlike a parsed tree know where they
// came from.
type htmlReader struct {
	w       *writer
	skip    string         // the hidden element we are in, "" if none
	depth   int            // how many elements of that name are open
	inner   map[string]int // how many containers of each name are open within it
	pre     int            // open <pre> elements
	inTitle bool
	brs     int // line breaks with no text after them
}

// readHTML takes the original from start to end as HTML.
func readHTML(w *writer, start, end int) {
	r := htmlReader{w: w}
	z := html.NewTokenizer(strings.NewReader(w.src[start:end]))
	for at := start; w.ctx.Err() == nil; {
		kind := z.Next()
		if kind == html.ErrorToken {
			break // the end: reading a string has no other error
		}
		from := at
		at += len(z.Raw())
		switch kind {
		case html.TextToken:
			r.text(from, at)
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			r.open(string(name), from, kind == html.SelfClosingTagToken)
			if r.skip == "svg" {
				z.NextIsNotRawText() // there <style/> and <title/> are empty
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			r.close(string(name), from)
		}
	}
	w.end(r.pre > 0)
}

func (r *htmlReader) text(from, to int) {
	switch {
	case r.skip != "":
	case r.inTitle:
		if r.w.doc.title == "" {
			r.w.title(html.UnescapeString(r.w.src[from:to]))
		}
	case r.pre > 0 && r.w.level == 0:
		r.code(from, to)
	default:
		if strings.ContainsFunc(r.w.src[from:to], func(c rune) bool { return !unicode.IsSpace(c) }) {
			r.brs = 0
		}
		r.w.escaped(from, to, false)
	}
}

// code takes text of a <pre> element, where white space counts.
func (r *htmlReader) code(from, to int) {
	for from < to {
		n := strings.IndexByte(r.w.src[from:to], '&')
		if n < 0 {
			n = to - from
		}
		r.w.code(from, from+n)
		if from += n; from < to {
			from = r.w.reference(from, to)
		}
	}
}

func (r *htmlReader) open(name string, at int, selfClosing bool) {
	w := r.w
	if r.skip != "" {
		switch {
		case name == r.skip && name != "button" && name != "select" && !selfClosing: // these two do not nest
			r.depth++
		case containers[name]:
			r.inner[name]++
		}
		return
	}
	// Of the hidden elements only those of SVG can close themselves.
	if hidden[name] {
		if name != "svg" || !selfClosing {
			r.skip, r.depth, r.inner = name, 1, map[string]int{}
		}
		return
	}
	// A block that begins a heading, as in <h1><div>, is part of it.
	if blockElements[name] && (w.level == 0 || w.start >= 0) {
		w.end(r.pre > 0)
		r.brs = 0
	}
	switch {
	case name == "pre" || name == "xmp":
		r.pre++
	case name == "title":
		r.inTitle = true
	case len(name) == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6':
		w.heading(int(name[1] - '0'))
	case (name == "td" || name == "th") && w.start >= 0:
		w.cell(at) // the one before was not closed
	case name == "br" && r.pre > 0:
		if w.start >= 0 {
			w.put("\n", at, at)
		}
	case name == "br":
		w.space(at, at)
		if r.brs++; r.brs > 1 && w.level == 0 {
			w.end(false) // two in a row stand for a paragraph
		}
	}
}

func (r *htmlReader) close(name string, at int) {
	switch {
	case r.skip == "":
	case name == r.skip:
		if r.depth--; r.depth == 0 {
			r.skip = ""
		}
		return
	case containers[name] && r.inner[name] == 0: // an element around the hidden one ends
		r.skip = ""
	default:
		if containers[name] {
			r.inner[name]--
		}
		return
	}
	if blockElements[name] {
		r.w.end(r.pre > 0)
		r.brs = 0
	}
	switch name {
	case "pre", "xmp":
		r.pre = max(r.pre-1, 0)
	case "title":
		r.inTitle = false
	case "td", "th":
		r.w.cell(at)
	}
}
