package ingest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/sentence"
)

func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		architecture, page, "\ufeffDr. Smith. No.\r\n\r\nx", "> - `a\n> b` [c](d \"e\n\") <f\n\n\tg\n", "&#x41;&amp&copy2;<pre>\r\n\r\n a<b>&nbsp;\r</pre>",
		"| a |\n|---|\n| `b\\|` | c |\n", "# a {#b} #\n\n[c]: d\n[c] ![e][c]\n~~~\n\nf", strings.Repeat("word ", 130), "---\ntitle: x\n---\n***a**b*", "東京は。\u3000日本！",
	} {
		for format := range 3 {
			f.Add(s, byte(format), byte(20))
		}
	}
	f.Fuzz(func(t *testing.T, src string, format, maxWords byte) {
		name := "a/b." + [...]string{"txt", "md", "html"}[format%3]
		limit := int(maxWords) + 1
		ps, err := Document(name, []byte(src), Options{Split: Split{Size: limit}})
		if err != nil {
			if !errors.Is(err, ErrNoText) && !errors.Is(err, ErrNotUTF8) {
				t.Fatal(err)
			}
			return
		}
		last := 0
		for i, p := range ps {
			if p.ID != fmt.Sprintf("%s#%d", name, i+1) || p.Source.URI != name || p.Metadata.Check() != nil {
				t.Fatalf("passage %d: %+v", i, p)
			}
			if p.Source.Start < last || p.Source.End <= p.Source.Start || p.Source.End > len(src) {
				t.Fatalf("%s: bytes %d to %d, after %d, of %d", p.ID, p.Source.Start, p.Source.End, last, len(src))
			}
			piece := src[p.Source.Start:p.Source.End]
			if !utf8.ValidString(p.Text) || !utf8.ValidString(piece) {
				t.Fatalf("%s cuts a character: %q", p.ID, piece)
			}
			if strings.TrimRightFunc(p.Text, unicode.IsSpace) != p.Text || strings.TrimSpace(p.Text) == "" {
				t.Fatalf("%s is not trimmed: %q", p.ID, p.Text)
			}
			if n := sentence.Count(p.Text); n > limit {
				t.Fatalf("%s has %d words, limit %d", p.ID, n, limit)
			}
			switch {
			case format%3 == 0:
				if piece != p.Text || strings.TrimSpace(src[last:p.Source.Start]) != "" && !strings.HasPrefix(src[last:], byteOrderMark) {
					t.Fatalf("%s: text %q, source %q after %q", p.ID, p.Text, piece, src[last:p.Source.Start])
				}
			case !strings.Contains(piece, "&") && !isSubsequence(p.Text, piece):
				t.Fatalf("%s: text %q is not in source %q", p.ID, p.Text, piece)
			}
			last = p.Source.End
		}
		if format%3 == 0 && strings.TrimSpace(src[last:]) != "" {
			t.Fatalf("%q is in no passage", src[last:])
		}
	})
}

// isSubsequence reports whether the characters of text but white space stand in
// source in the same order.
func isSubsequence(text, source string) bool {
	for _, r := range text {
		if unicode.IsSpace(r) {
			continue
		}
		i := strings.IndexRune(source, r)
		if i < 0 {
			return false
		}
		source = source[i+utf8.RuneLen(r):]
	}
	return true
}

func BenchmarkDocument(b *testing.B) {
	for _, name := range []string{"a.txt", "a.md", "a.html"} {
		src := []byte(strings.Repeat(page+"\n\n", 50))
		if name != "a.html" {
			src = []byte(strings.Repeat(architecture+"\n\n", 100))
		}
		b.Run(name[2:], func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				if _, err := Document(name, src, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
