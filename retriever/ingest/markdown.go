package ingest

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
)

// markdown writes the text of a part of a document that goldmark has parsed.
type markdown struct {
	w     *writer
	src   []byte // of the part
	delta int    // its offset in the original, less what was put before it
	head  int    // how much was put before it
	html  *htmlReader
}

// readMarkdown takes the original from offset body on as Markdown.
func readMarkdown(w *writer, body int) { readParts(w, body, maxPart) }

// readParts is readMarkdown in parts of a size.
func readParts(w *writer, body, size int) {
	at := w.frontMatter(body)
	r := newHTMLReader(w)
	r.sheet = true // what color it is on is not known
	parts, labels := partsOf(w.ctx, w.src, at, size)
	for _, p := range parts {
		if w.ctx.Err() != nil {
			return
		}
		switch p.kind {
		case partCode:
			if r.shown(p.start, p.end) {
				w.code(p.start, p.end)
				w.end(true)
			}
		case partHTML:
			r.read(w.src[p.start:p.end], p.start)
			w.end(r.pre > 0)
		default:
			src := []byte(p.before + w.src[p.start:p.end])
			m := markdown{w: w, src: src, delta: p.start - len(p.before), head: len(p.before), html: r}
			pc := parser.NewContext()
			pc.Set(stateKey, &state{ctx: w.ctx, notes: labels.notes})
			m.blocks(markdownParser.Parse(newSource(w.ctx, src), parser.WithContext(&references{pc, labels.links})))
		}
	}
}

// references is the context of a part, with the link definitions of others.
type references struct {
	parser.Context
	elsewhere map[string]bool
}

// Reference implements [parser.Context].
func (r *references) Reference(label string) (parser.Reference, bool) {
	if ref, ok := r.Context.Reference(label); ok {
		return ref, true
	}
	if r.elsewhere[label] {
		return parser.NewReference([]byte(label), []byte("#"), nil), true
	}
	return nil, false
}

func (m *markdown) blocks(parent ast.Node) {
	for n := parent.FirstChild(); n != nil && m.w.ctx.Err() == nil; n = n.NextSibling() {
		if _, ok := n.(*ast.HTMLBlock); ok {
			m.block(n)
			continue
		}
		// What was opened in a block ends with it.
		open := len(m.html.stack)
		m.block(n)
		m.html.pop(open)
	}
}

func (m *markdown) block(n ast.Node) {
	switch n := n.(type) {
	case *ast.Heading:
		m.w.heading(n.Level)
		m.inlines(n, false)
		m.w.dropAttributes()
		m.w.end(false)
	case *ast.Paragraph, *ast.TextBlock:
		m.inlines(n, false)
		m.w.end(false)
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		m.code(n)
	case *ast.HTMLBlock:
		m.htmlBlock(n)
	case *extast.TableHeader, *extast.TableRow:
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			if lines := c.Lines(); lines.Len() > 0 { // else the row has too few cells
				if lines.At(0).Start < m.head {
					return // the head of a table that began in another part
				}
				m.inlines(c, true)
				m.w.cell(lines.At(0).Stop + m.delta)
			}
		}
		m.w.end(false)
	case *ast.LinkReferenceDefinition:
	default:
		m.blocks(n)
	}
}

func (m *markdown) code(n ast.Node) {
	lines := n.Lines()
	if lines.Len() == 0 || !m.html.shown(lines.At(0).Start+m.delta, lines.At(lines.Len()-1).Stop+m.delta) {
		return
	}
	for i := range lines.Len() {
		l := lines.At(i)
		if i > 0 { // blank lines that source passed over
			for k := lines.At(i - 1).Stop; k < l.Start; k++ {
				if m.src[k] == '\n' {
					m.w.code(k+m.delta, k+1+m.delta)
				}
			}
		}
		// What is left of a tab that is in part indentation of the block.
		if l.Padding > 0 && len(bytes.TrimSpace(m.src[l.Start:l.Stop])) > 0 {
			m.w.appendText(strings.Repeat(" ", l.Padding), l.Start+m.delta, l.Start+m.delta)
		}
		m.w.code(l.Start+m.delta, l.Stop+m.delta)
	}
	m.w.end(true)
}

