package ingest

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis"
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
			if !errors.Is(err, ErrNoText) && !errors.Is(err, ErrNotUTF8) && !errors.Is(err, ErrBinary) {
				t.Fatal(err)
			}
			return
		}
		if !utf8.ValidString(src) || strings.Contains(src, "\x1b") || strings.Contains(src, "\x00") {
			return // it was converted, maybe; see FuzzEncoding
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
			if n := analysis.Count(p.Text); n > limit {
				t.Fatalf("%s has %d words, limit %d", p.ID, n, limit)
			}
			switch {
			case format%3 == 0:
				if !unwrapped(p.Text, piece) || strings.TrimSpace(src[last:p.Source.Start]) != "" && !strings.HasPrefix(src[last:], byteOrderMark) {
					t.Fatalf("%s: text %q, source %q after %q", p.ID, p.Text, piece, src[last:p.Source.Start])
				}
			case !strings.Contains(piece, "&") && !isSubsequence(scripts.ReplaceAllString(p.Text, ""), piece):
				t.Fatalf("%s: text %q is not in source %q", p.ID, p.Text, piece)
			}
			last = p.Source.End
		}
		if format%3 == 0 && strings.TrimSpace(src[last:]) != "" {
			t.Fatalf("%q is in no passage", src[last:])
		}
	})
}

// Each piece of text is that of the bytes it points to, or what a reference or a
// backslash there means, or white space.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{
		architecture, "> - `a\n> b` [c](d \"e\n\") <f\n\n\tg\n", "| a |\n|---|\n| `b\\|` | c |\n", "# a {#b} #\n\n[c]: d\n[c] ![e][c]\n~~~\n\nf", "---\ntitle: x\n---\n***a**b*",
		">\t\t<div>\n> a &lt;\n> b</div>\n-\t\tc\r\n\r\n\t d", "a[^b]\n\n[^b]: <http://c>\n\n\td\n- [x] ~~e~~\\\nf\n===\n", "- ```\n  a\n\n\n\n\n  b\n```\n<!--\n\n\n\n-->c",
		"|a||\"\n-|--|-\n|\"|\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if !utf8.ValidString(src) {
			return
		}
		w := newWriter(t.Context(), src)
		readMarkdown(w, 0)
		from := func(text, piece string) bool {
			if len(text) != len(piece) {
				return strings.TrimSpace(text) == "" || piece == "\\"+text || strings.HasPrefix(piece, "&") ||
					scripts.MatchString(text) && strings.HasPrefix(piece, "<")
			}
			for i := range len(text) {
				if text[i] != piece[i] && !strings.Contains(" \t\n", text[i:i+1]) {
					return false
				}
			}
			return true
		}
		last := 0
		for _, s := range w.finish().sections {
			at := 0
			for r := range s.runs.all() {
				if r.at != at || r.src < last || r.end < r.src || r.end > len(src) {
					t.Fatalf("%+v at %d after %d of %q", r, at, last, src)
				}
				if text, piece := s.text[r.at:r.at+r.n], src[r.src:r.end]; !from(text, piece) {
					t.Fatalf("%q comes from %q of %q", text, piece, src)
				}
				at, last = at+r.n, r.end
			}
			if at != len(s.text) {
				t.Fatalf("%d of %d bytes come from %q", at, len(s.text), src)
			}
		}
	})
}

// scripts matches what replaces the tags of superscripts and subscripts.
var scripts = regexp.MustCompile(`[_^()]`)

// unwrapped reports whether text is source but for line breaks, for which it has a space
// or nothing.
func unwrapped(text, source string) bool {
	for source != "" {
		r, n := utf8.DecodeRuneInString(source)
		if q, k := utf8.DecodeRuneInString(text); text != "" && q == r && k == n {
			text, source = text[k:], source[n:]
			continue
		}
		rest := strings.TrimLeftFunc(source, unicode.IsSpace)
		if !strings.Contains(source[:len(source)-len(rest)], "\n") {
			return false
		}
		text, source = strings.TrimPrefix(text, " "), rest
	}
	return text == ""
}

// isSubsequence reports whether the characters of text but white space occur in
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

// The growth is that of the time from 128 KiB to 1 MiB in relation to the length: near
// 1 if it is linear, 8 if it is quadratic.
func BenchmarkMarkdownGrowth(b *testing.B) {
	for _, unit := range []string{"The *quick* [fox](u) `jumps`.\n\n", ">", "- ", "[", "[a](b", "*a_ ", "[a]: b\n", "[^a]: b\n\n[^a] ", "a|\n-|\n"} {
		b.Run(fmt.Sprintf("%q", unit), func(b *testing.B) {
			const small, large = 1 << 17, 1 << 20
			took := map[int]time.Duration{}
			for b.Loop() {
				for _, size := range []int{small, large} {
					w := newWriter(b.Context(), strings.Repeat(unit, size/len(unit)))
					start := time.Now()
					readMarkdown(w, 0)
					took[size] += time.Since(start)
				}
			}
			b.ReportMetric(took[large].Seconds()/took[small].Seconds()*small/large, "growth")
		})
	}
}
