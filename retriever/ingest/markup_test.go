package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// whole reads a document as one passage, and its notes.
func whole(t *testing.T, name, src string) (p retriever.Passage, notes []string) {
	t.Helper()
	o := Options{Split: Split{Size: 10_000, Whole: WholeWords}, Note: func(n Note) { notes = append(notes, fmt.Sprintf("%s: %s %d", n.Kind, n.Text, n.Count)) }}
	ps, err := Document(name, []byte(src), o)
	if err != nil || len(ps) != 1 {
		t.Errorf("%s: %v, %d passages", name, err, len(ps))
		return p, notes
	}
	return ps[0], notes
}

// What a reader does not see is left out, and told.
func TestHidden(t *testing.T) {
	for _, tc := range []struct{ src, want, note string }{
		{`<p hidden>x</p>`, "", "hidden 1"},
		{`<p HIDDEN=until-found>x<p>y`, "y", "hidden 1"},
		{`<p style="display:none">x</p>`, "", "display 1"},
		{`<p style="color:red;DISPLAY : None !important">x</p>`, "", "display 1"},
		{`<p style="display/**/:none">x</p>`, "", "display 1"},
		{`<p style="d\69splay:n\6f ne">x</p>y`, "y", "display 1"},
		{`<div style="visibility:hidden">x<b style="visibility:visible">y</b></div>`, "y", "visibility 1"},
		{`<div style="visibility:collapse">x</div>`, "", "visibility 1"},
		{`<div style="opacity:0">x</div>`, "", "opacity 1"},
		{`<div style="font-size:0">x<span style="font-size:14px">y</span><i>z</i></div>`, "y", "font size 2"},
		{`<div style="font: 0/0 a">x</div>`, "", "font size 1"},
		{`<div style="font-size:1px">x</div>`, "", "font size 1"},
		{`<div style="position:absolute;left:-9999px">x</div>`, "", "place 1"},
		{`<div style="text-indent:-999em">x</div>`, "", "place 1"},
		{`<div style="transform:translateX(-10000px)">x</div>`, "", "place 1"},
		{`<div style="position:absolute;clip:rect(0,0,0,0)">x</div>`, "", "clip 1"},
		{`<div style="height:0;overflow:hidden">x</div>`, "", "clip 1"},
		{`<span style="color:#fff">x</span>`, "", "color 1"},
		{`<font color="white">x</font>`, "", "color 1"},
		{`<div style="background:#fff"><b style="color:rgb(255, 255, 254)">x</b></div>`, "", "color 1"},
		{`<table bgcolor=black><tr><td style="color:#000">x<td style="color:white">y</table>`, "y", "color 1"},
		{`<span style="color:transparent">x</span>`, "", "color 1"},
		{`<span style="color:rgba(0,0,0,0)">x</span>`, "", "color 1"},
		{`<link rel=stylesheet href=a><span style="color:#fff">y</span>`, "y", ""},
		{`<style>.n{display:none} @media print{.m{display:none}}</style><p class="a n">x<p class=m>y`, "y", "display 1"},
		{`<div class=n>y</div><div id=n>x</div><style>.q .n{display:none}</style>`, "y\n\nx", ""},
		{`<style>#n,p.o{visibility:hidden}</style><div id=n>x</div><p class=o>x<p>y`, "y", "visibility 2"},
		{`<!-- x -->`, "", "comment 1"},
		{`<template>x</template><noscript>x</noscript>`, "", "<template> 1 hidden: <noscript> 1"},
		{`<dialog>x</dialog><dialog open>y</dialog>`, "y", "closed dialog 1"},
		{`<div popover>x</div>`, "", "popover 1"},
		{`<span aria-hidden=true>y</span>`, "y", ""},
		{`<ul><li hidden>x<li>y</ul>`, "y", "hidden 1"},
		{`<table><tr hidden><td>x<tr><td>y<td hidden>x</table>`, "y", "hidden 2"},
		{`<dl><dt>y<dd hidden>x<dt>z</dl>`, "y\n\nz", "hidden 1"},
		{`<div hidden><div>x</div>x</div>y`, "y", "hidden 1"},
		{`<div><span hidden>x</div>y`, "y", "hidden 1"},
		{`<div hidden><table><td>x</div>x</table></div>y`, "y", "hidden 1"},
		{`<div hidden/>x</div>`, "", "hidden 1"},
		{`<input hidden>y<br hidden>z`, "yz", ""},
		{`<body style="visibility:hidden">y`, "y", ""},
		{"y\u200b\u200c\u200b\u200b\u200cz", "yz", "invisible characters 1"},
		{"y\U000e0069\U000e0067z", "yz", "invisible characters 1"},
		{"👩\u200d👩\u200d👧 \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "👩\u200d👩\u200d👧 \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", ""},
		{`<b><b><b style="display:none">x</b></b></b>y` + strings.Repeat("<i>", 600) + `<div hidden>x</div>`, "y", "display 1 hidden: hidden 1"},
	} {
		p, notes := whole(t, "a.html", "<p>first</p>"+tc.src+"<p>last</p>")
		want := "first"
		if tc.want != "" {
			want += "\n\n" + tc.want
		}
		if want += "\n\nlast"; p.Text != want && !strings.Contains(tc.src, "<i><i>") {
			t.Errorf("%s: %q, want %q", tc.src, p.Text, want)
		}
		if got := strings.TrimPrefix(strings.Join(notes, " "), "hidden: "); got != tc.note {
			t.Errorf("%s: notes %q, want %q", tc.src, got, tc.note)
		}
	}
}

func TestHiddenInMarkdown(t *testing.T) {
	for _, tc := range []struct{ src, want, note string }{
		{"a <span style=\"display:none\">x *y* `z` [l](u) <http://x></span> b", "a b", "display 1"},
		{"a <span hidden>x\n\nb", "a\n\nb", "hidden 1"},
		{"<div hidden>\n\nx *y*\n\n- z\n\n```\ncode\n```\n\n| a |\n|-|\n| b |\n\n# H\n\n</div>\n\nb", "b", "hidden 1"},
		{"> <div hidden>\n> x\n\nb", "b", "hidden 1"},
		{"a <!-- x --> b\n\n<!-- x\n\ny -->", "a b", "comment 2"},
		{"[//]: # (x)\n\nb", "b", ""},
		{"a <script>x</script> b <template>x</template> c", "a b c", "<template> 1"},
		{"# A <span hidden>x</span> b\n\nc", "c", "hidden 1"},
		{"<p style='color:white'>\nseen on a dark page\n</p>", "seen on a dark page", ""},
	} {
		p, notes := whole(t, "a.md", tc.src)
		if got := strings.TrimPrefix(strings.Join(notes, " "), "hidden: "); p.Text != tc.want || got != tc.note {
			t.Errorf("%q: %q %q, want %q %q", tc.src, p.Text, got, tc.want, tc.note)
		}
		if strings.Contains(p.Title, "x") {
			t.Errorf("%q: title %q", tc.src, p.Title)
		}
	}
}

// Superscripts and subscripts neither join a number nor vanish from it.
func TestScripts(t *testing.T) {
	for src, want := range map[string]string{
		"10<sup>6</sup> m":                                        "10^6 m",
		"10<sup>-6</sup>, 10<SUP>−9</SUP>":                        "10^-6, 10^−9",
		"2<sup>n+1</sup>":                                         "2^(n+1)",
		"x<sup>2</sup> + cm<sup>3</sup>, mol<sup>-1</sup>":        "x^2 + cm^3, mol^-1",
		"(a+b)<sup>2</sup>":                                       "(a+b)^2",
		"e<sup>x</sup>, e<sup>-x/2</sup>":                         "e^x, e^(-x/2)",
		"10<sup>6</sup>5":                                         "10^6 5",
		"H<sub>2</sub>O, C<sub>6</sub>H<sub>12</sub>":             "H2O, C6H12",
		"log<sub>2</sub>8, 101<sub>2</sub>":                       "log2 8, 101_2",
		"SO<sub>4</sub><sup>2-</sup>, Ca<sup>2+</sup>":            "SO4^2-, Ca^2+",
		"<sup>14</sup>C, <sup>1</sup>/<sub>2</sub>":               "14C, 1/2",
		"3<sup>1</sup>/<sub>2</sub> cups":                         "3 1/2 cups",
		"the 1<sup>st</sup>, 20<sup>th</sup>, 2<sup>e</sup>":      "the 1st, 20th, 2e",
		"Acme<sup>TM</sup>, M<sup>me</sup>":                       "AcmeTM, Mme",
		"a word<sup>1</sup> and.<sup>2,3</sup>":                   "a word and.",
		"in 2021<sup><a href='#n1'>1</a></sup>":                   "in 2021",
		"a word<sup>[12]</sup>*<sup>†</sup>":                      "a word*",
		"10<sup><b>6</b></sup>":                                   "10^6",
		"a<sub>n+1</sub>, x<sub>1</sub>":                          "a_(n+1), x1",
		"20 metres<sup>2</sup>, Table 2<sup>a</sup>":              "20 metres^2, Table 2^a",
		"R<sup>2</sup> = 0.9, E = mc<sup>2</sup>, Na<sup>+</sup>": "R^2 = 0.9, E = mc^2, Na^+",
		"1,000<sup>2</sup>":                                       "1,000^2",
	} {
		for _, name := range []string{"a.html", "a.md"} {
			if p, _ := whole(t, name, src); p.Text != strings.ReplaceAll(want, "\\*", "*") {
				t.Errorf("%s: %s: %q, want %q", name, src, p.Text, want)
			}
		}
	}
	if _, notes := whole(t, "a.html", "a word<sup>1</sup>"); strings.Join(notes, "") != "mark: of a footnote 1" {
		t.Errorf("notes %q", notes)
	}
}

func TestFrontMatter(t *testing.T) {
	day := filter.Time(time.Date(2021, 3, 4, 0, 0, 0, 0, time.UTC))
	for _, tc := range []struct {
		src, title string
		metadata   filter.Metadata
		text, note string
	}{
		{"---\ntitle: >\n  A folded\n  title\n---\nb", "A folded title", nil, "b", ""},
		{"---\ntitle: |\n  Two\n  lines\n---\nb", "Two lines", nil, "b", ""},
		{"---\ntitle: 'It''s here'\n---\nb", "It's here", nil, "b", ""},
		{"---\ntitle: \"Say \\\"hi\\\"\"\n---\nb", `Say "hi"`, nil, "b", ""},
		{"---\ntitle: \"Caf\\u00e9\"\n...\nb", "Café", nil, "b", ""},
		{"---\ntitle: Setup guide # draft\n---\nb", "Setup guide", nil, "b", ""},
		{"---\nTitle: 2024\nyear: 2021\nscore: 1.5\ndraft: true\ntags: [a, b]\ndate: 2021-03-04\nempty:\nauthor: {name: A}\n---\nb", "2024",
			filter.Metadata{"year": filter.Int(2021), "score": filter.Float(1.5), "draft": filter.Bool(true), "tags": filter.Strings("a", "b"), "date": day, "author": filter.String(`{"name":"A"}`)}, "b", ""},
		{"+++\ntitle = \"T\" # draft\nyear = 2021\ndate = 2021-03-04T00:00:00Z\n+++\nb", "T", filter.Metadata{"year": filter.Int(2021), "date": day}, "b", ""},
		{"+++\r\ntitle = '''T'''\r\n+++\r\nb", "T", nil, "b", ""},
		{"---\ntitle: T\npath: x\n---\nb", "T", nil, "b", `field: "path" of the front matter, a name that is taken, left out 1`},
		{"---\ntitle: [T\nyear: 2021\n---\nb", "a", nil, "title: [T\nyear: 2021\n\nb", "front matter: cannot be read, kept as text: yaml: line 1: did not find expected ',' or ']' 1"},
		{"+++\ntitle = T\n+++\nb", "a", nil, "title = T\n\nb", "front matter: "},
		{"---\na: &x [1]\nb: *y\n---\nc", "a", nil, "a: &x [1]\nb: *y\n\nc", "front matter: "},
		{"---\nA sentence.\n\n---\nb", "a", nil, "A sentence.\n\nb", ""},
		{"---\nNote: this is text, not front matter.\nIt goes on: so\n  - x: [\n---\nb", "a", nil, "", "front matter: "},
		{"+++\nnot front matter\n+++\nb", "a", nil, "+++ not front matter +++ b", ""},
	} {
		p, notes := whole(t, "a.md", tc.src)
		got := filter.Metadata{}
		for k, v := range p.Metadata {
			if k != "path" && k != "format" && k != "document" && k != "number" {
				got[k] = v
			}
		}
		if tc.metadata == nil {
			tc.metadata = filter.Metadata{}
		}
		if d := cmp.Diff(tc.metadata, got); d != "" {
			t.Errorf("%q: metadata\n%s", tc.src, d)
		}
		if p.Title != tc.title || tc.text != "" && p.Text != tc.text || !strings.HasPrefix(strings.Join(notes, " "), tc.note) || tc.note == "" && notes != nil {
			t.Errorf("%q: title %q, text %q, notes %q", tc.src, p.Title, p.Text, notes)
		}
	}
}

// Lines that were broken for their width are joined, others stay.
func TestUnwrap(t *testing.T) {
	for _, tc := range []struct{ name, src, want string }{
		{"prose", "The bridge was opened in\n1932 by the mayor, who came\nby boat.", "The bridge was opened in 1932 by the mayor, who came by boat."},
		{"width", "The quick brown fox jumps over the lazy dog and then it\nGoes on to Paris where it meets a friend of an old aunt.\nHe is well.", "The quick brown fox jumps over the lazy dog and then it Goes on to Paris where it meets a friend of an old aunt. He is well."},
		{"windows", "The bridge was opened\r\nin 1932.\r\n\r\nNext.", "The bridge was opened in 1932.\r\n\r\nNext."},
		{"list", "Things to buy:\n- milk of the cow\n- eggs", "Things to buy:\n- milk of the cow\n- eggs"},
		{"wrapped list", "- The first item that is long enough\n  to be wrapped at some point.\n- The second one.", "- The first item that is long enough to be wrapped at some point.\n- The second one."},
		{"numbers", "1. one thing to do\n2. another thing to do", "1. one thing to do\n2. another thing to do"},
		{"table", "name\tage\nAda\t36\nBob\t40", "name\tage\nAda\t36\nBob\t40"},
		{"code", "func main() {\n\tfmt.Println(1)\n}", "func main() {\n\tfmt.Println(1)\n}"},
		{"verse", "Shall I compare thee to a summer's day?\nThou art more lovely and more temperate:\nRough winds do shake the darling buds of May,\nAnd summer's lease hath all too short a date", ""},
		{"address", "Jane Smith\n12 Main Street\nLondon", ""},
		{"words", "apple\nbanana\ncherry", ""},
		{"Chinese", "大桥于一九三二年开通，市长坐船\n前来，因为道路尚未完工。", "大桥于一九三二年开通，市长坐船前来，因为道路尚未完工。"},
		{"hyphen", "It is one of the well-\nknown bridges.", "It is one of the well-known bridges."},
		{"heading", "Chapter One\n===========\nIt was the best of times, it was\nthe worst of times.", "Chapter One\n===========\nIt was the best of times, it was the worst of times."},
	} {
		want := tc.want
		if want == "" {
			want = tc.src
		}
		p, _ := whole(t, "a.txt", tc.src)
		if p.Text != want {
			t.Errorf("%s: %q, want %q", tc.name, p.Text, want)
		}
	}
	// Markdown and HTML say themselves which line breaks are meant.
	for src, want := range map[string]string{
		"大桥于一九三二年\n开通": "大桥于一九三二年开通", "서울에서\n만나요": "서울에서 만나요", "a\nb": "a b", "東京\nTokyo": "東京 Tokyo",
	} {
		for _, name := range []string{"a.md", "a.html"} {
			if p, _ := whole(t, name, src); p.Text != want {
				t.Errorf("%s: %q, want %q", name, p.Text, want)
			}
		}
	}
	if p, _ := whole(t, "a.html", "<p>Roses are red,<br>\n violets are blue"); p.Text != "Roses are red,\nviolets are blue" {
		t.Errorf("%q", p.Text)
	}
}

// References of Markdown are those of CommonMark.
func TestMarkdownReferences(t *testing.T) {
	for src, want := range map[string]string{
		"?a=1&copy=2&region=eu&section=3&currency=usd&notify=1":      "?a=1&copy=2&region=eu&section=3&currency=usd&notify=1",
		"<https://x.y/?a=1&copy=2&amp=3>":                            "https://x.y/?a=1&copy=2&amp=3",
		"x &notanentity; y &copy; &#65; &#x42; &para;":               "x &notanentity; y © A B ¶",
		"[a&copy=b](u?x&copy=1) `&copy;`":                            "a&copy=b &copy;",
		"| a&copy=1 |\n|-|\n| b \\| c |":                             "a&copy=1\n\nb | c",
		"a[^n] [b][r] [r]\n\n[r]: <u v> 'T'\n[^n]: Note &amp; more.": "a b r\n\nNote & more.",
		"- [x] done\n- [ ] open <b>bold</b>":                         "done\n\nopen bold",
		"www.x.y/?a&copy=1 https://x.y/?q=a&lt=b":                    "www.x.y/?a&copy=1 https://x.y/?q=a&lt=b",
	} {
		if p, _ := whole(t, "a.md", src); p.Text != want {
			t.Errorf("%q: %q, want %q", src, p.Text, want)
		}
	}
}
