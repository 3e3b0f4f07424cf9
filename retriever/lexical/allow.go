package lexical

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/lexical/internal/segment"
)

// allowance is the set of passages of a snapshot that match a filter.
type allowance struct {
	scan  *filter.Scan  // nil allows all
	sets  []segment.Set // of the live documents, by part
	exact []bool        // by part, whether the set is exact, so that scan is not needed
	count int           // of the documents in the sets
}

// allow returns the passages that match a filter. The error is that of
// filter.Check, or wraps ErrCorrupt or ctx.Err().
func (s *snapshot) allow(ctx context.Context, f filter.Expr) (*allowance, error) {
	a := &allowance{}
	if f == nil {
		return a, nil
	}
	var err error
	if a.scan, err = filter.NewScan(ctx, f); err != nil {
		return nil, err
	}
	for _, p := range s.parts {
		set, exact, err := p.Matching(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("lexical: %w", err)
		}
		set = set.And(p.alive)
		a.sets, a.exact = append(a.sets, set), append(a.exact, exact)
		a.count += set.Count(p.Docs())
	}
	return a, nil
}

// none reports whether no passage matches.
func (a *allowance) none() bool { return a.scan != nil && a.count == 0 }

// matching returns the live documents of a part that match, nil for all, and whether
// this is exact, so that single documents need no test.
func (a *allowance) matching(i int, p *part) (segment.Set, bool) {
	if a.scan == nil {
		return p.alive, true
	}
	return a.sets[i], a.exact[i]
}

// err returns the error of the context if it ended the scan.
func (a *allowance) err() error {
	if a.scan == nil {
		return nil
	}
	return a.scan.Err()
}
