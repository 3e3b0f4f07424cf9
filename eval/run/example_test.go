package run_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/selfrag"
)

// A run and the same run with a worse system, compared question by question. In a test the
// first is a folder below testdata, read with [run.Read].
func Example() {
	var questions []dataset.Question
	for i := range 40 {
		questions = append(questions, dataset.Question{ID: fmt.Sprint(i), Question: fmt.Sprintf("What is %d?", i), Answers: []string{"a number"}})
	}
	ask := func(right int) *run.Results {
		dir, err := os.MkdirTemp("", "")
		if err != nil {
			log.Fatal(err)
		}
		defer os.RemoveAll(dir)
		n := 0
		answer := func(context.Context, dataset.Question) (*selfrag.Answer, error) {
			if n++; n <= right {
				return &selfrag.Answer{Text: "It is a number."}, nil
			}
			return &selfrag.Answer{Text: "I do not know."}, nil
		}
		results, err := run.Do(context.Background(), dir, []run.Part{{Name: "bot", Questions: questions, Answer: answer}}, run.Options{Concurrency: 1})
		if err != nil {
			log.Fatal(err)
		}
		return results
	}
	list, err := run.Compare(ask(36), ask(20), run.CompareOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(list[0])
	fmt.Println(list[0].Worse())
	// Output:
	// bot, match: 0.500 after 0.900, -0.400 [-0.554, -0.246]: worse
	// true
}
