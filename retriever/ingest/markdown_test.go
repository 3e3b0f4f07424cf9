package ingest

import (
	"bytes"
	"context"
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	goldhtml "github.com/yuin/goldmark/renderer/html"
	"pgregory.net/rapid"
)

// sectionsOf reads Markdown and gives "heading > heading: text" for each section,
// blocks apart by "|", code blocks in braces.
func sectionsOf(src string) []string {
	w := newWriter(context.Background(), src)
	readMarkdown(w, 0)
	return describe(w.finish())
}

func describe(d *document) []string {
	var out []string
	for _, s := range d.sections {
		var path, blocks []string
		for h := s.path; h != nil; h = h.above {
			path = append([]string{h.text}, path...)
		}
		for b := range s.blocks() {
			text := s.text[b.start:b.end]
			if b.code {
				text = "{" + text + "}"
			}
			blocks = append(blocks, text)
		}
		out = append(out, strings.Join(path, " > ")+": "+strings.Join(blocks, "|"))
	}
	return out
}

func TestMarkdown(t *testing.T) {
	for name, tc := range map[string]struct {
		src  string
		want []string
	}{
		"headings": {
			"intro\n\n# One #\na\n## Two ##\nb\n### Three {#id}\nc\n## Four\nd\n# Five\n# Six\ne",
			[]string{": intro", "One: a", "One > Two: b", "One > Two > Three: c", "One > Four: d", "Six: e"},
		},
		"underlined headings": {
			"One *two*\n===\na\n\nThree\nfour\n---\nb\n\n---\nc",
			[]string{"One two: a", "One two > Three four: b|c"},
		},
		"no headings":          {"#no\n####### no\n\\# no", []string{": #no ####### no # no"}},
		"wrapped lines":        {"a\n  b  \nc\\\nd\n\ne", []string{": a b\nc\nd|e"}},
		"emphasis":             {"*a* **b** ***c*** _d_ __e__ ~~f~~ a*b*c", []string{": a b c d e f abc"}},
		"no emphasis":          {"2 * 3 * 4, snake_case_name, a * b, \\*c\\*, * d", []string{": 2 * 3 * 4, snake_case_name, a * b, *c*, * d"}},
		"code":                 {"`a*b*` and `` x`y `` and ` ` and `[z](u)` not `closed", []string{": a*b* and x`y and and [z](u) not `closed"}},
		"links":                {"[a](u) [b *c*](<x y> \"t\") [d](u (v) ) [e](f(g)h) ![no](u) [![no](u)](v) <http://h.i> <j@k.l>", []string{": a b c d e http://h.i j@k.l"}},
		"no links":             {"a[i] [b] [c](d e) x < y > z [f](g \"h", []string{": a[i] [b] [c](d e) x < y > z [f](g \"h"}},
		"references":           {"[a][x] [B c][] [b  C] [d][no]\n\n[x]: u\n  [b C]: <v> 'title'\n[no] : w", []string{": a B c b C [d][no]|[no] : w"}},
		"footnotes":            {"a[^1] b[^2]\n\n[^1]: The note.", []string{": a b[^2]|The note."}},
		"entities":             {"&lt;a&gt; &amp;amp; &copy; &#65; &nope; AT&T `&lt;`", []string{": <a> &amp; © A &nope; AT&T &lt;"}},
		"tags":                 {"a <b>c</b> <br/> d<!-- e -->f <x y='>'>g</x>", []string{": a c\ndf g"}},
		"lists":                {"- a\n  b\n- c\n\n  d\n  1. e\n  2. f\n* g\n+ h\n10) i", []string{": a b|c|d|e|f|g|h|i"}},
		"tasks":                {"- [ ] a\n- [x] b\n- [y] c", []string{": a|b|[y] c"}},
		"number in text":       {"born in\n1990. He\n- x", []string{": born in 1990. He|x"}},
		"quotations":           {"> a\n> b\nc\n>\n> > d\n\n> # H\n> e", []string{": a b c|d", "H: e"}},
		"fences":               {"```go\nif a {\n\n\tb\n}\n```\nc\n~~~\n```\n~~~\n- d\n  ```\n  e\n    f\n  ```", []string{": {if a {\n\n\tb\n}}|c|{```}|d|{e\n  f}"}},
		"open fence":           {"```\na\n# b", []string{": {a\n# b}"}},
		"fence and quote":      {"> ```\n> a\nb", []string{": {a}|b"}},
		"indented code":        {"a\n    b\n\n    c\n      d\n\n\te\n\nf\n- g\n\n      h", []string{": a b|{c\n  d\n\ne}|f|g|{h}"}},
		"tables":               {"a\n| b | c |\n|:--|--:|\n| *d* | `e\\|f` |\n| | g | dropped\n\nh | i\n-|-\nj | k\n\n| no |\n|--|--|", []string{": a|b\tc|d\te|f|g|h\ti|j\tk|| no | |--|--|"}},
		"html":                 {"<h1 align=center>T</h1>\n\n<p>a\n**b**</p>\n\n**c**\n<!--\n\n# no\n-->\n<script>\n\nx\n</script>\n<details>\n\nd", []string{"T: a **b**|c|d"}},
		"front matter":         {"---\ntitle: \"The title\"\nx: y\n---\na", []string{": a"}},
		"front matter, more":   {"---\n# a comment\ntags:\n- x\n  y\n\nz: {\n}\n...\na", []string{": a"}},
		"no front matter":      {"---\nA sentence.\n\n---\nb\n", []string{": A sentence.|b"}},
		"rules and a list":     {"---\n- a\n\n---\nb\n", []string{": a|b"}},
		"overlapping emphasis": {"*a **b* c** *d _e* f_ *[g*](u)", []string{": a b c d _e f_ *g*"}},
		"long definitions":     {"[a]:\n  /u\n  'b\n  c'\n[D\ne]: <v w>\n\n[a], [d e]", []string{": a, d e"}},
		"no definitions":       {"[a]: u \"t\" x\n\nb\n[c]: u\n\n```\n[d]: u\n```\n[a] [c] [d]", []string{": [a]: u \"t\" x|b [c]: u|{[d]: u}|[a] [c] [d]"}},
		"long footnotes":       {"a[^N]\n\n[^n]: b\n\n    c\n\n[^o]: d\n\ne[^o]", []string{": a|b|c|d|e"}},
		"no references":        {"&copy=2 &copyright; &#12345678; &#x1234567; &semi;", []string{": &copy=2 &copyright; &#12345678; &#x1234567; ;"}},
		"no tasks":             {"- [x](u)\n- [ ]a", []string{": x|[ ]a"}},
		"braces in headings":   {"# interface{} #\na\n\nb {.c}\n---\nd\n\n# {#e}\nf", []string{"interface{}: a", "interface{} > b: d", "{#e}: f"}},
		"tabs in code":         {"-\ta\n\n\t\t  b\n\n>\t\tc\n\td", []string{": a|{  b}|{  c}|{d}"}},
		"blank lines in code":  {"- ```\n  a\n\n\n  \n\n\n\n    b\n  ```\n\n\n\n\n  c", []string{": {a\n\n\n\n\n\n\n  b}|c"}},
		"quoted html":          {"> <!--\n> a -->\n> <div>b\n> c <i\n> >d</i></div>\n>\n> - <p>e\n>   f</p>\ng", []string{": b c d|e f|g"}},
		"lists in lists":       {"1. a\n   - b\n     > c\n     d\n\n  2. e\n\n    3. f", []string{": a|b|c d|e|{3. f}"}},
		"windows":              {"# A\r\n\r\nb\r\nc\r\n\r\n```\r\nd\r\n```\r\n", []string{"A: b c|{d}"}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, sectionsOf(tc.src)); d != "" {
				t.Errorf("%q (-want +got):\n%s", tc.src, d)
			}
		})
	}
}

