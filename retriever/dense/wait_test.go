package dense

import (
	"context"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// slow is an index in which a search with a filter waits for the test.
type slow struct {
	*hnsw.Flat[string]
	began, end chan struct{}
}

func (s slow) Search(ctx context.Context, dst []hnsw.Neighbor[string], vector []float32, q hnsw.Query[string]) ([]hnsw.Neighbor[string], error) {
	if q.Where != nil && q.K == 9 {
		close(s.began)
		<-s.end
	}
	return s.Flat.Search(ctx, dst, vector, q)
}

// During a search, passages are added and deleted, and others search.
func TestNobodyWaitsForASearch(t *testing.T) {
	vectors := slow{must(hnsw.NewFlat[string](2, hnsw.FlatOptions{})), make(chan struct{}), make(chan struct{})}
	e := &fake{vectors: map[string][]float32{"q": {1, 0}}}
	var list []retriever.Passage
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		e.vectors[id] = []float32{1, 0}
		list = append(list, passage(id))
	}
	e.vectors["new"] = []float32{1, 0}
	ix := must(New(t.Context(), e, list, Options{Vectors: vectors}))
	type found struct {
		res retriever.Result
		err error
	}
	first := make(chan found)
	go func() {
		res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "q", K: 9, Filter: filter.And{}})
		first <- found{res, err}
	}()
	<-vectors.began
	if err := ix.Add(t.Context(), passage("new")); err != nil {
		t.Fatal(err)
	}
	if err := ix.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "q", K: 20})
	if err != nil || len(res.Hits) != 10 || ix.Len() != 10 {
		t.Errorf("%d hits, %v", len(res.Hits), err)
	}
	close(vectors.end)
	if f := <-first; f.err != nil || len(f.res.Hits) != 9 {
		t.Errorf("%d hits, %v", len(f.res.Hits), f.err)
	}
}
