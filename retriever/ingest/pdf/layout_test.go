package pdf

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// lines are those of a page, of a font of 10 points with letters 5 wide. Each begins with
// its place from the left and the top, such as "50 100 text".
func lines(list ...string) page {
	p := page{box: box{0, 0, 400, 600}}
	for _, s := range list {
		var x, y int
		fmt.Sscanf(s, "%d %d", &x, &y)
		text := strings.SplitN(s, " ", 3)[2]
		left, base := float32(x), float32(600-y)
		p.pieces = append(p.pieces, piece{text, box{left, base - 2, left + 5*float32(utf8.RuneCountInString(text)), base + 7}, 10, base, 0, false})
	}
	p.leading = leadingOfRows(p.pieces)
	return p
}

// bullet makes the first piece as low as a bullet is.
func bullet(p page) page {
	p.pieces[0].size, p.pieces[0].base = 3, p.pieces[0].base+3
	return p
}

func layout(pages ...page) (ingest.Text, []string) {
	text, err := (&raw{pages: pages}).text(context.Background(), Options{MaxText: 1 << 20})
	if err != nil {
		return text, []string{err.Error()}
	}
	var notes []string
	for _, n := range text.Notes {
		notes = append(notes, fmt.Sprintf("%s (%d)", n.Text, n.Count))
	}
	return text, notes
}

