package oracle_test

import (
	"bytes"
	"fmt"
	"math"

	"github.com/goselfrag/goselfrag/tools/internal/toymodel"
	"github.com/goselfrag/goselfrag/tools/internal/toymodel/oracle"
)

func Example() {
	var file bytes.Buffer
	if err := toymodel.Write(&file, toymodel.UserDefined); err != nil {
		fmt.Println(err)
		return
	}
	model, err := oracle.Load(file.Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	state := model.Start("### Instruction:\nWhere is the bridge?\n\n### Response:\n" +
		"[Retrieval]<paragraph>Bridge\nThe bridge is in Paris.</paragraph>")
	for id := state.Greedy(); id != model.End; id = state.Greedy() {
		fmt.Printf("%q %.3f\n", model.Name(id), math.Exp(state.LogProbs()[id]))
		state.Append(id)
	}
	// Output:
	// "[Relevant]" 0.720
	// " the" 1.000
	// " bridge" 1.000
	// " is" 0.930
	// " in" 1.000
	// " Paris" 1.000
	// "." 1.000
	// "[Fully supported]" 0.808
	// "[Utility:5]" 0.620
}
