package rewrite_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/critique/critiquetest"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// cutOff is a model whose replies end at the limit of tokens.
func cutOff(text string) *generatortest.Script {
	return &generatortest.Script{Rules: []generatortest.Rule{{Steps: []generator.Step{
		{Text: text, LogProb: reflection.ExactValue(0.5)}, {Finish: generator.FinishLength},
	}}}}
}

// Models add text to what they were asked for; only the requested text is searched
// for.
func TestLinesOfManyReplies(t *testing.T) {
	for name, c := range map[string]struct{ reply, want string }{
		"thinking":                 {"<think>\nThe user wants queries.\nMaybe 1. x\n</think>\n\nebro bridge\nebro flood", "ebro bridge|ebro flood"},
		"thinking in other words":  {" <Thinking>hm</Thinking>ebro bridge", "ebro bridge"},
		"thinking of the template": {"The user wants queries.\n</think>\n\nebro bridge", "ebro bridge"},
		"a mark in a query":        {"what does <think> do\nclose with </think> tag", "what does <think> do|close with </think> tag"},
		"an introduction":          {"Here are 3 search queries:\n\n1. ebro bridge\n2. ebro flood", "ebro bridge|ebro flood"},
		"a fence":                  {"```text\nebro bridge\nebro flood\n```", "ebro bridge|ebro flood"},
		"rules and dots":           {"---\nebro bridge\n***\n...", "ebro bridge"},
		"bullets":                  {"• a1\n– b1\n— c1\n+ d1\n‣ e1", "a1|b1|c1|d1|e1"},
		"bold":                     {"1. **ebro bridge**\n**ebro flood**\n`ebro dam`", "ebro bridge|ebro flood|ebro dam"},
		"quotation marks":          {"“ebro bridge”\n「埃布罗河」", "ebro bridge|埃布罗河"},
		"two quotations":           {`"ebro bridge" or "ebro flood"`, `"ebro bridge" or "ebro flood"`},
		"Chinese numbers":          {"1、埃布罗河桥\n2．洪水\n（3）大坝\n4.三角洲", "埃布罗河桥|洪水|大坝|三角洲"},
		"numbers that are none":    {"10. Dezember 1944 Ereignisse\n2. Weltkrieg Ende", "10. Dezember 1944 Ereignisse|2. Weltkrieg Ende"},
		"a number without text":    {"1. ebro bridge\n2.\n3. ebro flood", "ebro bridge|ebro flood"},
		"numbers of the text":      {"1. 2. Weltkrieg Ende\n2. 3.5 million people", "2. Weltkrieg Ende|3.5 million people"},
		"invisible":                {"\u200b\nebro bridge\n\u00ad \u2060", "ebro bridge"},
		"equal but for form":       {"cafe\u0301 Madrid\ncafé  madrid\nCAFÉ MADRID", "café Madrid"},
		"other words":              {"H₂O\nH2O\nStraße\nSTRASSE", "H₂O|H2O|Straße|STRASSE"},
	} {
		t.Run(name, func(t *testing.T) {
			s := must[*rewrite.Lines](t)(rewrite.NewLines(says(c.reply), rewrite.VariantsTemplate, rewrite.ModelOptions{Count: 9}))
			got, err := s.Queries(t.Context(), "q")
			if err != nil || strings.Join(got, "|") != c.want {
				t.Errorf("%q, %v: want %q", strings.Join(got, "|"), err, c.want)
			}
		})
	}
}

// Half a line is not searched for. A reply with nothing else is an error that says
// what to change.
func TestCutReplies(t *testing.T) {
	for _, c := range []struct{ name, reply, want string }{
		{"half a line", "ebro bridge\nebro fl", "ebro bridge"},
		{"a whole line", "ebro bridge\nebro flood\n", "ebro bridge|ebro flood"},
		{"enough lines", "a\nb\nc\nd", "a|b"},
		{"one line", "ebro fl", "!"},
		{"thinking", "<think>\nThe user wants\nqueries", "!"},
	} {
		s := must[*rewrite.Lines](t)(rewrite.NewLines(cutOff(c.reply), rewrite.VariantsTemplate, rewrite.ModelOptions{Count: 2, MaxTokens: 7}))
		got, err := s.Queries(t.Context(), "q")
		if c.want == "!" {
			if !errors.Is(err, rewrite.ErrReply) || !strings.Contains(err.Error(), "MaxTokens, which is 7") || got != nil {
				t.Errorf("%s: %q, %v", c.name, got, err)
			}
		} else if err != nil || strings.Join(got, "|") != c.want {
			t.Errorf("%s: %q, %v: want %q", c.name, got, err, c.want)
		}
	}
	for reply, want := range map[string]string{"<think>It rains.</think>The Ebro fl": "The Ebro fl", "<think>It rai": "!"} {
		s := must[*rewrite.Passages](t)(rewrite.NewPassages(cutOff(reply), rewrite.HypotheticalTemplate, rewrite.ModelOptions{Count: 1}))
		if got, err := s.Queries(t.Context(), "q"); want == "!" && !errors.Is(err, rewrite.ErrReply) || want != "!" && (err != nil || !slices.Equal(got, []string{want})) {
			t.Errorf("a passage, %q: %q, %v", reply, got, err)
		}
	}
	choices := []rewrite.RouteChoice{{Part: "old"}, {Part: "old news"}}
	for reply, want := range map[string]string{"old": "!", "<think>old": "!"} {
		r := must[*rewrite.ModelRouter](t)(rewrite.NewModelRouter(cutOff(reply), rewrite.RouteTemplate, choices))
		if got, err := r.Route(t.Context(), retriever.Query{Text: "q", K: 1}); !errors.Is(err, rewrite.ErrReply) || got != nil {
			t.Errorf("a route, %q: %q, %v: want %s", reply, got, err, want)
		}
	}
}

