package extractive

import (
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis"
)

func cut(s string) []string {
	var out []string
	for s != "" {
		n := analysis.TokenLen(s)
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

func TestTokens(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"Go is fast.", []string{"Go", " is", " fast", "."}},
		{"a  b\n c \n", []string{"a", " ", " b", "\n", " c", " \n"}},
		{"don't (3.5%)", []string{"don", "'", "t", " (", "3", ".", "5", "%", ")"}},
		{" \u00a0x", []string{" \u00a0", "x"}},
		{"x_1é e\u0301", []string{"x_1é", " e\u0301"}},
		{"東京 abc東", []string{"東", "京", " abc", "東"}},
		{"[Fully supported]", []string{"[", "Fully", " supported", "]"}},
		{"\xff\xfea", []string{"\xff", "\xfe", "a"}},
		{"   ", []string{"   "}},
		{"", nil},
	} {
		if got := cut(tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
		if got := countTokens(tt.text, tt.text); got != 2*len(tt.want) {
			t.Errorf("%q twice: %d tokens, want %d", tt.text, got, 2*len(tt.want))
		}
	}
}

// FuzzTokens checks that tokens are lossless, that a text cut between tokens has
// the same tokens, which Score and Next rely on, and that joins is right about
// adjacent tokens.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{channels, "a  b\n c", "東京 abc東", "\xff \u00a0.", "e\u0301 \u0301 3.5"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, s, other string) {
		all := cut(s)
		if strings.Join(all, "") != s {
			t.Fatalf("%q became %q", s, all)
		}
		at := 0
		for i, token := range all {
			if at += len(token); !slices.Equal(cut(s[:at]), all[:i+1]) {
				t.Errorf("%q alone is cut otherwise than in %q", s[:at], s)
			}
			if len(cut(token)) != 1 {
				t.Errorf("the token %q is cut again", token)
			}
		}
		if !utf8.ValidString(s) || !utf8.ValidString(other) {
			return // bytes of two broken characters can make a whole one
		}
		for _, a := range all[:min(len(all), 8)] {
			for _, b := range cut(other)[:min(len(cut(other)), 8)] {
				if got, want := joins(a, b), !slices.Equal(cut(a+b), []string{a, b}); got != want {
					t.Errorf("joins(%q, %q) is %v, but %q is cut into %q", a, b, got, a+b, cut(a+b))
				}
			}
		}
	})
}

// TestBaseSumsToOne adds up the base over all byte strings by length; those longer
// than 20000 bytes have a probability below 1e-33.
func TestBaseSumsToOne(t *testing.T) {
	text := 0.0
	for n := range 20000 {
		text += math.Exp(float64(n+1)*math.Log(256) + logBase(n+1))
	}
	if math.Abs(text-baseText) > 1e-12 {
		t.Errorf("all texts sum to %v, want %v", text, baseText)
	}
	if sum := text + 16*math.Exp(logBase(0)); math.Abs(sum-1) > 1e-12 {
		t.Errorf("texts, the end and 15 control tokens sum to %v, want 1", sum)
	}
}
