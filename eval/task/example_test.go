package task_test

import (
	"fmt"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/task"
)

func Example() {
	arc, err := task.Get("arc", task.Paper)
	if err != nil {
		fmt.Println(err)
		return
	}
	for item, err := range dataset.Items("../dataset/testdata/selfrag_arc.jsonl", arc.Layout, dataset.Options{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		question, err := arc.Question(item)
		if err != nil {
			fmt.Println(err)
			return
		}
		value, err := arc.Score(arc.Metrics[0], "C", item)
		fmt.Printf("%.21q %s %v %v\n", question, arc.Golds(item), value, err)
	}
	// Output:
	// "Which of these melts " [A] 0 <nil>
	// "Which is a planet?\nA:" [C] 1 <nil>
	// "Which one is alive?\nA" [B] 0 <nil>
	// "Which is the longest?" [E] 0 <nil>
}
