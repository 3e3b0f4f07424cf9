package metric_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/metric"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12 }

func TestMatch(t *testing.T) {
	for name, c := range map[string]struct {
		answer      string
		golds       []string
		cased, fold bool
	}{
		"inside":            {"It was built by Ada Kerr in 1871.", []string{"Ada Kerr"}, true, true},
		"other case":        {"It was built by ada kerr.", []string{"Ada Kerr"}, false, true},
		"second gold":       {"In 1871.", []string{"1872", "1871"}, true, true},
		"part of a word":    {"cartography", []string{"art"}, true, true}, // raw, as released
		"punctuation":       {"J. R. Smith", []string{"J R Smith"}, false, false},
		"accents in case":   {"ÉTÉ", []string{"été"}, false, true},
		"none":              {"no", []string{"yes"}, false, false},
		"no golds":          {"anything", nil, false, false},
		"empty gold":        {"anything", []string{""}, false, false},
		"empty and another": {"anything", []string{"", "thing"}, true, true},
		"empty answer":      {"", []string{"x"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := metric.Match(c.answer, c.golds); got != c.cased {
				t.Errorf("Match is %v, want %v", got, c.cased)
			}
			if got := metric.MatchFold(c.answer, c.golds); got != c.fold {
				t.Errorf("MatchFold is %v, want %v", got, c.fold)
			}
		})
	}
}

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"The  Trial!":           "trial",
		"a cat, an owl; the ox": "cat owl ox",
		"theatre anthem a1":     "theatre anthem a1",
		"the-cat":               "thecat", // punctuation goes first, as in SQuAD
		"the—cat":               "—cat",   // a dash that is not ASCII parts words
		"aérien à là":           "aérien à là",
		"$1,000.50 (USD)":       "100050 usd",
		" \t\n":                 "",
		"The":                   "",
		"snake_case":            "snakecase",
	} {
		if got := metric.Normalize(in); got != want {
			t.Errorf("Normalize(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestExactMatchAndF1(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		golds  []string
		em     bool
		f1     float64
	}{
		"equal":                   {"Ada Kerr", []string{"ada kerr."}, true, 1},
		"articles":                {"the lamp", []string{"a lamp"}, true, 1},
		"half":                    {"Ada Kerr built it", []string{"Ada Kerr"}, false, 2.0 / 3}, // p 2/4, r 2/2
		"repeated words count":    {"no no no", []string{"no no"}, false, 0.8},                 // common 2, p 2/3, r 1
		"repeated in one":         {"no", []string{"no no"}, false, 2.0 / 3},
		"best gold":               {"red lamp", []string{"blue ship", "red ship", "red lamp"}, true, 1},
		"nothing shared":          {"red", []string{"blue"}, false, 0},
		"both without words":      {"the", []string{"a!"}, true, 1},
		"answer without words":    {"", []string{"blue"}, false, 0},
		"no golds":                {"red", nil, false, 0},
		"order does not matter":   {"kerr ada", []string{"Ada Kerr"}, false, 1},
		"one of three and of two": {"x b c", []string{"x y"}, false, 0.4}, // p 1/3, r 1/2
	} {
		t.Run(name, func(t *testing.T) {
			if got := metric.ExactMatch(c.answer, c.golds); got != c.em {
				t.Errorf("ExactMatch is %v, want %v", got, c.em)
			}
			if got := metric.F1(c.answer, c.golds); !near(got, c.f1) {
				t.Errorf("F1 is %v, want %v", got, c.f1)
			}
		})
	}
}

func TestRougeL(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		golds  []string
		want   float64
	}{
		// The examples of Lin (2004), section 3.1, whose L are 3, 2 and 2 of 4
		// words. The articles count.
		"Lin S2":             {"police kill the gunman", []string{"police killed the gunman"}, 0.75},
		"Lin S3":             {"the gunman kill police", []string{"police killed the gunman"}, 0.5},
		"Lin S4":             {"the gunman police killed", []string{"police killed the gunman"}, 0.5},
		"lengths differ":     {"a b c d e", []string{"a c e"}, 0.75}, // L 3: p 3/5, r 1
		"case, punctuation":  {"Red, lamp!", []string{"red lamp"}, 1},
		"a hyphen parts":     {"well-known", []string{"well known"}, 1},
		"no stemming":        {"lamps", []string{"lamp"}, 0},
		"best gold":          {"x y", []string{"z", "x y"}, 1},
		"nothing shared":     {"x", []string{"y"}, 0},
		"both without words": {"...", []string{""}, 1},
		"without words":      {"...", []string{"x"}, 0},
		"no golds":           {"x", nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := metric.RougeL(c.answer, c.golds); !near(got, c.want) {
				t.Errorf("RougeL is %v, want %v", got, c.want)
			}
		})
	}
}

// slowCommon tries every way through both lists.
func slowCommon(a, b []string) int {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	n := max(slowCommon(a[1:], b), slowCommon(a, b[1:]))
	if a[0] == b[0] {
		n = max(n, 1+slowCommon(a[1:], b[1:]))
	}
	return n
}

func TestRougeLAgainstExhaustiveSearch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	list := func() []string {
		w := make([]string, 1+random.IntN(7))
		for i := range w {
			w[i] = string(rune('a' + random.IntN(3)))
		}
		return w
	}
	for range 300 {
		a, g := list(), list()
		want := 0.0
		if n := float64(slowCommon(a, g)); n > 0 {
			p, r := n/float64(len(a)), n/float64(len(g))
			want = 2 * p * r / (p + r)
		}
		if got := metric.RougeL(strings.Join(a, " "), []string{strings.Join(g, " ")}); !near(got, want) {
			t.Fatalf("RougeL of %v and %v is %v, want %v", a, g, got, want)
		}
	}
}
