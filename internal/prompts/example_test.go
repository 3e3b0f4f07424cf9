package prompts_test

import (
	"fmt"

	"github.com/goselfrag/goselfrag/internal/prompts"
)

func ExampleAll() {
	for _, p := range prompts.All() {
		if p.Name == "standalone-question" || p.Name == "judge-retrieve" {
			fmt.Println(p.Name, p.Hash, p.Placeholders)
			fmt.Println(p.Use)
			fmt.Println("replaced by:", p.Replace)
		}
	}
	// Output:
	// judge-retrieve 2036772540e0b43c [answer question]
	// Asks whether something must be looked up before the next sentence, while the answer has no current passage. One token, from a model that gives log-probabilities.
	// replaced by: field Retrieve of judge.Templates, the argument of judge.New
	// standalone-question bd8e22d12e1bd42a [history question]
	// Asks for a question that can be understood without the conversation before it: once per question with a history.
	// replaced by: the template given to selfrag.NewPromptRewriter in place of selfrag.StandaloneTemplate
}
