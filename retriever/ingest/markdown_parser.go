package ingest

import (
	"bytes"
	"context"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Bounds on the parsed structure; everything beyond them is text. Without them the time and
// memory of goldmark grow with the square of the length of a document: 40,000 bytes of "- "
// take 2 seconds, a table of 20,000 bytes with many columns and short rows takes 8.
const (
	maxNesting     = 32      // block quotes, lists, list items and footnotes around a block
	maxMarks       = 2000    // brackets and runs of marks of emphasis in a paragraph or cell
	maxScan        = 1 << 16 // bytes of a paragraph that are read in vain for destinations of links
	maxDefinitions = 1000    // lines of a paragraph before link definitions begin another
	maxBlank       = 2       // blank lines in a row; further ones make no difference
	maxEmpty       = 4       // cells of a table for each byte
)

// markdownParser parses CommonMark with GitHub's tables, strikethrough and task
// lists, and footnotes, which stay where they are defined.
var markdownParser = parser.NewParser(
	parser.WithBlockParsers(
		util.Prioritized(parser.NewSetextHeadingParser(), 100),
		util.Prioritized(parser.NewThematicBreakParser(), 200),
		util.Prioritized(container{parser.NewListParser()}, 300),
		util.Prioritized(container{parser.NewListItemParser()}, 400),
		util.Prioritized(parser.NewCodeBlockParser(), 500),
		util.Prioritized(parser.NewATXHeadingParser(), 600),
		util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
		util.Prioritized(container{parser.NewBlockquoteParser()}, 800),
		util.Prioritized(parser.NewHTMLBlockParser(), 900),
		util.Prioritized(footnote{container{extension.NewFootnoteBlockParser()}}, 950),
		util.Prioritized(paragraph{parser.NewParagraphParser()}, 1000),
	),
	parser.WithInlineParsers(
		util.Prioritized(checkBox{extension.NewTaskCheckBoxParser()}, 0),
		util.Prioritized(code{parser.NewCodeSpanParser()}, 100),
		util.Prioritized(footnoteMark{}, 150),
		util.Prioritized(link{marks{parser.NewLinkParser()}}, 200),
		util.Prioritized(parser.NewAutoLinkParser(), 300),
		util.Prioritized(parser.NewRawHTMLParser(), 400),
		util.Prioritized(marks{parser.NewEmphasisParser()}, 500),
		util.Prioritized(marks{extension.NewStrikethroughParser()}, 500),
	),
	parser.WithParagraphTransformers(
		util.Prioritized(parser.LinkReferenceParagraphTransformer, 100),
		util.Prioritized(table{extension.NewTableParagraphTransformer()}, 200),
	),
)

// state belongs to one document.
type state struct {
	ctx   context.Context
	notes map[string]bool // the labels of footnotes

	// Of the paragraph or cell that is being parsed:
	marks int
	scan  int         // see maxScan
	space int         // the offset of a white space that no other comes before
	ticks map[int]int // the offset of the last run of backquotes of each length
}

var stateKey = parser.NewContextKey()

func stateOf(pc parser.Context) *state { return pc.Get(stateKey).(*state) }

// source reads lines until the context is done.
type source struct {
	text.Reader
	ctx   context.Context
	blank int // blank lines up to here
}

func newSource(ctx context.Context, src []byte) *source {
	return &source{Reader: text.NewReader(src), ctx: ctx}
}

// AdvanceLine passes over blank lines when there are too many.
func (s *source) AdvanceLine() {
	s.Reader.AdvanceLine()
	number, _ := s.Position()
	for {
		line, _ := s.PeekLine()
		if line == nil || !util.IsBlank(line) {
			s.blank = 0
			break
		}
		if s.blank++; s.blank <= maxBlank {
			break
		}
		s.Reader.AdvanceLine()
	}
	_, at := s.Position()
	if s.ctx.Err() != nil {
		at = text.NewSegment(len(s.Source()), len(s.Source()))
	}
	s.SetPosition(number, at)
}

// container is a block that holds other blocks.
type container struct{ parser.BlockParser }

func (c container) Open(parent ast.Node, r text.Reader, pc parser.Context) (ast.Node, parser.State) {
	depth := 0
	for n := parent; n != nil; n = n.Parent() {
		if depth++; depth > maxNesting {
			return nil, parser.NoChildren
		}
	}
	return c.BlockParser.Open(parent, r, pc)
}

// footnote is the definition of one. Unlike that of goldmark it stays in its place.
type footnote struct{ container }

func (footnote) Close(n ast.Node, r text.Reader, pc parser.Context) {
	stateOf(pc).notes[util.ToLinkReference(n.(*extast.Footnote).Ref)] = true
}

// footnoteMark is a reference to a footnote.
type footnoteMark struct{}

func (footnoteMark) Trigger() []byte { return []byte{'['} }

func (footnoteMark) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	line, _ := block.PeekLine()
	if !bytes.HasPrefix(line, []byte("[^")) {
		return nil
	}
	n := bytes.IndexByte(line[:min(len(line), 1000)], ']')
	if n < 0 || !stateOf(pc).notes[util.ToLinkReference(line[len("[^"):n])] {
		return nil
	}
	block.Advance(n + 1)
	return extast.NewFootnoteLink(0)
}

