package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// While two writers replace documents, 16 readers find each document whole, of one version,
// on all sides: a search never sees half a change, or a passage that was gone before it began.
func TestReadersAndWriters(t *testing.T) {
	s, err := open(t.Context(), tempDir(t), options(), &disk{noSync: true}, sizes{fit: 40, tail: 30, segment: 1 << 14, save: 50})
	no(t, err)
	defer func() { no(t, s.Close()) }()
	const size = 4 // passages of a document
	var known [2]atomic.Int64
	put := func(ctx context.Context, doc int, version int64) error {
		var list []retriever.Passage
		for i := range size {
			list = append(list, retriever.Passage{
				ID: fmt.Sprintf("d%d-%d-%d", doc, version%3, i), Text: fmt.Sprintf("river bridge doc%d part%d", doc, i),
				Metadata: filter.Metadata{"doc": filter.Int(int64(doc)), "version": filter.Int(version)},
			})
		}
		return s.ReplaceDocument(ctx, fmt.Sprint("doc", doc), list, nil)
	}
	for doc := range 2 {
		no(t, put(t.Context(), doc, 1))
		known[doc].Store(1)
	}
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for doc := range 2 {
		writers.Go(func() {
			for v := int64(2); v < int64(testsize.Long(80, 300, 2000)); v++ {
				if err := put(t.Context(), doc, v); err != nil {
					t.Error(err)
					return
				}
				known[doc].Store(v)
			}
		})
	}
	sides := []retriever.Retriever{s, s.Words(), s.Vectors()}
	for n := range 16 {
		readers.Go(func() {
			for i := n; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				doc := i % 2
				if err := readDocument(t.Context(), sides[i%len(sides)], doc, size, i%3 == 0, known[doc].Load()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	no(t, s.Verify(t.Context()))
}

// readDocument searches and returns an error unless a document is found whole.
func readDocument(ctx context.Context, side retriever.Retriever, doc, size int, filtered bool, before int64) error {
	q := retriever.Query{Text: "river bridge", K: 20}
	if filtered {
		q.Filter = filter.Compare{Field: "doc", Op: filter.Eq, Value: filter.Int(int64(doc))}
	}
	res, err := side.Retrieve(ctx, q)
	if err != nil {
		return err
	}
	return whole(res, doc, size, before)
}

// whole returns an error unless a result has all of a document, in one version that is at
// least the one before.
func whole(res retriever.Result, doc, size int, before int64) error {
	n, version := 0, int64(-1)
	for _, h := range res.Hits {
		if d, _ := h.Passage.Metadata["doc"].AsInt(); d != int64(doc) {
			continue
		}
		v, _ := h.Passage.Metadata["version"].AsInt()
		if version >= 0 && v != version {
			return fmt.Errorf("versions %d and %d in one result", version, v)
		}
		n, version = n+1, v
	}
	if n != size || version < before {
		return fmt.Errorf("%d passages of version %d: want %d of %d or later", n, version, size, before)
	}
	return nil
}
