package completions_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// A server without probabilities gives hard labels.
func Example() {
	server := httptest.NewServer(stub{silent: true})
	defer server.Close()

	model, err := completions.New(completions.Config{
		Server:  modelserver.Config{URLs: []string{server.URL}, Model: "tiny"},
		NoProbs: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := generator.Complete(context.Background(), model, generator.Request{
		Prompt: generator.Prompt{Instruction: "Which planet is nearest to the sun?"}, MaxTokens: 50,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Steps[0].Token, c.Steps[0].LogProb.Known == reflection.Unknown)
	// Output: [Continue to Use Evidence] true
}
