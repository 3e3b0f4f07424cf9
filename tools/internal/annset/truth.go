package annset

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Truth holds the exact answers to the queries of a set.
type Truth struct {
	K   int     // neighbors per query
	IDs []int32 // K rows of the base per query, nearest first, the lower number first where they are as near
}

// Of returns the answer to a query.
func (t *Truth) Of(query int) []int32 { return t.IDs[query*t.K : (query+1)*t.K] }

// Exact compares every query with every vector in float32, on all processors. The
// result does not depend on their number.
func Exact(ctx context.Context, s *Set, k int) (*Truth, error) {
	if k < 1 || k > s.Base.Len() {
		return nil, fmt.Errorf("k is %d: want 1 to the number of vectors, %d", k, s.Base.Len())
	}
	t := &Truth{K: k, IDs: make([]int32, s.Queries.Len()*k)}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	const block = 16 // queries that share one way through the base
	for from := 0; from < s.Queries.Len(); from += block {
		g.Go(func() error { return t.fill(ctx, s, from, min(from+block, s.Queries.Len())) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return t, nil
}

// fill answers the queries [from, to).
func (t *Truth) fill(ctx context.Context, s *Set, from, to int) error {
	nearest := make([][]neighbor, to-from)
	for id := range s.Base.Len() {
		if id%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row := s.Base.Row(id)
		for q := range nearest {
			nearest[q] = insert(nearest[q], t.K, neighbor{s.Metric.distance(s.Queries.Row(from+q), row), int32(id)})
		}
	}
	for q, list := range nearest {
		for i, n := range list {
			t.Of(from + q)[i] = n.id
		}
	}
	return nil
}

type neighbor struct {
	distance float32
	id       int32
}

// insert puts n into a sorted list of at most k. Numbers come in rising order, so an
// equal distance goes after.
func insert(list []neighbor, k int, n neighbor) []neighbor {
	if len(list) == k {
		if n.distance >= list[k-1].distance {
			return list
		}
		list = list[:k-1]
	}
	at, _ := slices.BinarySearchFunc(list, n, func(a, b neighbor) int {
		if a.distance <= b.distance {
			return -1
		}
		return 1
	})
	return slices.Insert(list, at, n)
}

// Recall is the share of the K nearest neighbors that ids holds, recall@K: the number
// of different ids, among the first K, that are no farther from the query than the K-th
// neighbor is, divided by K. A vector as near as the K-th is as right as that one.
// An id that is not in the base is an error.
func (t *Truth) Recall(s *Set, query int, ids []int32) (float64, error) {
	want := t.Of(query)
	q := s.Queries.Row(query)
	radius := s.Metric.distance(q, s.Base.Row(int(want[t.K-1])))
	found := 0
	ids = ids[:min(len(ids), t.K)]
	for i, id := range ids {
		if id < 0 || int(id) >= s.Base.Len() {
			return 0, fmt.Errorf("query %d: neighbor %d is not in the set", query, id)
		}
		if !slices.Contains(ids[:i], id) && s.Metric.distance(q, s.Base.Row(int(id))) <= radius {
			found++
		}
	}
	return float64(found) / float64(t.K), nil
}
