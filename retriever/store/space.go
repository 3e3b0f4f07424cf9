package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// mostSets is the number of filters whose sets a graph keeps.
const mostSets = 16

// space is the vectors of one embedding at one time. It does not change.
type space struct {
	state    embeddingState
	embedder dense.Embedder // nil if it was not given
	segments []*segment     // those of state
	graphs   []*graph       // by rising numbers; those of state that can be read
	flats    []flat         // the same, behind the graphs
}

// flat is an exact index of the newest vectors: those with numbers from From to before To. Later ones may
// be in it, too.
type flat struct {
	from, to uint64
	index    *hnsw.Flat[uint64]
}

// graph is a file with the graph of older vectors. It is closed when nothing uses it.
type graph struct {
	graphState
	path    string
	index   *hnsw.Index[uint64]
	users   atomic.Int64
	gone    atomic.Bool // to be removed when it is closed
	damaged atomic.Bool
	disk    *disk

	mu   sync.Mutex
	sets []graphSet // used last at the end
}

// graphSet is the vectors of a graph that match a filter, but for those of passages that were
// removed before a change.
type graphSet struct {
	text string
	set  *hnsw.Set[uint64]
	seq  uint64
}

func graphName(generation uint64, file int) string {
	return fmt.Sprintf("graph-%d-%d.hnsw", generation, file)
}

func openGraph(d *disk, dir string, generation uint64, state graphState, dim int) (*graph, error) {
	g := &graph{graphState: state, path: filepath.Join(dir, graphName(generation, state.File)), disk: d}
	var err error
	if g.index, err = hnsw.Open[uint64](g.path); err != nil {
		return nil, err
	}
	if g.index.Dim() != dim || g.index.Len() != state.Count {
		return nil, errors.Join(fmt.Errorf("%s: %d vectors of %d components: want %d of %d", g.path, g.index.Len(), g.index.Dim(), state.Count, dim), g.index.Close())
	}
	return g, nil
}

func (g *graph) hold() *graph {
	g.users.Add(1)
	return g
}

func (g *graph) release() {
	if g.users.Add(-1) > 0 {
		return
	}
	_ = g.index.Close()
	if g.gone.Load() {
		g.disk.remove(g.path)
	}
}

// set returns the set of a filter that was made of passages of a change up to seq.
func (g *graph) set(text string, seq uint64) *hnsw.Set[uint64] {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sets {
		if s.text == text && s.seq <= seq {
			return s.set
		}
	}
	return nil
}

func (g *graph) keep(f filter.Expr, set *hnsw.Set[uint64], seq uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.sets) == mostSets {
		g.sets = slices.Delete(g.sets, 0, 1)
	}
	g.sets = append(g.sets, graphSet{filter.Format(f), set, seq})
}

// metric returns how the vectors of s are measured.
func (s *space) metric() hnsw.Metric { return hnsw.Metric(s.state.Metric) }

// clone returns a space that may be changed until it is shown.
func (s *space) clone() *space {
	c := *s
	m := manifest{Embedding: &s.state}.clone()
	c.state = *m.Embedding
	c.segments, c.graphs, c.flats = slices.Clone(s.segments), slices.Clone(s.graphs), slices.Clone(s.flats)
	return &c
}

func (s *space) hold() {
	for _, f := range s.segments {
		f.hold()
	}
	for _, g := range s.graphs {
		g.hold()
	}
}

func (s *space) release() {
	for _, f := range s.segments {
		f.release()
	}
	for _, g := range s.graphs {
		g.release()
	}
}

// span is a range of numbers.
type span struct{ from, to uint64 }

// gaps returns the ranges of numbers below next that no index covers.
func (s *space) gaps(next uint64) (list []span) {
	at := uint64(0)
	add := func(from, to uint64) {
		if from > at {
			list = append(list, span{at, from})
		}
		at = max(at, to)
	}
	for _, g := range s.graphs {
		add(g.From, g.To)
	}
	for _, f := range s.flats {
		add(f.from, f.to)
	}
	add(next, next)
	return slices.DeleteFunc(list, func(g span) bool { return !s.rowsIn(g) })
}

