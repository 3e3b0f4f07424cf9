package compare

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/retriever"
)

var pieces = []retriever.Passage{
	{ID: "a", Title: "One", Text: "a1 a2 a3 a4."},
	{ID: "b", Title: "Two", Text: "b1 b2."},
	{ID: "c", Title: "One", Text: "c1 c2 c3."},
	{ID: "d", Text: "d1."},
	{ID: "e", Text: "e1."},
}

func TestDocuments(t *testing.T) {
	alone := documents(pieces, false)
	if len(alone) != 5 || !reflect.DeepEqual(alone[2], document{"One", "c1 c2 c3.", []place{{"c", 0, 9}}}) {
		t.Errorf("%+v", alone)
	}
	joined := documents(pieces, true)
	want := []document{
		{"One", "a1 a2 a3 a4.\n\nc1 c2 c3.", []place{{"a", 0, 12}, {"c", 14, 23}}},
		{"Two", "b1 b2.", []place{{"b", 0, 6}}},
		{"", "d1.", []place{{"d", 0, 3}}},
		{"", "e1.", []place{{"e", 0, 3}}},
	}
	if !reflect.DeepEqual(joined, want) {
		t.Errorf("%+v", joined)
	}
	for _, d := range joined {
		for _, p := range d.passages {
			if !strings.HasPrefix(d.text[p.start:p.end], p.id) {
				t.Errorf("%q is not the text of %s", d.text[p.start:p.end], p.id)
			}
		}
	}
}

// texts are the texts of chunks with the passages they are of.
func texts(c chunks) string {
	var list []string
	for _, p := range c.passages {
		list = append(list, p.Text+" "+strings.Join(c.of[p.ID], "+"))
	}
	return strings.Join(strings.Fields(strings.Join(list, " | ")), " ")
}

func TestSplit(t *testing.T) {
	docs := documents(pieces[:3], true)
	for _, c := range []struct {
		size, overlap int
		want          string
	}{
		{3, 0, "a1 a2 a3 a | a4. c1 c2 a+c | c3. c | b1 b2. b"},
		{4, 0, "a1 a2 a3 a4. a | c1 c2 c3. c | b1 b2. b"},
		{3, 1, "a1 a2 a3 a | a3 a4. c1 a+c | c1 c2 c3. c | b1 b2. b"},
		{100, 0, "a1 a2 a3 a4. c1 c2 c3. a+c | b1 b2. b"},
	} {
		got, err := split(docs, c.size, c.overlap)
		if err != nil || texts(got) != c.want {
			t.Errorf("%d words, overlap %d: %s, %v, want %s", c.size, c.overlap, texts(got), err, c.want)
		}
		for _, p := range got.passages {
			if analysis.Count(p.Text) > c.size {
				t.Errorf("%q is longer than %d words", p.Text, c.size)
			}
		}
	}
	if _, err := split(docs, 2, 2); err == nil {
		t.Error("an overlap of the whole size is accepted")
	}
}

func hits(c chunks, order ...int) []retriever.Hit {
	var list []retriever.Hit
	for _, i := range order {
		list = append(list, retriever.Hit{Passage: c.passages[i]})
	}
	return list
}

// names splits at blanks; a comma in a name means a blank.
func names(list string) []string {
	return strings.Split(strings.NewReplacer(" ", "\x00", ",", " ").Replace(list), "\x00")
}

func TestRanking(t *testing.T) {
	// 1#1 a1 a2 a3 of a, 1#2 a4 c1 c2 of a and c, 1#3 c3 of c, 2#1 of b
	c, err := split(documents(pieces[:3], true), 3, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		positive string
		order    []int
		want     string
	}{
		{"a", []int{3, 1, 0}, "chunk 2#1,a,chunk 1#1"},
		{"c", []int{0, 1, 2}, "chunk 1#1,c,chunk 1#3"},
		{"c a", []int{1, 0}, "c,a"},                      // 1#2 counts for c, 1#1 for a
		{"a c", []int{1, 2}, "a,c"},                      // 1#2 counts for a
		{"a c", []int{1, 0, 3}, "a,chunk 1#1,chunk 2#1"}, // c would need another chunk
		{"z", []int{0}, "chunk 1#1"},
		{"chunk,1#1", []int{0}, "chunk 1#1 again"}, // a passage that is called like a chunk
	} {
		if got := strings.Join(c.ranking(names(x.positive), hits(c, x.order...)), ","); got != x.want {
			t.Errorf("%s, %v: %s, want %s", x.positive, x.order, got, x.want)
		}
	}
}

