package analysis

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPieces(t *testing.T) {
	long := strings.Repeat("x", LongWord)
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"nothing":         {" \r\n", nil},
		"words":           {" don't  stop,\r\nv2.0 ", []string{"don't", "stop,", "v2.0"}},
		"Han":             {"他来了，go去。", []string{"他", "来", "了，go", "去。"}},
		"kana with marks": {"か\u3099ｶﾞx", []string{"か\u3099", "ｶﾞ", "x"}},
		"long":            {long + "y " + long, []string{long, "y", long}},
		"long, accent":    {long + "\u0301y", []string{long + "\u0301", "y"}},
		"long, Thai":      {strings.Repeat("กิ", LongWord+1), []string{strings.Repeat("กิ", LongWord), "กิ"}},
		"bad bytes":       {"a\xffb", []string{"a\xffb"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for p := range Pieces(tc.text) {
				got = append(got, p.Of(tc.text))
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestJoined(t *testing.T) {
	for text, want := range map[string]bool{"a|b": false, "\r|\n": true, "e|\u0301": true, "。|\u0301": true, "東|京": false, "|a": false, "a|": false, "か|\u3099": true} {
		before, after, _ := strings.Cut(text, "|")
		if got := Joined(before+after, len(before)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestCount(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, " \n": 0, "a": 1, " a b\n\u00a0c ": 3, "don't -- well-known 3.5": 4,
		"東京は": 3, "東京、大阪。": 4, "Go言語 is": 4, "Go 1.25で": 3, "か\u3099き": 2, "서울은 수도": 2,
	} {
		if got := Count(text); got != want {
			t.Errorf("Count(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"":                              nil,
		" -- ... ":                      nil,
		"Don't pay 3.5 % to v2.0, e.g.": {"Don't", "pay", "3.5", "to", "v2.0", "e.g"},
		"well-known (naïve) Röntgen!":   {"well", "known", "naïve", "Röntgen"},
		"東京へ":                           {"東", "京", "へ"},
		"a\xffb":                        {"a", "b"},
	} {
		var got []string
		for _, s := range Words(text) {
			got = append(got, s.Of(text))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("Words(%q) (-want +got):\n%s", text, d)
		}
	}
}
