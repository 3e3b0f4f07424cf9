package rewrite

import (
	"context"
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Spelling is an [Expander] without a model. It returns the question as corrected
// by Vocabulary.Correct, or nothing if there is nothing to correct. Use it with
// [Fusion], where the original question counts too, or with [Retry]. Under a
// filter, that of the query or of a retriever.Scope, it uses only the words of
// passages that match the filter. Make it with [NewSpelling].
type Spelling struct{ vocabulary *Vocabulary }

// NewSpelling returns an expander. The error wraps ErrOption: v is nil or empty.
func NewSpelling(v *Vocabulary) (*Spelling, error) {
	if v == nil || len(v.holders) == 0 {
		return nil, fmt.Errorf("%w: NewSpelling: the vocabulary has no words", ErrOption)
	}
	return &Spelling{v}, nil
}

// MostCost implements budget.Declarer: no model is called.
func (*Spelling) MostCost(int) (budget.Cost, bool) { return budget.Cost{}, true }

// Queries implements Expander.
func (s *Spelling) Queries(ctx context.Context, question string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	words, err := s.vocabulary.section(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.vocabulary.correct(ctx, question, words)
	if err != nil || c == question {
		return nil, err
	}
	return []string{c}, nil
}

// section is the words of the passages that match all filters.
type section struct {
	*Vocabulary
	scans   []*filter.Scan
	allowed []bool // by passage
	known   []bool // whether it was tested
}

// section returns the words that a search under ctx may use.
func (v *Vocabulary) section(ctx context.Context) (section, error) {
	s := section{Vocabulary: v}
	for _, f := range retriever.Confined(ctx) {
		scan, err := filter.NewScan(ctx, f)
		if err != nil {
			return s, err
		}
		s.scans = append(s.scans, scan)
	}
	if len(s.scans) > 0 {
		s.allowed, s.known = make([]bool, len(v.metadata)), make([]bool, len(v.metadata))
	}
	return s, nil
}

// count returns how many passages of the section hold a word.
func (s section) count(word string) int {
	holders := s.holders[word]
	if len(s.scans) == 0 {
		return len(holders)
	}
	n := 0
	for _, p := range holders {
		if !s.known[p] {
			s.known[p] = true
			s.allowed[p] = !slices.ContainsFunc(s.scans, func(f *filter.Scan) bool { return !f.Match(s.metadata[p]) })
		}
		if s.allowed[p] {
			n++
		}
	}
	return n
}

// err returns the error of the context if it ended the work.
func (s section) err() error {
	for _, f := range s.scans {
		if err := f.Err(); err != nil {
			return err
		}
	}
	return nil
}
