package check_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/check"
)

func Example() {
	file := `{"instruction":"Who?","output":"[No Retrieval]Ada.[Utility:5]"}
{"instruction":"Where?","output":"[No Retrieval]Paris."}`
	report, err := check.Run(context.Background(), training.NewReader[training.Record](strings.NewReader(file), "data.jsonl"), check.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range report.Findings {
		for _, p := range f.Places {
			fmt.Printf("line %d, byte %d: %s: %s\n", p.Line, p.Offset, f.Kind, p.Reason)
		}
	}
	// Output: line 2, byte 20: malformed: no utility token ends the output
}
