package sensitivity_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/selfrag"
)

// What would a critic as accurate as FLAN-3B cost? The questions are 14 about lighthouses,
// answered by the embedded model with selfrag.WithTrace(selfrag.TraceFull).
func ExampleRun() {
	questions, correct, err := lighthouse()
	if err != nil {
		fmt.Println(err)
		return
	}
	match := func(q *sensitivity.Question, a *selfrag.Answer) float64 {
		if correct(q, a.Text) {
			return 1
		}
		return 0
	}
	cases, err := sensitivity.PublishedCases(critics.PaperCritics()[1])
	if err != nil {
		fmt.Println(err)
		return
	}
	cases = append(cases, sensitivity.Case{Name: "without IsREL", Perturbation: sensitivity.Drop{reflection.IsREL}})
	result, err := sensitivity.Run(context.Background(), questions, match, cases, sensitivity.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("stored run: %.2f\n", result.Baseline.Value)
	for _, p := range result.Points {
		fmt.Printf("%s, %s: %.2f, change %+.2f [%+.2f, %+.2f]\n", p.Name, p.Group, p.Value, p.Change.Value, p.Change.Low, p.Change.High)
	}
	// Output:
	// stored run: 0.86
	// FLAN-3B, Retrieve: 0.77, change -0.09 [-0.10, -0.07]
	// FLAN-3B, IsREL: 0.86, change +0.00 [+0.00, +0.01]
	// FLAN-3B, IsSUP: 0.91, change +0.05 [+0.00, +0.12]
	// FLAN-3B, IsUSE: 0.86, change +0.00 [+0.00, +0.01]
	// FLAN-3B, Retrieve+IsREL+IsSUP+IsUSE: 0.80, change -0.05 [-0.11, +0.01]
	// without IsREL, IsREL: 0.86, change +0.00 [+0.00, +0.00]
}

// An irrelevant passage is taken for the relevant one.
func ExampleApply() {
	questions, _, err := lighthouse()
	if err != nil {
		fmt.Println(err)
		return
	}
	q := questions[0]
	swap := sensitivity.Confusion{
		reflection.IsREL: {{0, 1}, {1, 0}}, // rows and columns: irrelevant, relevant
	}
	perturbed, err := sensitivity.Apply(q.Trace, swap, q.ID, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range []*selfrag.Trace{q.Trace, perturbed} {
		a, err := selfrag.Rescore(t)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(a.Text)
	}
	// Output:
	// It was built in 1871 by Ada Kerr.
	// The lighthouse of Selkirk Head was built in 1902.
}

func ExampleNoiseStrength() {
	critic := critics.PaperCritics()[1]
	for _, g := range reflection.Groups() {
		e, err := sensitivity.NoiseStrength(critic.Accuracy[g], g.Size())
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s, %v: accuracy %.3f is noise of strength %.2f\n", critic.Critic, g, critic.Accuracy[g], e)
	}
	// Output:
	// FLAN-3B, Retrieve: accuracy 0.856 is noise of strength 0.22
	// FLAN-3B, IsREL: accuracy 0.820 is noise of strength 0.36
	// FLAN-3B, IsSUP: accuracy 0.731 is noise of strength 0.40
	// FLAN-3B, IsUSE: accuracy 0.721 is noise of strength 0.35
}

func ExampleMutualInformation() {
	questions, _, err := lighthouse()
	if err != nil {
		fmt.Println(err)
		return
	}
	list, err := sensitivity.MutualInformation(questions, 999, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, i := range list {
		if i.A == reflection.IsREL && i.B == reflection.IsUSE {
			fmt.Printf("%v and %v over %d candidates: %.2f bits, by chance %.2f\n", i.A, i.B, i.Candidates, i.Bits, i.Chance)
		}
	}
	// Output:
	// IsREL and IsUSE over 43 candidates: 0.98 bits, by chance 0.08
}

func ExampleAttribute() {
	questions, correct, err := lighthouse(selfrag.WithK(2))
	if err != nil {
		fmt.Println(err)
		return
	}
	a, err := sensitivity.Attribute(questions, correct)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range sensitivity.Causes() {
		if a.With[c]+a.Without[c] > 0 {
			fmt.Printf("%s: %d, without the relevance filter %d\n", c, a.With[c], a.Without[c])
		}
	}
	fmt.Printf("gold passage found: %d, its candidate right: %d, the answer right: %d\n", a.Retrieved, a.GoldAnswered, a.RightWith)
	// Output:
	// right: 12, without the relevance filter 12
	// right-rejected: 2, without the relevance filter 2
	// gold passage found: 14, its candidate right: 14, the answer right: 12
}
