package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/store"
)

func Example() {
	ctx := context.Background()
	temp, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(temp)
	dir := filepath.Join(temp, "data")
	if err := fill(ctx, dir); err != nil {
		fmt.Println(err)
		return
	}

	// Later, in another process:
	s, err := store.Open(ctx, dir, store.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	if err := s.Delete(ctx, "bridge-2"); err != nil {
		fmt.Println(err)
		return
	}
	tenant, err := s.Scope(filter.Compare{Field: "tenant", Op: filter.Eq, Value: filter.String("city")})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range []retriever.Retriever{s, tenant} {
		res, err := r.Retrieve(ctx, retriever.Query{Text: "When was the bridge built?", K: 5})
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, h := range res.Hits {
			fmt.Println(h.Passage.ID, h.Passage.Text)
		}
		fmt.Println("--")
	}
	// Output:
	// bridge-1 The old bridge was built in 1650.
	// tower-1 The tower at the bridge is newer.
	// --
	// bridge-1 The old bridge was built in 1650.
	// --
}

// fill makes a store of two documents.
func fill(ctx context.Context, dir string) error {
	s, err := store.Open(ctx, dir, store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	city := filter.Metadata{"tenant": filter.String("city")}
	err = s.ReplaceDocument(ctx, "bridge.md", []retriever.Passage{
		{ID: "bridge-1", Text: "The old bridge was built in 1650.", Metadata: city},
		{ID: "bridge-2", Text: "The new bridge is closed.", Metadata: city},
	}, nil)
	if err != nil {
		return err
	}
	return s.Put(ctx, retriever.Passage{ID: "tower-1", Text: "The tower at the bridge is newer."})
}
