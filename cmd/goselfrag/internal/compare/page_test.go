package compare

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/chart"
	"github.com/goselfrag/goselfrag/eval/metric"
)

const hostile = `<script>alert(1)</script>"'&<img src=http://example.com/x onerror=alert(1)>`

// hostilePage makes a page with hostile text wherever text can come from outside. Since
// with k1 0 both passages are alike, it is about a disagreement, too.
func hostilePage(t *testing.T, more ...string) string {
	t.Helper()
	text := strings.NewReplacer(`"`, `\"`).Replace(hostile)
	c := write(t, "c.jsonl", `{"id":"b","title":"`+text+`","text":"Salt is sold on the market."}
{"id":"a`+text+`","title":"`+text+`","text":"Salt salt salt."}`)
	q := write(t, "q.jsonl", `{"id":"`+text+`","question":"salt `+text+`","answers":["`+text+`"],"positive":["a`+text+`"]}`)
	page := filepath.Join(t.TempDir(), "page.html")
	start(t, append([]string{"-corpus", c, "-questions", q, "-html", page,
		"-pipeline", "one" + hostile[:26] + "\x1b[31m = lexical b=1", "-pipeline", `two` + hostile[:36] + ` = fuse("` + text + `": lexical, dense weight=9)`,
		"-pipeline", `three</style><title></textarea>--> = lexical k1=0`}, more...)...)
	text2, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text2)
}

// walk calls f with every node.
func walk(n *html.Node, f func(*html.Node)) {
	f(n)
	for c := range n.ChildNodes() {
		walk(c, f)
	}
}

func TestPageIsSelfContained(t *testing.T) {
	for name, more := range map[string][]string{"passages": nil, "sweep": {"-sweep", "2,3", "-join", "title", "-overlap", "1"}} {
		t.Run(name, func(t *testing.T) {
			text := hostilePage(t, more...)
			if strings.Contains(text, "<script") || strings.Contains(text, "<img") || strings.Contains(text, "\x1b") || strings.Contains(text, "ZgotmplZ") {
				t.Error("text of data is not escaped")
			}
			root, err := html.Parse(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			known := strings.Fields("html head meta title style body h1 h2 h3 dl dt dd div table thead tbody tr th td br small code p figure figcaption span svg line polyline circle text")
			visible, drawings := "", 0
			walk(root, func(n *html.Node) {
				switch n.Type {
				case html.TextNode:
					if n.Parent.Data == "style" {
						if strings.Contains(n.Data, "url(") || strings.Contains(n.Data, "@import") {
							t.Error("the style sheet refers to something")
						}
						return
					}
					visible += n.Data
				case html.ElementNode:
					if !slices.Contains(known, n.Data) {
						t.Errorf("there is an element %s", n.Data)
					}
					if n.Data == "svg" {
						drawings++
					}
					for _, a := range n.Attr {
						if slices.Contains([]string{"src", "href", "srcset", "style", "action", "data"}, a.Key) || strings.HasPrefix(a.Key, "on") || strings.Contains(a.Val, "http") {
							if n.Data != "meta" || strings.Contains(a.Val, "://") {
								t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
							}
						}
					}
				}
			})
			for _, want := range []string{hostile, "one" + hostile[:26], "two" + hostile[:36], "three</style><title></textarea>-->"} {
				if !strings.Contains(visible, want) {
					t.Errorf("the page does not show %q", want)
				}
			}
			if drawings < 3 {
				t.Errorf("%d drawings", drawings)
			}
		})
	}
}

// Every element that is opened is closed where it should be: an element that is not would
// make the parser move others.
func TestPageIsWellFormed(t *testing.T) {
	z := html.NewTokenizer(strings.NewReader(hostilePage(t, "-sweep", "2,3")))
	var open []string
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("%v are not closed", open)
			}
			return
		case html.StartTagToken:
			if name, _ := z.TagName(); string(name) != "meta" && string(name) != "br" {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("</%s> closes %v", name, open)
			}
			open = open[:len(open)-1]
		}
	}
}

