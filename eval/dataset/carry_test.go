package dataset_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func TestOwnContract(t *testing.T) {
	retrievertest.TestRetriever(t, func(passages []retriever.Passage) (retriever.Retriever, error) {
		it := dataset.Item{Passages: passages}
		return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
			return dataset.Own().Retrieve(dataset.Carry(ctx, it), q)
		}), nil
	})
	if _, err := dataset.Own().Retrieve(t.Context(), retriever.Query{K: 1}); !errors.Is(err, retriever.ErrQuery) {
		t.Error(err)
	}
}

func ExampleOwn() {
	own := dataset.Own()
	for item, err := range dataset.Items("testdata/selfrag_popqa.jsonl", dataset.SelfRAG, dataset.Options{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		found, err := own.Retrieve(dataset.Carry(context.Background(), item), retriever.Query{Text: item.Question.Question, K: 2})
		fmt.Println(item.ID, item.Answers, len(found.Hits), err)
	}
	// Output:
	// 4222362 [glassblower glass blower] 2 <nil>
	// 98 [Vell] 0 <nil>
}
