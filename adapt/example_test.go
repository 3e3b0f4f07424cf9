package adapt_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/adapt"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
)

// People ask for parts by names that the catalog does not use. The adapter learns the
// names from questions with known passages.
func Example() {
	ctx := context.Background()
	ours := strings.Fields("bolt valve gasket pump rotor bearing flange seal hose filter lever spring")
	theirs := strings.Fields("bolzen ventil dichtung pumpe laufrad lager scheibe ring schlauch sieb hebel feder")
	var passages []retriever.Passage
	var examples []adapt.Example
	for i := range ours {
		for j := range ours {
			if i == j {
				continue
			}
			p := retriever.Passage{ID: fmt.Sprintf("%s-%s", ours[i], ours[j]), Text: "A " + ours[i] + " for a " + ours[j] + "."}
			e := adapt.Example{}
			e.ID, e.Question.Question, e.Positive = p.ID, theirs[i]+" "+theirs[j], []string{p.ID}
			passages, examples = append(passages, p), append(examples, e)
		}
	}
	embedder, err := hashed.Fit(ctx, dense.Texts(passages), hashed.Options{Dim: 256})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := adapt.Contrastive(ctx, embedder, passages, examples, adapt.Options{})
	if err != nil {
		fmt.Println(err) // also if it is not better than without: then do without
		return
	}
	fmt.Printf("recall@5 of questions held out: %.1f before, more than 0.5 after: %v\n",
		result.Report.Before.Recall5, result.Report.After.Recall5 > 0.5)

	// Passages need not be embedded anew.
	index, err := dense.New(ctx, result.Adapter.Over(embedder), passages, dense.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := index.Retrieve(ctx, retriever.Query{Text: "ventil pumpe", K: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, h := range found.Hits {
		fmt.Println(strings.Contains(h.Passage.Text, "valve") && strings.Contains(h.Passage.Text, "pump"))
	}
	// Output:
	// recall@5 of questions held out: 0.0 before, more than 0.5 after: true
	// true
	// true
}
