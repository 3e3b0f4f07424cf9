package lexical

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func pairs(t testing.TB, weight float64, texts ...string) *Pairs {
	t.Helper()
	p, err := NewPairs(retrievertest.Passages(texts...), weight)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPairsPreferWordsThatStandTogether(t *testing.T) {
	// The words of p1 and p2 are the same, so that BM25 over them alone ties.
	texts := []string{
		"bridge far near old grey white stone",
		"grey far near stone bridges old white",
		"stone",
	}
	for _, c := range []struct {
		weight      float64
		query, want string
	}{
		{0, "stone bridge", "p1 p2 p3"},
		{0.2, "stone bridge", "p2 p1 p3"},
		{0.2, "a bridge of stones", "p2 p1 p3"}, // in any order, stemmed, past stop words
		{1, "bridge grey white stone", "p1 p2 p3"},
		{1, "stone", "p3 p1 p2"}, // no pair: as BM25
		{1, "", ""},
	} {
		res, err := pairs(t, c.weight, texts...).Retrieve(t.Context(), retriever.Query{Text: c.query, K: 9})
		var ids []string
		for _, h := range res.Hits {
			ids = append(ids, h.Passage.ID)
		}
		if got := strings.Join(ids, " "); err != nil || got != c.want || res.Scores != retriever.BM25 {
			t.Errorf("%q with %v finds %q, %v: want %q", c.query, c.weight, got, err, c.want)
		}
	}
}

// A pair is one thing, whatever its terms are made of: a passage that has only parts of
// its terms is not found, and stays as it was for the searches that come after.
func TestPairsOfAnyScript(t *testing.T) {
	for name, c := range map[string]struct {
		analyser      string
		texts         []string
		query, apart  string
		together, one string
	}{
		"Chinese":       {"cjk", []string{"京都大学", "都学校"}, "都学校", "京都", "p2", "p1"},
		"underscores":   {"en", []string{"bol_dak fum", "bol dak_fum"}, "bol_dak fum", "dak_fum", "p1", "p2"},
		"single signs":  {"en", []string{"日 本 語", "stone"}, "日 本", "stone", "p1", "p2"},
		"full width":    {"cjk", []string{"ＡＢＣ：ＤＥＦ", "ｶﾞ ﾊﾟ"}, "abc def", "ガ", "p1", "p2"},
		"marks in word": {"en", []string{"3.14 2.7 o'neil's", "stone"}, "2.7 3.14", "stone", "p1", "p2"},
	} {
		t.Run(name, func(t *testing.T) {
			passages := retrievertest.Passages(c.texts...)
			p, err := NewPairs(passages, 0.2, WithAnalyzer(c.analyser))
			if err != nil {
				t.Fatal(err)
			}
			for range 3 { // later ones with memory of the earlier
				for query, want := range map[string]string{c.query: c.together, c.apart: c.one} {
					res, err := p.Retrieve(t.Context(), retriever.Query{Text: query, K: 9})
					if err != nil || len(res.Hits) != 1 || res.Hits[0].Passage.ID != want {
						t.Errorf("%q finds %+v, %v: want %s alone", query, res.Hits, err, want)
					}
				}
			}
		})
	}
}

// The sum of two scores that are worked out by hand.
func TestPairsScore(t *testing.T) {
	texts := []string{"stone bridge", "stone bridge tower", "tower gate"}
	words, err := New(retrievertest.Passages(texts...))
	if err != nil {
		t.Fatal(err)
	}
	q := retriever.Query{Text: "bridge stone", K: 9}
	plain, err := words.Retrieve(t.Context(), q)
	if err != nil || len(plain.Hits) != 2 {
		t.Fatalf("%+v, %v", plain, err)
	}
	// Pairs: 1, 3 and 1, on the mean 5/3. bridge and stone stand together in two of three.
	idf := math.Log(1 + (3-2+0.5)/(2+0.5))
	score := func(length float64) float64 { return idf * 2.2 / (1 + 1.2*(0.25+0.75*length/(5./3))) }
	p := pairs(t, 0.5, texts...)
	for range 2 { // the second time with memory of the first
		res, err := p.Retrieve(t.Context(), q)
		if err != nil || len(res.Hits) != 2 {
			t.Fatalf("%+v, %v", res, err)
		}
		for i, length := range []float64{1, 3} {
			if want := plain.Hits[i].Score + score(length)/2; math.Abs(res.Hits[i].Score-want) > 1e-12 {
				t.Errorf("hit %d has %v: want %v", i, res.Hits[i].Score, want)
			}
		}
	}
}

func TestPairsRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		passages []retriever.Passage
		weight   float64
		opts     []Option
		want     error
	}{
		"no id":      {[]retriever.Passage{{}}, 0, nil, ErrEmptyID},
		"twice":      {[]retriever.Passage{{ID: "a"}, {ID: "a"}}, 0, nil, ErrDuplicateID},
		"b":          {nil, 0, []Option{WithParameters(1, 2)}, ErrOption},
		"analyser":   {nil, 0, []Option{WithAnalyzer("xx")}, ErrOption},
		"weight":     {nil, 1.1, nil, ErrOption},
		"weight NaN": {nil, math.NaN(), nil, ErrOption},
	} {
		if p, err := NewPairs(c.passages, c.weight, c.opts...); !errors.Is(err, c.want) || p != nil {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

func TestPairsContract(t *testing.T) {
	retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) { return NewPairs(ps, 0.2) })
}

func ExampleNewPairs() {
	p, err := NewPairs([]retriever.Passage{
		{ID: "apart", Text: "A house by the river, with a garden, a pond, a tower and a gate, is white."},
		{ID: "together", Text: "The White House stands by the river, with a garden, a pond and a gate."},
	}, 0.2)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := p.Retrieve(context.Background(), retriever.Query{Text: "white house", K: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Hits[0].Passage.ID)
	// Output: together
}
