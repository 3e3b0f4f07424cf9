package llamacpp_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/llamacpp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// The server is asked once what it supports. Every trace records the answer.
func Example() {
	server := httptest.NewServer(stub{}) // in place of: llama-server -m selfrag.gguf -np 4
	defer server.Close()

	var model generator.Generator
	model, err := llamacpp.New(llamacpp.Config{Server: modelserver.Config{URLs: []string{server.URL}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := generator.Describe(context.Background(), model)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Model, c.Level, c.TopN, c.Level == reflection.TopN, c.Slots)
	// Output: tiny.gguf top-n 20 true 4
}
