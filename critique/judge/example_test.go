package judge_test

import (
	"context"
	"fmt"
	"math"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// label is the answer to a one-token question: the labels with their probabilities,
// likeliest first.
func label(pairs ...any) []generator.Step {
	s := generator.Step{Text: pairs[0].(string)}
	for i := 0; i < len(pairs); i += 2 {
		s.Top = append(s.Top, generator.Alternative{Text: pairs[i].(string), Prob: reflection.ExactValue(pairs[i+1].(float64))})
	}
	s.LogProb = s.Top[0].Prob
	return []generator.Step{s}
}

// sentence is a segment: after it the answer continues, or is complete.
func sentence(text string, f generator.Finish) []generator.Step {
	return []generator.Step{{Text: text, LogProb: reflection.ExactLog(math.Log(0.8))}, {Finish: f}}
}

// chatModel is a scripted replacement of chat.New(…): a model without reflection
// tokens.
func chatModel() generator.Generator {
	about := func(task, value, text string) generatortest.Match {
		return func(r generator.Request) bool {
			return generatortest.TaskNamed(task)(r) && r.Task.Values[value] == text
		}
	}
	novel, date := "The Trial\nThe Trial is a novel by Franz Kafka.", "Dates\nThe Trial was published in 1925."
	return &generatortest.Script{
		Capabilities: generator.Capabilities{Model: "chat", LogProbs: true},
		Rules: []generatortest.Rule{
			{When: generatortest.TaskNamed("judge-retrieve"), Steps: label("A", 0.9, "B", 0.1)},
			{When: generatortest.TaskNamed("judge-continue"), Steps: label("A", 0.6, "C", 0.3, "B", 0.1)},
			{When: about("judge-relevance", "passage", novel), Steps: label("A", 0.9, "B", 0.1)},
			{When: about("judge-relevance", "passage", date), Steps: label("A", 0.8, " A", 0.1, "B", 0.1)},
			{When: about("judge-support", "segment", "Nobody knows."), Steps: label("C", 0.9, "B", 0.1)},
			{When: generatortest.TaskNamed("judge-support"), Steps: label("A", 0.9, "B", 0.1)},
			{When: about("judge-utility", "answer", "Nobody knows."), Steps: label("1", 1.0)},
			{When: generatortest.TaskNamed("judge-utility"), Steps: label("4", 0.5, "5", 0.5)},
			{When: generatortest.All(generatortest.Depth(0), generatortest.Shows("The Trial is a novel")), Steps: sentence("Franz Kafka wrote it.", generator.FinishStop)},
			{When: generatortest.All(generatortest.Depth(1), generatortest.Shows("1925")), Steps: sentence("It was published in 1925.", generator.FinishEnd)},
			{When: generatortest.Depth(1), Steps: []generator.Step{{Finish: generator.FinishEnd}}},
			{Steps: sentence("Nobody knows.", generator.FinishStop)},
		},
	}
}

// The whole engine on a chat model: it judges its own texts.
func Example() {
	model := chatModel()
	j, err := judge.New(model, judge.Templates{})
	if err != nil {
		fmt.Println(err)
		return
	}
	passages := retriever.List(
		retriever.Passage{ID: "novel", Title: "The Trial", Text: "The Trial is a novel by Franz Kafka."},
		retriever.Passage{ID: "date", Title: "Dates", Text: "The Trial was published in 1925."},
	)
	engine, err := selfrag.New(model, passages, selfrag.WithCritic(j), selfrag.WithDecider(j), selfrag.WithLongForm(2, 7))
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := engine.Answer(context.Background(), "Who wrote The Trial, and when was it published?")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer)
	for _, s := range answer.Segments {
		fmt.Printf("%s: IsREL %.2f, IsSUP %.2f, IsUSE %.2f\n", s.Text, s.Terms.Relevance.Value, s.Terms.Support.Value, s.Terms.Utility.Value)
	}
	fmt.Println("judged by:", answer.Level)
	fmt.Println("prompts:  ", len(answer.Trace.Templates))
	// Output:
	// Franz Kafka wrote it [1]. It was published in 1925 [2].
	// [1] The Trial
	// [2] Dates
	// Franz Kafka wrote it.: IsREL 0.90, IsSUP 0.95, IsUSE 0.75
	// It was published in 1925.: IsREL 0.90, IsSUP 0.95, IsUSE 0.75
	// judged by: prompted-probs
	// prompts:   14
}

// A custom prompt replaces a default one.
func ExampleTemplates() {
	support := generator.MustTaskTemplate("contract-support", "You check statements about contracts.", `<passage>
{{passage}}
</passage>

<segment>
{{segment}}
</segment>

The segment answers {{question}} and comes after: {{before}}
Does the clause in the passage say what the segment says?
A: word for word, or in effect
B: in part
C: no
Answer with one letter and nothing else.`)
	j, err := judge.New(chatModel(), judge.Templates{Support: support})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(j.Templates()[1].Name())

	_, err = judge.New(chatModel(), judge.Templates{Utility: support})
	fmt.Println(err)
	// Output:
	// contract-support
	// judge: template "contract-support" for Utility has the placeholders [before passage question segment]: want exactly [answer question]
}
