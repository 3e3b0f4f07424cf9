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
		"both without words":      {"the", []string{"a!"}, false, 0}, // SQuAD's program gives 1
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
		"both without words": {"...", []string{""}, 0},
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

// Whatever has no words earns nothing, against anything, itself included.
func TestNothing(t *testing.T) {
	for _, a := range []string{"", " ", "\n\t", "the", "The.", "a", "an the", "!!!", "…", "。", "“”", "\u200b", "\u00ad", "£", "（）", "\xff"[:0]} {
		for _, g := range []string{"", " ", "the", "a", "An!", "!!!", "...", "。", "—", "\ufeff", "₤"} {
			golds := []string{g}
			if metric.ExactMatch(a, golds) || metric.F1(a, golds) != 0 {
				t.Errorf("%q against %q: ExactMatch %v, F1 %v", a, g, metric.ExactMatch(a, golds), metric.F1(a, golds))
			}
			for _, long := range []string{a, "the end of a story, an old one!!! ... 。—" + g} {
				if metric.Match(long, golds) || metric.MatchFold(long, golds) {
					t.Errorf("%q matches %q", long, g)
				}
			}
		}
		if a != "the" && a != "The." && a != "a" && a != "an the" && metric.RougeL(a, []string{"", "!", a}) != 0 { // articles are words of ROUGE
			t.Errorf("RougeL of %q is not 0", a)
		}
	}
	for _, g := range []string{"Oslo", "the Oslo", "奥斯陆"} {
		for _, a := range []string{"", "the", "!!!"} {
			if golds := []string{g}; metric.ExactMatch(a, golds) || metric.F1(a, golds) != 0 || metric.RougeL(a, golds) != 0 && a != "the" || metric.Match(a, golds) {
				t.Errorf("%q against %q earns something", a, g)
			}
		}
	}
}

// Texts that differ only in how they are written are equal, in every script.
func TestScripts(t *testing.T) {
	for name, c := range map[string]struct {
		a, g string
		em   bool
		f1   float64
		l    float64
	}{
		"composed or not":        {"Caf\u00e9 M\u00fcller", "cafe\u0301 mu\u0308ller", true, 1, 1},
		"an accent counts":       {"cafe", "caf\u00e9", false, 0, 0},
		"a with an accent":       {"a\u0300 la carte", "la carte", false, 0.8, 0.8}, // no article
		"Hindi":                  {"नई दिल्ली।", "नई दिल्ली", true, 1, 1},
		"Hindi, another vowel":   {"दिल", "दल", false, 0, 0},
		"Hindi, nukta":           {"क\u093cलम", "\u0958लम", true, 1, 1},
		"Arabic, with vowels":    {"كِتَاب", "كتب", false, 0, 0},
		"Arabic marks":           {"مصر؟", "مصر", true, 1, 1},
		"Arabic hamza":           {"\u0623حمد", "\u0627\u0654حمد", true, 1, 1},
		"Persian, joiner":        {"می\u200cخواهم", "میخواهم", true, 1, 1},
		"curly quotes":           {"“the ship’s bell”", "\"the ship's bell\"", true, 1, 1},
		"dashes":                 {"1990–1995", "1990-1995", true, 1, 1},
		"German quotes":          {"„Faust“", "Faust", true, 1, 1},
		"Spanish marks":          {"¿Qué? ¡Sí!", "qué sí", true, 1, 1},
		"soft hyphen":            {"ex\u00adample", "example", true, 1, 1},
		"full width":             {"２０２４年", "2024年", true, 1, 1},
		"half width":             {"ｶﾞｽ", "ガス", true, 1, 1},
		"Chinese stop":           {"北京。", "北京", true, 1, 1},
		"Chinese, part":          {"北京市", "北京", false, 0.8, 0.8},
		"Chinese, in a sentence": {"首都是北京", "北京", false, 4.0 / 7, 4.0 / 7},
		"Chinese with a number":  {"1990年", "1991年", false, 0.5, 0.5},
		"Japanese":               {"東京タワー", "東京", false, 4.0 / 7, 4.0 / 7}, // ー is a character
		"Thai":                   {"กรุงเทพ", "กรุง", false, 2 * 3.0 / 9, 2 * 3.0 / 9},
		"Thai, another mark":     {"มา", "ม้า", false, 0.5, 0.5},
		"Khmer":                  {"ភ្នំពេញ", "ភ្នំ", false, 0.5, 0.5},
		"Korean has spaces":      {"서울 시", "서울", false, 2.0 / 3, 2.0 / 3},
		"Korean, jamo":           {"\u1109\u1165\u110b\u116e\u11af", "서울", true, 1, 1},
		"Latin in Chinese":       {"使用Go语言", "go", false, 1.0 / 3, 1.0 / 3},
	} {
		t.Run(name, func(t *testing.T) {
			golds := []string{c.g}
			if got := metric.ExactMatch(c.a, golds); got != c.em {
				t.Errorf("ExactMatch is %v, want %v", got, c.em)
			}
			if got := metric.F1(c.a, golds); !near(got, c.f1) {
				t.Errorf("F1 is %v, want %v", got, c.f1)
			}
			if got := metric.RougeL(c.a, golds); !near(got, c.l) {
				t.Errorf("RougeL is %v, want %v", got, c.l)
			}
		})
	}
}

func TestMatchFoldMarks(t *testing.T) {
	for _, c := range []struct {
		answer, gold string
		want         bool
	}{
		{"the cafe\u0301 there", "caf\u00e9", true},
		{"the caf\u00e9 there", "cafe\u0301", true},
		{"the cafe\u0301 there", "cafe", false},
		{"the x\u0331 and x there", "x", true}, // only the second
		{"x\u0331", "x", false},
		{"यह दिल्ली है", "दिल्ली", true},
		{"कला", "कल", false},
		{"ม้า", "ม", false},
		{"aa\u0331a", "aa", false},
	} {
		if got := metric.MatchFold(c.answer, []string{c.gold}); got != c.want {
			t.Errorf("MatchFold(%q, %q) is %v", c.answer, c.gold, got)
		}
	}
}
