package sentence

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
