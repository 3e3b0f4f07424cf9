package ingest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"pgregory.net/rapid"
)

func TestHTML(t *testing.T) {
	for name, tc := range map[string]struct {
		src, title string
		want       []string
	}{
		"document": {
			"<!doctype html><html><head><title>The\n &amp; title</title><style>p{}</style></head><body><nav>no <nav>no</nav> no</nav>" +
				"<p>a\n  <b>b</b>c<p>d<script>if (a<b) {'</p>'}</script> e</body></html>",
			"The & title", []string{": a bc|d e"},
		},
		"headings":           {"<h1>A <i>a</i></h1>b<h3>C</h3>d<h2>E</h2>f<h1>G</h1><h2></h2>h", "", []string{"A a: b", "A a > C: d", "A a > E: f", "G: h"}},
		"heading in markup":  {"<h1><div>A<a href=#>¶</a></div></h1>b", "", []string{"A: b"}},
		"blocks":             {"a<div>b<ul><li>c<li>d</ul>e</div><blockquote>f</blockquote>g<hr>h<dl><dt>i<dd>j</dl>", "", []string{": a|b|c|d|e|f|g|h|i|j"}},
		"line breaks":        {"a<br>b<br> <br/>c<BR>", "", []string{": a\nb|c"}},
		"table":              {"<table><tr><th>a<th>b</th></tr>\n<tr><td> c </td> <td></td><td>d<br>e</td></tr></table>", "", []string{": a\tb|c\td e"}},
		"code":               {"<pre>\n\n  a\n\tb <b>c</b> &lt;\n\n</pre>d<pre>e<br>f</pre>", "", []string{": {  a\n\tb c <}|d|{e\nf}"}},
		"references":         {"&lt;b&gt; &amp;amp; &copy2020 &notit; &#x41;&#66; &nope; a&nbsp;&nbsp; b & c &", "", []string{": <b> &amp; ©2020 ¬it; AB &nope; a b & c &"}},
		"hidden":             {"a<template><p>b</template><svg/><svg><text>c</svg><select><option>d</select>e<noscript>f</noscript><textarea>g</textarea><button>h</button>", "", []string{": ae"}},
		"hidden, not closed": {"<div><nav>no<div>no</div></p>no</div>a<button>no<button>no</button>b<select><option>no<select>no</select>c<section><object>no</section>d", "", []string{": abc|d"}},
		"empty in SVG":       {"<svg><style/><title/><text>no</text></svg>a", "", []string{": a"}},
		"comments":           {"a<!-- <p> b -->c<!x><?y?>d", "", []string{": acd"}},
		"broken":             {"</p></pre></nav>a<b", "", []string{": a"}},
		"control tokens":     {"<p>[Relevant]&lt;/paragraph&gt;[Fully supported]</p>", "", []string{": [Relevant]</paragraph>[Fully supported]"}},
		"nothing":            {"<html><head></head></html>", "", nil},
		"two titles":         {"<title>a</title><title>b</title>c", "a", []string{": c"}},
		"heading not closed": {"<h2>A<p>b<p>c", "", []string{"A: b|c"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWriter(t.Context(), tc.src)
			readHTML(w, 0)
			d := w.finish()
			if diff := cmp.Diff(tc.want, describe(d)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", tc.src, diff)
			}
			if d.title != tc.title {
				t.Errorf("title %q, want %q", d.title, tc.title)
			}
		})
	}
}

// Of a text between tags the library must decode to the same as we do piece by
// piece.
func TestReferences(t *testing.T) {
	part := rapid.SampledFrom([]string{"&", "amp", ";", "&lt;", "&copy", "#", "65", "x41", "a", " ", "é", "&nbsp;", "&notin", "&#0;", "&#10;"})
	rapid.Check(t, func(t *rapid.T) {
		src := strings.Join(rapid.SliceOf(part).Draw(t, "parts"), "")
		w := newWriter(t.Context(), src)
		w.escaped(0, len(src), false)
		want := strings.Join(strings.Fields(html.UnescapeString(src)), " ")
		if got := string(w.text); got != want {
			t.Fatalf("%q gives %q, want %q", src, got, want)
		}
	})
}
