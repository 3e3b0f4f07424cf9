package rag_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/rag"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
)

// library is a retriever of two passages with inner products.
var library = retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
	return retriever.Result{Scores: retriever.InnerProduct, Hits: []retriever.Hit{
		{Passage: retriever.Passage{ID: "tower", Title: "The tower", Text: "Ada Kerr built the lighthouse in 1871."}, Score: 1.4},
		{Passage: retriever.Passage{ID: "lamp", Title: "The lamp", Text: "The lighthouse lamp turns slowly. It was made in Paris."}, Score: 0.5},
	}}, nil
})

// A model that follows instructions sees numbered passages and cites them by marks.
func ExampleNewStandard() {
	model := &generatortest.Script{
		Rules: []generatortest.Rule{{
			When:  generatortest.TaskNamed("rag-answer"),
			Steps: generatortest.Words(0.9, "Ada Kerr built it [1]. Its lamp is from Paris [2]."),
		}},
		Capabilities: generator.Capabilities{Model: "chat"},
	}
	decoder, err := rag.NewStandard(model, library)
	if err != nil {
		panic(err)
	}
	answer, err := decoder.Answer(context.Background(), "Who built the lighthouse?")
	if err != nil {
		panic(err)
	}
	fmt.Println(answer)
	// Output:
	// Ada Kerr built it [1]. Its lamp is from Paris [2].
	// [1] The tower
	// [2] The lamp
}

// The embedded model quotes: each passage has a hypothesis, which has almost no
// probability under the others.
func ExampleNewSequence() {
	decoder, err := rag.NewSequence(extractive.New(), library)
	if err != nil {
		panic(err)
	}
	answer, err := decoder.Answer(context.Background(), "Who built the lighthouse?", rag.WithBeams(1))
	if err != nil {
		panic(err)
	}
	fmt.Println(answer)
	for _, h := range answer.Trace.RAG.Hypotheses {
		fmt.Printf("%q found with source %v, posterior %.2f\n", h.Text, h.Found, h.Posterior)
	}
	// Output:
	// Ada Kerr built the lighthouse in 1871 [1].
	// [1] The tower
	// "Ada Kerr built the lighthouse in 1871." found with source [0], posterior [1.00 0.00]
	// "The lighthouse lamp turns slowly." found with source [1], posterior [0.00 1.00]
}

// A server that reports only its likeliest tokens is sufficient if they settle each
// step.
func ExampleNewToken() {
	top := func(pairs ...any) generator.Step {
		var s generator.Step
		for i := 0; i < len(pairs); i += 2 {
			s.Top = append(s.Top, generator.Alternative{Text: pairs[i].(string), Prob: reflection.ExactValue(pairs[i+1].(float64))})
		}
		s.Text, s.LogProb = s.Top[0].Text, s.Top[0].Prob
		return s
	}
	rule := func(passage, after string, steps ...generator.Step) generatortest.Rule {
		return generatortest.Rule{When: generatortest.All(generatortest.Shows(passage), generatortest.Continues(after)), Steps: steps}
	}
	model := generatortest.Bare(&generatortest.Script{Rules: []generatortest.Rule{
		rule("The lamp", "", top("Paris", 0.6, "Ada", 0.35)),
		rule("The tower", "", top("Ada", 0.9, "Paris", 0.05)),
		rule("The lamp", "Ada", top(" Kerr", 0.5, " in", 0.3)),
		rule("The tower", "Ada", top(" Kerr", 0.95)),
		rule("The lamp", "Ada Kerr"), // the end
		rule("The tower", "Ada Kerr"),
	}})
	decoder, err := rag.NewToken(model, library)
	if err != nil {
		panic(err)
	}
	answer, err := decoder.Answer(context.Background(), "Who built the lighthouse?")
	if err != nil {
		panic(err)
	}
	fmt.Println(answer)
	for _, s := range answer.Trace.RAG.Hypotheses[0].Steps {
		p, _ := s.Prob.Value()
		fmt.Printf("%q with %.3f, shares %.2f\n", s.Text, p, s.Shares)
	}
	// Output:
	// Ada Kerr [1]
	// [1] The tower
	// "Ada" with 0.741, shares [0.86 0.14]
	// " Kerr" with 0.820, shares [0.82 0.18]
	// "" with 1.000, shares [0.71 0.29]
}
