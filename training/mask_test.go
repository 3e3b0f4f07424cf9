package training

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

func TestMask(t *testing.T) {
	const two = "é[Retrieval]<paragraph>日本\n😀.</paragraph>[Relevant]a[Fully supported][Retrieval]<paragraph>b</paragraph>[Irrelevant]c[Utility:1]"
	for _, tc := range []struct {
		name, text string
		kind       MaskKind
		want       []string
		runes      [][2]int
	}{
		{"no passage", "[No Retrieval]a[Utility:1]", MaskPassages, nil, [][2]int{}},
		{"default", two, "", []string{"日本\n😀.", "b"}, [][2]int{{23, 28}, {90, 91}}},
		{"passages", two, MaskPassages, []string{"日本\n😀.", "b"}, [][2]int{{23, 28}, {90, 91}}},
		{"marks", two, MaskMarks, []string{"<paragraph>日本\n😀.</paragraph>", "<paragraph>b</paragraph>"}, [][2]int{{12, 40}, {79, 103}}},
		{"released", two, MaskReleased, []string{"日本\n😀.</paragraph>[Relevant]a[Fully supported][Retrieval]<paragraph>b"}, [][2]int{{23, 91}}},
		{"released, one passage", "[Retrieval]<paragraph>b</paragraph>[Irrelevant]c[Utility:1]", MaskReleased, []string{"b"}, [][2]int{{22, 23}}},
		{"empty passage", "[Retrieval]<paragraph></paragraph>[Irrelevant]c[Utility:1]", MaskPassages, nil, [][2]int{}},
		{"empty passage with marks", "[Retrieval]<paragraph></paragraph>[Irrelevant]c[Utility:1]", MaskMarks, []string{"<paragraph></paragraph>"}, [][2]int{{11, 34}}},
		{"rules beside those of passages", "<paragraph>a</paragraph>", MaskPassages, []string{"a"}, [][2]int{{11, 12}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Mask(tc.text, tc.kind)
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, s := range got {
				texts = append(texts, s.Of(tc.text))
			}
			if diff := cmp.Diff(tc.want, texts); diff != "" {
				t.Errorf("texts: want -, got +:\n%s", diff)
			}
			if diff := cmp.Diff(tc.runes, Runes(got)); diff != "" {
				t.Errorf("code points: want -, got +:\n%s", diff)
			}
		})
	}
}

func TestMaskErrors(t *testing.T) {
	for text, offset := range map[string]int{
		"a<paragraph>b":                        1,
		"<paragraph>a<paragraph>b":             12,
		"a</paragraph>":                        1,
		"<paragraph>a</paragraph></paragraph>": 24,
	} {
		for _, kind := range maskKinds.Names {
			_, err := Mask(text, kind)
			var malformed *MalformedError
			if !errors.As(err, &malformed) || malformed.Offset != offset {
				t.Errorf("%q, %s: %v: want an error at byte %d", text, kind, err, offset)
			}
		}
	}
	if _, err := Mask("", "all"); !errors.Is(err, ErrOption) {
		t.Errorf("a kind that does not exist: %v", err)
	}
}

// slowMask says of each code point of a text whether it is masked, by reading the text once
// for each of them.
func slowMask(text []rune, kind MaskKind) []bool {
	starts := func(at int, mark string) bool {
		return text[at] == '<' && at+len(mark) <= len(text) && string(text[at:at+len(mark)]) == mark
	}
	masked := make([]bool, len(text))
	for i := range text {
		switch kind {
		case MaskReleased:
			before, after := false, false
			for k := range text {
				before = before || starts(k, "<paragraph>") && k+11 <= i
				after = after || starts(k, "</paragraph>") && k > i
			}
			masked[i] = before && after
		default:
			// The last mark that begins at i or before says where i is.
			for k := i; k >= 0; k-- {
				if starts(k, "<paragraph>") {
					masked[i] = kind == MaskMarks || i >= k+11
					break
				}
				if starts(k, "</paragraph>") {
					masked[i] = kind == MaskMarks && i < k+12
					break
				}
			}
		}
	}
	return masked
}

func TestMaskAgainstSlow(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 21))
	spans := 0
	for range testsize.Long(300, 2000, 10_000) {
		text := randomOutput(rng, func() string { return randomText(rng, harmless, hostile) }).String()
		for _, kind := range maskKinds.Names {
			got, err := Mask(text, kind)
			if err != nil {
				t.Fatal(err)
			}
			runes := []rune(text)
			marked := make([]bool, len(runes))
			for _, s := range got {
				if string(runes[s.Runes[0]:s.Runes[1]]) != string([]rune(s.Of(text))) {
					t.Fatalf("%q: %v: the bytes and the code points differ", text, s)
				}
				for i := s.Runes[0]; i < s.Runes[1]; i++ {
					marked[i] = true
				}
			}
			if diff := cmp.Diff(slowMask(runes, kind), marked); diff != "" {
				t.Fatalf("%q, %s: want -, got +:\n%s", text, kind, diff)
			}
			if again, err := SpansOf(text, Runes(got)); err != nil || !cmp.Equal(again, got) {
				t.Fatalf("%q: %v becomes %v, %v", text, got, again, err)
			}
			spans += len(got)
		}
	}
	if spans < 500 {
		t.Errorf("only %d spans", spans)
	}
}

func TestSpansOfErrors(t *testing.T) {
	for _, runes := range [][][2]int{{{-1, 1}}, {{0, 4}}, {{0, 1 << 60}}, {{5, 6}}, {{1, 1}}, {{2, 1}}, {{0, 2}, {1, 3}}, {{1, 2}, {0, 1}}} {
		if got, err := SpansOf("aé😀", runes); !errors.Is(err, ErrRecord) {
			t.Errorf("%v: %v, %v", runes, got, err)
		}
	}
	if got, err := SpansOf("aé😀", [][2]int{{0, 1}, {1, 3}}); err != nil || got[1].Of("aé😀") != "é😀" {
		t.Errorf("%v, %v", got, err)
	}
}