func (m *markdown) htmlBlock(n *ast.HTMLBlock) {
	lines := n.Lines().Sliced(0, n.Lines().Len())
	if n.HasClosure() {
		lines = append(lines[:len(lines):len(lines)], n.ClosureLine)
	}
	// Between the lines of a block are the marks of the quotation around it.
	start, end := lines[0].Start, lines[len(lines)-1].Stop
	text := bytes.Clone(m.src[start:end])
	r := m.html
	for i, l := range lines[1:] {
		if gap := (TextRange{lines[i].Stop, l.Start}); len(bytes.TrimSpace(m.src[gap.Start:gap.End])) > 0 {
			r.gaps = append(r.gaps, TextRange{gap.Start + m.delta, gap.End + m.delta})
			for k := gap.Start; k < gap.End; k++ {
				text[k-start] = ' '
			}
		}
	}
	r.read(string(text), start+m.delta)
	r.gaps = nil
	m.w.end(r.pre > 0)
}

// inlines writes the text of a block, or of a part of it. In the cell of a table
// code has a backslash before each "|".
func (m *markdown) inlines(parent ast.Node, cell bool) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Text:
			m.text(n, cell)
		case *ast.AutoLink:
			from := n.Pos() + len("<")
			to := from + len(n.Label(m.src))
			if m.html.shown(from+m.delta, to+m.delta) {
				m.w.prose(from+m.delta, to+m.delta)
			}
		case *ast.RawHTML:
			m.tag(n)
		case *ast.Image, *extast.FootnoteLink, *extast.TaskCheckBox:
		default:
			m.inlines(n, cell)
		}
	}
}

func (m *markdown) text(n *ast.Text, cell bool) {
	from, to := n.Segment.Start, n.Segment.Stop
	if m.html.shown(from+m.delta, to+m.delta) {
		if !n.IsRaw() {
			m.w.escaped(from+m.delta, to+m.delta, true)
		} else {
			for cell {
				k := bytes.Index(m.src[from:to], []byte(`\|`))
				if k < 0 {
					break
				}
				m.w.prose(from+m.delta, from+k+m.delta)
				m.w.appendText("|", from+k+m.delta, from+k+2+m.delta)
				from += k + 2
			}
			m.w.prose(from+m.delta, to+m.delta)
		}
	}
	switch {
	case n.HardLineBreak():
		m.w.line(to+m.delta, to+m.delta)
	case n.SoftLineBreak():
		m.w.wrap(to+m.delta, to+m.delta)
	}
}

// plainTag is a tag that changes nothing about the text after it.
var plainTag = regexp.MustCompile(`^<(?:a|b|i|u|s|em|strong|code|kbd|span|font|small|big|mark|ins|del|abbr|cite|q|tt|var|samp|img|wbr)>$`)

// tag takes a tag within a paragraph.
func (m *markdown) tag(n *ast.RawHTML) {
	if n.Segments.Len() == 0 {
		return
	}
	start, end := n.Segments.At(0).Start, n.Segments.At(n.Segments.Len()-1).Stop
	tag := m.src[start:end]
	if plainTag.Match(tag) {
		return
	}
	if name, ok := bytes.CutPrefix(tag, []byte("</")); ok {
		name = bytes.ToLower(bytes.TrimRight(name, "> \t\n"))
		if m.html.open[string(name)] == 0 {
			return
		}
	}
	m.html.read(string(tag), start+m.delta)
}

// attributes is what some dialects put at the end of a heading.
var attributes = regexp.MustCompile(`\s*\{[#.][^{}]*\}$`)

func (w *writer) dropAttributes() {
	if w.start < 0 || len(w.text)-w.start > longestTitle*utf8.UTFMax {
		return
	}
	if at := attributes.FindIndex(w.text[w.start:]); at != nil && at[0] > 0 {
		w.truncate(w.start + at[0])
	}
}
