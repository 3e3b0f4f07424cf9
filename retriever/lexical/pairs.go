package lexical

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/blevesearch/bleve/v2/analysis"

	"github.com/goselfrag/goselfrag/retriever"
)

// How far apart, in terms, the two words of a pair stand at most.
const (
	passageWindow = 4
	queryWindow   = 2
)

// Pairs is a keyword index that prefers passages in which words of the query stand near
// each other: a [retriever.Retriever]. The score of a passage is
//
//	BM25 over terms + weight · BM25 over pairs
//
// after the sequential dependence model (Metzler and Croft, "A Markov Random Field Model
// for Term Dependencies", SIGIR 2005), with the unordered window as the one feature of
// pairs. A term and one of the next two of the query are a pair, and so are a term and
// one of the next four of a passage, in any order. A passage without a pair has the score
// that an [Index] gives it.
//
// It takes about five times the memory of an Index and cannot be added to. It is safe for
// concurrent use.
type Pairs struct {
	terms, pairs *Index // their passages have the same numbers
	weight       float64
}

// NewPairs makes an index of passages. weight is from 0 to 1; 0.2 did well on questions
// about encyclopaedia articles. Options are those of [New]. The error wraps ErrOption,
// ErrEmptyID or ErrDuplicateID.
func NewPairs(passages []retriever.Passage, weight float64, opts ...Option) (*Pairs, error) {
	if !(weight >= 0 && weight <= 1) { // true for NaN, too
		return nil, fmt.Errorf("%w: NewPairs: the weight is %v: want 0 to 1", ErrOption, weight)
	}
	terms, err := New(passages, opts...)
	if err != nil {
		return nil, err
	}
	p := &Pairs{terms: terms, weight: weight}
	joined := make([]retriever.Passage, len(passages))
	for i, q := range passages {
		joined[i] = retriever.Passage{ID: q.ID, Title: p.join(q.Title, passageWindow), Text: p.join(q.Text, passageWindow)}
	}
	p.pairs, err = New(nil, WithParameters(terms.k1, terms.b), WithTitleWeight(int(terms.title)))
	if err != nil {
		return nil, err
	}
	p.pairs.analyser = joinedPairs{}
	return p, p.pairs.Add(joined...)
}

// joinedPairs is the analyser of what join returns. One for language would take a pair
// of Chinese terms apart again, and find its characters in passages without the terms.
type joinedPairs struct{}

// Analyze implements analysis.Analyzer.
func (joinedPairs) Analyze(text []byte) analysis.TokenStream {
	var tokens analysis.TokenStream
	for pair := range bytes.SplitSeq(text, []byte{' '}) {
		tokens = append(tokens, &analysis.Token{Term: pair})
	}
	return tokens
}

// join returns the pairs of a text, each as two terms with a NUL between, which is in no
// term, and a space behind.
func (p *Pairs) join(text string, window int) string {
	var terms []string
	for t := range p.terms.termsOf(text).all() {
		terms = append(terms, string(t))
	}
	var b strings.Builder
	for i, first := range terms {
		for _, second := range terms[i+1 : min(i+1+window, len(terms))] {
			b.WriteString(min(first, second) + "\x00" + max(first, second) + " ")
		}
	}
	return b.String()
}

// Retrieve does what Index.Retrieve does, with the score above.
func (p *Pairs) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	return p.terms.retrieve(ctx, q, func(s *scratch) error {
		t := p.pairs.pool.Get().(*scratch)
		defer p.pairs.release(t)
		if err := p.pairs.score(ctx, p.pairs.termsOf(p.join(q.Text, queryWindow)), t); err != nil {
			return err
		}
		for _, n := range t.found { // a passage with a pair has its terms
			s.scores[n] += p.weight * t.scores[n]
		}
		return nil
	})
}
