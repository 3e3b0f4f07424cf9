package rewrite_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// outline writes steps as names[texts]!error{steps}, model calls with their calls.
func outline(steps []observe.Record) string {
	var list []string
	for _, s := range steps {
		text := s.Name
		if len(s.Texts) > 0 {
			text += "[" + strings.Join(s.Texts, "|") + "]"
		}
		if s.Error != "" {
			text += "!"
		}
		if len(s.Steps) > 0 {
			text += "{" + outline(s.Steps) + "}"
		}
		list = append(list, text)
	}
	return strings.Join(list, " ")
}

// Observers receive every step of every technique, at any depth.
func TestSteps(t *testing.T) {
	found := map[string]string{"q": "a b", "v": "c", "w": "d e"}
	lines := func(reply string) *rewrite.Lines {
		return must[*rewrite.Lines](t)(rewrite.NewLines(replies(reply), rewrite.VariantsTemplate, rewrite.ModelOptions{}))
	}
	failing := texts{"q": {"fail"}}
	for _, c := range []struct {
		name string
		r    retriever.Retriever
		want string
	}{
		{"fusion", must[retriever.Retriever](t)(rewrite.Fusion(answers(found), lines("v\nw"), rewrite.FusionOptions{})),
			"rewrite[v|w]{rewrite-variants[v\nw]} original[q] variant 1[v] variant 2[w]"},
		{"fusion without variants", must[retriever.Retriever](t)(rewrite.Fusion(answers(found), failing, rewrite.FusionOptions{Fuse: retriever.FuseOptions{AllowMissing: true}})),
			"rewrite! original[q]"},
		{"decompose", must[retriever.Retriever](t)(rewrite.Decompose(answers(found), texts{"q": {"v", "w"}}, rewrite.DecomposeOptions{Depth: 2})),
			"rewrite[v|w] rewrite rewrite original[q] sub-question 1[v] sub-question 2[w]"},
		{"retry", must[retriever.Retriever](t)(rewrite.Retry(answers(found), texts{"q": {"v", "w"}}, judged{"d": 1}, rewrite.RetryOptions{})),
			"relevance rewrite[v|w] retry[v]{relevance} retry[w]{relevance}"},
		{"hyde", must[*dense.Index](t)(dense.New(t.Context(), must[rewrite.Embedder](t)(rewrite.HyDE(fakeEmbedder{}, texts{"q": {"h one"}})), []retriever.Passage{{ID: "a", Text: "q"}}, dense.Options{})),
			"hyde[h one]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a observe.Recorder
			if _, err := c.r.Retrieve(observe.With(t.Context(), &a), retriever.Query{Text: "q", K: 2}); err != nil {
				t.Fatal(err)
			}
			if got := outline(a.Steps()); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// The step of a judge that fails has the error of the judge, not the error derived
// from it.
func TestStepOfFailingJudge(t *testing.T) {
	r := must[retriever.Retriever](t)(rewrite.Retry(answers(map[string]string{"q": "a"}), texts{}, failingJudge{}, rewrite.RetryOptions{AllowMissing: true}))
	var a observe.Recorder
	if _, err := r.Retrieve(observe.With(t.Context(), &a), retriever.Query{Text: "q", K: 2}); err != nil {
		t.Fatal(err)
	}
	if s := a.Steps(); len(s) != 1 || s[0].Name != "relevance" || s[0].Error != "broken" {
		t.Errorf("%+v", s)
	}
}

type failingJudge struct{}

func (failingJudge) Score(context.Context, string, []retriever.Passage) ([]float64, error) {
	return nil, errors.New("broken")
}

// A budget that the source exceeds fails the technique or, if its policy allows,
// only the question is searched for.
func TestBudget(t *testing.T) {
	for _, anyway := range []bool{false, true} {
		model := replies("v", "never")
		source := must[*rewrite.Lines](t)(rewrite.NewLines(model, rewrite.VariantsTemplate, rewrite.ModelOptions{}))
		fused := must[retriever.Retriever](t)(rewrite.Fusion(answers(map[string]string{"q": "a", "v": "b"}), source, rewrite.FusionOptions{Fuse: retriever.FuseOptions{AllowMissing: anyway}}))
		ctx, a := budget.Open(t.Context(), "test", budget.Limits{Calls: 1})
		if res, err := fused.Retrieve(ctx, retriever.Query{Text: "q", K: 2}); err != nil || ids(res) != "a b" {
			t.Fatalf("%s, %v", ids(res), err)
		}
		res, err := fused.Retrieve(ctx, retriever.Query{Text: "q", K: 2})
		if anyway && (err != nil || ids(res) != "a" || missing(res) != "rewrite") || !anyway && (!errors.Is(err, budget.ErrExceeded) || !a.Exceeded(err)) {
			t.Errorf("allow missing %v: %s, missing %s, %v", anyway, ids(res), missing(res), err)
		}
		if n := len(model.Requests()); n != 1 {
			t.Errorf("%d model calls", n)
		}
	}
}
