package ollama_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// A token that is not among the 20 likeliest has an upper bound in place of a
// probability.
func Example() {
	server := httptest.NewServer(stub{}) // in place of: ollama serve
	defer server.Close()

	model, err := ollama.New(ollama.Config{Server: modelserver.Config{URLs: []string{server.URL}, Model: "tiny"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := generator.Check(context.Background(), model); err != nil { // at start-up
		fmt.Println(err)
		return
	}
	c, err := generator.Complete(context.Background(), model, generator.Request{
		Prompt:    generator.Prompt{Instruction: "Which planet is nearest to the sun?"},
		MaxTokens: 50,
		Watch:     reflection.Groups(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	utility, _ := c.Steps[0].Group(reflection.IsUSE)
	for _, t := range reflection.IsUSE.Tokens() {
		p, exact := utility.Prob(t).Value()
		fmt.Printf("%v %.4f %t\n", t, p, exact)
	}
	// Output:
	// [Utility:1] 0.0008 true
	// [Utility:2] 0.0005 false
	// [Utility:3] 0.0009 true
	// [Utility:4] 0.0005 false
	// [Utility:5] 0.0010 true
}