// The words that we write must be those of a page that goldmark renders.
func TestMarkdownAgreesWithRendering(t *testing.T) {
	md := goldmark.New(
		goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList),
		goldmark.WithRendererOptions(goldhtml.WithUnsafe()),
	)
	words := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return r
			}
			return -1
		}, s)
	}
	tag := regexp.MustCompile(`(?s)<!--.*?-->|<[^<>]*>`)
	head := regexp.MustCompile(`(?s)<h[1-6][^>]*>.*?</h[1-6]>`)
	token := rapid.SampledFrom([]string{
		"alpha", "beta ", "a_b_c", "2 * 3", " ", "*", "**", "_", "~~", "`x", "``y", "y`", "z``", "[link](http://x.y/z)", "[link](<a b> \"tt\")", "![img](u)",
		"[ref]", "[ref][ref]", "[", "]", "<b>", "</b>", "<br>", "<http://au.to>", "<!-- com -->", "&amp;", "\\*", "\\[", "  \nz", "\nz", "\n  z",
	})
	block := rapid.SampledFrom([]string{
		"", "# ", "## ", "- item ", "- [ ] todo ", "1. one ", "2) two ", "> ", "> > ", "> - item ", "    ", "\tcode", "***\n", "text\n---\n", "text\n===\n",
		"```\n*code*\n\n# code\n```\n", "~~~ x\n`code\n~~~\n", "- x\n\n  ```\n  code\n  ```\n", "| a | b |\n|---|---|\n| c | [d](u) |\n", "<div>\n*a*\n</div>\n",
		"<!-- a\n\n# b -->\n", "- x\n  - y\n    - z\n\n      w\n", "[other]: http://dest 'title'\n",
	})
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for range rapid.IntRange(1, 4).Draw(t, "blocks") {
			b.WriteString(block.Draw(t, "block") + "q")
			for _, tok := range rapid.SliceOfN(token, 0, 6).Draw(t, "tokens") {
				b.WriteString(tok)
			}
			b.WriteString("\n\n")
		}
		src := b.String() + "[ref]: http://dest\n"

		var rendered bytes.Buffer
		if err := md.Convert([]byte(src), &rendered); err != nil {
			t.Fatal(err)
		}
		want := words(html.UnescapeString(tag.ReplaceAllString(head.ReplaceAllString(rendered.String(), ""), "")))
		w := newWriter(context.Background(), src)
		readMarkdown(w, 0)
		var got string
		for _, s := range w.finish().sections {
			got += words(s.text)
		}
		if got != want {
			t.Fatalf("%q:\n got %s\nwant %s", src, got, want)
		}
	})
}

