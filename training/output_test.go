package training

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/reflection"
)

var kinds = []struct {
	name, text string
	want       Output
}{
	{"no retrieval", "[No Retrieval]Four.[Utility:5]", Output{[]Segment{{Retrieve: reflection.NoRetrieval, Text: "Four."}}, reflection.Utility5}},
	{"utility alone", "[Utility:1]", Output{nil, reflection.Utility1}},
	{"text alone", "Yes.[Utility:3]", Output{[]Segment{{Text: "Yes."}}, reflection.Utility3}},
	{"relevant", "[Retrieval]<paragraph>Paris\nIt is the capital.</paragraph>[Relevant]Paris.[Fully supported][Utility:5]",
		Output{[]Segment{{reflection.Retrieval, &generator.Evidence{Title: "Paris", Text: "It is the capital."}, reflection.Relevant, "Paris.", reflection.FullySupported}}, reflection.Utility5}},
	{"relevant, not judged", "[Retrieval]<paragraph>a\nb</paragraph>[Relevant]c[Utility:5]",
		Output{[]Segment{{reflection.Retrieval, &generator.Evidence{Title: "a", Text: "b"}, reflection.Relevant, "c", reflection.None}}, reflection.Utility5}},
	{"all kinds",
		"Oh.[Retrieval]<paragraph>T\nx\ny</paragraph>[Irrelevant]One.[Retrieval]<paragraph>z</paragraph>[Relevant]Two.[No support / Contradictory]Hm.[Continue to Use Evidence]Three.[No Retrieval]Four.[Utility:2]",
		Output{[]Segment{
			{Text: "Oh."},
			{reflection.Retrieval, &generator.Evidence{Title: "T", Text: "x\ny"}, reflection.Irrelevant, "One.", reflection.None},
			{reflection.Retrieval, &generator.Evidence{Text: "z"}, reflection.Relevant, "Two.", reflection.NoSupport},
			{Text: "Hm."},
			{Retrieve: reflection.ContinueEvidence, Text: "Three."},
			{Retrieve: reflection.NoRetrieval, Text: "Four."},
		}, reflection.Utility2}},
	{"without a title, two lines", "[Retrieval]<paragraph>\nb\nc</paragraph>[Relevant]c[Utility:5]",
		Output{[]Segment{{Retrieve: reflection.Retrieval, Passage: &generator.Evidence{Text: "\nb\nc"}, Relevance: reflection.Relevant, Text: "c"}}, reflection.Utility5}},
	{"brackets that are no tokens", "[No Retrieval][[1] a < b [Utility:6] [relevant[Utility:4]",
		Output{[]Segment{{Retrieve: reflection.NoRetrieval, Text: "[[1] a < b [Utility:6] [relevant"}}, reflection.Utility4}},
}

func TestParse(t *testing.T) {
	for _, tc := range kinds {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Parse(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
			if again := got.String(); again != tc.text {
				t.Errorf("written again: %q", again)
			}
		})
	}
}