func TestRouterReplies(t *testing.T) {
	choices := []rewrite.RouteChoice{{Part: "Law"}, {Part: "2. Liga"}, {Part: "`code`"}, {Part: "café"}, {Part: "1. FC"}}
	for reply, want := range map[string]string{
		"<think>News?\n</think>\nLaw": "Law",
		"1. Law\n2. 2. Liga":          "Law|2. Liga",
		"2. Liga":                     "2. Liga",
		"1. FC":                       "1. FC",
		"1. FC\n2. Liga":              "1. FC|2. Liga",
		"1. 1. FC":                    "1. FC",
		"**Law**\n`code`":             "Law|`code`",
		"code\nCAFE\u0301":            "`code`|café",
		"```\nLaw\n```":               "!",
		"The collections are:\nLaw":   "!",
	} {
		r := must[*rewrite.ModelRouter](t)(rewrite.NewModelRouter(says(reply), rewrite.RouteTemplate, choices))
		got, err := r.Route(t.Context(), retriever.Query{Text: "q", K: 1})
		if want == "!" && !errors.Is(err, rewrite.ErrReply) || want != "!" && (err != nil || strings.Join(got, "|") != want) {
			t.Errorf("%q: %q, %v: want %s", reply, got, err, want)
		}
	}
	for _, pair := range [][2]string{{"code", "`code`"}, {"café", "cafe\u0301"}, {"a", "\u200b"}, {"a", "``"}, {"fc", "3. FC"}} {
		if _, err := rewrite.NewModelRouter(replies(), rewrite.RouteTemplate, []rewrite.RouteChoice{{Part: pair[0]}, {Part: pair[1]}}); !errors.Is(err, rewrite.ErrOption) {
			t.Errorf("%q: %v", pair, err)
		}
	}
}

// A blank question gives no text: no model is asked.
func TestBlankQuestion(t *testing.T) {
	model := says("Law\nx y z")
	lines := must[*rewrite.Lines](t)(rewrite.NewLines(model, rewrite.VariantsTemplate, rewrite.ModelOptions{}))
	hyde := must[rewrite.Embedder](t)(rewrite.HyDE(fakeEmbedder{}, lines))
	inner := retriever.List(retriever.Passage{ID: "a", Text: "x"})
	for name, r := range map[string]retriever.Retriever{
		"fusion":    must[retriever.Retriever](t)(rewrite.Fusion(inner, lines, rewrite.FusionOptions{})),
		"decompose": must[retriever.Retriever](t)(rewrite.Decompose(inner, lines, rewrite.DecomposeOptions{})),
		"retry":     must[retriever.Retriever](t)(rewrite.Retry(inner, lines, judged{}, rewrite.RetryOptions{})),
		"route": must[retriever.Retriever](t)(retriever.Route(must[*rewrite.ModelRouter](t)(rewrite.NewModelRouter(model, rewrite.RouteTemplate, []rewrite.RouteChoice{{Part: "Law"}})),
			[]retriever.Part{{Name: "Law", Retriever: inner}}, retriever.RouteOptions{EmptyWithoutRoute: true})),
		"hyde": must[*dense.Index](t)(dense.New(t.Context(), hyde, []retriever.Passage{{ID: "a", Text: "q"}}, dense.Options{})),
	} {
		res, err := r.Retrieve(t.Context(), retriever.Query{Text: " \u200b\n", K: 3})
		if err != nil || len(res.Queries) > 0 || len(model.Requests()) > 0 {
			t.Fatalf("%s: %+v, %v, %d model calls", name, res, err, len(model.Requests()))
		}
	}
}

// kindOf is a judge whose scores are of a kind.
type kindOf struct {
	judgeAll
	kind retriever.ScoreKind
}

func (k kindOf) Kind() retriever.ScoreKind { return k.kind }

// A threshold is for one kind of score: a threshold for probabilities is not
// compared with others, and none with ranks, where one hit is always the best.
func TestRetryWantsScoresThatItCanCompare(t *testing.T) {
	var endpoint *rerank.Endpoint // of the kind Relevance
	inner := retriever.List()
	for _, c := range []struct {
		name      string
		judge     rewrite.RelevanceScorer
		threshold float64
		ok        bool
	}{
		{"no kind", judgeAll{}, 0, true},
		{"probability", kindOf{kind: retriever.Probability}, 0, true},
		{"critic", rerank.CriticScorer{Critic: &critiquetest.Critic{}}, 0, true},
		{"critic of nothing", rerank.CriticScorer{}, 0, false},
		{"model of nothing", rerank.ModelScorer{}, 0, false},
		{"relevance", kindOf{kind: retriever.Relevance}, 0, false},
		{"relevance and threshold", kindOf{kind: retriever.Relevance}, -1.5, true},
		{"nil endpoint", endpoint, 1, false},
		{"ranks", kindOf{kind: retriever.RankOnly}, 0, false},
		{"ranks and threshold", kindOf{kind: retriever.RankOnly}, 3, false},
		{"kind without a name", kindOf{}, 3, false},
	} {
		_, err := rewrite.Retry(inner, texts{}, c.judge, rewrite.RetryOptions{Threshold: c.threshold})
		if c.ok != (err == nil) || err != nil && !errors.Is(err, rewrite.ErrOption) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
