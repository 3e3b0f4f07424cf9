package token

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func tokens(text string) []Token {
	var list []Token
	s := Scan(text)
	for t := (Token{}); s.Next(&t); {
		list = append(list, t)
	}
	return list
}

func TestScan(t *testing.T) {
	for text, want := range map[string]string{
		"": "", " -- ... ": "",
		"Don't pay 3.5 % to v2.0, e.g.":   "Don't|pay|3.5|to|v2.0|e.g",
		"max_tokens maxTokens max-tokens": "max_tokens|maxTokens|max-tokens",
		"C++, C# and F#. A+ 1+1 x++y":     "C++|C#|and|F#|A+|1|1|x|y",
		".NET x.y ...and .5":              ".NET|x.y|and|5",
		"R&D a & b AT&T":                  "R&D|a|b|AT&T",
		"1,000,000.50 a,b 3, 4":           "1,000,000.50|a|b|3|4",
		"CO₂ km² 10² Einstein¹ x ½":       "CO₂|km²|10|²|Einstein|¹|x|½",
		"東京は3人 Go言語":                      "東京は|3|人|Go|言語",
		"ดื่มน้ำเย็น ๑๙":                  "ดื่มน้ำเย็น|๑๙",
		"l’eau – well–known re\u00adsume": "l’eau|well–known|re\u00adsume",
		"a\xffb \xe2\x82":                 "a|b",
		"__init__ -x- 'tis":               "init|x|tis",
		"end.Next a:b":                    "end.Next|a|b",
		"ＦＵＬＬ＿ｗｉｄｔｈ":                      "ＦＵＬＬ＿ｗｉｄｔｈ",
	} {
		var got []string
		for _, tok := range tokens(text) {
			got = append(got, text[tok.Start:tok.End])
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%q: %q, want %q", text, s, want)
		}
	}
}

func TestSplit(t *testing.T) {
	for word, want := range map[string]string{
		"maxTokens": "maxTokens max Tokens", "HTTPServer": "HTTPServer HTTP Server", "max_tokens": "max tokens",
		"iPhone": "iPhone Phone", "node.js": "node js", "U.S.A": "U.S.A letters", "v1.2.3-beta": "v1.2.3 beta",
		"C++": "C ++", "F#": "F #", "A+": "A +", ".NET": "NET stop", "Ph.D": "Ph D", "don't": "don't", "1,000": "1,000",
		"HTTP": "HTTP", "aBcDeFgHiJk": "aBcDeFgHiJk", "naïveÉcole": "naïveÉcole naïve École",
	} {
		p := Split(word)
		var got []string
		for _, part := range p.List {
			got = append(got, word[part.Start:part.End])
		}
		if p.Letters {
			got = append(got, "letters")
		}
		if p.Stop {
			got = append(got, "stop")
		}
		if p.Sign != "" {
			got = append(got, p.Sign)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %q, want %q", word, s, want)
		}
	}
}

func TestNormal(t *testing.T) {
	for text, want := range map[string]string{
		"ﬁnal ＡＢＣ １２": "final ABC 12", "ｶﾞ": "ガ", "㎏": "kg", "Ⅷ": "VIII", "10² ½": "10² ½", "e\u0301": "é",
		"a\u00adb\u200bc\ufeff": "abc", "it’s ʼ": "it's '", "a‐b – c−d": "a-b - c-d", "كتـاب": "كتاب",
		"น\u0e4d\u0e49\u0e32": "น้ำ", "น้ำ": "น้ำ", "a\xffb": "a\xffb", "Ω": "Ω", "서울": "서울",
	} {
		if got := Normal(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	for word, want := range map[string]string{
		"Münster": "munster", "STRASSE": "strasse", "Straße": "strasse", "Ærø": "aero", "İstanbul": "istanbul", "Işık": "isik",
		"ΣΟΦΌΣ": "σοφοσ", "Ёлка": "елка", "Йод": "йод", "за\u0301мок": "замок", "كِتَابٌ": "كتاب", "أحمد": "احمد", "שָׁלוֹם": "שלום",
		"กิน": "กิน", "क़लम": "क\u093cलम", "ガ": "ガ", "١٩": "19", "CO₂": "co2", "Việt": "viet", "Łódź": "lodz",
	} {
		if got := Fold(Lower(word)); got != norm.NFC.String(want) {
			t.Errorf("%q: %+q, want %+q", word, got, want)
		}
	}
}

func TestClusters(t *testing.T) {
	for run, want := range map[string]string{"น้ำดี": "น้ำ|ดี", "日本": "日|本", "ភ្នំ": "ភ្នំ", "が\u3099か": "が\u3099|か", "": ""} {
		var got []string
		start := 0
		for _, end := range Clusters(run, nil) {
			got = append(got, run[start:end])
			start = end
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%q: %q, want %q", run, s, want)
		}
	}
}

// characters draws characters of many kinds, often those that matter for words.
func characters() *rapid.Generator[string] {
	kinds := []rune("aZé_-.,'’+#&0٣²½ ﬁＡ\u0301\u00ad\u200dกิำ\u0e4d東ガｶﾞ서ｱक़\u093cёй\u212b\u1e9bİßĳ㎏Ⅳ\u0130\u0345\ufe0f\u1100\u1161\u11a8")
	one := rapid.OneOf(rapid.SampledFrom(kinds), rapid.Rune())
	return rapid.Map(rapid.SliceOfN(one, 0, 20), func(r []rune) string { return string(r) })
}

// The normal form of a normal form is itself, and canonically equivalent texts have
// the same.
func TestNormalForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := characters().Draw(t, "text")
		n := Normal(text)
		if again := Normal(n); again != n {
			t.Fatalf("%+q: %+q, then %+q", text, n, again)
		}
		if other := Normal(norm.NFD.String(text)); other != n {
			t.Fatalf("%+q: %+q, decomposed %+q", text, n, other)
		}
		f := Fold(Lower(text))
		if again := Fold(Lower(f)); again != f {
			t.Fatalf("%+q folds to %+q, then %+q", text, f, again)
		}
	})
}

// Tokens are in order, do not overlap, and are cut between characters.
func TestPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := characters().Draw(t, "text")
		end := 0
		for _, tok := range tokens(text) {
			if tok.Start < end || tok.End <= tok.Start || tok.End > len(text) || !utf8.ValidString(text[tok.Start:tok.End]) {
				t.Fatalf("%+q: %+v", text, tok)
			}
			end = tok.End
			parts := Split(text[tok.Start:tok.End])
			if !tok.Run && len(parts.List) == 0 {
				t.Fatalf("%+q has no parts", text[tok.Start:tok.End])
			}
			for _, p := range parts.List {
				if p.Start < 0 || p.End <= p.Start || p.End > tok.End-tok.Start {
					t.Fatalf("%+q: %+v", text[tok.Start:tok.End], p)
				}
			}
		}
	})
}

// Scanning allocates nothing.
func TestScanAllocates(t *testing.T) {
	text := "The bridge across the bay, built in 1932, isn't max_tokens. Die Brücke über ตา 東京"
	tokens(text) // fills the pages of characters
	n := testing.AllocsPerRun(10, func() {
		s := Scan(text)
		for t := (Token{}); s.Next(&t); {
		}
	})
	if d := cmp.Diff(0.0, n); d != "" {
		t.Error(d)
	}
}

func FuzzToken(f *testing.F) {
	f.Add("Don't max_tokens C++ 10² ½ ดื่มน้ำ \xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range tokens(text) {
			word := text[tok.Start:tok.End]
			Split(word)
			Clusters(Normal(word), nil)
			Fold(Lower(word))
		}
	})
}
