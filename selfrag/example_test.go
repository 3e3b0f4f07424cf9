package selfrag_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// shelf is a retriever with two passages, whatever the query.
func shelf(_ context.Context, q retriever.Query) (retriever.Result, error) {
	return retriever.Result{Scores: retriever.RankOnly, Hits: []retriever.Hit{
		{Passage: retriever.Passage{ID: "castle", Title: "The Castle", Text: "The Castle has a land surveyor."}},
		{Passage: retriever.Passage{ID: "trial", Title: "The Trial", Text: "The Trial is a novel by Franz Kafka."}},
	}}, q.Check()
}

// reader is a scripted model: it wants to retrieve, finds one passage irrelevant,
// and answers from the other. Without a passage it guesses.
func reader() *generatortest.Script {
	useful := [5]float64{0, 0, 0, 0.2, 0.8}
	return &generatortest.Script{Rules: []generatortest.Rule{
		{When: generatortest.Decides(), Steps: generatortest.Decision(0.9)},
		{When: generatortest.Shows("The Trial"), Steps: generatortest.Segment(0.95, "Franz Kafka wrote it.", [3]float64{0.9, 0.1, 0}, useful)},
		{When: generatortest.Shows("The Castle"), Steps: generatortest.Segment(0.1, "A surveyor.", [3]float64{0.2, 0.2, 0.6}, useful)},
		{When: generatortest.Forces(reflection.NoRetrieval), Steps: append(generatortest.Words(0.5, "Perhaps Kafka."),
			generatortest.Judge(reflection.IsUSE, 0, 0, 1, 0, 0))},
	}}
}

func ExampleEngine_Answer() {
	engine, err := selfrag.New(reader(), retriever.Func(shelf))
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := engine.Answer(context.Background(), "Who wrote The Trial?")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer)
	s := answer.Segments[0]
	fmt.Println("support: ", s.Support)
	fmt.Println("decision:", answer.Decision.Reason)
	fmt.Println("known by:", answer.Level)
	fmt.Println("calls:   ", answer.Usage.Calls)
	// Output:
	// Franz Kafka wrote it [1].
	// [1] The Trial
	// support:  [Fully supported]
	// decision: ratio above the threshold 0.2
	// known by: exact-ids
	// calls:    3
}

// The events of one question. The engine runs candidates side by side, so with
// several of them only the order for one candidate is fixed.
func ExampleEngine_Stream() {
	engine, err := selfrag.New(reader(), retriever.Func(shelf), selfrag.WithConcurrency(1))
	if err != nil {
		fmt.Println(err)
		return
	}
	for e, err := range engine.Stream(context.Background(), "Who wrote The Trial?") {
		if err != nil {
			fmt.Println(err)
			return
		}
		switch e.Kind {
		case selfrag.EventDecision:
			fmt.Println("decision:", e.Decision.Choice)
		case selfrag.EventPassages:
			fmt.Println("passages:", len(e.Passages))
		case selfrag.EventCandidate:
			fmt.Printf("candidate %d: %s\n", e.Node, e.Candidate.Text)
		case selfrag.EventAnswer:
			fmt.Println("answer:", e.Answer.Text)
		}
	}
	// Output:
	// decision: retrieval
	// passages: 2
	// candidate 1: A surveyor.
	// candidate 2: Franz Kafka wrote it.
	// answer: Franz Kafka wrote it.
}

// Text while it is generated: printed text is never taken back.
func ExampleEngine_Stream_deltas() {
	engine, err := selfrag.New(reader(), retriever.Func(shelf))
	if err != nil {
		fmt.Println(err)
		return
	}
	for e, err := range engine.Stream(context.Background(), "Who wrote The Trial?") {
		switch e.Kind {
		case selfrag.EventDelta:
			fmt.Print(e.Text)
		case selfrag.EventAnswer:
			fmt.Println()
			if err != nil {
				fmt.Println("the answer ends here:", err)
			}
		}
	}
	// Output:
	// Franz Kafka wrote it.
}

// A full trace shows the answer under another threshold or other weights, without a
// model call.
func ExampleRescore() {
	model := reader()
	engine, err := selfrag.New(model, retriever.Func(shelf))
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := engine.Answer(context.Background(), "Who wrote The Trial?", selfrag.WithTrace(selfrag.TraceFull))
	if err != nil {
		fmt.Println(err)
		return
	}
	calls := len(model.Requests())
	for _, threshold := range []float64{0.2, 0.95} {
		again, err := selfrag.Rescore(answer.Trace, selfrag.WithThreshold(threshold))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%v: %s (%v)\n", threshold, again.Text, again.Decision.Choice)
	}
	fmt.Println("further calls:", len(model.Requests())-calls)
	// Output:
	// 0.2: Franz Kafka wrote it. (retrieval)
	// 0.95: Perhaps Kafka. (no-retrieval)
	// further calls: 0
}

// A closed set: the label with the largest summed score, cited with every passage
// that speaks for it.
func ExampleWithLabels() {
	model := &generatortest.Script{Rules: []generatortest.Rule{
		{When: generatortest.Shows("The Trial"), Steps: generatortest.Segment(0.9, "True.", [3]float64{1, 0, 0}, [5]float64{})},
		{When: generatortest.Shows("The Castle"), Steps: generatortest.Segment(0.6, "false", [3]float64{0, 1, 0}, [5]float64{})},
	}}
	engine, err := selfrag.New(model, retriever.Func(shelf),
		selfrag.WithMode(selfrag.Always), selfrag.WithSequence(scoring.SequenceNone, generator.CountAuto))
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := engine.Answer(context.Background(), "Kafka wrote The Trial. True or false?",
		selfrag.WithLabels("true", "false"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %.2f\n", answer.Label, answer.Options.Sums)
	fmt.Println(answer.Citations[0].Passage.Title)
	// Output:
	// true [1.90 1.10]
	// The Trial
}

// Options are checked when they are given.
func ExampleOptionError() {
	_, err := selfrag.New(reader(), retriever.Func(shelf), selfrag.WithThreshold(1.5))
	fmt.Println(err)
	// Output:
	// selfrag: WithThreshold: 1.5: want a number in [0, 1]
}

// The more relevant of two passages is completed first. Then the other cannot win:
// it has cost one token.
func ExampleWithLazy() {
	engine, err := selfrag.New(reader(), retriever.Func(shelf),
		selfrag.WithLazy(1), selfrag.WithWeights(scoring.Weights{Relevance: 2, Support: 1}))
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := engine.Answer(context.Background(), "Who wrote The Trial?")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.Text)
	for _, c := range answer.Trace.Expansions[0].Candidates {
		fmt.Printf("candidate %d: %s, %d tokens, score %.2f to %.2f\n", c.Node, c.Status, c.Usage.GeneratedTokens, c.Terms.Total.Lo, c.Terms.Total.Hi)
	}
	// Output:
	// Franz Kafka wrote it.
	// candidate 1: stopped, 1 tokens, score 0.20 to 1.20
	// candidate 2: kept, 8 tokens, score 2.85 to 2.85
}
