package ingest

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// htmlReader reads HTML by its tokens, which have offsets, unlike a parsed tree. In Markdown
// one reader is used for the whole document.
type htmlReader struct {
	w       *writer
	stack   []element
	open    map[string]int // how many elements of a name are in the stack
	deeper  int            // open elements that are not in the stack
	pre     int            // open <pre> elements
	inTitle bool
	sheet   bool        // the page has style sheets
	rules   []rule      // of them, those that hide
	brs     int         // line breaks with no text after them
	gaps    []TextRange // what is not part of the text, in order
}

func newHTMLReader(w *writer) *htmlReader { return &htmlReader{w: w, open: map[string]int{}} }

// readHTML takes the original from offset body on as HTML.
func readHTML(w *writer, body int) {
	r := newHTMLReader(w)
	r.read(w.src[body:], body)
	w.end(r.pre > 0)
}

// read reads text, which begins at offset start of the original.
func (r *htmlReader) read(text string, start int) {
	w := r.w
	for pos := 0; pos < len(text) && w.ctx.Err() == nil; {
		z := html.NewTokenizer(strings.NewReader(text[pos:]))
		z.SetMaxBuf(maxToken)
		at, long := pos, false // whether a token is not all of what it should be
		for w.ctx.Err() == nil {
			kind := z.Next()
			if long = len(z.Raw()) >= maxToken; kind == html.ErrorToken || long {
				break
			}
			from := at
			at += len(z.Raw())
			switch kind {
			case html.TextToken:
				r.text(start+from, start+at)
			case html.StartTagToken, html.SelfClosingTagToken:
				name, attrs := z.TagName()
				r.start(string(name), z, attrs, start+from, start+at, kind == html.SelfClosingTagToken)
				if r.open["svg"] > 0 {
					z.NextIsNotRawText() // there <style/> and <title/> are empty
				}
			case html.EndTagToken:
				name, _ := z.TagName()
				r.end(string(name), start+from, start+at)
			case html.CommentToken:
				if body := strings.TrimSpace(strings.TrimPrefix(text[from:at], "<!--")); r.goneReason() == "" && len(body) > len("-->") && strings.HasPrefix(text[from:at], "<!--") {
					w.notes.add(NoteHidden, "comment", 0)
				}
			}
		}
		if !long && z.Err() != html.ErrBufferExceeded {
			return
		}
		pos = r.skipLong(text, at, start)
	}
}

// skipLong takes a token that has more than maxToken bytes and returns where it ends.
func (r *htmlReader) skipLong(text string, at, start int) int {
	rest := text[at:]
	raw := ""
	if n := len(r.stack); n > 0 && (names("script style textarea iframe noembed noframes noscript xmp")[r.stack[n-1].name]) {
		raw = "</" + r.stack[n-1].name
	}
	n := 0
	switch {
	case raw != "":
		if n = indexFold(rest, raw); n < 0 {
			n = len(rest)
		}
		r.text(start+at, start+at+n)
		return at + n
	case strings.HasPrefix(rest, "<!--"):
		if n = strings.Index(rest, "-->"); n < 0 {
			n = len(rest)
		} else {
			n += len("-->")
		}
		r.w.notes.add(NoteHidden, "comment", 0)
		return at + n
	case len(rest) > 1 && rest[0] == '<' && (isAlphanumeric(rune(rest[1])) || strings.IndexByte("/!?", rest[1]) >= 0):
		if n = strings.IndexByte(rest, '>'); n < 0 {
			return len(text)
		}
		return at + n + 1
	}
	if n = strings.IndexByte(rest[1:], '<'); n < 0 {
		n = len(rest)
	} else {
		n++
	}
	r.text(start+at, start+at+n)
	return at + n
}

