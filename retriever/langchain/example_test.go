package langchain_test

import (
	"context"
	"fmt"

	"github.com/tmc/langchaingo/schema"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/langchain"
)

// The store is the test's; one of langchaingo takes its place.
func Example() {
	store := &memory{}
	ctx := context.Background()
	_, err := store.AddDocuments(ctx, []schema.Document{
		{PageContent: "The bridge over the Ebro was built in 1702.", Metadata: map[string]any{"id": "bridge", "lang": "en"}},
		{PageContent: "The Ebro floods in spring.", Metadata: map[string]any{"id": "floods", "lang": "en"}},
		{PageContent: "El Ebro crece en primavera.", Metadata: map[string]any{"id": "crece", "lang": "es"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := langchain.New(store, langchain.Options{Scores: retriever.Cosine})
	if err != nil {
		fmt.Println(err)
		return
	}
	expr, err := filter.Parse(`lang = "en"`)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := r.Retrieve(ctx, retriever.Query{Text: "When was the bridge built?", K: 2, Filter: expr})
	for _, h := range res.Hits {
		fmt.Printf("%s %.2f\n", h.Passage.ID, h.Score)
	}
	fmt.Println(err)
	// Output:
	// bridge 0.74
	// floods 0.20
	// <nil>
}
