package sentence

import (
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/internal/analysis"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func texts(s string, spans []Span) []string {
	var out []string
	for _, p := range spans {
		out = append(out, p.Of(s))
	}
	return out
}

// Sentences are written with | between them; it is replaced by a space.
func TestSplitProse(t *testing.T) {
	for name, want := range map[string]string{
		"titles and initials": "Dr. Smith met J. K. Rowling.|She wrote it.|Mr. and Mrs. Jones left.|Lt. Col. Hart stayed.",
		"three initials":      "W. E. B. Du Bois wrote.|Harry S. Truman (H. S. Truman) was president.|J.R.R. Tolkien too.",
		"saints":              "St. Louis is a city.|He lives on Main St.|The house is big.",
		"latin":               "Use e.g. Go or i.e. the tool.|Smith et al. (2010) say so.|Smith vs. Jones, cf. Miller.",
		"decimals":            "It costs 3.5 percent more.|It is 0.25.|Then it fell.",
		"countries":           "He lives in the U.S.A. with her.|The U.S. Army came.|Ends in the U.K. in May.",
		"country at the end":  "He lives in the U.S.A.|He likes it.",
		"version":             "Version v2.0 is out.|Use Go 1.25.1 or later.|See node.js and example.com/a.b for it.",
		"dates":               "On Jan. 5, 2020 it rained.|He came on 3 Oct. 1990.|It was 5 May 1920.|The next day was fine.",
		"references":          "See Fig. 3 and No. 5.|See also p. 12 and vol. 2 of it.",
		"year at the end":     "It ended in 1950.|Then came the king.|\"So it was in 1951.\"|We know.",
		"letter at the end":   "They made vitamin C.|The rest is known.|Plan B.|It worked.",
		"time":                "The train left at 5 p.m. on Monday.|She got a Ph.D.|He did not.",
		"quotations":          "\"Stop!\" he said.|\"Who's there?\" she asked.|\"Go.\"|They left.|(It was so.)|Then nothing.",
		"curly quotations":    "He said “stop.”|Then “go!”|So they did.",
		"footnotes":           "It rained.[1]|It snowed.[2]|Then it stopped.",
		"marks":               "Really?|Yes!|Yahoo! is a company.|What?!|So.",
		"numbered in line":    "1. The first item.|2. The second item.",
		"tokenized":           "Parens patriae is Latin for `` parent '' ( lit. , `` father '' ) .|In law , it differs .",
		"no end":              "This has no full stop",
		"ends in an accent":   "Visit Dr. José.|It was the café",
		"hindi":               "यह एक वाक्य है।|यह दूसरा है।",
		"arabic":              "هل أنت هنا؟|نعم.",
	} {
		t.Run(name, func(t *testing.T) {
			s := strings.ReplaceAll(want, "|", " ")
			if d := cmp.Diff(strings.Split(want, "|"), texts(s, Split(s))); d != "" {
				t.Errorf("Split(%q) (-want +got):\n%s", s, d)
			}
			// White space of any kind and amount changes nothing.
			wide := strings.ReplaceAll(s, " ", " \t\u00a0\r\n ")
			var got []string
			for _, p := range texts(wide, Split(wide)) {
				got = append(got, strings.Join(strings.Fields(p), " "))
			}
			if d := cmp.Diff(texts(s, Split(s)), got); d != "" && !strings.Contains(want, "2. The second") {
				t.Errorf("with other white space (-want +got):\n%s", d)
			}
		})
	}
}

func TestSplitWithoutSpaces(t *testing.T) {
	for name, want := range map[string]string{
		"chinese":          "今天天气很好。|我们去公园吧！|你呢？",
		"japanese":         "東京は日本の首都です。|人口は1400万人。",
		"quotation":        "「行く。」と言った。|「はい。」|彼は来た。",
		"wide decimal":     "値は３．５です。|次。",
		"ascii marks":      "好的!|真的?|是的.|好",
		"two marks":        "何！？|そう。",
		"latin inside":     "使用 Go 1.25。|它很快 (e.g. maps)。",
		"latin after mark": "这是Go.It is fast.",
	} {
		t.Run(name, func(t *testing.T) {
			s := strings.ReplaceAll(want, "|", "")
			if d := cmp.Diff(strings.Split(want, "|"), texts(s, Split(s))); d != "" {
				t.Errorf("Split(%q) (-want +got):\n%s", s, d)
			}
		})
	}
}

