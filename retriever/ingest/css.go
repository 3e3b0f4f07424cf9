package ingest

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/css"
)

// look holds the known styles of a text.
type look struct {
	invisible   bool   // visibility: hidden
	tiny        bool   // of no size
	color, back string // as "rrggbb"; "" if it is not known, "none" if one sees through
}

// hides returns why text of this look is invisible; "" if it is visible. Without style
// sheets, a page is white.
func (l look) hides(sheet bool) string {
	back := l.back
	if back == "" && !sheet {
		back = "ffffff"
	}
	switch {
	case l.invisible:
		return "visibility"
	case l.tiny:
		return "font size"
	case l.color == "none", l.color != "" && back != "" && alike(l.color, back):
		return "color"
	}
	return ""
}

// rule is one of a style sheet.
type rule struct {
	name, class, id string // of the elements that it is about; "" if any
	style           []declaration
}

type declaration struct{ property, value string }

// shows are the properties that say whether text is seen.
var shows = names("display visibility content-visibility opacity font-size font color -webkit-text-fill-color background background-color position " +
	"left right top bottom inset text-indent margin-left margin-top margin transform translate scale clip clip-path overflow overflow-x overflow-y " +
	"width height max-width max-height")

// maxRules and maxSheet bound what is read of style sheets.
const (
	maxRules = 200
	maxSheet = 64 << 10
)

// add applies the styles of an element. It returns why all its content is invisible; "" if
// some may be visible.
func (l *look) add(name string, a map[string]string, rules []rule) (gone string) {
	if a == nil && len(rules) == 0 && name != "dialog" {
		return ""
	}
	for _, r := range rules {
		if r.name != "" && r.name != name || r.id != "" && r.id != a["id"] || r.class != "" && !hasWord(a["class"], r.class) {
			continue
		}
		gone = l.style(r.style, gone)
	}
	if name == "font" {
		if c := color(a["color"]); c != "" {
			l.color = c
		}
	}
	if c := color(a["bgcolor"]); c != "" {
		l.back = c
	}
	if _, ok := a["hidden"]; ok {
		gone = "hidden"
	}
	if _, ok := a["popover"]; ok {
		gone = "popover"
	}
	if _, open := a["open"]; name == "dialog" && !open {
		gone = "closed dialog"
	}
	if a["style"] != "" {
		gone = l.style(declarations(a["style"]), gone)
	}
	return gone
}

func hasWord(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}

// style applies declarations, and returns why the content is gone.
func (l *look) style(style []declaration, gone string) string {
	fixed, clipped, flat, away := false, false, false, false
	for _, d := range style {
		v := d.value
		switch d.property {
		case "display":
			switch {
			case v == "none":
				gone = "display"
			case gone == "display" || gone == "hidden":
				gone = ""
			}
		case "visibility":
			l.invisible = v == "hidden" || v == "collapse"
		case "content-visibility":
			if v == "hidden" {
				gone = "visibility"
			}
		case "opacity":
			if n, unit, ok := number(v); ok && (n < 0.05 || unit == "%" && n < 5) {
				gone = "opacity"
			}
		case "font-size":
			if n, unit, ok := number(v); ok {
				small := n == 0 || unit == "px" && n <= 1 || unit == "pt" && n <= 1
				l.tiny = small || l.tiny && (unit == "%" || unit == "em")
			} else {
				l.tiny = l.tiny && (v == "inherit" || v == "smaller" || v == "larger")
			}
		case "font":
			for word := range strings.FieldsSeq(v) {
				size, _, _ := strings.Cut(word, "/")
				if n, unit, ok := number(size); ok && (unit != "" || n == 0) {
					l.tiny = n == 0
				}
			}
		case "color", "-webkit-text-fill-color":
			if c := color(v); c != "" {
				l.color = c
			} else if v != "inherit" {
				l.color = ""
			}
		case "background", "background-color":
			l.back = "?"
			for word := range strings.FieldsSeq(v) {
				if c := color(word); c != "" && c != "none" {
					l.back = c
				} else if word == "none" || word == "transparent" || word == "inherit" {
					l.back = ""
				}
			}
			if strings.Contains(v, "url(") || strings.Contains(v, "gradient") {
				l.back = "?"
			}
		case "position":
			fixed = v == "absolute" || v == "fixed"
		case "left", "right", "top", "bottom", "inset":
			away = away || far(v)
		case "text-indent", "margin-left", "margin-top", "margin":
			if far(v) {
				gone = "place"
			}
		case "transform", "translate", "scale":
			if far(v) || strings.Contains(v, "scale(0)") || d.property == "scale" && v == "0" {
				gone = "place"
			}
		case "clip":
			flat = strings.HasPrefix(v, "rect(0") || strings.HasPrefix(v, "rect(1px")
			if flat {
				gone = "clip"
			}
		case "clip-path":
			if strings.HasPrefix(v, "inset(50%") || strings.HasPrefix(v, "inset(100%") || strings.HasPrefix(v, "circle(0") {
				gone = "clip"
			}
		case "overflow", "overflow-x", "overflow-y":
			clipped = v == "hidden" || v == "clip"
		case "width", "height", "max-width", "max-height":
			if n, _, ok := number(v); ok && n <= 1 && !strings.HasSuffix(v, "em") {
				flat = true
			}
		}
	}
	switch {
	case fixed && away:
		return "place"
	case clipped && flat:
		return "clip"
	}
	return gone
}

