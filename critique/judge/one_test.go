package judge_test

import (
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
)

// Each group is asked for by one call, with the texts of its item and no others.
func TestLabel(t *testing.T) {
	item := func(g reflection.Group, before, text string, passage bool) judge.Item {
		it := judge.Item{Group: g, Question: "Who wrote The Trial?", Before: before, Text: text}
		if passage {
			it.Passage = trial
		}
		return it
	}
	probs := append(probRules(), rule("judge-sentence", chosen("C", 0.75, "A", 0.25)))
	objects := append(labelRules(), rule("judge-support-json", said(`{"support": "none"}`)), rule("judge-sentence-json", said(`{"retrieve": "continue"}`)))
	for _, c := range []struct {
		name        string
		in          judge.Item
		probs, json string
		token       [2]reflection.Token
		shows       string
	}{
		{"relevance", item(reflection.IsREL, "", "", true), "judge-relevance", "judge-relevance-json", [2]reflection.Token{reflection.Relevant, reflection.Relevant}, "novel by Franz Kafka"},
		{"support", item(reflection.IsSUP, "It is a novel.", "Kafka.", true), "judge-support", "judge-support-json", [2]reflection.Token{reflection.PartiallySupported, reflection.NoSupport}, "<before>\nIt is a novel.\n</before>"},
		{"utility", item(reflection.IsUSE, "", "Kafka.", false), "judge-utility", "judge-utility-json", [2]reflection.Token{reflection.Utility4, reflection.Utility2}, "<answer>\nKafka.\n</answer>"},
		{"first decision", item(reflection.Retrieve, "", "", false), "judge-retrieve", "judge-retrieve-json", [2]reflection.Token{reflection.Retrieval, reflection.NoRetrieval}, "<answer>\n(nothing yet)\n</answer>"},
		{"later decision", item(reflection.Retrieve, "It is a novel.", "Kafka.", true), "judge-sentence", "judge-sentence-json", [2]reflection.Token{reflection.ContinueEvidence, reflection.ContinueEvidence}, "<segment>\nKafka.\n</segment>"},
		{"later decision without a passage", item(reflection.Retrieve, "It is a novel.", "Kafka.", false), "judge-retrieve", "judge-retrieve-json", [2]reflection.Token{reflection.Retrieval, reflection.NoRetrieval}, "<answer>\nIt is a novel.\n</answer>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, model := range []*generatortest.Script{{Rules: probs, Capabilities: withProbs}, {Rules: objects, Capabilities: without}} {
				l, err := newJudge(t, model).Label(t.Context(), c.in)
				want := []string{c.probs, c.json}[i]
				if err != nil || l.Token != c.token[i] || l.Dist.Group != c.in.Group || l.Usage.Calls != 1 || l.Reply+l.Reason != "" || asked(model) != want {
					t.Errorf("%+v, %v, asked %s: want %v by %s", l, err, asked(model), c.token[i], want)
				}
				m, err := model.Requests()[0].Task.Render()
				if err != nil || !strings.Contains(m[1].Text, c.shows) || !strings.Contains(m[1].Text, "Who wrote The Trial?") && c.in.Group != reflection.IsUSE {
					t.Errorf("%v: the prompt is\n%s", err, m[1].Text)
				}
			}
		})
	}
}

// A reply that cannot be read is handed over with its reason.
func TestLabelRejects(t *testing.T) {
	model := &generatortest.Script{Capabilities: without, Rules: []generatortest.Rule{{Steps: said(`{"support": "rather"}`)}}}
	l, err := newJudge(t, model).Label(t.Context(), judge.Item{Group: reflection.IsSUP, Question: "Who?", Passage: trial, Text: "Kafka."})
	if err != nil || l.Status != reflection.StatusUnknown || l.Reply != `{"support": "rather"}` || !strings.Contains(l.Reason, "not one of those allowed") || l.Usage.Calls != 2 {
		t.Errorf("%+v, %v", l, err)
	}
	for _, in := range []judge.Item{
		{Question: "Who?"}, {Group: reflection.IsREL, Question: "Who?"}, {Group: reflection.IsSUP, Question: "Who?", Passage: trial},
		{Group: reflection.IsUSE, Question: "Who?"}, {Group: reflection.Retrieve}, {Group: 99, Question: "Who?"},
	} {
		if _, err := newJudge(t, model).Label(t.Context(), in); err == nil {
			t.Errorf("%+v was asked", in)
		}
	}
}
