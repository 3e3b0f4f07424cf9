// Package hostile makes documents that take far more memory than they have bytes, if the
// reader of their format lets them.
package hostile

import (
	"fmt"
	"strings"
)

// Document is one, of a kind.
type Document struct {
	Name string // ends in the kind and its format
	Data []byte
}

// Documents returns one of each kind, of about so many bytes.
func Documents(size int) []Document {
	var out []Document
	add := func(name, data string) { out = append(out, Document{name, []byte(data)}) }
	fill := func(name, head, unit, tail string) {
		add(name, head+strings.Repeat(unit, max(1, (size-len(head)-len(tail))/len(unit)))+tail)
	}
	each := func(name, head string, unit func(i int) string) {
		var b strings.Builder
		b.WriteString(head)
		for i := 0; b.Len() < size; i++ {
			b.WriteString(unit(i))
		}
		add(name, b.String())
	}
	long := strings.TrimSpace(strings.Repeat("word ", 190))
	var six strings.Builder
	for i := range 6 {
		fmt.Fprintf(&six, "%s %s\n\n", strings.Repeat("#", i+1), long)
	}
	fill("titles.md", six.String(), "A sentence of some words. ", "")
	fill("sections.md", "", "# a\nb\n", "")
	fill("deep sections.md", six.String(), "###### a\nb\n", "")
	fill("lists.md", "", "- ", "x")
	fill("quotes.md", "", "> ", "x")
	fill("items.md", "", "- a\n", "")
	fill("emphasis.md", "", "*a* ", "")
	fill("spans.md", "", "`a`", "")
	fill("brackets.md", "", "[", "x")
	fill("links.md", "", "[a](b)", "")
	fill("escapes.md", "", `\*a`, "")
	fill("references.md", "", "&lt;", "")
	fill("spaces.md", "", "a  ", "")
	fill("lines.md", "", "a\n", "")
	fill("paragraphs.md", "", "a\n\n", "")
	fill("table.md", "|a|b|\n|-|-|\n", "|c|d|\n", "")
	fill("wide table.md", "a|\n-|\n", "b|", "")
	fill("cells.md", "", "|a\n|-\n|b\n\n", "")
	fill("code.md", "", "    a\n\nb\n\n", "")
	fill("fence.md", "```\n", "a\n", "```\n")
	fill("tags.md", "", "<b>", "x")
	fill("tag attributes.md", "", "<b a=b>", "x")
	fill("comments.md", "", "<!---->", "x")
	each("definitions.md", "", func(i int) string { return fmt.Sprintf("[%d]: b\n", i) })
	each("footnotes.md", "", func(i int) string { return fmt.Sprintf("[^%d]: b\n\n[^%d] ", i, i) })
	each("front matter.md", "---\n", func(i int) string {
		if i == 3000 {
			return "---\n"
		}
		return map[bool]string{true: fmt.Sprintf("k%d: v\n", i), false: "A sentence of some words. "}[i < 3000]
	})
	fill("sections.html", "", "<h1>a</h1>b", "")
	fill("paragraphs.html", "", "a<p>", "x")
	fill("tags.html", "", "<b>", "x")
	fill("closed tags.html", "", "<i></p>", "x")
	fill("attributes.html", "<p ", "a=b ", ">x")
	fill("cells.html", "<table>", "<td>a", "")
	fill("references.html", "", "&lt", "")
	fill("spaces.html", "", "a  ", "")
	fill("text.html", "", "A sentence of some words. ", "")
	fill("word.html", "", "a", "")
	fill("styles.html", "<style>", ".a{display:none}", "</style>x")
	fill("style attributes.html", "", "<i style='color:red'>", "x")
	fill("scripts.html", "", "2<sup>3</sup>", "")
	fill("comment.html", "<!--", "x", "-->x")
	fill("script.html", "<script>", "x", "</script>x")
	fill("words.txt", "", "a ", "")
	fill("sentences.txt", "", "A b. ", "")
	fill("lines.txt", "", "Some words that go\r\non ", "")
	fill("paragraphs.txt", "", "a\n\n", "")
	fill("word.txt", "", "a", "")
	fill("latin.txt", "", "a\xe9", "")
	add("wide.txt", "\xff\xfe"+strings.Repeat("a\x00 \x00", size/4))
	fill("records.jsonl", "", `{"text":"a"}`+"\n", "")
	fill("escapes.jsonl", `{"text":"`, `\n`, `a"}`)
	fill("text.jsonl", `{"text":"`, "A b. ", `a"}`)
	each("fields.jsonl", `{"text":"a"`, func(i int) string { return fmt.Sprintf(`,"%d":1`, i) })
	out[len(out)-1].Data = append(out[len(out)-1].Data, '}')
	each("different fields.jsonl", "", func(i int) string { return fmt.Sprintf(`{"text":"a","%d":1}`+"\n", i) })
	fill("nested.jsonl", `{"text":"a","b":`, "[", "")
	fill("values.jsonl", `{"text":"a","b":[""`, `,""`, "]}")
	columns := strings.Repeat(",x", 1000)
	var head strings.Builder
	head.WriteString("text")
	for i := range 1000 {
		fmt.Fprintf(&head, ",c%d", i)
	}
	fill("columns.csv", head.String()+"\n", "a"+columns+"\n", "")
	fill("names.csv", "text", ",a", "\na\n")
	fill("fields.csv", "text,id\n", "a,", "\n")
	fill("rows.csv", "text\n", "a\n", "")
	fill("quotes.csv", "text\n\"", `""`, "\"\n")
	fill("open quote.csv", "text\n\"", "a\n", "")
	fill("bad rows.csv", "text,id\n", "a\n", "")
	return out
}
