package selfrag_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// noSupportFor judges every text as fully supported and relevant but one.
func noSupportFor(text string) critique.Critic {
	return judge(func(_ context.Context, c critique.Continuation) (critique.Verdict, error) {
		v, err := critique.NewTokens(nil).Critique(context.Background(), c)
		if strings.TrimSpace(c.Completion.Text()) == text {
			v.IsSUP = reflection.Judged(reflection.OneHot(reflection.NoSupport), reflection.NoSupport, reflection.Heuristic)
		}
		return v, err
	})
}

// written returns a model and a retriever for a long answer of the given
// segments: "D1: text" uses passage D1, "+ text" goes on using the passage of the
// path, and "- text" uses none.
func written(segments ...string) (generator.Generator, retriever.Retriever) {
	m := script()
	docs := make([]string, len(segments))
	choose := func(i int) []float64 {
		switch {
		case i == len(segments):
			return nil
		case segments[i][0] == '+':
			return []float64{0, 0, 1}
		case segments[i][0] == '-':
			return []float64{1, 0, 0}
		}
		return []float64{0, 1, 0}
	}
	m.Rules = append(m.Rules, on([]generator.Step{generatortest.Judge(reflection.Retrieve, choose(0)...)}, generatortest.Decides()))
	for i, s := range segments {
		head, text, _ := strings.Cut(s, " ")
		steps := generatortest.Words(1, text)
		if doc, ok := strings.CutSuffix(head, ":"); ok {
			docs[i] = doc
			steps = said(text)
		}
		if p := choose(i + 1); p != nil {
			steps = more(steps, p...)
		}
		m.Rules = append(m.Rules, on(steps, generatortest.Depth(i)))
	}
	at := -1
	index := retriever.Func(func(_ context.Context, q retriever.Query) (retriever.Result, error) {
		for at++; docs[at] == ""; at++ {
		}
		return retriever.Result{Hits: hits(docs[at])}, nil
	})
	return m, index
}

// The text vectors of the specification, corrected: the released code breaks
// decimals, cuts characters off and cites the wrong passage.
func TestCitations(t *testing.T) {
	tests := []struct {
		name     string
		segments []string
		text     string
		cited    string
		sources  string
	}{
		{"19 decimals", []string{"D1: Paris is the capital.", "D2: It has 2.1 million people."},
			"Paris is the capital. It has 2.1 million people.", "Paris is the capital [1]. It has 2.1 million people [2].", "D1 D2"},
		{"20 duplicate", []string{"D1: Alpha.", "D2: Alpha.", "D3: Beta"}, "Alpha. Beta", "Alpha [1][2]. Beta [3]", "D1 D2 D3"},
		{"21 continue", []string{"D1: Alpha.", "+ Beta."}, "Alpha. Beta.", "Alpha [1]. Beta [1].", "D1"},
		{"22 continue after the second", []string{"D1: One.", "D2: Two.", "+ Three."}, "One. Two. Three.", "One [1]. Two [2]. Three [2].", "D1 D2"},
		{"continue after a duplicate", []string{"D1: One.", "D2: Two.", "D3: One.", "+ Three."}, "One. Two. Three.", "One [1][3]. Two [2]. Three [3].", "D1 D2 D3"},
		{"continue after a segment of its own", []string{"D1: One.", "- Two.", "+ Three."}, "One. Two. Three.", "One [1]. Two. Three [1].", "D1"},
		{"the same passage again", []string{"D1: One.", "D2: Two.", "D1: Three."}, "One. Two. Three.", "One [1]. Two [2]. Three [1].", "D1 D2"},
		{"none", []string{"- Alpha.", "- Beta!"}, "Alpha. Beta!", "Alpha. Beta!", ""},
		{"23 abbreviations", []string{"D1: It rose 3.5 percent.", "D1: v2.0 came!", "D1: U.S.A. done"},
			"It rose 3.5 percent. v2.0 came! U.S.A. done", "It rose 3.5 percent [1]. v2.0 came [1]! U.S.A. done [1]", "D1"},
		{"only punctuation", []string{"D1: ..."}, "...", " [1]...", "D1"},
		{"Chinese", []string{"D1: 巴黎是首都。", "D2: 它有210万人。", "D2: OK."}, "巴黎是首都。它有210万人。 OK.", "巴黎是首都 [1]。它有210万人 [2]。 OK [2].", "D1 D2"},
		{"Japanese", []string{"D1: パリです。", "- 「はい」"}, "パリです。「はい」", "パリです [1]。「はい」", "D1"},
		{"quotations", []string{"D1: He said \"no.\"", "D2: (It was so.)", "D2: He said \"no\".", "D1: “Why?”", "D1: He said “no”"},
			"He said \"no.\" (It was so.) He said \"no\". “Why?” He said “no”", "He said \"no [1].\" (It was so [2].) He said \"no\" [2]. “Why [1]?” He said “no” [1]", "D1 D2"},
		{"quotations of other languages", []string{"D1: « Oui. »", "D1: Quoi ?", "D1: „Ja.“", "D1: »Nein!«", "D1: 「行く。」", "D1: “好。”"},
			"« Oui. » Quoi ? „Ja.“ »Nein!« 「行く。」“好。”", "« Oui [1]. » Quoi [1] ? „Ja [1].“ »Nein [1]!« 「行く [1]。」“好 [1]。”", "D1"},
		{"stops of other scripts", []string{"D1: यह है।", "D1: كيف؟", "D1: یہ ہے۔", "D1: ሄደ።", "D1: គាត់ទៅ។", "D1: Wait…", "D1: 下雨了｡"},
			"यह है। كيف؟ یہ ہے۔ ሄደ። គាត់ទៅ។ Wait… 下雨了｡", "यह है [1]। كيف [1]؟ یہ ہے [1]۔ ሄደ [1]። គាត់ទៅ [1]។ Wait [1]… 下雨了 [1]｡", "D1"},
		{"notes of the source", []string{"D1: It rained.[3]", "D2: It snowed [1].", "D2: It froze.¹", "D1: [2]"},
			"It rained.[3] It snowed [1]. It froze.¹ [2]", "It rained [1].(3) It snowed (1) [2]. It froze [2].¹ (2) [1]", "D1 D2"},
		{"numbers in brackets", []string{"D1: a[0] ［1］ [ 1 ] [1,2] [1][2] [^1] [[3]](x) [p. 4] 【1】."},
			"a[0] ［1］ [ 1 ] [1,2] [1][2] [^1] [[3]](x) [p. 4] 【1】.", "a(0) (1) ( 1 ) (1,2) (1)(2) (^1) ((3))(x) [p. 4] (1) [1].", "D1"},
		{"Korean has spaces", []string{"D1: 파리입니다.", "D1: 네."}, "파리입니다. 네.", "파리입니다 [1]. 네 [1].", "D1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, index := written(tt.segments...)
			a := run(t, m, index, selfrag.WithLongForm(1, 9), selfrag.WithK(1))
			var sources []string
			for i, c := range a.Citations {
				sources = append(sources, c.Passage.ID)
				if c.Number != i+1 {
					t.Errorf("citation %d has the number %d", i, c.Number)
				}
			}
			if a.Text != tt.text || a.Cited() != tt.cited || strings.Join(sources, " ") != tt.sources {
				t.Errorf("%q\n%q from %v\nwant\n%q\n%q from %s", a.Text, a.Cited(), sources, tt.text, tt.cited, tt.sources)
			}
			checkSpans(t, a)
		})
	}
}

