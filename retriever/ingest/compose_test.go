package ingest

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestNFC(t *testing.T) {
	// e and an accent, Hangul in three parts, a singleton; in markup too.
	src := "# Cafe\u0301\n\nThe cafe\u0301 *i*s here. \u1112\u1161\u11ab is Korean.\n\nA &Aring;\u0301 and 5 \u212b.\n\n\u0301x"
	for _, o := range []Options{{NFC: true, Split: Split{Size: 4}}, {NFC: true, Split: Split{Unit: Sentences, Size: 1, Whole: WholeBlocks}}} {
		plain := o
		plain.NFC = false
		want, err := Document("a.md", []byte(src), plain)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Document("a.md", []byte(src), o)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%v, %d passages, want %d", err, len(got), len(want))
		}
		for i, p := range got {
			if p.Text != norm.NFC.String(want[i].Text) || p.Title != "Café" || p.Source != want[i].Source {
				t.Errorf("%+v\nof %+v", p, want[i])
			}
		}
	}
}

// The composed form of every passage's source is its text.
func FuzzNFC(f *testing.F) {
	f.Add("cafe\u0301 e\u0323\u0301 \u1112\u1161\u11ab. \u212b\n\n\u0301x\u0344", byte(1))
	f.Add(strings.Repeat("a\u0301", 100)+strings.Repeat("\u0302", 60), byte(3))
	f.Add(strings.Repeat("a\x00\x00", 10)+"\x1b$B", byte(1))
	f.Fuzz(func(t *testing.T, src string, size byte) {
		src = strings.TrimPrefix(strings.ToValidUTF8(src, "?"), byteOrderMark)
		src = strings.NewReplacer("\x00", "?", "\x1b", "?").Replace(src) // they tell another encoding, or no text
		ps, err := Document("a.txt", []byte(src), Options{NFC: true, Split: Split{Size: int(size) + 1}})
		if err != nil {
			if strings.TrimSpace(norm.NFC.String(src)) != "" {
				t.Fatal(err)
			}
			return
		}
		last := 0
		for _, p := range ps {
			if !norm.NFC.IsNormalString(p.Text) {
				t.Fatalf("%q is not composed", p.Text)
			}
			if p.Source.Start < last || p.Source.End <= p.Source.Start || p.Source.End > len(src) {
				t.Fatalf("%v after %d", p.Source, last)
			}
			if got := norm.NFC.String(src[p.Source.Start:p.Source.End]); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(p.Text), " ") {
				t.Fatalf("%s", fmt.Sprintf("text %q, source %q", p.Text, got))
			}
			if strings.TrimSpace(src[last:p.Source.Start]) != "" {
				t.Fatalf("%q is in no passage", src[last:p.Source.Start])
			}
			last = p.Source.End
		}
		if strings.TrimSpace(src[last:]) != "" {
			t.Fatalf("%q is in no passage", src[last:])
		}
	})
}