// rowsIn reports whether segments may have rows in a range.
func (s *space) rowsIn(r span) bool {
	for _, seg := range s.state.Segments {
		if seg.Rows > 0 && seg.First < r.to && seg.Last >= r.from {
			return true
		}
	}
	return false
}

// rows calls f with the vectors of a range, by rising numbers.
func (s *space) rows(ctx context.Context, r span, f func(number uint64, vector []float32) error) error {
	for i, seg := range s.state.Segments {
		if seg.Rows == 0 || seg.First >= r.to || seg.Last < r.from {
			continue
		}
		from, err := s.segments[i].find(seg, r.from)
		if err != nil {
			return err
		}
		to, err := s.segments[i].find(seg, r.to)
		if err != nil {
			return err
		}
		if err := s.segments[i].scan(ctx, from, to, func(_ int, n uint64, v []float32) error { return f(n, v) }); err != nil {
			return err
		}
	}
	return nil
}

// count returns how many rows there are in a range.
func (s *space) count(r span) (n int, err error) {
	for i, seg := range s.state.Segments {
		if seg.Rows == 0 || seg.First >= r.to || seg.Last < r.from {
			continue
		}
		from, err := s.segments[i].find(seg, r.from)
		if err != nil {
			return 0, err
		}
		to, err := s.segments[i].find(seg, r.to)
		if err != nil {
			return 0, err
		}
		n += to - from
	}
	return n, nil
}

// rowReader reads single vectors.
type rowReader struct {
	s      *space
	buf    []byte
	vector []float32
}

func (s *space) reader() *rowReader {
	return &rowReader{s, make([]byte, rowHeader+4*s.state.Dim), make([]float32, s.state.Dim)}
}

// read returns the vector of a number, to be read until the next call, and false if there is
// none.
func (r *rowReader) read(number uint64) ([]float32, bool, error) {
	list := r.s.state.Segments
	i, _ := slices.BinarySearchFunc(list, number, func(s segmentState, n uint64) int {
		if s.Last < n {
			return -1
		}
		return 1
	})
	if i == len(list) || number < list[i].First || list[i].Rows == 0 {
		return nil, false, nil
	}
	seg := r.s.segments[i]
	// Mostly no number is left out in a segment.
	if row := number - list[i].First; row < uint64(list[i].Rows) {
		if n, err := seg.read(int(row), r.buf, r.vector); err != nil || n == number {
			return r.vector, err == nil, err
		}
	}
	// A guess reads less; a row that is not there is found by checked ones only.
	for _, find := range []func(segmentState, uint64) (int, error){seg.guess, seg.find} {
		row, err := find(list[i], number)
		if err != nil {
			return nil, false, err
		}
		if row == list[i].Rows {
			continue
		}
		if n, err := seg.read(row, r.buf, r.vector); err != nil || n == number {
			return r.vector, err == nil, err
		}
	}
	return nil, false, nil
}

// place is where a vector is.
type place struct{ file, row uint32 }

func (p place) bytes() []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, p.file), p.row)
}

func readPlace(b []byte) (p place, err error) {
	if len(b) != 8 {
		return p, damaged("the place of a vector has %d bytes", len(b))
	}
	return place{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}, nil
}

// at reads the vector at the place that the database says.
func (s *space) at(tx *bolt.Tx, number uint64) ([]float32, error) {
	b := tx.Bucket(bucketVectors(s.state.Generation))
	if b == nil {
		return nil, nil
	}
	record := b.Get(numberKey(number))
	if record == nil {
		return nil, nil
	}
	p, err := readPlace(record)
	if err != nil {
		return nil, err
	}
	for i, seg := range s.state.Segments {
		if seg.File != int(p.file) {
			continue
		}
		if int(p.row) >= seg.Rows {
			break
		}
		r := s.reader()
		n, err := s.segments[i].read(int(p.row), r.buf, r.vector)
		if err == nil && n != number {
			err = damaged("row %d of %s is of passage number %d: want %d", p.row, s.segments[i].path, n, number)
		}
		return r.vector, err
	}
	return nil, damaged("passage number %d: no row %d in file %d", number, p.row, p.file)
}