// checkSpans checks that segments and citations refer to each other and to the
// right bytes.
func checkSpans(t interface{ Errorf(string, ...any) }, a *selfrag.Answer) {
	at := 0
	for i, s := range a.Segments {
		if s.Start < at || s.End > len(a.Text) || a.Text[s.Start:s.End] != s.Text || strings.TrimSpace(a.Text[at:s.Start]) != "" {
			t.Errorf("segment %d is %q at [%d, %d) of %q", i, s.Text, s.Start, s.End, a.Text)
		}
		at = s.End
		for _, n := range s.Citations {
			if n < 1 || n > len(a.Citations) {
				t.Errorf("segment %d cites %d of %d", i, n, len(a.Citations))
				continue
			}
			found := 0
			for _, span := range a.Citations[n-1].Spans {
				if span == (selfrag.Span{Start: s.Start, End: s.End}) {
					found++
				}
			}
			if found != 1 {
				t.Errorf("citation %d has the span of segment %d %d times", n, i, found)
			}
		}
	}
	spans, uses := 0, 0
	ids := map[string]bool{}
	for _, c := range a.Citations {
		spans += len(c.Spans)
		if ids[c.Passage.ID] || len(c.Spans) == 0 {
			t.Errorf("passage %s is listed twice or for nothing", c.Passage.ID)
		}
		ids[c.Passage.ID] = true
	}
	for _, s := range a.Segments {
		uses += len(s.Citations)
	}
	if spans != uses {
		t.Errorf("%d spans for %d uses", spans, uses)
	}
}

// Whatever the model writes, every span holds the bytes of its segment.
func TestSpansOfRandomAnswers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &generatortest.Random{Seed: rapid.Uint64().Draw(rt, "seed"), MinWords: 0, MaxWords: 2, MaxSegments: 5}
		a := run(t, m, finds(hits("A", "B", "C")...), selfrag.WithLongForm(2, 5), selfrag.WithThreshold(0.3))
		checkSpans(rt, a)
	})
}

