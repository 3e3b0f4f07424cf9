package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A long document gives the same result in parts as in one piece.
func TestParts(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	docs := map[string]string{
		"links":      strings.Repeat("A [link][a] and [another] and [no][c] one[^1].\n\n", 50) + "[a]: u\n[another]: <v> 'w'\n\n[^1]: A note.\n",
		"table":      "before\n\n| a | b |\n|---|---|\n" + strings.Repeat("| c d | e `f` |\n", 200) + "\nafter",
		"list":       strings.Repeat("- An item of a list\n  that goes on.\n", 200) + "\nafter",
		"quote":      strings.Repeat("> A quotation of words.\n>\n", 200) + "\nafter",
		"fence":      "before\n\n```\n" + strings.Repeat("if a {\n\n\tb\n}\n", 200) + "```\n\n*after*",
		"comment":    "before\n\n<!-- " + strings.Repeat("no *text*\n\n", 200) + "-->\n\nafter",
		"script":     "before\n\n<script>\n" + strings.Repeat("no *text*\n\n", 200) + "</script>\n\nafter",
		"hidden":     "before\n\n<div hidden>\n\n" + strings.Repeat("no *text*\n\n", 200) + "</div>\n\nafter",
		"headings":   strings.Repeat("# A\ntext\n## B\n- item\n", 100),
		"paragraphs": strings.Repeat("A paragraph of *some* words\nin two lines.\n\n", 100),
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		docs[name] = string(data)
	}
	for name, src := range docs {
		read := func(size int) []string {
			w := newWriter(context.Background(), src)
			readParts(w, 0, size)
			return describe(w.finish())
		}
		want := read(1 << 30)
		for _, size := range []int{3000, 6000} {
			if d := cmp.Diff(want, read(size)); d != "" {
				t.Errorf("%s in parts of %d:\n%s", name, size, d[:min(len(d), 2000)])
			}
		}
	}
}

// Blocks of code are known apart when the text is composed or cut at a distance.
func TestBlocks(t *testing.T) {
	src := "e\u0301\n\n```\na\u0301\n\n\nb\n```\n\nc\n\n    d\n"
	w := newWriter(t.Context(), src)
	readMarkdown(w, 0)
	d := w.finish()
	want := ": é|{á\n\n\nb}|c|{d}"
	d.sections[0].compose()
	if got := describe(d)[0]; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s := &d.sections[0]
	for b := range s.blocks() {
		from, to := s.source(b.start, b.end)
		if got := src[from:to]; !strings.Contains("e\u0301 a\u0301\n\n\nb c d", got) {
			t.Errorf("%q comes from %q", s.text[b.start:b.end], got)
		}
	}
}

// A title has at most 300 characters, and the longest parts are cut first.
func TestLongTitles(t *testing.T) {
	words := func(n int) string { return strings.TrimSpace(strings.Repeat("word ", n)) }
	src := "# " + words(40) + "\n## Short\n### " + words(55) + "\n\ntext\n\n#### " + words(70) + "\n\nmore"
	var notes []Note
	ps, err := Document("a.md", []byte(src), Options{Note: func(n Note) { notes = append(notes, n) }})
	if err != nil {
		t.Fatal(err)
	}
	// The last heading is too long to be one.
	if len(ps) != 1 || !strings.HasSuffix(ps[0].Text, words(70)+"\n\nmore") {
		t.Fatalf("%+v", ps)
	}
	parts := strings.Split(ps[0].Title, " > ")
	if n := len([]rune(ps[0].Title)); n > longestTitle || n < longestTitle-20 || parts[1] != "Short" || !strings.HasSuffix(parts[0], " word…") || !strings.HasSuffix(parts[2], " word…") {
		t.Errorf("%d characters: %q", n, ps[0].Title)
	}
	if got := fmt.Sprint(notes); got != "[a.md: heading: of more than 300 characters, kept as text (1) a.md: title: cut to 300 characters (1)]" {
		t.Error(got)
	}
	for n, want := range map[int]string{1: "…", 2: "a…", 6: "abc…", 8: "abc def"} {
		if got := shortenTo("abc def", n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
