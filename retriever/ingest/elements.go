package ingest

import (
	"strings"

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

// element is an open one.
type element struct {
	name string
	look look
	gone string // why its content is not part of the text; "" if it is
	told bool   // that it is not
	sup  *script
}

func (r *htmlReader) push(e element) {
	if len(r.stack) >= maxDepth {
		r.deeper++
		if n := len(r.stack); e.gone != "" && r.stack[n-1].gone == "" {
			r.stack[n-1].gone = e.gone // to its end
		}
		return
	}
	r.stack = append(r.stack, e)
	r.open[e.name]++
}

// pop ends elements until so many are left.
func (r *htmlReader) pop(n int) {
	for len(r.stack) > n {
		e := r.stack[len(r.stack)-1]
		r.stack = r.stack[:len(r.stack)-1]
		r.open[e.name]--
		r.deeper = 0
		if e.gone != "" {
			continue
		}
		switch e.name {
		case "pre", "xmp":
			r.pre--
		case "title":
			r.inTitle = false
		}
	}
}

// implied ends the elements that the start of another one ends.
func (r *htmlReader) implied(name string) {
	least := max(0, len(r.stack)-maxLook)
	if rule, ok := impliedEnds[name]; ok {
		for i := len(r.stack) - 1; i >= least && !rule.within[r.stack[i].name]; i-- {
			if rule.ends[r.stack[i].name] {
				r.pop(i)
			}
		}
	}
	if !blockElements[name] || r.open["p"] == 0 {
		return
	}
	for i := len(r.stack) - 1; i >= max(0, len(r.stack)-maxLook) && !containers[r.stack[i].name]; i-- {
		if r.stack[i].name == "p" {
			if r.stack[i].gone == "" {
				r.w.end(r.pre > 0)
			}
			r.pop(i)
			return
		}
	}
}

// opened takes the start tag of an element that is shown.
func (r *htmlReader) opened(name string, a map[string]string, e *element, at, end int) {
	w := r.w
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
	case name == "sup" || name == "sub":
		r.script(name, e, at, end)
	case name == "br" && r.pre > 0:
		if w.start >= 0 {
			w.appendText("\n", at, at)
		}
	case name == "br":
		if r.open["td"]+r.open["th"] > 0 {
			w.space(at, at)
		} else {
			w.line(at, at)
		}
		if r.brs++; r.brs > 1 && w.level == 0 {
			w.end(false) // two in a row end a paragraph
		}
	}
}

// end takes an end tag in the original from at to end.
func (r *htmlReader) end(name string, at, end int) {
	if r.deeper > 0 {
		r.deeper--
		return
	}
	code := r.pre > 0
	shown := r.goneReason() == ""
	if i := r.find(name); i >= 0 {
		e := r.stack[i]
		if e.sup != nil && shown {
			r.scriptEnd(e.sup, at, end)
		}
		r.pop(i)
		// The elements around it continue, as if it had not been there.
		shown = r.goneReason() == "" && e.gone == ""
	}
	switch {
	case !shown:
		return
	case blockElements[name]:
		r.w.end(code)
		r.brs = 0
	}
	if name == "td" || name == "th" {
		r.w.cell(at)
	}
}

// find returns which of the open elements an end tag ends, -1 if none.
func (r *htmlReader) find(name string) int {
	if r.open[name] == 0 {
		return -1
	}
	for i := len(r.stack) - 1; i >= 0; i-- {
		open := r.stack[i].name
		switch {
		case open == name:
			return i
		case !containers[name] && (containers[open] || i < len(r.stack)-maxLook),
			scopes[open] && r.stack[i].gone != elementGone && !inTable[name]:
			return -1
		}
	}
	return -1
}

// attributesOf returns the attributes of a start tag that say how it is shown.
func attributesOf(z *html.Tokenizer, more bool) map[string]string {
	var a map[string]string
	for n := 0; more && n < 100; n++ {
		var key, value []byte
		key, value, more = z.TagAttr()
		switch k := string(key); k {
		case "hidden", "style", "class", "id", "color", "bgcolor", "href", "open", "popover", "rel", "role", "epub:type", "size":
			if a == nil {
				a = map[string]string{}
			}
			if _, ok := a[k]; !ok && len(value) <= 4096 {
				a[k] = string(value)
			}
		}
	}
	return a
}

var (
	// Elements whose content is not part of the text.
	hidden = names("script style nav template noscript iframe noembed noframes svg canvas audio video object select datalist textarea button")
	// Elements whose end is also that of the elements in them that were not ended.
	containers = names("article aside body div footer form header html main section table nav ul ol dl td th tr blockquote details template noscript button select object")
	// Elements that begin and end a block.
	blockElements = names("address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure " +
		"footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu ol p pre search section summary " +
		"table tbody tfoot thead title tr ul xmp")
	// Elements without an end tag.
	voidElements = names("area base br col embed hr img input link meta param source track wbr keygen frame")
	// Elements that end an open element of another name, up to the nearest of others.
	impliedEnds = map[string]struct{ ends, within map[string]bool }{
		"li": {names("li"), names("ul ol menu dir")}, "dt": {names("dt dd"), names("dl")}, "dd": {names("dt dd"), names("dl")},
		"td": {names("td th"), names("tr table")}, "th": {names("td th"), names("tr table")}, "tr": {names("tr"), names("table")},
		"tbody": {names("tbody thead tfoot tr caption"), names("table")}, "tfoot": {names("tbody thead tfoot tr caption"), names("table")},
		"thead": {names("caption"), names("table")}, "option": {names("option"), names("select datalist")},
		"button": {names("button"), names("body")}, "select": {names("select"), names("body")},
	}
	// Elements through which an end tag does not reach, but those of tables.
	scopes  = names("caption table td th template")
	inTable = names("table tbody thead tfoot tr td th caption body html")
	// The elements above whose content is told when it is left out.
	toldHidden = names("template noscript")
)

const (
	// maxDepth is how many elements are open at most; deeper ones are not told apart.
	maxDepth = 512
	// maxToken is how many bytes of a page are looked at as one piece of markup.
	maxToken = 64 << 10
	// maxLook is how many open elements an end tag is looked for in.
	maxLook = 64
)
