package record_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/record"
)

// The second call is answered from the file.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	tape, err := record.Open(filepath.Join(dir, "calls.jsonl"), record.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer tape.Close()
	model := tape.Wrap(extractive.New(), "embedded")
	req := generator.Request{MaxTokens: 50, Prompt: generator.Prompt{
		Instruction: "Who built the lighthouse?",
		Evidence:    []generator.Evidence{{Text: "The lighthouse was built in 1871 by Ada Kerr."}},
	}}
	for range 2 {
		c, err := generator.Complete(context.Background(), model, req)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %+v\n", c.Text(), tape.Counts())
	}
	// Output:
	// The lighthouse was built in 1871 by Ada Kerr. {Replayed:0 Asked:1}
	// The lighthouse was built in 1871 by Ada Kerr. {Replayed:1 Asked:1}
}