// A page is replaced as a whole or not at all.
func TestPageIsReplaced(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "page.html")
	for range 2 {
		start(t, "-corpus", corpus, "-questions", questions, "-pipeline", "lexical", "-html", page)
		list, err := os.ReadDir(dir)
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v: want the page alone", list, err)
		}
		text, err := os.ReadFile(page)
		if err != nil || !strings.HasSuffix(string(text), "</html>\n") {
			t.Errorf("%v, %q", err, text)
		}
	}
	before, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	f, err := chart.Create(page)
	if err != nil {
		t.Fatal(err)
	}
	f.Close() // so that writing fails
	if err := f.Finish(func(io.Writer) error { return nil }); err == nil {
		t.Error("no error")
	}
	if err := f.Discard(); err != nil {
		t.Error(err)
	}
	after, err := os.ReadFile(page)
	if list, _ := os.ReadDir(dir); err != nil || string(after) != string(before) || len(list) != 1 {
		t.Errorf("%v: the page was changed, or %v are left", err, list)
	}
}

// An existing page keeps its place behind a link, and its permissions.
func TestPageKeepsLinkAndMode(t *testing.T) {
	page := write(t, "page.html", "old")
	before, err := os.Stat(page)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.html")
	if err := os.Symlink(page, link); err != nil {
		link = page // not allowed on every system
	}
	start(t, "-corpus", corpus, "-questions", questions, "-pipeline", "lexical", "-html", link)
	after, err := os.Stat(page)
	if err != nil || after.Mode() != before.Mode() || after.Size() < 1000 {
		t.Errorf("%v: %v bytes, mode %v, was %v", err, after.Size(), after.Mode(), before.Mode())
	}
}

var numberPattern = regexp.MustCompile(`-?[0-9.]+`)

// For any figures, everything drawn is within the drawing.
func TestDrawings(t *testing.T) {
	figures := []string{"recall@1", "MRR@10", "nDCG@10", calls}
	reports := map[string][]system{}
	for name, c := range map[string]struct {
		low, value, high, millis float64
		n, words                 int
	}{
		"one":           {0.2, 0.3, 0.4, 1, 1, 0},
		"all wrong":     {0, 0, 0, 0, 3, 0},
		"all right":     {1, 1, 1, 5e5, 3, 0},
		"equal":         {0.5, 0.5, 0.5, 0.01, 20, 0},
		"whole range":   {0, 0.5, 1, 3, 2, 0},
		"sweep":         {0.1, 0.2, 0.9, 2, 4, 50},
		"one size":      {0.1, 0.2, 0.9, 2, 1, 50},
		"hardly differ": {0.9700001, 0.97, 0.9700002, 2, 3, 0},
	} {
		var list []system
		for i := range c.n {
			s := system{Name: "s", title: "s", Words: c.words * (i + 1), MedianMillis: c.millis * float64(i+1), Figures: map[string]figure{}}
			for k := range 10 + 90*(i%2) {
				s.Curve = append(s.Curve, c.value*float64(k)/100)
			}
			s.Curve = s.Curve[:10]
			for _, n := range figures {
				f := figure{Interval: metric.Interval{Value: c.value, Low: c.low, High: c.high}}
				if i > 0 {
					f.MinusFirst = &metric.Interval{Value: c.value - c.low, Low: c.low - c.high, High: c.high - c.low}
				}
				s.Figures[n] = f
			}
			list = append(list, s)
		}
		reports[name] = list
	}
	for name, list := range reports {
		t.Run(name, func(t *testing.T) {
			for _, p := range (report{Figures: figures, Systems: list}).plots() {
				for _, d := range p.Drawings {
					check := func(x, y chart.Px) {
						if !(x >= 0 && x <= chart.Px(d.Width) && y >= 0 && y <= chart.Px(d.Height)) {
							t.Errorf("%s: %v, %v lies outside of %d, %d", d.Label, x, y, d.Width, d.Height)
						}
					}
					for _, l := range d.Lines {
						check(l.X1, l.Y1)
						check(l.X2, l.Y2)
					}
					for _, m := range d.Marks {
						check(m.X, m.Y)
					}
					for _, x := range d.Texts {
						check(x.X, x.Y)
					}
					for _, c := range d.Curves {
						n := numberPattern.FindAllString(c.Points, -1)
						if len(n) == 0 || len(n)%2 > 0 {
							t.Fatalf("points %q", c.Points)
						}
						for i := 0; i < len(n); i += 2 {
							x, _ := strconv.ParseFloat(n[i], 64)
							y, _ := strconv.ParseFloat(n[i+1], 64)
							check(chart.Px(x), chart.Px(y))
						}
					}
				}
			}
		})
	}
}
