package budget_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
)

func Example() {
	model := &generatortest.Script{Rules: []generatortest.Rule{{Steps: []generator.Step{{Text: "yes"}}}}}
	greet := generator.MustTaskTemplate("greet", "", "Is {{name}} here?")

	ctx, b := budget.Open(context.Background(), "greetings", budget.Limits{Calls: 2})
	defer b.Close()
	for _, name := range []string{"Ada", "Bo", "Cy"} {
		task := &generator.Task{Template: greet, Values: map[string]string{"name": name}}
		_, err := generator.Complete(ctx, model, generator.Request{Task: task, MaxTokens: 10})
		fmt.Println(name, errors.Is(err, budget.ErrExceeded))
	}
	fmt.Println(b.Usage().Calls, "calls")
	// Output:
	// Ada false
	// Bo false
	// Cy true
	// 2 calls
}
