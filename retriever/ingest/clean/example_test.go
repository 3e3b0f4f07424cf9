package clean_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest/clean"
)

func Example() {
	passages := []retriever.Passage{
		{ID: "a#1", Text: "The bridge was opened in 1932 by the mayor of the town, who came by boat."},
		{ID: "a#2", Text: "-----+-----+-----"},
		{ID: "b#1", Text: "The bridge was opened in 1932 by the mayor of the town, who came by bus."},
	}
	kept, report, err := clean.Passages(context.Background(), passages, clean.Options{Letters: 0.5, NearDuplicate: 0.8})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(kept), kept[0].ID)
	fmt.Println(report)
	for _, d := range report.Drops {
		fmt.Printf("%s: %s %s (%.2f)\n", d.ID, d.Reason, d.Of, d.Value)
	}
	// Output:
	// 1 a#1
	// 1 kept, dropped: 1 garbage, 0 boilerplate, 0 duplicates, 1 near-duplicates
	// a#2: garbage  (0.00)
	// b#1: near-duplicate a#1 (0.87)
}
