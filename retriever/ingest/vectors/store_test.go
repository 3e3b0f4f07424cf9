package vectors_test

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"testing/fstest"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/ingest/vectors"
	"github.com/goselfrag/goselfrag/retriever/store"
)

// published embeds questions by a model, and passages by the vectors that it made before.
type published struct {
	dense.Embedder
	vectors map[string][]float32 // by the texts of the passages that are put next
}

func (p *published) EmbedDocuments(_ context.Context, texts []string) ([][]float32, error) {
	list := make([][]float32, len(texts))
	for i, text := range texts {
		if list[i] = p.vectors[text]; list[i] == nil {
			return nil, fmt.Errorf("no vector was published for %q", text)
		}
	}
	return list, nil
}

// put puts the passages of a table into a store with the vectors of shards, which are in the
// same order.
func put(ctx context.Context, s *store.Store, p *published, files fs.FS, table string, shards ...vectors.Shard) error {
	next, stop := iter.Pull2(rows(ctx, files, shards))
	defer stop()
	f, err := files.Open(table)
	if err != nil {
		return err
	}
	defer f.Close()
	var list []retriever.Passage
	flush := func() error {
		err := s.Put(ctx, list...)
		list, p.vectors = nil, map[string][]float32{}
		return err
	}
	for passage, err := range ingest.Stream(ctx, table, f, ingest.Options{}) {
		if err != nil {
			return err
		}
		row, err, ok := next()
		if err != nil {
			return err
		}
		if !ok || row.Key != passage.ID {
			return fmt.Errorf("passage %s comes with the vector of %q", passage.ID, row.Key)
		}
		p.vectors[dense.Text(passage)] = row.Vector
		if list = append(list, passage); len(list) == 1000 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// rows yields the vectors of several shards.
func rows(ctx context.Context, files fs.FS, shards []vectors.Shard) iter.Seq2[hnsw.Item[string], error] {
	return func(yield func(hnsw.Item[string], error) bool) {
		for _, shard := range shards {
			for row, err := range vectors.Read(ctx, files, shard) {
				if !yield(row, err) {
					return
				}
			}
		}
	}
}

// fake is the model at a server.
type fake struct{ dense.Embedder }

func (fake) EmbedQuery(context.Context, string) ([]float32, error) { return []float32{1, 1}, nil }

// Vectors that were published go into a store with their passages.
func Example_store() {
	array := "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }" +
		"                                                          \n" +
		"\x00\x00\x80\x3f\x00\x00\x00\x00" + // 1, 0
		"\x00\x00\x00\x00\x00\x00\x00\x40" // 0, 2
	files := fstest.MapFS{
		"passages.tsv": {Data: []byte("id\ttext\ttitle\n1\tThe bridge was opened in 1932.\tBridge\n2\tThe tower is of stone.\tTower\n")},
		"00.ids":       {Data: []byte("1\n2\n")}, "00.npy": {Data: []byte(array)},
	}
	ctx := context.Background()
	model := &published{Embedder: fake{}, vectors: map[string][]float32{}}
	s, err := store.InMemory(ctx, store.Options{Embedding: store.Embedding{Name: "contriever", Embedder: model, Metric: hnsw.InnerProduct}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	fmt.Println(put(ctx, s, model, files, "passages.tsv", vectors.Shard{IDs: "00.ids", Vectors: "00.npy"}))
	res, err := s.Vectors().Retrieve(ctx, retriever.Query{Text: "What is old?", K: 5})
	for _, h := range res.Hits {
		fmt.Println(h.Passage.ID, h.Passage.Title, h.Score)
	}
	fmt.Println(err)
	// Output:
	// <nil>
	// 2 Tower 2
	// 1 Bridge 1
	// <nil>
}
