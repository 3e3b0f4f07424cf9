package ingest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"

	"github.com/goselfrag/goselfrag/internal/analysis"
)

func TestSplitText(t *testing.T) {
	bytes := func(s string) int { return len(s) }
	for name, tc := range map[string]struct {
		split Split
		text  string
		want  []string
	}{
		"sentences": {Split{Unit: Sentences, Size: 2}, "One. Two is here. Three.", []string{"One. Two is here.", "Three."}},
		"sentences, overlap": {Split{Unit: Sentences, Size: 2, Overlap: 1}, "One. Two. Three. Four.",
			[]string{"One. Two.", "Two. Three.", "Three. Four."}},
		"Chinese sentences":  {Split{Unit: Sentences, Size: 1}, "他来了。她说：“好！”他们走了。", []string{"他来了。", "她说：“好！”", "他们走了。"}},
		"Japanese sentences": {Split{Unit: Sentences, Size: 2, Overlap: 1}, "雨だ。傘がない。困った。", []string{"雨だ。傘がない。", "傘がない。困った。"}},
		"words":              {Split{Whole: WholeWords, Size: 3}, "a b. c\r\nd e f g", []string{"a b. c", "d e f", "g"}},
		"words, overlap":     {Split{Whole: WholeWords, Size: 3, Overlap: 2}, "a b c d e", []string{"a b c", "b c d", "c d e"}},
		"Chinese words":      {Split{Whole: WholeWords, Size: 3}, "他来了，她走。", []string{"他来了，", "她走。"}},
		"Japanese words": {Split{Whole: WholeWords, Size: 4}, "東京でGo 1.25を使う",
			[]string{"東京でGo", "1.25を使う"}},
		"a sentence too long": {Split{Size: 2}, "a b c d e. f.", []string{"a b", "c d", "e. f."}},
		"paragraphs": {Split{Whole: WholeBlocks, Size: 5}, "a b.\n\nc. d e. f.\n\ng h i j. k l m.",
			[]string{"a b.", "c. d e. f.", "g h i j.", "k l m."}},
		"sentences by paragraph": {Split{Unit: Sentences, Whole: WholeBlocks, Size: 2}, "One two. Three.\n\nFour.\n\nFive. Six. Seven.",
			[]string{"One two. Three.", "Four.\n\nFive.", "Six. Seven."}},
		"tokens":            {Split{Unit: Tokens, Size: 6, Count: bytes}, "ab cd. ef gh.", []string{"ab cd.", "ef gh."}},
		"tokens, a word":    {Split{Unit: Tokens, Size: 4, Count: bytes}, "abcdefghij", []string{"abcd", "efgh", "ij"}},
		"tokens, accents":   {Split{Unit: Tokens, Size: 3, Count: bytes}, "e\u0301e\u0301e\u0323\u0301", []string{"e\u0301", "e\u0301", "e\u0323", "\u0301"}},
		"tokens, overlap":   {Split{Unit: Tokens, Size: 5, Overlap: 2, Whole: WholeWords, Count: bytes}, "ab cd ef", []string{"ab cd", "cd ef"}},
		"no spaces":         {Split{Size: 2}, strings.Repeat("x", 300), []string{strings.Repeat("x", 128), strings.Repeat("x", 128), strings.Repeat("x", 44)}},
		"nothing":           {Split{}, " \r\n\t", nil},
		"bad bytes":         {Split{Whole: WholeWords, Size: 1}, "a\xff \xc3 b", []string{"a\xff", "\xc3", "b"}},
		"a half-width mark": {Split{Whole: WholeWords, Size: 1}, "ｶﾞｶ", []string{"ｶﾞ", "ｶ"}},
	} {
		t.Run(name, func(t *testing.T) {
			spans, err := tc.split.Text(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range spans {
				got = append(got, s.of(tc.text))
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestSplitErrors(t *testing.T) {
	count := func(s string) int { return len(s) }
	for want, split := range map[string]Split{
		"Unit is 9":                 {Unit: 9},
		"Whole is 9":                {Whole: 9},
		"needs whole sentences":     {Unit: Sentences, Whole: WholeWords},
		"want a Count":              {Unit: Tokens},
		"want Unit Tokens":          {Count: count},
		"Size is -1":                {Size: -1},
		"Overlap is 3: want 0 to 2": {Size: 3, Overlap: 3},
		"Overlap is -1":             {Overlap: -1},
		`Size is 2 tokens: the character "東" alone has 3`: {Unit: Tokens, Size: 2, Count: count},
	} {
		_, err := split.Text("a 東")
		if !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		for _, o := range []Options{{Split: split}, {Children: &split}} {
			if _, err := Document("a.txt", []byte("a 東"), o); !errors.Is(err, ErrOption) {
				t.Errorf("%+v: %v", o, err)
			}
		}
	}
}

// A count of tokens that depends on adjacent characters, as real ones do: pairs of
// equal bytes are one token, and a space joins the word after it.
func pairs(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' && i+1 < len(s) {
			continue
		}
		if i+1 < len(s) && s[i] == s[i+1] {
			i++
		}
		n++
	}
	return n + strings.Count(s, ". ")
}

// joins tells whether a character makes one grapheme cluster with a Han character
// behind it, which sentence counting takes for a word of its own: a cluster is never cut.
func joins(r rune) bool { return uniseg.GraphemeClusterCount(string(r)+"東") == 1 }

func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		"Dr. Smith came. He saw it.\r\n\r\n- One\r\n- Two\r\n", "東京は雨。\u3000傘がない！「はい。」と言った。", "他来了，她走。Go语言1.25版。", "e\u0301\u0323e\u0301 \u0301x。\u0301y",
		strings.Repeat("長", 70) + strings.Repeat("x", 200) + "ｶﾞ" + strings.Repeat("か\u3099", 70), "👨‍👩‍👧‍👦👍🏽🇫🇷🇩🇪 e.g. 3.5 \u0600東 </paragraph>[Relevant]", "ภาษาไทยไม่มีช่องว่างระหว่างคำ", "aa. bb  cc. dd. aa. ee",
	} {
		for mode := range 7 {
			f.Add(s, byte(mode), byte(3), byte(1))
		}
	}
	f.Fuzz(func(t *testing.T, text string, mode, size, overlap byte) {
		text = strings.Map(func(r rune) rune {
			if joins(r) {
				return -1
			}
			return r
		}, text)
		s := []Split{
			{}, {Whole: WholeBlocks}, {Whole: WholeWords}, {Unit: Sentences}, {Unit: Sentences, Whole: WholeBlocks},
			{Unit: Tokens, Count: pairs}, {Unit: Tokens, Count: pairs, Whole: WholeWords},
		}[mode%7]
		s.Size = int(size)%50 + 4 // no code point has more tokens
		s.Overlap = int(overlap) % s.Size
		spans, err := s.Text(text)
		if err != nil {
			t.Fatal(err)
		}
		clusters := map[int]bool{0: true}
		for rest, state, at := text, -1, 0; rest != ""; {
			var c string
			c, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
			at += len(c)
			clusters[at] = true
		}
		start, end := -1, 0
		for _, p := range spans {
			if p.Start <= start || p.End <= end || p.End > len(text) {
				t.Fatalf("%v after %d to %d", p, start, end)
			}
			if gap := text[end:max(end, p.Start)]; strings.TrimSpace(gap) != "" {
				t.Fatalf("%q is in no passage", gap)
			}
			passage := p.of(text)
			if strings.TrimSpace(passage) != passage || passage == "" {
				t.Fatalf("%q is not trimmed", passage)
			}
			if p.Start < end && s.Overlap == 0 {
				t.Fatalf("%v overlaps what ends at %d", p, end)
			}
			switch s.Unit {
			case Words:
				if n := analysis.Count(passage); n > s.Size {
					t.Fatalf("%q has %d words, limit %d", passage, n, s.Size)
				}
				if n := analysis.Count(text[p.Start:max(end, p.Start)]); n > s.Overlap {
					t.Fatalf("%d words overlap, limit %d", n, s.Overlap)
				}
			case Tokens:
				if n := pairs(passage); n > s.Size {
					t.Fatalf("%q has %d tokens, limit %d", passage, n, s.Size)
				}
			}
			// White space under a combining mark is trimmed, too.
			before, _ := utf8.DecodeLastRuneInString(text[:p.Start])
			after, _ := utf8.DecodeRuneInString(text[p.End:])
			if s.Unit != Tokens && (!clusters[p.Start] && !unicode.IsSpace(before) || !clusters[p.End] && !unicode.IsSpace(after)) {
				t.Fatalf("%q cuts a grapheme cluster", passage)
			}
			start, end = p.Start, p.End
		}
		if strings.TrimSpace(text[end:]) != "" {
			t.Fatalf("%q is in no passage", text[end:])
		}
	})
}

// Where a count of tokens gives none for each word, no more words are joined than are
// within the limit, and no more than that are tried.
func TestTokensOfNothing(t *testing.T) {
	text := strings.Repeat("長", 400_000)
	split := Split{Unit: Tokens, Whole: WholeWords, Size: 100, Count: func(s string) int { return len(s) / 4 }}
	spans, err := split.Text(text)
	if err != nil || len(spans) != 4_000 || spans[3_999].End != len(text) {
		t.Errorf("%d passages, %v", len(spans), err)
	}
}

// patience is a context that is done when it has been looked at so many times.
type patience struct {
	context.Context
	left int
}

func (p *patience) Err() error {
	if p.left--; p.left < 0 {
		return context.Canceled
	}
	return nil
}

// Cutting stops in the middle of a paragraph, and reading in the middle of a document.
func TestCutIsCanceled(t *testing.T) {
	bytes := func(s string) int { return len(s) }
	prose, markup := strings.Repeat("There is a word. ", 1000), strings.Repeat("<p>- Is.\n", 1000)
	for name, tc := range map[string]struct {
		file, src string
		split     Split
	}{
		"sentences":  {"a.txt", prose, Split{}},
		"words":      {"a.txt", prose, Split{Whole: WholeWords}},
		"blocks":     {"a.txt", prose, Split{Whole: WholeBlocks}},
		"tokens":     {"a.txt", prose, Split{Unit: Tokens, Count: bytes}},
		"characters": {"a.txt", prose, Split{Unit: Tokens, Size: 4, Count: bytes}},
		"Markdown":   {"a.md", markup, Split{}},
		"HTML":       {"a.html", markup, Split{}},
	} {
		for p, err := range Stream(&patience{t.Context(), 500}, tc.file, strings.NewReader(tc.src), Options{Split: tc.split}) {
			if err != context.Canceled {
				t.Errorf("%s: %v, %q", name, err, p.Text)
			}
			break
		}
	}
}

// Markdown is parsed no further when the context is done, be it in the middle of its
// blocks or of the text in them.
func TestMarkdownIsCanceled(t *testing.T) {
	const blocks = 1000
	src := strings.Repeat("> *a*\n\n", blocks)
	for _, looks := range []int{0, blocks, 2*blocks + blocks/2, 3*blocks + blocks/2} {
		ctx := &patience{t.Context(), looks}
		readMarkdown(newWriter(ctx, src), 0)
		if ctx.left >= 0 || ctx.left < -blocks/10 {
			t.Errorf("done after %d looks, and %d more", looks, -ctx.left)
		}
	}
}
