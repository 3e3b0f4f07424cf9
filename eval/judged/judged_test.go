package judged_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/judged"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
)

// says replies to tasks with a value that holds a text.
func says(text, reply string) generatortest.Rule {
	return generatortest.Rule{
		When: func(req generator.Request) bool {
			for _, v := range req.Task.Values {
				if strings.Contains(v, text) {
					return true
				}
			}
			return false
		},
		Steps: generatortest.Words(1, reply),
	}
}

func judge(t *testing.T, o judged.Options, rules ...generatortest.Rule) (*judged.Judge, *generatortest.Script) {
	t.Helper()
	model := &generatortest.Script{Rules: rules}
	j, err := judged.New(model, o)
	if err != nil {
		t.Fatal(err)
	}
	return j, model
}

var passages = []retriever.Passage{{ID: "1", Title: "Vell", Text: "Ada Kerr built it."}, {ID: "2", Text: "Tarn sells salt."}}

func TestFigures(t *testing.T) {
	j, model := judge(t, judged.Options{},
		says("Kerr built", "Yes."), says("It is red", "no"), says("Hm", "unknown"), says("Oh", "Yes, of course"), says("", "partly"))
	v, err := j.Faithfulness(t.Context(), []string{"It is red.", "Hm.", "Oh."}, passages[1:])
	if err != nil || !cmp.Equal(v, judged.Verdicts{judged.No, judged.Unknown, judged.Unknown}) || j.Unread() != 1 {
		t.Error(v, err, j.Unread())
	}
	if value, known := v.Value(); value != 0 || known != 1 {
		t.Error(value, known)
	}
	v, err = j.ContextPrecision(t.Context(), "Who?", "Ada.", passages)
	if err != nil || !cmp.Equal(v, judged.Verdicts{judged.Yes, judged.Unknown}) { // partly is no reply to this question
		t.Error(v, err)
	}
	v, err = j.ContextRecall(t.Context(), []string{"One.", "Two."}, passages)
	if value, known := v.Value(); err != nil || value != 1 || known != 2 {
		t.Error(v, err)
	}
	v, err = j.Correctness(t.Context(), "Who?", "Somebody.", "Ada.")
	if value, known := v.Value(); err != nil || value != 0.5 || known != 1 {
		t.Error(v, err)
	}
	asked := model.Requests()
	if got := asked[len(asked)-1].Task; got.Template.Name() != "judged-correct" || !cmp.Equal(got.Values, map[string]string{"question": "Who?", "answer": "Somebody.", "reference": "Ada."}) {
		t.Error(got.Values)
	}
	if got := asked[0].Task.Values; got["passages"] != "Tarn sells salt." || got["statement"] != "It is red." {
		t.Error(got)
	}
}

// Without passages nothing is supported, and no call is spent on it.
func TestWithoutPassages(t *testing.T) {
	j, model := judge(t, judged.Options{})
	v, err := j.Faithfulness(t.Context(), []string{"It is red."}, nil)
	if err != nil || !cmp.Equal(v, judged.Verdicts{judged.No}) || len(model.Requests()) != 0 {
		t.Error(v, err)
	}
	v, err = j.ContextPrecision(t.Context(), "Who?", "Ada.", nil)
	if value, known := v.Value(); err != nil || known != 0 || value != 0 {
		t.Error(v, err)
	}
}

// A judge is one of citations, too.
func TestEntails(t *testing.T) {
	j, _ := judge(t, judged.Options{}, says("salt", "no"), says("Kerr", "yes"), says("", "perhaps"))
	docs := []metric.Document{{Title: "Vell", Text: "Ada Kerr built it."}, {Title: "Tarn", Text: "It sells salt."}}
	s, err := metric.Citations(t.Context(), []string{"She built it [1].", "It is blue [2]."}, docs, 3, j)
	if err != nil || s.Recall != 0.5 || s.Precision != 0.5 {
		t.Error(s, err)
	}
	if _, err := j.Entails(t.Context(), "x", "y"); !errors.Is(err, judged.ErrUnknown) {
		t.Error(err)
	}
}

// What was judged before a budget is spent, or the model fails, comes with the error.
func TestErrors(t *testing.T) {
	j, _ := judge(t, judged.Options{}, says("", "yes"))
	ctx, b := budget.Open(t.Context(), "judging", budget.Limits{Calls: 2})
	defer b.Close()
	v, err := j.Faithfulness(ctx, []string{"a", "b", "c"}, passages)
	if !errors.Is(err, budget.ErrExceeded) || !cmp.Equal(v, judged.Verdicts{judged.Yes, judged.Yes}) {
		t.Error(v, err)
	}
	if cost, ok := j.MostCost(3); !ok || cost != (budget.Cost{Calls: 3, Tokens: 48}) {
		t.Error(cost)
	}
	broken := errors.New("broken")
	j, _ = judge(t, judged.Options{}, generatortest.Rule{Err: broken})
	if v, err := j.Correctness(t.Context(), "q", "a", "r"); !errors.Is(err, broken) || len(v) != 0 {
		t.Error(v, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Faithfulness(ended, []string{"a"}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"no model": second(judged.New(nil, judged.Options{})), "tokens": second(judged.New(&generatortest.Script{}, judged.Options{MaxTokens: -1})),
		"placeholders": second(judged.New(&generatortest.Script{}, judged.Options{Useful: judged.CorrectTemplate})),
	} {
		if !errors.Is(err, judged.ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAgree(t *testing.T) {
	people, err := judged.Labels(strings.NewReader(`{"id":"1","verdict":"yes"}
{"id":"2","verdict":"yes"}
{"id":"3","verdict":"no"}
{"id":"4","verdict":"partly"}
{"id":"5","verdict":"no"}
{"id":"6","verdict":"no"}`), "labels")
	if err != nil || len(people) != 6 {
		t.Fatal(people, err)
	}
	model := map[string]judged.Verdict{"1": judged.Yes, "2": judged.No, "3": judged.No, "4": judged.Partly, "5": judged.Unknown, "7": judged.Yes}
	a, err := judged.Agree(people, model, 1)
	// Of 4 both judged 3 are equal: 0.75. By chance (2·1 + 1·2 + 1·1) / 16 = 5/16 are.
	if err != nil || a.Judged != 4 || a.Unknown != 2 || a.Same.Value != 0.75 || a.Same.Low >= 0.75 || a.Kappa == nil || math.Abs(*a.Kappa-(12.0-5)/(16-5)) > 1e-12 {
		t.Errorf("%+v, %v", a, err)
	}
	a, err = judged.Agree(map[string]judged.Verdict{"1": judged.Yes}, model, 1)
	if err != nil || a.Kappa != nil || a.Same.Value != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := judged.Agree(map[string]judged.Verdict{"9": judged.Yes}, model, 1); !errors.As(err, new(*metric.InputError)) {
		t.Error(err)
	}
	for text, want := range map[string]string{
		`{"verdict":"yes"}`:              `l:1: "id" is missing`,
		`{"id":"1","verdict":"unknown"}`: `l:1: "verdict" is "unknown"`,
		"{\"id\":\"1\",\"verdict\":\"no\"}\n{\"id\":\"1\",\"verdict\":\"no\"}": `l:2: the id "1"`,
	} {
		_, err := judged.Labels(strings.NewReader(text), "l")
		if !errors.As(err, new(*dataset.LineError)) || !strings.Contains(err.Error(), want) {
			t.Error(err)
		}
	}
}
