package judged_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/eval/judged"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
)

func Example() {
	model := &generatortest.Script{Rules: []generatortest.Rule{{Steps: generatortest.Words(1, "yes")}}} // a chat model
	judge, err := judged.New(model, judged.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer := []string{"Ada Kerr built it.", "She died in 1902."}
	verdicts, err := judge.Faithfulness(context.Background(), answer, []retriever.Passage{{ID: "1", Text: "Ada Kerr (1830–1902) built it."}})
	if err != nil {
		fmt.Println(err)
		return
	}
	value, known := verdicts.Value()
	fmt.Println(value, "of", known, "statements,", len(verdicts)-known, "unknown")
	// Output: 1 of 2 statements, 0 unknown
}
