package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// openSpace opens the files of the vectors. A graph that cannot be read is left out.
func (s *Store) openSpace(ctx context.Context) (err error) {
	st := s.m.Embedding
	if st == nil {
		return nil
	}
	sp := &space{state: *s.m.clone().Embedding, embedder: s.o.Embedding.Embedder}
	if st.Name == hashedName {
		if sp.embedder, err = s.openHashed(); err != nil {
			return err
		}
	}
	s.space = sp
	for _, state := range st.Segments {
		seg, err := openSegment(s.disk, s.dir, st.Generation, state, st.Dim, s.o.ReadOnly)
		if err != nil {
			return err
		}
		sp.segments = append(sp.segments, seg)
	}
	for _, state := range st.Graphs {
		g, err := openGraph(s.disk, s.dir, st.Generation, state, st.Dim)
		if err != nil {
			s.note("vectors", err)
			continue
		}
		sp.graphs = append(sp.graphs, g)
	}
	return s.openTail(ctx)
}

// openTail puts the vectors behind the graphs into flat indexes, if they are few.
func (s *Store) openTail(ctx context.Context) error {
	sp := s.space
	from := uint64(0)
	if n := len(sp.graphs); n > 0 {
		from = sp.graphs[n-1].To
	}
	tail := span{from, s.m.Next}
	n, err := sp.count(tail)
	if err != nil || n == 0 || n > 2*s.sizes.tail {
		return err
	}
	var items []hnsw.Item[uint64]
	flush := func(to uint64) error {
		index, err := hnsw.NewFlat[uint64](sp.state.Dim, hnsw.FlatOptions{Metric: sp.metric()})
		if err != nil {
			return err
		}
		if err := index.Add(ctx, items); err != nil {
			return err
		}
		sp.flats = append(sp.flats, flat{from, to, index})
		items, from = nil, to
		return nil
	}
	err = sp.rows(ctx, tail, func(n uint64, v []float32) error {
		if s.dead.has(n) {
			return nil
		}
		if len(items) == s.sizes.tail {
			if err := flush(n); err != nil {
				return err
			}
		}
		items = append(items, hnsw.Item[uint64]{Key: n, Vector: append([]float32(nil), v...)})
		return nil
	})
	if err != nil {
		return err
	}
	return flush(s.m.Next)
}

// sweepFiles removes files that the manifest does not name.
func (s *Store) sweepFiles() {
	if s.o.ReadOnly {
		return
	}
	named := map[string]bool{}
	if e := s.m.Embedding; e != nil {
		for _, seg := range e.Segments {
			named[segmentName(e.Generation, seg.File)] = true
		}
		for _, g := range e.Graphs {
			named[graphName(e.Generation, g.File)] = true
		}
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		begin, _, _ := strings.Cut(strings.TrimPrefix(e.Name(), "."), "-") // a dot begins the name of a file that was not complete
		ours := begin == "vectors" || begin == "graph" || begin == "compact"
		if ours && !named[e.Name()] {
			s.disk.remove(filepath.Join(s.dir, e.Name()))
		}
	}
}

// problem returns the error that note keeps of a part.
func (s *Store) problem(part string) error {
	s.background.mu.Lock()
	defer s.background.mu.Unlock()
	return s.background.problems[part]
}

// note keeps an error of the background or about a file, for Stats.
func (s *Store) note(part string, err error) {
	b := &s.background
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.problems == nil {
		b.problems = map[string]error{}
	}
	if err == nil {
		delete(b.problems, part)
		return
	}
	b.problems[part] = fmt.Errorf("%s: %w", part, err)
}
