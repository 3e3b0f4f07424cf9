package metric_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/testsize"
)

// texts makes the texts of the recording out of testdata/fragments.json.
type texts struct {
	state     uint64
	fragments []string
}

func (x *texts) below(n int) int {
	x.state = x.state*6364136223846793005 + 1442695040888963407
	return int((x.state >> 33) % uint64(n))
}

// ascii is how many fragments, the first ones, are of ASCII.
const ascii = 32

func (x *texts) text() string {
	from := len(x.fragments)
	if x.below(4) > 0 {
		from = ascii
	}
	var b strings.Builder
	for range x.below(7) {
		b.WriteString(x.fragments[x.below(from)])
		if x.below(3) > 0 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// next returns an answer and its gold answers. The first may be the answer itself, or the
// answer without capitals.
func (x *texts) next() (answer string, golds []string) {
	answer = x.text()
	for range 1 + x.below(2) {
		golds = append(golds, x.text())
	}
	if x.below(3) == 0 {
		golds[0] = answer
		if x.below(2) == 0 {
			golds[0] = strings.Map(func(r rune) rune {
				if 'A' <= r && r <= 'Z' {
					r += 'a' - 'A'
				}
				return r
			}, strings.Trim(answer, " "))
		}
	}
	return answer, golds
}

// The metrics as metrics.py has them, written anew after what Python does with texts.

// pythonLower is str.lower: unlike strings.ToLower it ends words with ς and keeps the dot of İ.
func pythonLower(s string) string {
	runes := []rune(s)
	cased := func(i, step int) bool { // in this direction, behind what is passed over
		for i += step; i >= 0 && i < len(runes); i += step {
			if unicode.In(runes[i], unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) || strings.ContainsRune("'.:’", runes[i]) {
				continue
			}
			return unicode.In(runes[i], unicode.Ll, unicode.Lu, unicode.Lt)
		}
		return false
	}
	var b strings.Builder
	for i, r := range runes {
		switch {
		case r == 'İ':
			b.WriteString("i\u0307")
		case r == 'Σ' && cased(i, -1) && !cased(i, 1):
			b.WriteRune('ς')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

func released(s string) string {
	var words strings.Builder
	for _, r := range pythonLower(s) {
		if r > unicode.MaxASCII || !unicode.IsPunct(r) && !unicode.IsSymbol(r) {
			words.WriteRune(r)
		}
	}
	inWord := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }
	text := []rune(words.String())
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		n := 0
		for _, article := range []string{"a", "an", "the"} {
			end := i + len(article)
			if end <= len(text) && string(text[i:end]) == article && (i == 0 || !inWord(text[i-1])) && (end == len(text) || !inWord(text[end])) {
				n = len(article)
			}
		}
		if n > 0 {
			out.WriteByte(' ')
			i += n - 1
			continue
		}
		out.WriteRune(text[i])
	}
	return strings.Join(pythonFields(out.String()), " ")
}

func pythonFields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f })
}

func releasedExact(answer string, golds []string) float64 {
	for _, g := range golds {
		if released(g) == released(answer) {
			return 1
		}
	}
	return 0
}

func releasedF1(answer string, golds []string) float64 {
	best := 0.0
	for _, g := range golds {
		a, b := pythonFields(released(answer)), pythonFields(released(g))
		common := 0
		for _, w := range slices.Compact(slices.Sorted(slices.Values(a))) {
			count := func(list []string) (n int) {
				for _, v := range list {
					if v == w {
						n++
					}
				}
				return n
			}
			common += min(count(a), count(b))
		}
		if common > 0 {
			p, r := float64(common)/float64(len(a)), float64(common)/float64(len(b))
			best = max(best, 2*p*r/(p+r))
		}
	}
	return best
}