func TestParseMalformed(t *testing.T) {
	const passage = "[Retrieval]<paragraph>é\nb</paragraph>" // 38 bytes
	for _, tc := range []struct {
		text   string
		offset int
		reason string
	}{
		{"", 0, "no utility token ends the output"},
		{"[No Retrieval]Four.", 19, "no utility token ends the output"},
		{"[No Retrieval]Four.[Utility:5] ", 30, "the output goes on after [Utility:5]"},
		{"[Utility:5][Utility:5]", 11, "the output goes on after [Utility:5]"},
		{"a[Retrieval]b[Utility:5]", 12, "no <paragraph> follows [Retrieval]"},
		{"[Retrieval]", 11, "no <paragraph> follows [Retrieval]"},
		{"[Retrieval] <paragraph>a</paragraph>[Relevant]b[Utility:1]", 11, "no <paragraph> follows [Retrieval]"},
		{"[Retrieval]<paragraph>a", 11, "the passage has no end"},
		{"[Retrieval]<paragraph>a<paragraph>", 23, "<paragraph> is in a passage"},
		{"[Retrieval]<paragraph>a[Relevant]b</paragraph>", 23, "[Relevant] is in a passage"},
		{passage + "b", 38, "no relevance token follows the passage"},
		{passage + "[Utility:5]", 38, "no relevance token follows the passage"},
		{passage, 38, "no relevance token follows the passage"},
		{passage + "[Irrelevant]b[Fully supported][Utility:1]", 51, "[Fully supported] does not end a sentence about a relevant passage"},
		{passage + "[Relevant]b[Fully supported][Fully supported][Utility:1]", 66, "[Fully supported] does not end a sentence about a relevant passage"},
		{passage + "[Relevant]b[Fully supported]c[Fully supported][Utility:1]", 67, "[Fully supported] does not end a sentence about a relevant passage"},
		{passage + "[Relevant][Irrelevant]b[Utility:1]", 48, "[Irrelevant] does not follow a passage"},
		{"[No Retrieval]a[Partially supported][Utility:1]", 15, "[Partially supported] does not end a sentence about a relevant passage"},
		{"[Relevant]a[Utility:1]", 0, "[Relevant] does not follow a passage"},
		{"<paragraph>a</paragraph>[Relevant]a[Utility:1]", 0, "<paragraph> does not follow [Retrieval]"},
		{"a</paragraph>[Utility:1]", 1, "</paragraph> does not follow [Retrieval]"},
	} {
		_, err := Parse(tc.text)
		var malformed *MalformedError
		if !errors.As(err, &malformed) || malformed.Offset != tc.offset || malformed.Reason != tc.reason {
			t.Errorf("%q: %v: want byte %d: %s", tc.text, err, tc.offset, tc.reason)
		}
	}
}

// hostile are texts that would be control text if they were not data.
var hostile = []string{
	"[Retrieval]", "</paragraph>[Relevant]", "<paragraph>", "[Utility:5]", "[ＲＥＬＥＶＡＮＴ]", "[fully\u200b supported]", "[Irr", "elevant]", "[No",
	" support / Contradictory]", "### Response:\n", "<|im_end|>", "</s>", "<", "/paragraph>", "[", "\xff", "\r\n", "\u2028", "[[Relevant]]",
}

var harmless = []string{"Paris", " is", " the capital.", "é", "ü😀", " [1]", "\n", " a < b", " 日本語。", "\t", "x", " #", "e\u0301"}

func randomText(rng *rand.Rand, from ...[]string) string {
	var b strings.Builder
	for range rng.IntN(6) {
		list := from[rng.IntN(len(from))]
		b.WriteString(list[rng.IntN(len(list))])
	}
	return b.String()
}

// randomOutput returns an output that Parse can tell from others by its text: only where
// the format marks it is there a text alone, and titles are one line.
func randomOutput(rng *rand.Rand, text func() string) Output {
	var o Output
	marked := true
	for range rng.IntN(5) {
		s := Segment{Text: text()}
		switch k := rng.IntN(4); {
		case k == 0 && marked && s.Text != "":
		case k <= 1:
			s.Retrieve = []reflection.Token{reflection.NoRetrieval, reflection.ContinueEvidence}[rng.IntN(2)]
		default:
			s.Retrieve = reflection.Retrieval
			s.Passage = &generator.Evidence{Title: strings.Map(oneLine, text()), Text: text()}
			if s.Passage.Title == "" {
				s.Passage.Text = strings.Map(oneLine, s.Passage.Text)
			}
			s.Relevance = []reflection.Token{reflection.Relevant, reflection.Irrelevant}[rng.IntN(2)]
			if s.Relevance == reflection.Relevant {
				s.Support = append(reflection.IsSUP.Tokens(), reflection.None)[rng.IntN(4)]
			}
		}
		marked = s.Support != reflection.None
		o.Segments = append(o.Segments, s)
	}
	o.Utility = reflection.IsUSE.Tokens()[rng.IntN(5)]
	return o
}

func oneLine(r rune) rune {
	if r == '\n' {
		return ' '
	}
	return r
}

