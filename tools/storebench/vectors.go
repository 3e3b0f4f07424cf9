package main

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/goselfrag/goselfrag/tools/internal/madeup"
)

// A vector is the center of its topic plus a difference, large in few directions and small
// in all, as in embeddings.
const (
	directions = 64
	centers    = 0.3
	noise      = 0.2 / 8
)

// space makes vectors.
type space struct {
	dim     int
	spread  [][]float32 // directions
	centers map[int][]float32
}

func newSpace(dim int) *space {
	s := &space{dim: dim, centers: map[int][]float32{}}
	r := rand.New(rand.NewPCG(42, 1))
	for range directions {
		d := make([]float32, dim)
		for i := range d {
			d[i] = float32(r.NormFloat64()) / 8
		}
		s.spread = append(s.spread, d)
	}
	return s
}

func (s *space) center(topic int) []float32 {
	c := s.centers[topic]
	if c == nil {
		r := rand.New(rand.NewPCG(uint64(topic), 3))
		c = make([]float32, s.dim)
		for i := range c {
			c[i] = float32(r.NormFloat64()) * centers
		}
		s.centers[topic] = c
	}
	return c
}

// vector returns vector n of a kind, about a topic.
func (s *space) vector(kind, n uint64, topic int) []float32 {
	r := rand.New(rand.NewPCG(n, kind))
	v := append([]float32(nil), s.center(topic)...)
	for _, d := range s.spread {
		z := float32(r.NormFloat64())
		for i := range v {
			v[i] += z * d[i]
		}
	}
	for i := range v {
		v[i] += float32(r.NormFloat64()) * noise
	}
	return v
}

func (s *space) passage(n, topic int) []float32 { return s.vector(4, uint64(n), topic) }

func (s *space) question(n int) []float32 { return s.vector(5, uint64(n), madeup.Ask(n).Topic) }

// given is an embedder that gets the vectors beforehand.
type given map[string][]float32

func (g given) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	list := make([][]float32, len(texts))
	for i, t := range texts {
		if list[i] = g[t]; list[i] == nil {
			return nil, fmt.Errorf("no vector for %q", t)
		}
	}
	return list, ctx.Err()
}

func (g given) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	list, err := g.EmbedDocuments(ctx, []string{text})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}
