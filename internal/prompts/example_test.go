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
	// judge-retrieve dd0c9c58050d057a [answer question]
	// Asks whether something must be looked up before the next sentence, while the answer has no passage at hand. One token, from a model that gives log-probabilities.
	// replaced by: field Retrieve of judge.Templates, the argument of judge.New
	// standalone-question f6cea64393ab5bbe [history question]
	// Asks for a question that can be understood without the conversation before it: once per question with a history.
	// replaced by: the template given to selfrag.NewPromptRewriter in place of selfrag.StandaloneTemplate
}
