package rewrite

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/retriever"
)

// DecomposeOptions bounds the parts of a question. The zero value is ready to use.
type DecomposeOptions struct {
	// Depth is the number of levels of parts: 1, the default for 0, splits the
	// question, 2 also its parts; at most 4.
	Depth int
	// FanOut is the greatest number of parts of a question, from 1 to 16; 0 means
	// 4.
	FanOut int
	// OriginalWeight, Concurrency and Fuse are those of [FusionOptions], except
	// that a Concurrency of 0 means 1024. With Fuse.AllowMissing a question that
	// cannot be split because the expander fails counts as one without parts, and
	// Result.Missing names "rewrite".
	OriginalWeight float64
	Concurrency    int
	Fuse           retriever.FuseOptions
}

// Decompose returns a Retriever that splits a question into parts with s, and the
// parts as far as Depth allows. It searches r for the question and all parts, fused
// by retriever.Fuse. Every text is searched for and split once, however many
// questions it is a part of. Splitting ends at a question for which s returns no
// parts, or only the question itself.
//
// Parts of the fusion are named "original", "sub-question 1" and so on: first the
// parts of the question, then those of its first part, and so on level by level.
// Result.Queries holds their texts in that order. s is asked about one question at
// a time.
//
// The error of Decompose wraps ErrOption, or retriever.ErrOption.
func Decompose(r retriever.Retriever, s Expander, o DecomposeOptions) (retriever.Retriever, error) {
	if err := checkParts("Decompose", r, s); err != nil {
		return nil, err
	}
	var err error
	if o.Depth, err = orStandard("Depth", o.Depth, 1, 4); err != nil {
		return nil, err
	}
	if o.FanOut, err = orStandard("FanOut", o.FanOut, 4, 16); err != nil {
		return nil, err
	}
	if o.Concurrency, err = orStandard("Concurrency", o.Concurrency, 1<<10, 1<<20); err != nil {
		return nil, err
	}
	f := FusionOptions{OriginalWeight: o.OriginalWeight, Concurrency: o.Concurrency, Fuse: o.Fuse}
	if err := f.checkFuse(r); err != nil {
		return nil, err
	}
	most := func() (budget.Cost, bool) {
		asked, texts, level := 0, 0, 1 // questions to split, and their parts
		for range o.Depth {
			asked += level
			level *= o.FanOut
			texts += level
		}
		source, ok := budget.MostCost(s, 1)
		inner, known := budget.MostCost(r, 1)
		return source.Times(asked).Add(inner.Times(1 + texts)), ok && known
	}
	return declared{most, func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		if err := q.Check(); err != nil {
			return retriever.Result{}, err
		}
		texts, missing, err := plan(retriever.Confine(ctx, q.Filter), s, q.Text, o, f)
		if err != nil {
			return retriever.Result{Missing: missing}, err
		}
		res, err := search(ctx, r, q, texts, "sub-question", f)
		res.Missing = append(missing, res.Missing...)
		return res, err
	}}, nil
}

// plan returns all parts of a question, level by level.
func plan(ctx context.Context, s Expander, question string, o DecomposeOptions, f FusionOptions) (texts []string, missing []retriever.Missing, err error) {
	seen := map[string]bool{fold(question): true}
	level := []string{question}
	for range o.Depth {
		var next []string
		for _, parent := range level {
			list, err := textsOf(ctx, s, parent, o.FanOut)
			if err != nil {
				more, err := f.failed(ctx, fmt.Errorf("rewrite: sub-questions of %q: %w", parent, err))
				if missing = append(missing, more...); err != nil {
					return nil, missing, err
				}
				continue
			}
			for _, t := range list {
				if !seen[fold(t)] {
					seen[fold(t)] = true
					next = append(next, t)
				}
			}
		}
		texts = append(texts, next...)
		level = next
	}
	return texts, missing, nil
}
