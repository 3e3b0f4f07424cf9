package account_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
)

func Example() {
	model := &generatortest.Script{Rules: []generatortest.Rule{{Steps: []generator.Step{{Text: "yes"}}}}}
	greet := generator.MustTaskTemplate("greet", "", "Is {{name}} here?")

	ctx, a := account.Open(context.Background(), "greetings", account.Limits{Calls: 2})
	for _, name := range []string{"Ada", "Bo", "Cy"} {
		task := &generator.Task{Template: greet, Values: map[string]string{"name": name}}
		_, err := generator.Complete(ctx, model, generator.Request{Task: task, MaxTokens: 10})
		fmt.Println(name, errors.Is(err, account.ErrLimit))
	}
	fmt.Println(a.Usage().Calls, "calls")
	for _, s := range a.Steps() {
		fmt.Printf("%s: %q\n", s.Name, s.Texts)
	}
	// Output:
	// Ada false
	// Bo false
	// Cy true
	// 2 calls
	// greet: ["yes"]
	// greet: ["yes"]
	// greet: []
}