func TestSplitLayout(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"empty":            {"", nil},
		"white space":      {" \n\t\u2003\n", nil},
		"paragraphs":       {"One\ntwo\n\nthree \r\n \r\n four\rfive", []string{"One\ntwo", "three", "four\rfive"}},
		"form feed":        {"one\ftwo\u2029three", []string{"one", "two", "three"}},
		"bullets":          {"a:\n- one. two\n  more\n* three\n+ four\n• five", []string{"a:", "- one.", "two\n  more", "* three", "+ four", "• five"}},
		"numbers":          {"Do:\n1. One.\n2. Two.\n10) Ten. Then.", []string{"Do:", "1. One.", "2. Two.", "10) Ten.", "Then."}},
		"letters":          {"Do:\na) one\nb) two\n(c) three", []string{"Do:", "a) one", "b) two", "(c) three"}},
		"bracketed":        {"Do:\n(1) one\n(2) two", []string{"Do:", "(1) one", "(2) two"}},
		"other bullets":    {"a:\n● one\n・ two\n· three", []string{"a:", "● one", "・ two", "· three"}},
		"wrapped letter":   {"the sides are a and\nb) is wrong (as\n(2) says)", []string{"the sides are a and\nb) is wrong (as\n(2) says)"}},
		"wrapped number":   {"the answer is\n42. That is\n7) all", []string{"the answer is\n42.", "That is\n7) all"}},
		"headings":         {"text\n# H one\nmore\n###### H\n####### no", []string{"text", "# H one", "more", "###### H", "####### no"}},
		"underlined":       {"Title\n=====\nText\n---\n***\nend", []string{"Title", "=====", "Text", "---", "***", "end"}},
		"hash and no head": {"a\n#include\nb", []string{"a\n#include\nb"}},
		"dash in a line":   {"a - b\n-c", []string{"a - b\n-c"}},
		"bad bytes":        {"a\xff. \xffB is. \xc3", []string{"a\xff.", "\xffB is.", "\xc3"}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, texts(tc.text, Split(tc.text))); d != "" {
				t.Errorf("Split(%q) (-want +got):\n%s", tc.text, d)
			}
		})
	}
}

func TestSplitLong(t *testing.T) {
	words := func(n int) string { return strings.TrimSpace(strings.Repeat("word ", n)) }
	for name, tc := range map[string]struct {
		text string
		want []int // words of each piece
	}{
		"as long as allowed":   {words(60), []int{60}},
		"no clause":            {words(61), []int{31, 30}},
		"three like pieces":    {words(121), []int{41, 40, 40}},
		"semicolon":            {words(30) + "; " + words(40), []int{30, 40}},
		"semicolon not comma":  {words(30) + "; " + words(10) + ", " + words(30), []int{30, 40}},
		"comma":                {words(50) + ", " + words(20), []int{50, 20}},
		"the last comma":       {words(25) + ", " + words(25) + ", " + words(20), []int{50, 20}},
		"comma too early":      {words(20) + ", " + words(50), []int{35, 35}},
		"comma just in time":   {words(21) + ", " + words(50), []int{21, 50}},
		"comma too late":       {words(61) + ", " + words(9), []int{35, 35}},
		"ideographs":           {strings.Repeat("字", 121), []int{41, 40, 40}},
		"ideographs and comma": {strings.Repeat("字", 30) + "，" + strings.Repeat("字", 40), []int{30, 40}},
		"one endless word":     {strings.Repeat("x", 5000), []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			for _, s := range Split(tc.text) {
				got = append(got, analysis.Count(s.Of(tc.text)))
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("words per piece (-want +got):\n%s", d)
			}
		})
	}
}

func TestConcurrent(t *testing.T) {
	s := "Dr. Smith came in 1950. Then he left! 今天。明天。 Why? See e.g. Fig. 3."
	want := Split(s)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if d := cmp.Diff(want, Split(s)); d != "" {
					t.Error(d)
					return
				}
			}
		})
	}
	wg.Wait()
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		"Dr. Smith met J. K. Rowling. She wrote it.\n\n- one\n- two", "今天。明天！「是。」と。", "a\xff. \xffB. é. É",
		"\r\n\r\n\f\u2029 \u0085", strings.Repeat("a, b; ", 70), "..? !! .\". 1. 2. A. B. The", "。．\u3000.!?", "1.\n2.\n#\n---",
		"« Oui. » 「あ。い。」と“好。”他说。《a。》b（。）", "【。「。『。》", "갔다.그는[1]。［2］[", "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย แม่น้ำ พ.ศ. 2500",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		spans := Split(s)
		runeStart := map[int]bool{len(s): true}
		for i := range s {
			runeStart[i] = true
		}
		last := 0
		for _, p := range spans {
			if p.Start < last || p.End <= p.Start || p.End > len(s) {
				t.Fatalf("span %v after %d, text of %d bytes", p, last, len(s))
			}
			if !runeStart[p.Start] || !runeStart[p.End] {
				t.Fatalf("span %v cuts a character", p)
			}
			if gap := s[last:p.Start]; strings.TrimSpace(gap) != "" {
				t.Fatalf("%q belongs to no span", gap)
			}
			first, _ := utf8.DecodeRuneInString(p.Of(s))
			final, _ := utf8.DecodeLastRuneInString(p.Of(s))
			if unicode.IsSpace(first) || unicode.IsSpace(final) {
				t.Fatalf("span %q is not trimmed", p.Of(s))
			}
			if n := len(strings.Fields(p.Of(s))); n > MaxWords || analysis.Count(p.Of(s)) > MaxWords {
				t.Fatalf("span of %d words", n)
			}
			last = p.End
		}
		if strings.TrimSpace(s[last:]) != "" {
			t.Fatalf("%q belongs to no span", s[last:])
		}
		if d := cmp.Diff(spans, Split(s)); d != "" {
			t.Fatalf("not deterministic: %s", d)
		}
		last = 0
		for _, w := range analysis.Words(s) {
			if w.Start < last || w.End <= w.Start || w.End > len(s) || !runeStart[w.Start] || !runeStart[w.End] {
				t.Fatalf("word %v after %d, text of %d bytes", w, last, len(s))
			}
			last = w.End
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	s := strings.Repeat("Dr. Smith met J. K. Rowling in 1950. She wrote, e.g. on v2.0, a book of 3.5 pages.\nIt was long; it was good.\n\n", 100)
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		Split(s)
	}
}
