package feature

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The words of random texts, with their stems by hand; stop words have none.
var rankStemOf = map[string]string{
	"bridge": "bridg", "bridges": "bridg", "building": "build", "built": "built", "gall": "gall", "bladder": "bladder",
	"gallbladder": "gallbladd", "sea": "sea", "shore": "shore", "seashore": "seashor",
	"Ada": "ada", "1932": "1932", "é": "é", "the": "", "of": "", "by": "",
}

var rankVocabulary = []string{"bridge", "bridges", "building", "built", "gall bladder", "gallbladder", "sea shore", "seashore", "shore", "Ada", "1932", "é", "the", "of", "by"}

// slowRank is the formulas of package learned, over texts of words separated by
// spaces.
type slowRank struct{ titles, texts []string }

// slowTerms lists the terms of a kind in words.
func slowTerms(kind string, text string) (out []string) {
	for _, w := range strings.Fields(text) {
		stem := rankStemOf[w]
		w = strings.ToLower(w)
		r := []rune(w)
		switch {
		case kind == "forms":
			out = append(out, w)
		case kind == "grams":
			r = []rune("<" + w + ">")
			for i := range len(r) - 3 {
				out = append(out, string(r[i:i+4]))
			}
		case stem == "":
		case kind == "stems":
			out = append(out, stem)
		default:
			out = append(out, string(r[:min(4, len(r))]))
		}
	}
	return out
}

func times(list []string, s string) (n float64) {
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

func (c slowRank) idf(kind, term string) float64 {
	n, all := 0.0, float64(len(c.texts))
	for i := range c.texts {
		if times(slowTerms(kind, c.titles[i]+" "+c.texts[i]), term) > 0 {
			n++
		}
	}
	return math.Log(1+(all-n+0.5)/(n+0.5)) / math.Log(1+(all+0.5)/0.5)
}

func (c slowRank) bm25(kind string, k1, power float64, question, title, text string) (sum float64) {
	double := func(title, text string) []string { return slowTerms(kind, title+" "+title+" "+text) }
	mean := 0.0
	for i := range c.texts {
		mean += float64(len(double(c.titles[i], c.texts[i]))) / float64(len(c.texts))
	}
	p := double(title, text)
	for _, t := range slowTerms(kind, question) {
		f := times(p, t)
		sum += math.Pow(c.idf(kind, t), power) * f * (k1 + 1) / (f + k1*(1-0.75+0.75*float64(len(p))/max(mean, 1)))
	}
	return sum
}

// share is the part of the rarity of the different roots of question that text has.
func (c slowRank) share(question, text string) float64 {
	in, all := 0.0, 0.0
	seen := map[string]bool{}
	for _, t := range slowTerms("roots", question) {
		if seen[t] {
			continue
		}
		seen[t] = true
		all += c.idf("roots", t)
		if times(slowTerms("roots", text), t) > 0 {
			in += c.idf("roots", t)
		}
	}
	if all == 0 {
		return 0
	}
	return in / all
}

func (c slowRank) features(question, title, text string) []float64 {
	// Two words that are one in the question, or the other way round, are written
	// both ways.
	both := title + " " + text
	for _, part := range []string{title, text} {
		for _, way := range [...][2]string{{"gall bladder", "gallbladder"}, {"gallbladder", "gall bladder"}, {"sea shore", "seashore"}, {"seashore", "sea shore"}} {
			if strings.Contains(" "+part+" ", " "+way[0]+" ") && strings.Contains(" "+question+" ", " "+way[1]+" ") {
				both += " " + way[1]
			}
		}
	}
	inTitle, all := 0.0, 0.0
	for _, t := range slowTerms("roots", title) {
		all += c.idf("roots", t)
		if times(slowTerms("roots", question), t) > 0 {
			inTitle += c.idf("roots", t)
		}
	}
	if all > 0 {
		inTitle /= all
	}
	pairs := func(text string) map[string]bool {
		m := map[string]bool{}
		words := strings.Fields(strings.ToLower(text))
		root := func(w string) string { return string([]rune(w)[:min(4, len([]rune(w)))]) }
		for i := 1; i < len(words); i++ {
			m[root(words[i-1])+" "+root(words[i])] = true
		}
		return m
	}
	order, held := pairs(question), 0.0
	for p := range order {
		if pairs(text)[p] {
			held++
		}
	}
	return []float64{
		c.bm25("stems", 1.2, 1.5, question, title, text), c.bm25("forms", 1.2, 1, question, title, text), c.bm25("grams", 2, 1, question, title, text),
		c.share(question, text), c.share(question, both), inTitle, held / max(1, float64(len(order))),
	}
}

func TestRankAgreesWithFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string, most int) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(rankVocabulary), 0, most).Draw(t, name), " ")
		}
		var slow slowRank
		fast := NewCollection()
		for i := range rapid.IntRange(0, 5).Draw(t, "passages") {
			slow.titles = append(slow.titles, text(fmt.Sprint("title ", i), 3))
			slow.texts = append(slow.texts, text(fmt.Sprint("text ", i), 12))
			fast.Add(slow.titles[i], slow.texts[i])
		}
		question, title, body := text("question", 8), text("title", 3), text("text", 12)
		got, want := fast.NewRanking(question).Features(title, body), slow.features(question, title, body)
		names := RankNames()
		if len(got) != len(names) {
			t.Fatalf("%d features for %d names", len(got), len(names))
		}
		for j := range want {
			if math.Abs(got[j]-want[j]) > 1e-9 {
				t.Fatalf("%s is %v: want %v", names[j], got[j], want[j])
			}
		}
	})
}

// One word can be made of two pairs of the question; then it counts as all four
// words.
func TestRankJoinsAllPairs(t *testing.T) {
	c := NewCollection()
	c.Add("", "abcdef")
	got := c.NewRanking("ab cdef abc def").Features("", "abcdef")
	if all := got[4]; math.Abs(all-1) > 1e-12 {
		t.Errorf("the passage has %v of the question: want 1", all)
	}
}
