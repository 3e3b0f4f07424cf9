package training_test

import (
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

func ExampleParse() {
	o, err := training.Parse("[Retrieval]<paragraph>Paris\nParis is in France.</paragraph>[Relevant]Paris.[Fully supported][Utility:5]")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := o.Segments[0]
	fmt.Println(s.Passage.Title, s.Relevance, s.Text, s.Support, o.Utility)

	_, err = training.Parse("[No Retrieval]Paris.")
	fmt.Println(err)
	// Output:
	// Paris [Relevant] Paris. [Fully supported] [Utility:5]
	// training: malformed output at byte 20: no utility token ends the output
}

// Write a record for a trainer, and read it again.
func Example() {
	output := training.Output{
		Segments: []training.Segment{{
			Retrieve:  reflection.Retrieval,
			Passage:   &generator.Evidence{Title: "Paris", Text: "[Relevant] Paris is in France."},
			Relevance: reflection.Relevant, Text: "Paris.", Support: reflection.FullySupported,
		}},
		Utility: reflection.Utility5,
	}.String()
	spans, err := training.Mask(output, training.MaskPassages)
	if err != nil {
		fmt.Println(err)
		return
	}
	var file strings.Builder
	err = training.NewWriter(&file).Write(training.Record{Instruction: "Where is it?", Output: output, ID: "1", Masked: training.Runes(spans)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(file.String())

	r := training.NewReader[training.Record](strings.NewReader(file.String()), "data.jsonl")
	for record, err := range r.All() {
		fmt.Println(r.Line(), record.ID, err)
	}
	fmt.Println(spans[0].Of(output))
	// Output:
	// {"instruction":"Where is it?","output":"[Retrieval]<paragraph>Paris\n(Relevant) Paris is in France.</paragraph>[Relevant]Paris.[Fully supported][Utility:5]","input":"","id":"1","dataset_name":"","masked":[[22,58]]}
	// 1 1 <nil>
	// Paris
	// (Relevant) Paris is in France.
}