func TestParagraphs(t *testing.T) {
	for name, c := range map[string]struct {
		pages []page
		want  string
	}{
		"hyphen":              {[]page{lines("50 100 The machine is disconnec\u00ad", "50 112 ted from the mains supply.")}, "The machine is disconnected from the mains supply."},
		"compound elsewhere":  {[]page{lines("50 100 It is well-known that a well\u00ad", "50 112 known fault is a fault no more.")}, "It is well-known that a well-known fault is a fault no more."},
		"name":                {[]page{lines("50 100 The author of it was Jean\u00ad", "50 112 Paul, who lived in Wunsiedel.")}, "The author of it was Jean-Paul, who lived in Wunsiedel."},
		"hyphen over pages":   {[]page{lines("50 100 The machine is disconnec\u00ad"), lines("50 100 ted from the mains supply.")}, "The machine is disconnected from the mains supply."},
		"hyphen at the end":   {[]page{lines("50 100 A range of 3 to 4, or 3\u00ad")}, "A range of 3 to 4, or 3-"},
		"sentence over pages": {[]page{lines("50 100 This sentence is broken by the"), lines("50 100 end of the page it is on.")}, "This sentence is broken by the end of the page it is on."},
		"gap":                 {[]page{lines("50 100 This is the first paragraph", "50 112 of the text and of the page.", "50 132 This is the second one, which", "50 144 has two lines as well as that.")}, "This is the first paragraph of the text and of the page.\n\nThis is the second one, which has two lines as well as that."},
		"indent":              {[]page{lines("50 100 This is the first paragraph", "50 112 which has three lines of text,", "50 124 and this is the last of them.", "65 136 This is the second one, with", "50 148 two lines, one is indented.")}, "This is the first paragraph which has three lines of text, and this is the last of them.\n\nThis is the second one, with two lines, one is indented."},
		"short line":          {[]page{lines("50 100 This is the first paragraph of", "50 112 it.", "50 124 This is the second paragraph of", "50 136 the page.")}, "This is the first paragraph of it.\n\nThis is the second paragraph of the page."},
		"list":                {[]page{lines("50 100 • The first item of the list is", "60 112 longer than a line.", "50 124 • The second one is not.", "50 136 3. The third one is numbered.")}, "• The first item of the list is longer than a line.\n\n• The second one is not.\n\n3. The third one is numbered."},
		"small mark":          {[]page{bullet(lines("50 100 •", "60 100 The first item of the list is", "60 112 longer than a line."))}, "• The first item of the list is longer than a line."},
		"table":               {[]page{lines("50 100 Part", "150 100 Number", "50 112 Screw", "150 112 207", "50 124 Bolt", "150 124 311")}, "Part\tNumber\n\nScrew\t207\n\nBolt\t311"},
		"footer first":        {[]page{lines("50 500 Footnote of the page.", "50 100 This text is drawn after what", "50 112 is below it on the page.")}, "This text is drawn after what is below it on the page.\n\nFootnote of the page."},
	} {
		got, _ := layout(c.pages...)
		if d := cmp.Diff(c.want, got.Body); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// Headers, footers and numbers are dropped; what is part of the text is not, though it
// repeats at the same place.
func TestRepeatedLines(t *testing.T) {
	body := func(n int) []string {
		words := []string{"alpha", "beta", "gamma", "delta", "epsilon", "zeta"}
		return []string{fmt.Sprintf("50 100 The %s page says something of", words[n]), fmt.Sprintf("50 112 its own about %s and no more.", words[n]), "50 124 So do the others."}
	}
	pages := func(n int, more func(i int) []string) (out []page) {
		for i := range n {
			out = append(out, lines(append(more(i), body(i)...)...))
		}
		return out
	}
	for name, c := range map[string]struct {
		pages []page
		kept  string // of what may repeat
		notes []string
	}{
		"header and number": {pages(4, func(i int) []string { return []string{"50 40 The manual", fmt.Sprintf("180 570 Page %d of 4", i+1)} }), "", []string{"at the top: The manual (4)", "at the bottom: Page # of # (4)"}},
		"left and right": {pages(6, func(i int) []string {
			return []string{[]string{"50 40 The manual", "250 40 Chapter 1"}[i%2], fmt.Sprintf("%d 570 %d", 50+250*(i%2), i+7)}
		}), "", []string{"at the top: The manual (3)", "at the bottom: # (6)", "at the top: Chapter # (3)"}},
		"roman":     {pages(4, func(i int) []string { return []string{"180 570 " + []string{"iii", "iv", "v", "vi"}[i]} }), "", []string{"at the bottom: # (4)"}},
		"two pages": {pages(2, func(i int) []string { return []string{fmt.Sprintf("50 40 Report, page %d", i+1)} }), "", []string{"at the top: Report, page # (2)"}},
		"beside a number": {pages(4, func(i int) []string {
			return []string{fmt.Sprintf("50 40 Section %c", 'A'+i), fmt.Sprintf("300 40 %d", i+1)}
		}), "", []string{"beside the number of the page (4)", "at the top: # (4)"}},
		"other numbers":     {pages(4, func(i int) []string { return []string{fmt.Sprintf("50 40 Total: %d", 100+i*i*7)} }), "Total", nil},
		"first table row":   {pages(4, func(i int) []string { return []string{"50 88 Part", "150 88 Number"} }), "Part", nil},
		"one of two":        {pages(6, func(i int) []string { return []string{[]string{"50 40 Once only", "50 40 Other"}[min(i, 1)]} }), "Once only", []string{"at the top: Other (5)"}},
		"nothing else":      {[]page{lines("50 40 All there is"), lines("50 40 All there is"), lines("50 40 All there is")}, "All there is", nil},
		"a row and nothing": {[]page{lines("50 40 First", "300 40 1"), lines("50 40 Second", "300 40 2"), lines("50 40 Third", "300 40 3")}, "Second", nil},
		"other heights":     {pages(4, func(i int) []string { return []string{fmt.Sprintf("50 %d Remark", 20+10*i)} }), "Remark", nil},
	} {
		text, notes := layout(c.pages...)
		if d := cmp.Diff(c.notes, notes); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if c.kept != "" && !strings.Contains(text.Body, c.kept) || c.kept == "" && strings.Count(text.Body, "\n\n") > 2*len(c.pages) {
			t.Errorf("%s:\n%s", name, text.Body)
		}
	}
}

// Characters of any kind at any place give a text that keeps the contract.
func FuzzLayout(f *testing.F) {
	f.Add([]byte("abcdefghijklmnopqrstuvwxyz0123456789"))
	f.Add([]byte("\x02\x00\x0a\x0d\xff\xff\x80\x80"))
	f.Fuzz(func(t *testing.T, data []byte) {
		alphabet := []rune("aB3 .-\n\r\x02\ufffe\u00adי一ﬁ•\x00\ue000Å")
		var pages []page
		var chars []char
		for len(data) >= 4 {
			x, y := float32(int8(data[1]))*3, float32(data[2])*3
			chars = append(chars, char{alphabet[int(data[0])%len(alphabet)], box{x, y, x + float32(data[3]%16), y + float32(data[3]/16)}, data[0] / 64})
			if data[3] == 255 {
				pages = append(pages, piecesOf(chars, box{0, 0, 600, 800}))
				chars = nil
			}
			data = data[4:]
		}
		pages = append(pages, piecesOf(chars, box{}))
		n := len(pages)
		text, err := (&raw{pages: pages}).text(t.Context(), Options{MaxText: 1 << 20})
		if err != nil {
			return
		}
		at := 0
		for _, p := range text.Pages {
			if p < at || p > len(text.Body) {
				t.Fatalf("pages %v of %q", text.Pages, text.Body)
			}
			at = p
		}
		if !utf8.ValidString(text.Body) || len(text.Pages) != n || text.Pages[0] != 0 {
			t.Fatalf("pages %v of %q", text.Pages, text.Body)
		}
	})
}
