package summary

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/retriever"
)

// outcome is the summary of one passage.
type outcome struct {
	place    int // among the passages
	text     string
	err      error
	panicked any
}

// summarize returns the passages with their summaries, in order. After a failure it
// begins no more; since all passages before the failed one have begun by then, the first
// error in the order of passages is the same whoever is faster.
func (ix *Index) summarize(ctx context.Context, passages []retriever.Passage) ([]entry, error) {
	limit := min(max(ix.o.Concurrency, 1), len(passages))
	if account.Bounded(ctx) {
		limit = 1
	}
	ended := make(chan outcome, limit)
	outcomes := make([]outcome, len(passages))
	begun, running, done, failed := 0, 0, 0, false
	for {
		for ; begun < len(passages) && running < limit && !failed && ctx.Err() == nil; begun++ {
			place := begun
			ctx, step := account.Begin(ctx, fmt.Sprintf("passage %d", place+1))
			go func() {
				o := ix.summarizeOne(ctx, place, passages[place])
				step.Fail(o.err)
				ended <- o
			}()
			running++
		}
		if running == 0 {
			break
		}
		o := <-ended
		running--
		outcomes[o.place] = o
		if o.err != nil || o.panicked != nil {
			failed = true
			continue
		}
		if done++; ix.o.Progress != nil {
			ix.o.Progress(done, len(passages))
		}
	}
	for _, o := range outcomes {
		if o.panicked != nil {
			panic(o.panicked) // here a server's recover can catch it
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("summary: %w after %d of %d passages", err, done, len(passages))
	}
	entries := make([]entry, len(passages))
	for i, o := range outcomes {
		if o.err != nil {
			return nil, fmt.Errorf("summary: passage %q: %w", passages[i].ID, o.err)
		}
		s := passages[i]
		if strings.TrimSpace(o.text) != "" {
			s.Text, s.Source = o.text, retriever.Source{}
		}
		entries[i] = entry{passages[i], s}
	}
	return entries, nil
}

func (ix *Index) summarizeOne(ctx context.Context, place int, p retriever.Passage) (o outcome) {
	o.place = place
	defer func() {
		if v := recover(); v != nil {
			o.panicked = fmt.Sprintf("%v\n\n%s", v, debug.Stack())
		}
	}()
	o.text, o.err = ix.summarizer.Summarize(ctx, p)
	return o
}