// checkBox begins a task: white space must follow it.
type checkBox struct{ parser.InlineParser }

func (c checkBox) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	line, _ := block.PeekLine()
	if len(line) < len("[x] ") || !util.IsSpace(line[3]) {
		return nil
	}
	return c.InlineParser.Parse(parent, block, pc)
}

// paragraph ends before a link definition if it may begin with many.
type paragraph struct{ parser.BlockParser }

func (paragraph) CanInterruptParagraph() bool { return true }

func (p paragraph) Open(parent ast.Node, r text.Reader, pc parser.Context) (ast.Node, parser.State) {
	if last := pc.LastOpenedBlock().Node; last != nil && ast.IsParagraph(last) {
		if last.Lines().Len() < maxDefinitions {
			return nil, parser.NoChildren
		}
		first := last.Lines().At(0)
		if line, _ := r.PeekLine(); !isDefinition(r.Source()[first.Start:first.Stop]) || !isDefinition(line) {
			return nil, parser.NoChildren
		}
	}
	return p.BlockParser.Open(parent, r, pc)
}

// isDefinition reports whether a line may begin a link definition.
func isDefinition(line []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("[")) }

// table is none if its head has too few cells, or if far too many are missing below.
type table struct{ parser.ParagraphTransformer }

func (t table) Transform(n *ast.Paragraph, r text.Reader, pc parser.Context) {
	size, most, before, head := 0, 0, 0, true
	for i := range n.Lines().Len() {
		l := n.Lines().At(i)
		row := bytes.TrimSpace(r.Source()[l.Start:l.Stop])
		cells := 1 + bytes.Count(bytes.Trim(row, "|"), []byte("|")) - bytes.Count(row, []byte(`\|`))
		if head && i > 0 && len(bytes.Trim(row, "|:- \t")) == 0 {
			head = false
			if before < cells {
				return
			}
		}
		size, most, before = size+len(row), max(most, cells), cells
	}
	if most*n.Lines().Len() <= maxEmpty*size {
		t.ParagraphTransformer.Transform(n, r, pc)
	}
}

// marks are those of emphasis and links.
type marks struct{ parser.InlineParser }

func (m marks) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	if block.Peek() != ']' {
		s := stateOf(pc)
		if s.marks++; s.marks > maxMarks {
			return nil
		}
	}
	return m.InlineParser.Parse(parent, block, pc)
}

// CloseBlock is called at the end of each paragraph and cell.
func (m marks) CloseBlock(parent ast.Node, block text.Reader, pc parser.Context) {
	if c, ok := m.InlineParser.(parser.CloseBlocker); ok {
		c.CloseBlock(parent, block, pc)
	}
	s := stateOf(pc)
	s.marks, s.scan, s.space, s.ticks = 0, 0, 0, nil
	if s.ctx.Err() != nil {
		// Nothing comes after parent, so that parsing ends.
		for n := parent; n != nil; n = n.Parent() {
			n.SetNextSibling(nil)
		}
	}
}

// link bounds the search for the end of destinations.
type link struct{ marks }

func (l link) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	line, at := block.PeekLine()
	s := stateOf(pc)
	search := bytes.HasPrefix(line, []byte("]("))
	if search && s.scan > maxScan {
		return nil
	}
	n := l.marks.Parse(parent, block, pc)
	if search && n == nil {
		if at.Start >= s.space {
			s.space = at.Stop
			if k := bytes.IndexAny(line, " \t\n"); k >= 0 {
				s.space = at.Start + k
			}
		}
		s.scan += s.space - at.Start
	}
	return n
}

// code looks for the end of code only where there is one.
type code struct{ parser.InlineParser }

func (c code) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	s := stateOf(pc)
	if s.ticks == nil {
		s.ticks = lastRuns(block)
	}
	line, at := block.PeekLine()
	n := runLength(line)
	if s.ticks[n] <= at.Start {
		block.Advance(n)
		return ast.NewTextSegment(at.WithStop(at.Start + n))
	}
	return c.InlineParser.Parse(parent, block, pc)
}

// lastRuns returns the offset of the last run of backquotes of each length.
func lastRuns(block text.Reader) map[int]int {
	runs := map[int]int{}
	number, start := block.Position()
	for {
		line, at := block.PeekLine()
		if line == nil {
			block.SetPosition(number, start)
			return runs
		}
		for i := 0; i < len(line); i++ {
			if n := runLength(line[i:]); n > 0 {
				runs[n] = at.Start + i
				i += n
			}
		}
		block.AdvanceLine()
	}
}

func runLength(line []byte) int { return len(line) - len(bytes.TrimLeft(line, "`")) }