func TestFirstWords(t *testing.T) {
	list := []retriever.Hit{{Passage: retriever.Passage{Text: "one two  three."}}, {Passage: retriever.Passage{Text: "four five"}}}
	for n, want := range map[int]string{1: "one\n", 2: "one two\n", 3: "one two  three.\n", 4: "one two  three.\nfour\n", 9: "one two  three.\nfour five\n"} {
		if got := firstWords(list, n); got != want {
			t.Errorf("the first %d words are %q, want %q", n, got, want)
		}
	}
}

// All figures of the sweep are worked out by hand.
func TestSweep(t *testing.T) {
	c := write(t, "c", `{"id":"p","title":"T","text":"Salt is dug here. It is sold in sacks of forty pounds."}
{"id":"q","title":"T","text":"Fish is caught. Salt keeps it."}
{"id":"r","title":"U","text":"Nothing is known of this place."}`)
	q := write(t, "q", `{"id":"1","question":"salt","answers":["FORTY pounds"],"positive":["p"]}
{"id":"2","question":"fish","answers":["keeps it"],"positive":["q"]}`)
	page := filepath.Join(t.TempDir(), "page.html")
	r := measured(t, "-corpus", c, "-questions", q, "-sweep", "100,4", "-words", "4", "-pipeline", "lexical title=0", "-html", page)
	if len(r.Systems) != 2 || r.Systems[0].Words != 4 || r.Systems[1].Words != 100 {
		t.Fatalf("%+v", r.Systems)
	}
	// Chunks of 4: "Salt is dug here." "It is sold in" "sacks of forty pounds." "Fish is
	// caught. Salt" "keeps it." "Nothing is known of" "this place."; both with salt have 2
	// words that count, and the first is ranked first. No first four words hold an answer.
	small, large := r.Systems[0], r.Systems[1]
	if small.Passages != 7 || large.Passages != 3 {
		t.Errorf("%d and %d chunks", small.Passages, large.Passages)
	}
	if a := small.Figures["answer@4 words"].Value; a != 0 {
		t.Errorf("answers %v", a)
	}
	if m := small.Figures["MRR@10"].Value; m != 1 {
		t.Errorf("MRR %v", m)
	}
	// Whole passages: q is shorter than p and comes first for salt.
	if m := large.Figures["MRR@10"]; m.Value != 0.75 || m.MinusFirst.Value != -0.25 {
		t.Errorf("MRR %+v", m)
	}
	r = measured(t, "-corpus", c, "-questions", q, "-sweep", "100", "-words", "12", "-join", "title")
	if s := r.Systems[0]; s.Passages != 2 || s.Figures["answer@12 words"].Value != 0.5 || s.Figures["recall@1"].Value != 1 || s.Name != "lexical" {
		t.Errorf("%+v", s)
	}
}

// A sweep with chunks longer than any passage measures what is measured without it.
func TestSweepOfWholePassages(t *testing.T) {
	plain := measured(t, "-corpus", corpus, "-questions", questions, "-pipeline", "lexical")
	swept := measured(t, "-corpus", corpus, "-questions", questions, "-pipeline", "lexical", "-sweep", "1000")
	for _, name := range plain.Figures {
		if a, b := plain.Systems[0].Figures[name], swept.Systems[0].Figures[name]; a.Interval != b.Interval {
			t.Errorf("%s is %+v, with chunks %+v", name, a, b)
		}
	}
	passages, err := dataset.Passages(corpus)
	if err != nil {
		t.Fatal(err)
	}
	if swept.Systems[0].Passages != len(passages) {
		t.Errorf("%d chunks of %d passages", swept.Systems[0].Passages, len(passages))
	}
}
