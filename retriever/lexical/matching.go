package lexical

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// bare returns passages with only their ids.
func (s *Snapshot) bare(_ context.Context, list []candidate) ([]retriever.Passage, error) {
	out := make([]retriever.Passage, len(list))
	for i, c := range list {
		id, err := s.now.parts[c.part].ID(c.doc)
		if err != nil {
			return nil, err
		}
		out[i].ID = id
	}
	return out, nil
}

// Matching calls yield with the ids of the passages that match f, the latest first,
// until it returns false. The bytes of an id are valid during the call only. A nil
// f matches all. The error wraps retriever.ErrQuery, ErrCorrupt or ctx.Err(), or is
// that of Fetch, which is called for passages if the metadata is not indexed.
func (s *Snapshot) Matching(ctx context.Context, f filter.Expr, yield func(id []byte) bool) error {
	if err := filter.Check(f); err != nil {
		return fmt.Errorf("%w: %w", retriever.ErrQuery, err)
	}
	err := s.now.guarded(func() error {
		allow, err := s.now.allow(ctx, f)
		if err != nil {
			return err
		}
		for i := len(s.now.parts) - 1; i >= 0; i-- {
			if more, err := s.matchingIn(ctx, i, allow, yield); err != nil || !more {
				return err
			}
		}
		return allow.err()
	})
	if err != nil {
		return fileError(err)
	}
	return nil
}

// matchingIn is Matching for one part. It reports whether to continue.
func (s *Snapshot) matchingIn(ctx context.Context, i int, allow *allowance, yield func(id []byte) bool) (bool, error) {
	p := s.now.parts[i]
	set, exact := allow.matching(i, p)
	for doc := uint32(p.Docs()); doc > 0; {
		doc--
		if doc%4096 == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
		if !set.Has(doc) {
			continue
		}
		if !exact {
			q, err := s.passages(ctx, []candidate{{part: i, doc: doc}})
			if err != nil {
				return false, err
			}
			if !allow.scan.Match(q[0].Metadata) {
				continue
			}
		}
		id, err := p.IDBytes(doc)
		if err != nil {
			return false, err
		}
		if !yield(id) {
			return false, nil
		}
	}
	return true, nil
}