func TestString(t *testing.T) {
	list := hits("A", "B")
	list[0].Passage.Source = retriever.Source{URI: "doc.txt", Start: 10, End: 30}
	list[1].Passage.Title = ""
	m := script(on(more(said("One."), 0, 1, 0), generatortest.Depth(0), generatortest.Shows("A")),
		on(scored("Worse.", 0, 0), generatortest.Depth(0)),
		on(said("Two."), generatortest.Shows("passage B")), on(scored("Worse.", 0, 0)))
	a := run(t, m, finds(list...), always, selfrag.WithLongForm(1, 2))
	if want := "One [1]. Two [2].\n[1] A (doc.txt, bytes 10-30)\n[2] B"; a.String() != want {
		t.Errorf("%q, want %q", a.String(), want)
	}
	a = run(t, script(on(nil)), finds(list...), always)
	if want := "(no answer: rejected)"; a.String() != want {
		t.Errorf("%q, want %q", a.String(), want)
	}
}

// The likeliest judgment of support is reported with a segment, whatever token was
// generated.
func TestSupport(t *testing.T) {
	a := run(t, script(on(generatortest.Segment(1, "So.", [3]float64{0.2, 0.5, 0.3}, [5]float64{}))), finds(hits("A")...), always)
	if s := a.Segments[0]; s.Support != reflection.PartiallySupported || math.Abs(s.Terms.Support.Value-0.45) > 1e-12 {
		t.Errorf("support %v with %v", s.Support, s.Terms.Support.Value)
	}
	a = run(t, script(on(generatortest.Words(1, "So."))), finds(), selfrag.WithMode(selfrag.Never))
	if s := a.Segments[0]; s.Support != reflection.None {
		t.Errorf("support %v without a judgment", s.Support)
	}
}

// A part of a composed retriever that gave nothing is reported once, however many
// segments it concerned.
func TestMissing(t *testing.T) {
	n := 0
	index := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		n++
		return retriever.Result{Hits: hits("A"), Missing: []retriever.Missing{
			{Part: "dense", Reason: "down"}, {Part: fmt.Sprint("part", n), Reason: "down"},
		}}, nil
	})
	a := run(t, script(on(more(said("One."), 0, 1, 0), generatortest.Depth(0)), on(said("Two."))), index, always, selfrag.WithLongForm(1, 2))
	if fmt.Sprint(a.Missing) != "[{dense down} {part1 down} {part2 down}]" {
		t.Errorf("missing %v", a.Missing)
	}
}

// For every text, each citation mark in Cited is a real one, and Text is unchanged.
func TestNothingElseIsAMark(t *testing.T) {
	mark := regexp.MustCompile(`[\[［【〔⟦][^\pL\[\]［］【】〔〕⟦⟧]*\pN[^\pL\[\]［］【】〔〕⟦⟧]*[\]］】〕⟧]`)
	pieces := []string{"[1]", "［1］", "[ 1 ]", "[1,2]", "[1][2]", "[^1]", "¹", "[", "]", "1", "[１]", "[①]", "[\u200b1]", "\\[1\\]", "【1】", "〔2〕", "[1–3]", "[*1]",
		"a", " ", ".", "」", "。", "[p. 1]", "]]", "[[", "\n", "é", "\"", ")", "…"}
	random := rand.New(rand.NewPCG(5, 1))
	for range 5000 {
		a := selfrag.Answer{}
		want := 0
		for range 1 + random.IntN(3) {
			s := selfrag.Segment{Start: len(a.Text)}
			for range 1 + random.IntN(6) {
				s.Text += pieces[random.IntN(len(pieces))]
			}
			a.Text += s.Text
			s.End = len(a.Text)
			for n := range random.IntN(3) {
				s.Citations = append(s.Citations, n+1)
				want++
			}
			a.Segments = append(a.Segments, s)
		}
		cited := a.Cited()
		if got := len(mark.FindAllString(cited, -1)); got != want {
			t.Fatalf("%q became %q, where %d read as marks, not %d", a.Text, cited, got, want)
		}
		back := func(s string) string { // all brackets alike
			return regexp.MustCompile(`[\[［【〔⟦(]`).ReplaceAllString(regexp.MustCompile(`[\]］】〕⟧)]`).ReplaceAllString(s, ")"), "(")
		}
		if plain := regexp.MustCompile(` (\[[0-9]+\])+`).ReplaceAllString(cited, ""); back(plain) != back(a.Text) {
			t.Fatalf("%q became %q", a.Text, cited)
		}
	}
	long := strings.Repeat("[1]]", 1<<18)
	a := selfrag.Answer{Text: long, Segments: []selfrag.Segment{{Text: long, End: len(long), Citations: []int{1}}}}
	if got := strings.Count(a.Cited(), "[1]"); got != 1 {
		t.Errorf("%d marks", got)
	}
}
