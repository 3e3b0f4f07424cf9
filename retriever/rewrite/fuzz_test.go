package rewrite_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// says is a model that replies with one step.
func says(text string) *generatortest.Script {
	return &generatortest.Script{Rules: []generatortest.Rule{{Steps: []generator.Step{{Text: text, LogProb: reflection.ExactValue(0.5)}}}}}
}

// For every reply of a model, the texts are few, not blank, different and of one
// line.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"", "1. a\n2. b", "- \"a\"\n* a\r\n• c", "\"\n\"\"\n1.\n1) ", "a\n\nA\n b\n\nc\nd\ne", "\u2028x\x00",
		"<think>x</think>1、\u4e00\n2、`b`", "Here:\n```\n**\u200ba**\n```", "(1) “a”\n3.b\n2. 「c」"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		if !utf8.ValidString(reply) {
			return // the text of a step is valid UTF-8
		}
		s := must[*rewrite.Lines](t)(rewrite.NewLines(says(reply), rewrite.VariantsTemplate, rewrite.ModelOptions{Count: 3}))
		list, err := s.Queries(t.Context(), "q")
		if err != nil || len(list) > 3 {
			t.Fatalf("%q, %v", list, err)
		}
		spaced := norm.NFC.String(strings.Join(strings.Fields(reply), " "))
		for i, text := range list {
			if !strings.Contains(spaced, text) {
				t.Fatalf("%q is not in %q", text, reply)
			}
			if strings.TrimSpace(text) != text || text == "" || strings.ContainsAny(text, "\r\n") || slices.Contains(list[:i], text) {
				t.Fatalf("%q of %q", text, list)
			}
		}
	})
}

// A router names parts, each at most once, or fails.
func FuzzRouterReply(f *testing.F) {
	for _, s := range []string{"law", "none", "law\nnews", "- Law.\n", "", "none\nlaw", "NONE."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		if !utf8.ValidString(reply) {
			return // the text of a step is valid UTF-8
		}
		r := must[*rewrite.ModelRouter](t)(rewrite.NewModelRouter(says(reply), rewrite.RouteTemplate, []rewrite.RouteChoice{{Part: "law"}, {Part: "news"}}))
		names, err := r.Route(t.Context(), retriever.Query{Text: "q", K: 1})
		if err != nil && len(names) > 0 || len(names) > 2 || len(names) == 2 && names[0] == names[1] {
			t.Fatalf("%q gives %q, %v", reply, names, err)
		}
		for _, n := range names {
			if n != "law" && n != "news" || !strings.Contains(strings.ToLower(reply), n) {
				t.Fatalf("%q gives %q", reply, names)
			}
		}
	})
}

// Correcting changes words only, and correcting twice changes nothing more.
func FuzzCorrect(f *testing.F) {
	v := newVocabulary([]retriever.Passage{{Text: "bridge fridge parliament café Straße 1834 don't"}})
	for _, s := range []string{"", "brigde", "Fridges, parlaiment!", "\xff brdge", "STRASSE straße", "caffé"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := v.Correct(text)
		if again := v.Correct(once); again != once {
			t.Fatalf("%q becomes %q, then %q", text, once, again)
		}
		if strings.Count(once, " ") != strings.Count(text, " ") {
			t.Fatalf("%q becomes %q", text, once)
		}
	})
}
