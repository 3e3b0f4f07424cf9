package summary

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
)

// summarize returns the passages with their summaries, in order. After a failure it
// begins no more. It returns the first error in the order of passages.
func (ix *Index) summarize(ctx context.Context, passages []retriever.Passage) ([]*entry, error) {
	entries := make([]*entry, len(passages))
	var (
		mu   sync.Mutex // of done, and of Progress
		done int
	)
	n, limit := len(passages), max(ix.o.Concurrency, 1)
	most := func(int) (budget.Cost, bool) { return budget.MostCost(ix.summarizer, 1) }
	errs := budget.Each(ctx, n, limit, most, fanout.UntilError(n, limit, budget.Exceeded, func(ctx context.Context, i int) func() error {
		if ctx.Err() != nil {
			return nil
		}
		ctx, step := observe.Start(ctx, observe.Part, fmt.Sprintf("passage %d", i+1))
		return func() (err error) {
			defer step.EndWith(&err)()
			if entries[i], err = ix.summarizeOne(ctx, passages[i]); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if done++; ix.o.Progress != nil {
				ix.o.Progress(done, n)
			}
			return nil
		}
	}))
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("summary: %w after %d of %d passages", err, done, n)
	}
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("summary: passage %q: %w", passages[i].ID, err)
		}
	}
	return entries, nil
}

func (ix *Index) summarizeOne(ctx context.Context, p retriever.Passage) (*entry, error) {
	text, err := ix.summarizer.Summarize(ctx, p)
	if err != nil {
		return nil, err
	}
	s := p
	if strings.TrimSpace(text) != "" {
		s.Text, s.Source = text, retriever.Source{}
	}
	return &entry{p, s}, nil
}
