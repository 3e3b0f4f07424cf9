package adapt

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
)

// believer finds every passage relevant, and supports answers that the passage holds.
type believer struct{}

func (believer) Critique(ctx context.Context, c critique.Continuation) (v critique.Verdict, err error) {
	p := [3]float64{0, 0, 1}
	if strings.Contains(c.Prompt.Evidence[0].Text, c.Text) {
		p = [3]float64{1, 0, 0}
	}
	v.IsREL = reflection.Judgment{Status: reflection.StatusJudged, Token: reflection.Relevant, Dist: distribution(reflection.IsREL, 0, 1)}
	v.IsSUP = reflection.Judgment{Status: reflection.StatusJudged, Token: reflection.FullySupported, Dist: distribution(reflection.IsSUP, p[:]...)}
	return v, ctx.Err()
}

func holds(text string) generatortest.Match {
	return func(req generator.Request) bool { return strings.Contains(req.Task.Values["passage"], text) }
}

func distribution(g reflection.Group, p ...float64) reflection.Distribution {
	d, _ := generatortest.Judge(g, p...).Group(g)
	return d
}

// The questions of replies that the critic accepts become examples; equal ones are one.
func TestGenerate(t *testing.T) {
	reply := func(title, text string) generatortest.Rule {
		return generatortest.Rule{
			When:  generatortest.All(generatortest.TaskNamed("passage-questions"), holds(title)),
			Steps: generatortest.Words(1, text),
		}
	}
	model := &generatortest.Script{Rules: []generatortest.Rule{
		reply("quay", "1. Q: When was it rebuilt?\n   A: 1871\nQ: Who painted it?\nA: Nobody knows\nQ: What was rebuilt?"),
		reply("Monday", "**Question:** On which day is fish sold?\n**Answer:** Monday\n\nQ: when was  it rebuilt?\nA: sold on Monday\n"),
		reply("soup", "I cannot."),
	}}
	file := filepath.Join(t.TempDir(), "replies.jsonl")
	run := func() ([]Example, Generated) {
		r, err := NewReader(model, file)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got, count, err := Generate(t.Context(), r, believer{}, []retriever.Passage{quay, market, soup}, GenerateOptions{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		return got, count
	}
	got, count := run()
	want := Examples([]dataset.Question{
		{ID: "quay?1", Question: "When was it rebuilt?", Answers: []string{"1871", "sold on Monday"}, Positive: []string{"quay", "market"}},
		{ID: "market?2", Question: "On which day is fish sold?", Answers: []string{"Monday"}, Positive: []string{"market"}},
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if want := (Generated{Passages: 3, Written: 4, Repeated: 1, Rejected: 1, Kept: 2}); count != want {
		t.Errorf("%+v, want %+v", count, want)
	}
	asked := len(model.Requests())
	if again, _ := run(); !cmp.Equal(got, again) || len(model.Requests()) != asked {
		t.Errorf("the second run asked %d more and gave\n%+v", len(model.Requests())-asked, again)
	}
}

// What a model thinks before it answers is no question, and half an answer is none.
func TestGenerateReadsWhatWasSaid(t *testing.T) {
	steps := generatortest.Words(1, "<think>Q: What is a quay?\nA: 1871</think>\nQ: When was it rebuilt?\nA: 1871\nQ: By whom?\nA: The harb")
	steps = append(steps, generator.Step{Finish: generator.FinishLength})
	r, err := NewReader(&generatortest.Script{Rules: []generatortest.Rule{{Steps: steps}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	got, count, err := Generate(t.Context(), r, believer{}, []retriever.Passage{quay}, GenerateOptions{})
	if err != nil || count.Written != 1 || len(got) != 1 || got[0].Question.Question != "When was it rebuilt?" {
		t.Errorf("%v, %+v: %+v", err, count, got)
	}
}

func TestGenerateRefuses(t *testing.T) {
	r, err := NewReader(&generatortest.Script{}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []GenerateOptions{{PerPassage: 101}, {Workers: -1}, {Least: 2}, {Template: generator.MustTaskTemplate("other", "", "{{passage}}")}} {
		if _, _, err := Generate(t.Context(), r, believer{}, nil, o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, _, err := Generate(t.Context(), nil, believer{}, nil, GenerateOptions{}); !errors.Is(err, ErrOption) {
		t.Error(err)
	}
	unscripted := new(generatortest.UnscriptedError)
	if _, _, err := Generate(t.Context(), r, believer{}, []retriever.Passage{quay}, GenerateOptions{}); !errors.As(err, &unscripted) {
		t.Error(err)
	}
}
