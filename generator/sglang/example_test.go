package sglang_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/sglang"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// The engine asks for the probabilities of a group where it must decide.
func Example() {
	server := httptest.NewServer(stub{}) // in place of: python -m sglang.launch_server --model-path selfrag/selfrag_llama2_7b
	defer server.Close()

	model, err := sglang.New(sglang.Config{Server: modelserver.Config{URLs: []string{server.URL}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := generator.GroupProbs(context.Background(), model, generator.Request{
		Prompt: generator.Prompt{Instruction: "Which planet is nearest to the sun?"}, MaxTokens: 1,
	}, nil, reflection.Retrieve)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range reflection.Retrieve.Tokens() {
		p, exact := d.Prob(t).Value()
		fmt.Printf("%v %.2f %t\n", t, p, exact)
	}
	// Output:
	// [No Retrieval] 0.12 true
	// [Retrieval] 0.33 true
	// [Continue to Use Evidence] 0.53 true
}