// What Parse reads of what String writes is the same output, and its text the same text.
func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 21))
	for range testsize.Long(10_000, 20_000, 200_000) {
		o := randomOutput(rng, func() string { return randomText(rng, harmless) })
		text := o.String()
		got, err := Parse(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(o, got); diff != "" {
			t.Fatalf("%q: want -, got +:\n%s", text, diff)
		}
	}
}

// Data never acts as a control token: whatever the texts are, the tokens that are read are
// those that were written, and texts change only rune for rune.
func TestRoundTripHostile(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 21))
	changed := 0
	for range testsize.Long(3000, 10_000, 200_000) {
		o := randomOutput(rng, func() string { return randomText(rng, harmless, hostile) })
		text := o.String()
		got, err := Parse(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(shape(o), shape(got)); diff != "" {
			t.Fatalf("%q: want -, got +:\n%s", text, diff)
		}
		if again := got.String(); again != text {
			t.Fatalf("%q becomes %q", text, again)
		}
		if !cmp.Equal(o, got) {
			changed++
		}
	}
	if changed < 1000 {
		t.Errorf("only %d outputs held something reserved", changed)
	}
}

// shape is the output with the number of runes in place of each text.
func shape(o Output) (list []any) {
	for _, s := range o.Segments {
		list = append(list, s.Retrieve, s.Relevance, s.Support, utf8.RuneCountInString(s.Text))
		if s.Passage != nil {
			list = append(list, utf8.RuneCountInString(generator.JoinEvidence([]generator.Evidence{*s.Passage})))
		}
	}
	return append(list, o.Utility)
}

// wellFormed is the grammar of the format as one expression.
var wellFormed = func() *regexp.Regexp {
	one := func(g reflection.Group) string {
		var list []string
		for _, t := range g.Tokens() {
			list = append(list, regexp.QuoteMeta(t.String()))
		}
		return "(?:" + strings.Join(list, "|") + ")"
	}
	relevant := `\[Retrieval\]<paragraph>_</paragraph>\[Relevant\]_`
	segment := `(?:` + relevant + one(reflection.IsSUP) + `_|` + relevant + `|\[Retrieval\]<paragraph>_</paragraph>\[Irrelevant\]_|\[No Retrieval\]_|\[Continue to Use Evidence\]_)`
	return regexp.MustCompile(`^_` + segment + `*` + one(reflection.IsUSE) + `$`)
}()

var (
	bare   = regexp.MustCompile(strings.ReplaceAll(wellFormed.String(), "_", ""))
	around = regexp.MustCompile(`_*(\[[^\]]*\]|</?paragraph>)_*`)
)

// Parse takes exactly the sequences of tokens that the expression takes.
func TestParseAgainstGrammar(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 21))
	tokens := reflection.Tokens()
	taken := 0
	for range testsize.Long(4000, 50_000, 500_000) {
		o := randomOutput(rng, func() string { return "_" })
		text := strings.ReplaceAll(o.String(), "\n", "")
		text = strings.ReplaceAll(text, "__", "_")
		for range rng.IntN(3) { // break it, perhaps
			t := tokens[rng.IntN(len(tokens))].String()
			if rng.IntN(2) == 0 {
				text = strings.Replace(text, t, "", 1)
			} else if at := strings.Index(text, "["); at >= 0 {
				at += strings.Index(text[at:], "]") + 1
				text = text[:at] + t + text[at:]
			}
		}
		_, err := Parse(text)
		want := bare.MatchString(around.ReplaceAllString(text, "$1")) && textsFit(text)
		if (err == nil) != want {
			t.Fatalf("%q: %v: the grammar takes it: %v", text, err, want)
		}
		if want {
			taken++
		}
	}
	if taken < 500 {
		t.Errorf("only %d sequences were well-formed", taken)
	}
}

// textsFit reports whether there is no text where the format has none.
func textsFit(text string) bool {
	return !strings.Contains(text, "[Retrieval]_") && !strings.Contains(text, "</paragraph>_") && !strings.HasSuffix(text, "_")
}
