package rag

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/selfrag"
)

// piece is a part of the answer's text and the sources that it cites.
type piece struct {
	start, end int
	sources    []int
}

// write makes segments and citations of pieces, which do not overlap. The passages
// are numbered in the given order of their sources.
func (r *run) write(text string, pieces []piece, order []int) {
	a := r.answer
	a.Text = text
	numbers := map[int]int{}
	for _, z := range order {
		if r.sources[z].hit != nil && slices.ContainsFunc(pieces, func(p piece) bool { return slices.Contains(p.sources, z) }) {
			a.Citations = append(a.Citations, selfrag.Citation{Number: len(a.Citations) + 1, Passage: r.sources[z].hit.Passage})
			numbers[z] = len(a.Citations)
		}
	}
	for _, p := range pieces {
		s := selfrag.Segment{Text: text[p.start:p.end], Start: p.start, End: p.end, Decision: r.expansion.Decision}
		for _, z := range p.sources {
			if n := numbers[z]; n > 0 {
				s.Citations = append(s.Citations, n)
				c := &a.Citations[n-1]
				c.Spans = append(c.Spans, selfrag.Span{Start: p.start, End: p.end})
			}
		}
		slices.Sort(s.Citations)
		a.Segments = append(a.Segments, s)
	}
}

// cited returns the sources whose share is at least an equal share, the greatest
// first, and of equals the one that was retrieved first.
func cited(shares []float64) []int {
	var list []int
	for z, x := range shares {
		if x*float64(len(shares)) >= 1-1e-9 { // equal shares are rounded
			list = append(list, z)
		}
	}
	byShare(list, shares)
	return list
}

func byShare(sources []int, shares []float64) {
	slices.SortStableFunc(sources, func(x, y int) int { return cmp.Compare(shares[y], shares[x]) })
}

// outcome writes the fields that do not depend on the decoder.
func (r *run) outcome(h *selfrag.RAGHypothesis) {
	a := r.answer
	if a.Stop = selfrag.StopEnd; h.Finish == generator.FinishLength {
		a.Stop = selfrag.StopLength
	}
	if h.Marginal.Known != reflection.Unknown {
		a.Score = math.Exp(h.Marginal.Log)
	}
}

// assembleSequence writes the answer, with citations by the posterior of the
// passages.
func (r *run) assembleSequence(h *selfrag.RAGHypothesis) {
	r.outcome(h)
	if text := strings.TrimSpace(h.Text); text != "" {
		order := cited(h.Posterior)
		r.write(text, []piece{{0, len(text), order}}, order)
	}
}

// assembleToken writes the answer, with citations for each part by the passages'
// shares of its tokens.
func (r *run) assembleToken(h *selfrag.RAGHypothesis) {
	r.outcome(h)
	text := strings.TrimSpace(h.Text)
	skipped := strings.Index(h.Text, text)
	total := make([]float64, len(r.sources))
	var pieces []piece
	at := -skipped
	for _, s := range h.Steps {
		start, end := max(at, 0), min(at+len(s.Text), len(text))
		at += len(s.Text)
		if start >= end {
			continue
		}
		for z, x := range s.Shares {
			total[z] += x
		}
		list := cited(s.Shares)
		slices.Sort(list)
		if n := len(pieces); n > 0 && slices.Equal(pieces[n-1].sources, list) {
			pieces[n-1].end = end
		} else {
			pieces = append(pieces, piece{start, end, list})
		}
	}
	order := make([]int, len(r.sources))
	for z := range order {
		order[z] = z
	}
	byShare(order, total)
	r.write(text, trimmed(text, pieces), order)
}

// trimmed trims white space from both ends of each piece, and drops empty ones.
func trimmed(text string, pieces []piece) []piece {
	var list []piece
	for _, p := range pieces {
		s := text[p.start:p.end]
		body := strings.TrimSpace(s)
		if body == "" {
			continue
		}
		p.start += strings.Index(s, body)
		p.end = p.start + len(body)
		list = append(list, p)
	}
	return list
}
