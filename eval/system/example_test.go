package system_test

import (
	"context"
	"fmt"
	"log"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/eval/system"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// Three systems answer one question over the same passages.
func Example() {
	ctx := context.Background()
	passages := []retriever.Passage{
		{ID: "song", Text: "One song asks who built the lighthouse but gives no name."},
		{ID: "tower", Text: "The lighthouse was built in 1871 by Ada Kerr."},
	}
	index, err := lexical.New(ctx, passages, lexical.Options{})
	if err != nil {
		log.Fatal(err)
	}
	bench, err := system.NewBench(system.Config{Model: extractive.New(), Retriever: index, Passages: passages})
	if err != nil {
		log.Fatal(err)
	}
	q := dataset.Question{ID: "q1", Question: "Who built the lighthouse?", Answers: []string{"Ada Kerr"}}
	for _, name := range []string{"selfrag", "floor", "oracle"} {
		answer, err := bench.Open(ctx, name)
		if err != nil {
			log.Fatal(err)
		}
		a, err := answer(ctx, q)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(name, metric.MatchFold(a.Text, q.Answers))
	}
	// Output:
	// selfrag true
	// floor false
	// oracle true
}
