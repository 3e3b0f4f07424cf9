package critics_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/reflection"
)

// The critic and the decider of the embedded model on four labeled pairs.
func ExampleMeasure() {
	pairs, err := critics.Read(strings.NewReader(`
{"id": "1", "question": "Who built the lighthouse?", "passage": {"text": "The lighthouse was built by Ada Kerr in 1871."}, "text": "The lighthouse was built by Ada Kerr in 1871.", "expect": {"IsREL": "[Relevant]", "IsSUP": "[Fully supported]"}}
{"id": "2", "question": "Who built the lighthouse?", "passage": {"text": "The lighthouse was built by Ada Kerr in 1871."}, "text": "The lighthouse was built by Ben Moor in 1902.", "expect": {"IsSUP": "[No support / Contradictory]"}}
{"id": "3", "question": "Who built the lighthouse?", "passage": {"text": "Hens lay fewer eggs in winter."}, "expect": {"IsREL": "[Irrelevant]"}}
{"id": "4", "question": "Translate into German: Good morning, everyone.", "expect": {"Retrieve": "[No Retrieval]"}}
`), "pairs.jsonl")
	if err != nil {
		fmt.Println(err)
		return
	}
	model := extractive.New()
	report, err := critics.Measure(context.Background(), critics.Model{Generator: model}, critique.NewTokens(model), pairs, critics.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, g := range report.Groups {
		fmt.Printf("%v: %d of %d judged, accuracy %.2f, the commonest token %.2f\n",
			g.Group, g.Judged, g.Pairs, g.Figures.Accuracy.Value, g.Figures.Majority.Accuracy)
	}
	sup, _ := report.Group(reflection.IsSUP)
	fmt.Println(sup.Figures.Confusion)
	// Output:
	// Retrieve: 1 of 1 judged, accuracy 1.00, the commonest token 1.00
	// IsREL: 2 of 2 judged, accuracy 1.00, the commonest token 0.50
	// IsSUP: 2 of 2 judged, accuracy 1.00, the commonest token 0.50
	// [[1 0 0] [0 0 0] [0 0 1]]
}

// A set that others made, in a layout of its own.
func ExampleHaluEval() {
	pairs, err := critics.HaluEval(strings.NewReader(
		`{"id": "h", "question": "Who wrote The Trial?", "evidence": "The Trial is a novel by Franz Kafka.", "supported": "Franz Kafka", "unsupported": "It was written by Max Brod."}`), "halueval.jsonl")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range pairs {
		fmt.Println(p.ID, p.Text, p.Expect[reflection.IsSUP])
	}
	// Output:
	// h/supported Franz Kafka [Fully supported]
	// h/unsupported It was written by Max Brod. [No support / Contradictory]
}
