package smollm2

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// The chat endpoint returns the probability of each token, and the likeliest ones.
func TestChat(t *testing.T) {
	prompt := generator.Prompt{Instruction: questions[0], Evidence: []generator.Evidence{{Text: shelf[0].Text}}}
	c, err := generator.Complete(t.Context(), chatting(t, 20), generator.Request{Prompt: prompt, MaxTokens: 8, Alternatives: 20})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Steps) == 0 || len(c.Steps) > 8 || c.Usage.PromptTokens == 0 {
		t.Errorf("%d steps after %d tokens of prompt: want 1 to 8 after some", len(c.Steps), c.Usage.PromptTokens)
	}
	for i, s := range c.Steps {
		if p, known := s.LogProb.Value(); !known || p > 1+1e-6 || len(s.Top) == 0 {
			t.Errorf("step %d, %q: the probability is %v, with %d alternatives: want at most 1, with some", i, s.Text, s.LogProb, len(s.Top))
		}
	}
	t.Logf("%q", c.Text())
}

// The judge gives a distribution. The model seldom answers with a digit alone, so it
// continues a text that ends before one. Should that fail, the long question for JSON is
// not asked: it would take minutes.
func TestJudge(t *testing.T) {
	j, err := judge.New(continuing(t), judge.Templates{
		Utility: generator.MustTaskTemplate("short-utility", "", "{{question}} {{answer}}\nThe grade of this answer, from 1 to 5, is the number "),
	})
	if err != nil {
		t.Fatal(err)
	}
	// Without a passage it asks for the utility alone.
	c := critique.Continuation{Question: questions[0], Prompt: generator.Prompt{Instruction: questions[0]}, Text: shelf[0].Text}
	c.Completion = generator.Completion{Steps: []generator.Step{{Text: c.Text}}, Finish: generator.FinishEnd}
	ctx, b := budget.Open(t.Context(), "one", budget.Limits{Calls: 1})
	defer b.Close()
	v, err := j.Critique(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Check(); err != nil {
		t.Error(err)
	}
	use := v.IsUSE
	if use.Status != reflection.StatusJudged || use.Level != reflection.PromptedProbs {
		t.Fatalf("%+v: want probabilities", use)
	}
	sum := 0.0
	for _, token := range reflection.IsUSE.Tokens() {
		p, _ := use.Dist.Prob(token).Value()
		sum += p
	}
	if sum <= 0 || sum > 1+1e-4 {
		t.Errorf("%v sums to %g: want at most 1", use.Dist, sum)
	}
	t.Logf("%+v", use)
}

// Each passage has its place once, for any output of the model.
func TestRerank(t *testing.T) {
	template := generator.MustTaskTemplate("short-list", "", "{{question}}\n{{passages}}\nThe order of the passages is 2 > 1. Repeat the order.")
	list, err := rerank.NewListwise(chatting(t, 0), template, rerank.ListwiseOptions{MaxTokens: 12})
	if err != nil {
		t.Fatal(err)
	}
	r, err := rerank.New(retriever.List(shelf...), list, rerank.Options{})
	if err != nil {
		t.Fatal(err)
	}
	result, err := r.Retrieve(t.Context(), retriever.Query{Text: questions[1], K: 2})
	if err != nil && !errors.Is(err, rerank.ErrReply) {
		t.Fatal(err)
	}
	var order []string
	for _, h := range result.Hits {
		order = append(order, h.Passage.ID)
	}
	if sorted := slices.Sorted(slices.Values(order)); !slices.Equal(sorted, []string{"bridge", "harbor"}) {
		t.Errorf("%q: want both passages once", order)
	}
	t.Logf("%q, error %v", order, err)
}

// What the model writes as queries is text, and no more than was asked for.
func TestRewrite(t *testing.T) {
	e, err := rewrite.NewLines(chatting(t, 0), rewrite.VariantsTemplate, rewrite.ModelOptions{Count: 2, MaxTokens: 20})
	if err != nil {
		t.Fatal(err)
	}
	queries, err := e.Queries(t.Context(), questions[0])
	if err != nil && !errors.Is(err, rewrite.ErrReply) {
		t.Fatal(err)
	}
	if len(queries) > 2 || slices.ContainsFunc(queries, func(s string) bool { return strings.TrimSpace(s) == "" }) {
		t.Errorf("%q: want at most 2 texts", queries)
	}
	t.Logf("%q, error %v", queries, err)
}
