package extractive_test

import (
	"context"
	"fmt"
	"log"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/reflection"
)

func Example() {
	var model generator.Generator = extractive.New()

	answer, err := generator.Complete(context.Background(), model, generator.Request{
		Prompt: generator.Prompt{
			Instruction: "What happens when you send on a closed channel?",
			Evidence: []generator.Evidence{{
				Title: "Send statements",
				Text: "Communication blocks until the send can proceed. " +
					"Sending to or closing a closed channel causes a run-time panic. " +
					"A send on a nil channel blocks forever.",
			}},
		},
		MaxTokens: 100,
	})
	if err != nil {
		log.Fatal(err)
	}
	relevance, _ := answer.First(reflection.IsREL)
	support, _ := answer.First(reflection.IsSUP)
	fmt.Println(relevance, support)
	fmt.Println(answer.Text())
	// Output:
	// [Relevant] [Fully supported]
	// Sending to or closing a closed channel causes a run-time panic.
}