func as01(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// figures are ours beside those of metrics.py.
var figures = []struct {
	name           string
	ours, released func(answer string, golds []string) float64
}{
	{"Match", func(a string, g []string) float64 { return as01(metric.Match(a, g)) }, func(a string, g []string) float64 { return as01(metric.MatchReleased(a, g)) }},
	{"ExactMatch", func(a string, g []string) float64 { return as01(metric.ExactMatch(a, g)) }, releasedExact},
	{"F1", metric.F1, releasedF1},
}

func drop(is func(rune) bool) func(string) string {
	return func(s string) string {
		return strings.Map(func(r rune) rune {
			if is(r) {
				return -1
			}
			return r
		}, s)
	}
}

// reasons are the ways in which ours differ, and how to take them out of a text.
var reasons = []struct {
	name string
	mend func(string) string
}{
	{"white space", func(s string) string { return strings.Join(pythonFields(s), " ") }},
	{"case", func(s string) string { return strings.NewReplacer("İ", "i", "Σ", "σ", "ς", "σ").Replace(s) }},
	{"accents", func(s string) string { return norm.NFC.String(pythonLower(s)) }},
	{"invisible", drop(func(r rune) bool { return unicode.Is(unicode.Cf, r) })},
	{"marks", drop(func(r rune) bool { return r > unicode.MaxASCII && (unicode.IsPunct(r) || unicode.IsSymbol(r)) })},
	{"width", func(s string) string { return width.Fold.String(s) }},
	{"scripts", func(s string) string {
		var b strings.Builder
		for _, r := range s {
			if unicode.In(r, unicode.Han, unicode.Thai) {
				b.WriteString(" " + string(r) + " ")
			} else {
				b.WriteRune(r)
			}
		}
		return b.String()
	}},
}

// wordless reports whether nothing is left of a text.
func wordless(s string) bool { return !metric.ExactMatch(s, []string{s}) }

// why says which reason explains that a figure differs: with it taken out of all texts it does
// not. Otherwise it takes out one after the other.
func why(differs func(answer string, golds []string) bool, answer string, golds []string) string {
	words := slices.DeleteFunc(slices.Clone(golds), wordless)
	if wordless(answer) || len(words) == 0 || len(words) < len(golds) && !differs(answer, words) {
		return "empty"
	}
	mended := func(mend func(string) string, answer string, golds []string) (string, []string) {
		list := slices.Clone(golds)
		for i := range list {
			list[i] = mend(list[i])
		}
		return mend(answer), list
	}
	for _, r := range reasons {
		if a, g := mended(r.mend, answer, golds); !differs(a, g) {
			return r.name
		}
	}
	a, g := answer, words
	for _, r := range reasons {
		if a, g = mended(r.mend, a, g); !differs(a, g) {
			return "several"
		}
	}
	return "unknown"
}

// testdata/released.txt.gz has a line for each of 20,000 texts: match, exact match, F1 and the
// checksum of the normal form as metrics.py of AkariAsai/self-rag gives them, and that of the
// texts. What is written anew above gives the same for all; every difference of ours from it
// has a known reason. docs/metrics.md has the counts.
func TestReleasedDifferences(t *testing.T) {
	testsize.SkipRaced(t)
	f, err := os.Open("testdata/released.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	x := &texts{20260000, recorded[[]string](t, "fragments.json")}
	counts := map[string]int{}
	n := 0
	for s := bufio.NewScanner(z); s.Scan(); n++ {
		want := make([]float64, 3)
		var form, input uint32
		if _, err := fmt.Sscanf(s.Text(), "%g %g %g %x %x", &want[0], &want[1], &want[2], &form, &input); err != nil {
			t.Fatal(err)
		}
		answer, golds := x.next()
		if got := crc32.ChecksumIEEE([]byte(answer+"\x00"+strings.Join(golds, "\x00"))) & 0xffff; got != input {
			t.Fatalf("line %d: other texts than those of the recording: %q, %q", n+1, answer, golds)
		}
		if crc32.ChecksumIEEE([]byte(released(answer))) != form {
			t.Fatalf("the normal form of %q is another one than %q", answer, released(answer))
		}
		if metric.Normalize(answer) != released(answer) {
			counts["Normalize: "+why(func(a string, _ []string) bool { return metric.Normalize(a) != released(a) }, "x "+answer, []string{"x"})]++
		}
		for i, f := range figures {
			if got := f.released(answer, golds); math.Abs(got-want[i]) > 1e-5 {
				t.Fatalf("%s of %q and %q is %v, recorded %v", f.name, answer, golds, got, want[i])
			}
			differs := func(a string, g []string) bool { return math.Abs(f.ours(a, g)-f.released(a, g)) > 1e-9 }
			if differs(answer, golds) {
				reason := why(differs, answer, golds)
				counts[f.name+": "+reason]++
				if reason == "unknown" {
					t.Errorf("%s of %q and %q is %v, released %v", f.name, answer, golds, f.ours(answer, golds), f.released(answer, golds))
				}
			}
		}
	}
	want := map[string]int{
		"Match: empty":      4757,
		"ExactMatch: empty": 3414, "ExactMatch: invisible": 1, "ExactMatch: marks": 3, "ExactMatch: several": 1, "ExactMatch: white space": 1,
		"F1: accents": 2, "F1: case": 1, "F1: empty": 88, "F1: invisible": 20, "F1: marks": 60, "F1: scripts": 25, "F1: several": 41,
		"F1: white space": 20, "F1: width": 16,
		"Normalize: case": 287, "Normalize: several": 21, "Normalize: white space": 283,
	}
	if n != 20000 || !cmp.Equal(counts, want) {
		t.Errorf("%d texts: %s", n, cmp.Diff(want, counts))
	}
}
