package rewrite

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/retriever"
)

// FusionOptions changes how variants are searched for. The zero value is ready to use.
type FusionOptions struct {
	// Max is how many variants are searched for at most, from 1 to 100; 0 means 4.
	Max int
	// OriginalWeight is how much a rank in the list of the question itself counts; a
	// variant has 1. 0 means 2.
	OriginalWeight float64
	// Concurrency is how many searches run at the same time; 0 means all.
	Concurrency int
	// Fuse says how the lists become one. With AllowMissing, searches that fail are left
	// out and named in Result.Missing, and so is a source that fails, as "rewrite".
	Fuse retriever.FuseOptions
}

// Fusion returns a Retriever that searches r for the question and, at the same time, for
// the texts that s makes of it, and merges the lists by retriever.Fuse, whose
// order and scores it has. With a model that writes variants this is RAG-Fusion (Rackauckas,
// "RAG-Fusion: a New Take on Retrieval-Augmented Generation", 2024). The question is
// always searched for. Blank and repeated variants are left out. Parts are named
// "original", "variant 1" and so on; their texts stand in Result.Queries.
//
// The error of Fusion wraps ErrOption, or retriever.ErrFuse about Fuse and the weight.
func Fusion(r retriever.Retriever, s Source, o FusionOptions) (retriever.Retriever, error) {
	if err := parts("Fusion", r, s); err != nil {
		return nil, err
	}
	var err error
	if o.Max, err = within("Max", o.Max, 4, 100); err != nil {
		return nil, err
	}
	if o.Concurrency, err = within("Concurrency", o.Concurrency, o.Max+1, 1<<20); err != nil {
		return nil, err
	}
	if o.OriginalWeight == 0 {
		o.OriginalWeight = 2
	}
	if _, err := retriever.Fuse([]retriever.Part{{Name: "original", Retriever: r, Weight: o.OriginalWeight}}, o.Fuse); err != nil {
		return nil, err
	}
	return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		if err := q.Check(); err != nil {
			return retriever.Result{}, err
		}
		texts, err := textsOf(ctx, s, q.Text, o.Max)
		var missing []retriever.Missing
		if err != nil {
			err = fmt.Errorf("rewrite: variants: %w", err)
			if ctx.Err() != nil || !o.Fuse.AllowMissing {
				return retriever.Result{}, err
			}
			missing = []retriever.Missing{{Part: "rewrite", Reason: err.Error()}}
		}
		res, err := search(ctx, r, q, texts, "variant", o)
		res.Missing = append(missing, res.Missing...)
		return res, err
	}), nil
}

// search searches for the question and for texts, and fuses.
func search(ctx context.Context, r retriever.Retriever, q retriever.Query, texts []string, name string, o FusionOptions) (retriever.Result, error) {
	free := make(chan struct{}, o.Concurrency)
	asking := func(text string) retriever.Retriever {
		return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return retriever.Result{}, ctx.Err()
			}
			defer func() { <-free }()
			account.From(ctx).Note(text) // the step that Fuse began
			q.Text = text
			return r.Retrieve(ctx, q)
		})
	}
	list := []retriever.Part{{Name: "original", Retriever: asking(q.Text), Weight: o.OriginalWeight}}
	for i, t := range texts {
		list = append(list, retriever.Part{Name: fmt.Sprintf("%s %d", name, i+1), Retriever: asking(t)})
	}
	f, err := retriever.Fuse(list, o.Fuse)
	if err != nil {
		return retriever.Result{}, err
	}
	res, err := f.Retrieve(ctx, q)
	res.Queries = append(texts, res.Queries...)
	return res, err
}