// What is beyond a bound is text, and what comes after it is read as ever.
func TestMarkdownBounds(t *testing.T) {
	repeat := strings.Repeat
	for name, tc := range map[string]struct {
		src  string
		want []string
	}{
		"quotes":      {repeat("> ", maxNesting) + "a\n\n" + repeat(">", maxNesting+2) + "b\n\n> c", []string{": a|>>b|c"}},
		"lists":       {repeat("- ", maxNesting/2) + "a\n\n+ " + repeat("* ", maxNesting/2) + "b", []string{": a|* b"}},
		"footnotes":   {repeat("[^a]: ", maxNesting+1) + "b c d", []string{": : b c d"}},
		"emphasis":    {repeat("*a* ", maxMarks/2) + "*b*\n\n*c*", []string{": " + repeat("a ", maxMarks/2) + "*b*|c"}},
		"links":       {repeat("[a](u) ", maxMarks) + "[b](u)\n\n[c](u)", []string{": " + repeat("a ", maxMarks) + "[b](u)|c"}},
		"destination": {"[a](u) [a](" + repeat("u", 2*maxScan) + " [b](u)\n\n[c](u)", []string{": a [a](" + repeat("u", 2*maxScan) + " [b](u)|c"}},
		"images":      {"a ![b](data:" + repeat("u", 4*maxScan) + ") c", []string{": a|c"}},
		"definitions": {repeat("[a]: u\n", maxDefinitions) + "[b]: u\n" + repeat("[a]: u\n", maxDefinitions) + "c\n\n[b]", []string{": c|b"}},
		"brackets":    {repeat("[a] b\n", maxDefinitions+1), []string{": " + strings.TrimSpace(repeat("[a] b ", maxDefinitions)) + "|[a] b"}},
		"rows":        {"a|b\n-|-\n" + repeat("[c]:|d\n", maxDefinitions-2) + "[e]:|f", []string{": a\tb" + repeat("|[c]:\td", maxDefinitions-2) + "|[e]:\tf"}},
		"empty cells": {repeat("a|", 100) + "\n" + repeat("-|", 100) + "\n" + repeat("b\n", 99) + "b\n\nc", []string{": " + repeat("a|", 100) + " " + repeat("-|", 100) + repeat(" b", 100) + "|c"}},
		"blank lines": {"- a" + repeat("\n", 99) + "  b\n- c" + repeat("\n", 99) + "d", []string{": a|b|c|d"}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, sectionsOf(tc.src)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
	lines := 0
	for r := newSource(t.Context(), []byte("a"+repeat("\n", 99)+"b")); ; r.AdvanceLine() {
		if line, _ := r.PeekLine(); line == nil {
			break
		}
		lines++
	}
	if lines != 2+maxBlank {
		t.Errorf("%d lines with 98 blank ones between, want %d", lines, 2+maxBlank)
	}
}
