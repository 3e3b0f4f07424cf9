package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

const (
	// growth is how many times larger than what is to be added a graph must be, not to be
	// made anew together with it.
	growth = 4
	// fewest is the number of vectors from which on a graph with many removed ones is made
	// anew.
	fewest = 1000
	// buildBatch is how many vectors are added to a graph at a time.
	buildBatch = 2048
)

// mergeGraphs makes graphs until all vectors but the newest are in one.
func (s *Store) mergeGraphs(ctx context.Context) error {
	if err := s.lockGraphs(ctx); err != nil {
		return err
	}
	defer s.unlockGraphs()
	for {
		v, err := s.acquire()
		if err != nil {
			return err
		}
		r, ok, err := s.due(v)
		if ok && err == nil {
			err = s.makeGraph(ctx, v, r)
		}
		v.release()
		if err != nil || !ok {
			return err
		}
	}
}

// due returns the range that should get a graph next.
func (s *Store) due(v *view) (r span, ok bool, err error) {
	sp := v.space
	if sp == nil || sp.embedderless() {
		return r, false, nil
	}
	usable := slices.DeleteFunc(slices.Clone(sp.graphs), func(g *graph) bool { return g.damaged.Load() })
	from := uint64(0) // behind the graphs
	for _, g := range usable {
		if hole := (span{from, g.From}); from < g.From && sp.rowsIn(hole) {
			return hole, true, nil
		}
		from = g.To
	}
	r = span{from, v.next}
	if n := len(sp.flats); n > 0 && sp.flats[n-1].index.Len() < s.sizes.tail && sp.flats[n-1].to == v.next {
		r.to = max(from, sp.flats[n-1].from)
	}
	pending, err := sp.count(r)
	if err != nil {
		return r, false, err
	}
	if pending == 0 {
		return s.worn(v, usable)
	}
	for i := len(usable) - 1; i >= 0; i-- {
		live, err := sp.alive(v, usable[i])
		if err != nil {
			return r, false, err
		}
		if live > growth*pending {
			break
		}
		pending += live
		r.from = usable[i].From
	}
	return r, true, nil
}

// embedderless reports whether s has no vectors.
func (s *space) embedderless() bool { return s.state.Dim == 0 }

// alive returns how many vectors of a graph are of passages that are there.
func (s *space) alive(v *view, g *graph) (int, error) {
	n, err := s.count(span{g.From, g.To})
	return n - v.dead.in(g.From, g.To), err
}

// worn returns a graph with a quarter or more of removed passages.
func (s *Store) worn(v *view, usable []*graph) (span, bool, error) {
	for _, g := range usable {
		live, err := v.space.alive(v, g)
		if err != nil {
			return span{}, false, err
		}
		if g.Count >= fewest && live < g.Count/4*3 {
			return span{g.From, g.To}, true, nil
		}
	}
	return span{}, false, nil
}

// makeGraph makes a graph of the vectors of a range and puts it in place of what covers the
// range.
func (s *Store) makeGraph(ctx context.Context, v *view, r span) (err error) {
	if err := s.lockWriting(ctx); err != nil {
		return err
	}
	s.graphFiles++
	file := s.m.Embedding.NextGraph + s.graphFiles
	s.unlockWriting()
	state := graphState{File: file, From: r.from, To: r.to}
	generation := v.space.state.Generation
	path := filepath.Join(s.dir, graphName(generation, file))
	defer func() {
		if err != nil {
			s.disk.remove(path)
		}
	}()
	if state.Count, err = s.buildGraph(ctx, v, r, path); err != nil {
		return err
	}
	var g *graph
	if state.Count > 0 {
		if g, err = openGraph(s.disk, s.dir, generation, state, v.space.state.Dim); err != nil {
			return err
		}
	}
	if err := s.adoptGraph(ctx, v, state, g); err != nil {
		if g != nil {
			err = errors.Join(err, g.index.Close())
		}
		return err
	}
	return nil
}

// buildGraph writes the file of a graph and returns how many vectors are in it. There is no
// file for none.
func (s *Store) buildGraph(ctx context.Context, v *view, r span, path string) (int, error) {
	workers := max(1, runtime.GOMAXPROCS(0)/2)
	index, err := hnsw.New[uint64](v.space.state.Dim, hnsw.Options{Metric: v.space.metric(), Storage: hnsw.Int8, Workers: workers})
	if err != nil {
		return 0, err
	}
	var items []hnsw.Item[uint64]
	err = v.space.rows(ctx, r, func(n uint64, vector []float32) error {
		if v.dead.has(n) {
			return nil
		}
		items = append(items, hnsw.Item[uint64]{Key: n, Vector: slices.Clone(vector)})
		if len(items) < buildBatch {
			return nil
		}
		err := index.Add(ctx, items)
		items = items[:0]
		return err
	})
	if err == nil {
		err = index.Add(ctx, items)
	}
	if err != nil || index.Len() == 0 {
		return 0, err
	}
	if err := s.disk.may("write", path); err != nil {
		return 0, err
	}
	return index.Len(), index.SaveCodes(ctx, path)
}

// withGraph returns a space with g, if not nil, in place of the indexes whose range is within
// another, and the graphs that are left out.
func (s *space) withGraph(within func(from, to uint64) bool, g *graph) (next *space, old []*graph) {
	next = s.clone()
	next.graphs = slices.DeleteFunc(next.graphs, func(o *graph) bool {
		if within(o.From, o.To) {
			old = append(old, o)
			return true
		}
		return false
	})
	if g != nil {
		next.graphs = append(next.graphs, g)
		slices.SortFunc(next.graphs, func(a, b *graph) int { return cmp.Compare(a.From, b.From) })
	}
	next.flats = slices.DeleteFunc(next.flats, func(f flat) bool { return within(f.from, f.to) })
	return next, old
}

// adoptGraph names a graph in the manifest, in place of those in its range, and shows it. g
// is nil if the range is empty now. v is the view that it was made of.
func (s *Store) adoptGraph(ctx context.Context, v *view, state graphState, g *graph) error {
	if err := s.lockWriting(ctx); err != nil {
		return err
	}
	defer s.unlockWriting()
	if s.space == nil || s.space.state.Generation != v.space.state.Generation {
		return fmt.Errorf("the embedding changed while a graph was made: %w", errStale)
	}
	m := s.m.clone()
	within := func(from, to uint64) bool { return from >= state.From && to <= state.To }
	e := m.Embedding
	e.Graphs = slices.DeleteFunc(e.Graphs, func(o graphState) bool { return within(o.From, o.To) })
	if g != nil {
		at, _ := slices.BinarySearchFunc(e.Graphs, state.From, func(o graphState, from uint64) int {
			if o.From < from {
				return -1
			}
			return 1
		})
		e.Graphs = slices.Insert(e.Graphs, at, state)
	}
	e.NextGraph = max(e.NextGraph, state.File)
	next, old := s.space.withGraph(within, g)
	// What was stale before is not in the new graph.
	fresh := slices.DeleteFunc(v.stale.list(state.From, state.To), func(n uint64) bool {
		return slices.ContainsFunc(next.flats, func(f flat) bool { return f.from <= n && n < f.to })
	})
	if err := s.commit(m, func(tx *bolt.Tx) error { return deleteNumbers(m.table(tx, bucketDead), fresh) }); err != nil {
		return err
	}
	next.state = *m.clone().Embedding
	for _, o := range old {
		o.gone.Store(true)
	}
	s.stale = s.stale.without(fresh)
	s.space = next
	s.graphFiles = 0
	s.show()
	return nil
}
