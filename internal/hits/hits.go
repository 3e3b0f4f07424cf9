// Package hits checks what a retriever gave before a model sees it.
package hits

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Dropped counts hits that were not taken.
type Dropped struct {
	Filtered, Duplicate, Excess int
}

// Take returns the first k hits for which expr holds, each passage once. The error says
// how a hit breaks the contract of a retriever, or is that of ctx; the hits before it are
// returned with it.
func Take(ctx context.Context, list []retriever.Hit, k int, expr filter.Expr) (taken []retriever.Hit, d Dropped, err error) {
	var many map[string]bool // of more passages than are quickly looked through
	if n := min(k, len(list)); n > 0 {
		taken = make([]retriever.Hit, 0, n)
		if n > 32 {
			many = make(map[string]bool, n)
		}
	}
	scan, err := filter.NewScan(ctx, expr)
	if err != nil {
		return nil, d, err
	}
	seen := func(id string) bool {
		if many != nil {
			return many[id]
		}
		return slices.ContainsFunc(taken, func(h retriever.Hit) bool { return h.Passage.ID == id })
	}
	for _, h := range list {
		if !scan.Match(h.Passage.Metadata) {
			if err := scan.Err(); err != nil {
				return taken, d, err
			}
			// First of all: not even an error may name what the filter hides.
			d.Filtered++
			continue
		}
		if err := checkHit(h); err != nil {
			return taken, d, err
		}
		switch {
		case seen(h.Passage.ID):
			d.Duplicate++
		case len(taken) == k:
			d.Excess++
		default:
			taken = append(taken, h)
			if many != nil {
				many[h.Passage.ID] = true
			}
		}
	}
	return taken, d, nil
}

func checkHit(h retriever.Hit) error {
	p := &h.Passage
	switch {
	case p.ID == "":
		return errors.New("a passage has no id")
	case !utf8.ValidString(p.ID) || !utf8.ValidString(p.Title) || !utf8.ValidString(p.Text) || !utf8.ValidString(p.Source.URI):
		return fmt.Errorf("passage %q is not UTF-8", p.ID)
	case p.Metadata.Check() != nil:
		return fmt.Errorf("passage %q: %w", p.ID, p.Metadata.Check())
	case math.IsNaN(h.Score) || math.IsInf(h.Score, 0):
		return fmt.Errorf("passage %q has the score %v", p.ID, h.Score)
	case !finite(h.Parts):
		return fmt.Errorf("passage %q: a contribution to its score is not finite", p.ID)
	}
	return nil
}

// finite reports whether all numbers in parts are finite, so that a trace can hold them.
func finite(parts []retriever.Contribution) bool {
	for _, p := range parts {
		if math.IsNaN(p.Score+p.Value) || math.IsInf(p.Score, 0) || math.IsInf(p.Value, 0) || !finite(p.Parts) {
			return false
		}
	}
	return true
}
