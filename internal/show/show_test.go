package show

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rivo/uniseg"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Text of documents cannot move the cursor, change colors or turn the direction of the
// text after it, and is else unchanged.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\nünd 日本 🙂":                       "plain\ttext\nünd 日本 🙂",
		"\x1b[31mred\x1b[0m \x07\r\u009b2J\x7f":       "[31mred[0m 2J",
		"a\xffb":                                      "a\ufffdb",
		"user\u202egnp.exe\u2066\u200f, \u061cx":      "usergnp.exe, x",
		"zero\u200dwidth joiners join emoji 👩\u200d🚀": "zero\u200dwidth joiners join emoji 👩\u200d🚀",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{" a \n b\x1b ", 10, "a b"}, {"abcdef", 6, "abcdef"}, {"abcdef", 5, "abcd…"}, {"", 3, ""},
		{"日本語です", 10, "日本語です"}, {"日本語です", 9, "日本語で…"}, {"日本語です", 8, "日本語…"}, {"👩\u200d🚀👩\u200d🚀", 3, "👩\u200d🚀…"},
	} {
		if got := Shorten(c.in, c.n); got != c.want {
			t.Errorf("%q in %d columns is %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for name, c := range map[string]struct {
		text          string
		width, indent int
		want          string
	}{
		"fits":            {"one two", 10, 0, "one two"},
		"breaks":          {"one two three", 8, 0, "one two\nthree"},
		"indents":         {"[1] one two three", 9, 4, "[1] one\n    two\n    three"},
		"exactly":         {"1234 678", 8, 0, "1234 678"},
		"keeps lines":     {"one\n\ntwo  \n", 8, 2, "one\n  \n  two"},
		"long word":       {"see https://example.org/abc", 10, 0, "see\nhttps://\nexample.or\ng/abc"},
		"no blanks":       {"要停止机器，请按下红色按钮 [1]。", 12, 0, "要停止机器，\n请按下红色按\n钮 [1]。"},
		"of all widths":   {"日本語 and 日本語", 10, 0, "日本語 and\n日本語"},
		"narrower":        {"日本", 1, 0, "日\n本"},
		"controls":        {"\x1b[2Jx", 10, 0, "[2Jx"},
		"without a break": {"สวัสดีครับผมชื่อ", 6, 0, "สวัสดีครั\nบผมชื่อ"},
		"nothing":         {"", 5, 0, ""},
	} {
		if got := Wrap(c.text, c.width, c.indent); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// No text makes a line wider than the terminal.
func FuzzWrap(f *testing.F) {
	f.Add("A sentence of words [1], and 日本語テキスト with emoji 👩\u200d🚀.\nNew line", 20, 4)
	f.Fuzz(func(t *testing.T, text string, width, indent int) {
		width, indent = 10+min(max(width, 0), 100), min(max(indent, 0), 5)
		got := Wrap(text, width, indent)
		for _, line := range strings.Split(got, "\n") {
			if n := uniseg.StringWidth(line); n > width {
				t.Errorf("%q has %d columns of %d", line, n, width)
			}
		}
		fold := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if fold(got) != fold(Clean(text)) {
			t.Errorf("%q became %q", text, got)
		}
	})
}

// What is printed says what was judged, and of what.
func TestAnswer(t *testing.T) {
	full, useful := [3]float64{1, 0, 0}, [5]float64{0, 0, 0, 0, 1}
	answer := func(quotes bool, support [3]float64, options ...selfrag.Option) *selfrag.Answer {
		t.Helper()
		m := &generatortest.Script{
			Rules: []generatortest.Rule{
				{When: generatortest.Shows("tower"), Steps: generatortest.Segment(0.9, "The tower is tall.", support, useful)},
				{When: generatortest.Shows("lamp"), Steps: generatortest.Segment(0.2, "It has a lamp.", full, useful)},
			},
			Capabilities: generator.Capabilities{Model: "m", Level: 1, LogProbs: true, Quotes: quotes},
		}
		e, err := selfrag.New(m, retriever.List(retriever.Passage{ID: "a", Text: "The tower."}, retriever.Passage{ID: "b", Title: "Lamps", Text: "A lamp."}),
			append(options, selfrag.WithMode(selfrag.Always))...)
		if err != nil {
			t.Fatal(err)
		}
		a, err := e.Answer(t.Context(), "What is the tower?")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for name, c := range map[string]struct {
		answer *selfrag.Answer
		want   string
	}{
		"quotes": {answer(true, full),
			"The tower is tall [1].\n\n[1] a\n\njudged by the model:\n     IsREL  IsSUP   IsUSE\n[1]  0.90   quoted  1.00\n"},
		"writes": {answer(false, full),
			"The tower is tall [1].\n\n[1] a\n\njudged by the model:\n     IsREL  IsSUP  IsUSE\n[1]  0.90   yes    1.00\n"},
		"in part": {answer(true, [3]float64{0.2, 0.8, 0}),
			"The tower is tall [1].\n\n[1] a\n\njudged by the model:\n     IsREL  IsSUP   IsUSE\n[1]  0.90   partly  1.00\n"},
		"abstains": {answer(true, full, selfrag.WithAbstention(0.95, "")),
			"The documents do not answer this question.\n(abstained: no passage is relevant enough: the best has an IsREL of 0.90, and\n 0.95 is wanted)\n"},
	} {
		var b bytes.Buffer
		if Answer(&b, c.answer, 80); b.String() != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, b.String(), c.want)
		}
	}
	var b bytes.Buffer
	Details(&b, answer(true, full), 60)
	want := `decision 1: retrieval (mode always)
     IsREL  IsSUP  IsUSE  seq   score          passage  text
> 1  0.90   1.00   1.00   `
	if !strings.HasPrefix(b.String(), want) || !strings.Contains(b.String(), "pruned  Lamps    It has ") {
		t.Errorf("%s", b.String())
	}
}
