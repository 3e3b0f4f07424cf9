package sentence

import (
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"one line":         {"It is short.", "It is short."},
		"wrapped":          {"It was\nwrapped over\nthree lines.", "It was wrapped over three lines."},
		"other ends":       {"It\r\nwas \t\n  wrapped\vor\u2028so.", "It was wrapped or so."},
		"inner space":      {"It  is\twide.", "It  is\twide."},
		"Chinese":          {"今天天气\n很好，\n我们去。", "今天天气很好，我们去。"},
		"Chinese, Latin":   {"使用\nGo 语言\nGo。", "使用 Go 语言 Go。"},
		"Korean":           {"나는 학교에\n갔다.", "나는 학교에 갔다."},
		"hyphen":           {"It is well-\nknown by sight.", "It is well-known by sight."},
		"dash":             {"It is -\nas said - known.", "It is - as said - known."},
		"range":            {"From 1990-\n1995 it was.", "From 1990- 1995 it was."},
		"list item":        {"- one is\n    long", "- one is long"},
		"numbered":         {"1. one is\n   long", "1. one is long"},
		"indented text":    {"    It is wrapped\n    and indented.", "It is wrapped and indented."},
		"first line":       {"    It is wrapped\nand the first is indented.", "It is wrapped and the first is indented."},
		"code":             {"for x {\n\tprint(x)\n}", "for x {\n\tprint(x)\n}"},
		"Python":           {"def f(x):\n    return x", "def f(x):\n    return x"},
		"statements":       {"a = 1;\nb = 2;", "a = 1;\nb = 2;"},
		"fence":            {"```\na\nb\n```", "```\na\nb\n```"},
		"table":            {"| a | b |\n| 1 | 2 |", "| a | b |\n| 1 | 2 |"},
		"mail":             {"> a\n> b", "> a\n> b"},
		"shell":            {"Run\n$ ls\nhere", "Run\n$ ls\nhere"},
		"one semicolon":    {"It was long;\nit was good", "It was long; it was good"},
		"bytes":            {"a\xff\n\xfeb", "a\xff \xfeb"},
		"brace in a word":  {"The set {a,\nb} is", "The set {a, b} is"},
		"soft hyphen ends": {"exam\u00ad\nple", "exam\u00adple"},
	} {
		t.Run(name, func(t *testing.T) {
			spans := Split(c.text)
			if len(spans) != 1 {
				t.Fatalf("%d sentences", len(spans))
			}
			if got := Line(c.text, spans[0]); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A sentence on one line has the same characters except white space, however it was
// wrapped.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"a\nb. C\r\n\r\n- d\n e", "今\n天-\nb", "x {\n y\n}", "\xff\n\u2028\u00a0\n."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		bare := func(s string) string { return strings.Join(strings.Fields(s), "") }
		for _, s := range Split(text) {
			line := Line(text, s)
			if bare(line) != bare(s.Of(text)) {
				t.Fatalf("%q became %q", s.Of(text), line)
			}
			if line != s.Of(text) && strings.ContainsAny(line, lineEnds) {
				t.Fatalf("%q has more than one line", line)
			}
		}
	})
}