// indexFold is strings.Index for a lower-case text without regard to case.
func indexFold(s, sub string) int {
	for i := 0; ; {
		k := strings.IndexByte(s[i:], sub[0])
		if k < 0 || i+k+len(sub) > len(s) {
			return -1
		}
		i += k
		if strings.EqualFold(s[i:i+len(sub)], sub) {
			return i
		}
		i++
	}
}

// goneReason returns why text at this place is not part of the document; "" if it is.
func (r *htmlReader) goneReason() string {
	if n := len(r.stack); n > 0 {
		return r.stack[n-1].gone
	}
	return ""
}

// noteHidden notes that text was left out, once for each element that hides it.
func (r *htmlReader) noteHidden(why string) {
	for i := range r.stack {
		e := &r.stack[i]
		if e.gone != why {
			continue
		}
		switch {
		case e.told:
		case why == markGone:
			r.w.notes.add(NoteMark, "of a footnote", 0)
		default:
			r.w.notes.add(NoteHidden, why, 0)
		}
		e.told = true
		return
	}
}

func (r *htmlReader) text(from, to int) {
	for len(r.gaps) > 0 && r.gaps[0].Start < to {
		gap := r.gaps[0]
		r.gaps = r.gaps[1:]
		if gap.Start > from {
			r.text(from, gap.Start)
		}
		from = max(from, min(gap.End, to))
	}
	if n := len(r.stack); n > 0 && r.stack[n-1].name == "style" {
		r.sheet = true
		r.rules = append(r.rules, sheetRules(r.w.src[from:to])...)
		r.rules = r.rules[:min(len(r.rules), maxRules)]
	}
	if from == to || !r.shown(from, to) {
		return
	}
	switch {
	case r.inTitle:
		if r.w.doc.title == "" {
			r.w.title(html.UnescapeString(r.w.src[from:min(to, from+maxToken)]))
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

// shown reports whether the text from one offset to another is part of the document. It adds
// a note if attributes or styles hide the text.
func (r *htmlReader) shown(from, to int) bool {
	if len(r.stack) == 0 {
		return true
	}
	top := &r.stack[len(r.stack)-1]
	why := top.gone
	if why == elementGone {
		return false
	}
	if why == "" {
		if why = top.look.hides(r.sheet); why == "" {
			return true
		}
	}
	blank := strings.TrimSpace(r.w.src[from:to]) == ""
	switch {
	case top.gone == "" && blank:
		return true
	case top.gone == "":
		r.w.notes.add(NoteHidden, why, 0)
	case !blank:
		r.noteHidden(why)
	}
	return false
}

// elementGone is why the content of an element such as <script> is no text.
const elementGone = "element"

// code takes text of a <pre> element, where white space counts.
func (r *htmlReader) code(from, to int) {
	for from < to {
		n := strings.IndexByte(r.w.src[from:to], '&')
		if n < 0 {
			n = to - from
		}
		r.w.code(from, from+n)
		if from += n; from < to {
			from = r.w.reference(from, to, false)
		}
	}
}

// start takes a start tag in the original from at to end.
func (r *htmlReader) start(name string, z *html.Tokenizer, attrs bool, at, end int, selfClosing bool) {
	r.implied(name)
	gone := r.goneReason()
	e := element{name: name, gone: gone}
	if n := len(r.stack); n > 0 {
		e.look = r.stack[n-1].look
	}
	a := attributesOf(z, attrs)
	if name == "link" && strings.Contains(strings.ToLower(a["rel"]), "stylesheet") {
		r.sheet = true
	}
	if gone == "" {
		switch {
		case hidden[name]:
			e.gone = elementGone
			if toldHidden[name] {
				e.gone = "<" + name + ">"
			}
		case name != "html" && name != "body": // a script may show these
			e.gone = e.look.add(name, a, r.rules)
		}
	}
	void := voidElements[name] || selfClosing && (name == "svg" || r.open["svg"] > 0)
	if gone == "" && e.gone == "" {
		r.opened(name, a, &e, at, end)
	}
	if !void {
		r.push(e)
	}
}
