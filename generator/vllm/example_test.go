package vllm_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/vllm"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// The model judges a passage before it answers from it.
func Example() {
	server := httptest.NewServer(stub{}) // in place of: vllm serve selfrag/selfrag_llama2_7b
	defer server.Close()

	model, err := vllm.New(vllm.Config{Server: modelserver.Config{URLs: []string{server.URL}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := generator.Complete(context.Background(), model, generator.Request{
		Prompt: generator.Prompt{
			Instruction: "Which planet is nearest to the sun?",
			Evidence:    []generator.Evidence{{Title: "Mercury", Text: "Mercury is nearest to the sun."}},
		},
		MaxTokens: 50,
		Watch:     []reflection.Group{reflection.IsREL},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	judged, _ := c.Steps[0].Group(reflection.IsREL)
	fmt.Println(c.Steps[0].Token, judged.Exact())
	// Output: [Irrelevant] true
}