// declarations reads the style of an element.
func declarations(style string) []declaration {
	p := css.NewParser(parse.NewInputString(style), true)
	var out []declaration
	for {
		switch kind, _, data := p.Next(); kind {
		case css.ErrorGrammar:
			if p.Err() != nil && !p.HasParseError() {
				return out
			}
		case css.DeclarationGrammar:
			out = append(out, declarationOf(data, p.Values()))
		}
	}
}

func declarationOf(name []byte, values []css.Token) declaration {
	var b strings.Builder
	for _, v := range values {
		switch {
		case v.TokenType == css.CommentToken:
		case v.TokenType == css.WhitespaceToken:
			b.WriteByte(' ')
		default:
			b.WriteString(unescape(v.Data))
		}
	}
	v := strings.ToLower(b.String())
	if i := strings.IndexByte(v, '!'); i >= 0 {
		v = v[:i]
	}
	return declaration{strings.ToLower(unescape(name)), strings.TrimSpace(v)}
}

// unescape returns what a name or value with backslashes means.
func unescape(s []byte) string {
	if bytes.IndexByte(s, '\\') < 0 {
		return string(s)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		n := 0
		for n < 6 && i+1+n < len(s) && strings.IndexByte("0123456789abcdefABCDEF", s[i+1+n]) >= 0 {
			n++
		}
		if n == 0 {
			continue // the next character is itself
		}
		code, _ := strconv.ParseUint(string(s[i+1:i+1+n]), 16, 32)
		b.WriteRune(rune(code))
		if i += n; i+1 < len(s) && (s[i+1] == ' ' || s[i+1] == '\n' || s[i+1] == '\t') {
			i++
		}
	}
	return b.String()
}

// sheetRules reads those rules of a style sheet that are about all elements of a name, a
// class or an id. It ignores the medium.
func sheetRules(sheet string) []rule {
	p := css.NewParser(parse.NewInputString(sheet[:min(len(sheet), maxSheet)]), false)
	var out []rule
	var about []rule // the selectors of the rule at hand
	nested := 0      // at-rules around it
	for len(out) < maxRules {
		kind, _, data := p.Next()
		switch kind {
		case css.ErrorGrammar:
			if !p.HasParseError() {
				return out
			}
		case css.BeginAtRuleGrammar:
			nested++
		case css.EndAtRuleGrammar:
			nested--
		case css.QualifiedRuleGrammar, css.BeginRulesetGrammar:
			for tokens := p.Values(); len(tokens) > 0; {
				n := slices.IndexFunc(tokens, func(t css.Token) bool { return t.TokenType == css.CommaToken })
				if n < 0 {
					n = len(tokens)
				}
				if r, ok := selector(tokens[:n]); ok && nested == 0 && len(about) < maxRules {
					about = append(about, r)
				}
				tokens = tokens[min(n+1, len(tokens)):]
			}
		case css.DeclarationGrammar:
			if len(about) > 0 && len(about[0].style) < 100 {
				d := declarationOf(data, p.Values())
				if !shows[d.property] {
					continue
				}
				for i := range about {
					about[i].style = append(about[i].style, d)
				}
			}
		case css.EndRulesetGrammar:
			if len(about) > 0 && len(about[0].style) > 0 {
				out = append(out, about...)
			}
			about = nil
		}
	}
	return out
}

// selector reads one of a single element.
func selector(tokens []css.Token) (r rule, ok bool) {
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch {
		case t.TokenType == css.WhitespaceToken && (i == 0 || i == len(tokens)-1):
		case t.TokenType == css.IdentToken && r.name == "" && r.id == "" && r.class == "":
			r.name = strings.ToLower(string(t.Data))
		case t.TokenType == css.HashToken && r.id == "":
			r.id = string(t.Data[1:])
		case t.TokenType == css.DelimToken && string(t.Data) == "." && r.class == "" && i+1 < len(tokens) && tokens[i+1].TokenType == css.IdentToken:
			i++
			r.class = string(tokens[i].Data)
		default:
			return r, false
		}
	}
	return r, r.name != "" || r.id != "" || r.class != ""
}
