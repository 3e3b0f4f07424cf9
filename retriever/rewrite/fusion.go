package rewrite

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
)

// FusionOptions changes how variants are searched for. The zero value is ready to use.
type FusionOptions struct {
	// Max is the greatest number of variants to search for, from 1 to 100; 0 means
	// 4.
	Max int
	// OriginalWeight is the weight of a rank in the list of the question itself; a
	// variant has 1. 0 means 2.
	OriginalWeight float64
	// Concurrency is how many searches run at the same time; 0 means all.
	Concurrency int
	// Fuse says how the lists are merged. With AllowMissing, searches that fail are
	// left out and named in Result.Missing, and so is an expander that fails, as
	// "rewrite".
	Fuse retriever.FuseOptions
}

// Fusion returns a Retriever that searches r for the question and, at the same
// time, for the texts that s makes from it. It merges the lists by retriever.Fuse,
// which gives the order and the scores. With a model that writes variants this is
// RAG-Fusion (Rackauckas, "RAG-Fusion: a New Take on Retrieval-Augmented
// Generation", 2024). The question is always searched for. Blank and repeated
// variants are left out. Parts are named "original", "variant 1" and so on; their
// texts are in Result.Queries.
//
// The error of Fusion wraps ErrOption, or retriever.ErrOption about Fuse and the
// weight.
func Fusion(r retriever.Retriever, s Expander, o FusionOptions) (retriever.Retriever, error) {
	if err := checkParts("Fusion", r, s); err != nil {
		return nil, err
	}
	var err error
	if o.Max, err = orStandard("Max", o.Max, 4, 100); err != nil {
		return nil, err
	}
	if o.Concurrency, err = orStandard("Concurrency", o.Concurrency, o.Max+1, 1<<20); err != nil {
		return nil, err
	}
	if err := o.checkFuse(r); err != nil {
		return nil, err
	}
	most := func() (budget.Cost, bool) {
		source, ok := budget.MostCost(s, 1)
		inner, known := budget.MostCost(r, 1)
		return inner.Times(1 + o.Max).Add(source), ok && known
	}
	return declared{most, func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		if err := q.Check(); err != nil {
			return retriever.Result{}, err
		}
		texts, err := textsOf(retriever.Confine(ctx, q.Filter), s, q.Text, o.Max)
		var missing []retriever.Missing
		if err != nil {
			if missing, err = o.failed(ctx, fmt.Errorf("rewrite: variants: %w", err)); err != nil {
				return retriever.Result{}, err
			}
		}
		res, err := search(ctx, r, q, texts, "variant", o)
		res.Missing = append(missing, res.Missing...)
		return res, err
	}}, nil
}

// checkFuse sets the default weight and checks the options for retriever.Fuse.
func (o *FusionOptions) checkFuse(r retriever.Retriever) error {
	if o.OriginalWeight == 0 {
		o.OriginalWeight = 2
	}
	_, err := retriever.Fuse([]retriever.Part{{Name: "original", Retriever: r, Weight: o.OriginalWeight}}, o.Fuse)
	return err
}

// failed returns the missing part with which a search continues if the expander
// failed, or the error.
func (o *FusionOptions) failed(ctx context.Context, err error) ([]retriever.Missing, error) {
	if ctx.Err() != nil || !o.Fuse.AllowMissing {
		return nil, err
	}
	return []retriever.Missing{{Part: "rewrite", Reason: err.Error()}}, nil
}

// declared is a Retriever that declares its cost.
type declared struct {
	most func() (budget.Cost, bool)
	retriever.Func
}

// MostCost implements budget.Declarer.
func (d declared) MostCost(int) (budget.Cost, bool) { return d.most() }

// search searches for the question and for texts, and fuses the lists.
func search(ctx context.Context, r retriever.Retriever, q retriever.Query, texts []string, name string, o FusionOptions) (retriever.Result, error) {
	free := make(chan struct{}, o.Concurrency)
	most := func() (budget.Cost, bool) { return budget.MostCost(r, 1) }
	asking := func(text string) retriever.Retriever {
		return declared{most, func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return retriever.Result{}, ctx.Err()
			}
			defer func() { <-free }()
			observe.Current(ctx).Note(text) // the step that Fuse began
			q.Text = text
			return retriever.Ask(ctx, r, q)
		}}
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
