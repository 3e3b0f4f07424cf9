package main

import (
	"context"
	"strconv"

	"github.com/philippgille/chromem-go"

	"github.com/goselfrag/goselfrag/tools/internal/annset"
)

type collection struct{ *chromem.Collection }

func openChromem(ctx context.Context, w *workspace, _ int) (engine, error) {
	if w.set.Metric != annset.Cosine {
		return nil, &unavailable{"chromem-go knows cosine only", "choose -metric cosine"}
	}
	c, err := chromem.NewDB().CreateCollection("set", nil, nil)
	if err != nil {
		return nil, err
	}
	for i := range w.set.Base.Len() {
		v := append([]float32(nil), w.set.Base.Row(i)...)
		if err := c.AddDocument(ctx, chromem.Document{ID: strconv.Itoa(i), Embedding: v}); err != nil {
			return nil, err
		}
	}
	return collection{c}, nil
}

func (c collection) search(ctx context.Context, query []float32, _ int, ids []int32) (int, error) {
	found, err := c.QueryEmbedding(ctx, query, min(len(ids), c.Count()), nil, nil)
	if err != nil {
		return 0, err
	}
	for i, f := range found {
		id, err := strconv.Atoi(f.ID)
		if err != nil {
			return 0, err
		}
		ids[i] = int32(id)
	}
	return len(found), nil
}

func (c collection) bytes() int64 { return 0 }
