package show

import (
	"strings"
	"testing"
)

// Text of documents cannot move the cursor, change colours or turn the direction of what
// stands behind it, and is else left as it is.
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
	}{{" a \n b\x1b ", 10, "a b"}, {"日本語です", 5, "日本語です"}, {"日本語です", 4, "日本語…"}, {"", 3, ""}} {
		if got := Shorten(c.in, c.n); got != c.want {
			t.Errorf("%q in %d characters is %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func TestProgress(t *testing.T) {
	var b strings.Builder
	done := Progress(&b, "a\x1bb", 600)
	for i := range 600 {
		done(i + 1)
	}
	if got, want := b.String(), "ab: 250 of 600\nab: 500 of 600\nab: 600 of 600\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
