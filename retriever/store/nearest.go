package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/viterin/vek/vek32"

	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// width returns how many of the nearest nodes a search of a graph of n vectors keeps in view
// at least. Of made-up vectors with little structure that finds 0.97 of the nearest 10, both
// of 100,000 and of 1,000,000; with 96 it would be 0.90 of the latter.
func width(n int) int {
	const least, each = 96, 32 // each for every doubling
	return least + each*max(0, bits.Len(uint(n/100_000))-1)
}

// found is a passage near a query.
type found struct {
	number uint64
	score  float64
}

// nearest finds the passages of a view whose vectors are nearest to a query. Graphs measure
// by codes of a byte per component; what they find is measured again by the vectors.
type nearest struct {
	s     *Store
	v     *view
	ctx   context.Context
	query []float32
	norm  float64
	want  int // of the result
	ask   int // of each index, since some of what it has may be removed
	f     filter.Expr
	// allowed are the numbers for which f holds, as far as sets of graphs do not have them;
	// nil if the words cannot tell: then match asks the passages.
	allowed *numbers
	scan    *filter.Scan
	got     []uint64
	best    []found // of scans
	bad     error   // why match could not tell
}

func (s *Store) nearest(ctx context.Context, v *view, query []float32, k int, f filter.Expr) ([]found, error) {
	n := &nearest{s: s, v: v, ctx: ctx, query: query, f: f}
	n.want = min(k, v.count)
	n.ask = n.want + max(n.want/4, 16)
	if n.want == 0 {
		return nil, nil
	}
	n.norm = float64(vek32.Norm(query))
	if err := n.prepare(); err != nil {
		return nil, err
	}
	if n.allowed != nil && n.allowed.count == 0 && f != nil && len(v.space.graphs) == 0 {
		return nil, nil
	}
	for _, g := range v.space.graphs {
		if err := n.inGraph(g); err != nil {
			return nil, err
		}
	}
	for _, f := range v.space.flats {
		if err := n.inFlat(f); err != nil {
			return nil, err
		}
	}
	for _, g := range v.space.gaps(v.next) {
		if err := n.inRows(g); err != nil {
			return nil, err
		}
	}
	if n.scan != nil {
		n.bad = cmp.Or(n.bad, n.scan.Err())
	}
	if n.bad != nil {
		return nil, n.bad
	}
	return n.result()
}

// prepare works out which passages match the filter.
func (n *nearest) prepare() (err error) {
	if n.f == nil {
		return nil
	}
	if n.scan, err = filter.NewScan(n.ctx, n.f); err != nil || n.v.words == nil {
		return err
	}
	// Graphs do not change, nor does what matches: their sets are made once.
	text, from := filter.Format(n.f), n.v.next
	var fresh []*graph
	for _, g := range n.v.space.graphs {
		if g.set(text, n.v.seq) == nil {
			fresh = append(fresh, g)
			from = min(from, g.From)
		}
	}
	for _, f := range n.v.space.flats {
		from = min(from, f.from)
	}
	for _, g := range n.v.space.gaps(n.v.next) {
		from = min(from, g.from)
	}
	var set numbers
	bad := error(nil)
	err = n.v.words.Matching(n.ctx, n.f, func(id []byte) bool {
		var number uint64
		if number, bad = numberOf(id); bad != nil || number < from {
			return false
		}
		set.add(number)
		return true
	})
	if err = cmp.Or(err, bad); err != nil {
		return err
	}
	n.allowed = &set
	for _, g := range fresh {
		made, err := g.index.Select(set.has)
		if err != nil {
			if !n.s.graphError(g, err) {
				return err
			}
			continue
		}
		g.keep(n.f, made, n.v.seq)
	}
	return nil
}

// live reports whether a number is of a passage of the view that the filter holds for.
func (n *nearest) live(number uint64) bool {
	return n.v.has(number) && n.match(number)
}

func (n *nearest) match(number uint64) bool {
	if n.f == nil {
		return true
	}
	if n.allowed != nil {
		return n.allowed.has(number)
	}
	var m filter.Metadata
	err := n.s.db.view(func(tx *bolt.Tx) (err error) {
		m, err = decodeMetadata(tx.Bucket(bucketPassages).Get(numberKey(number)))
		return err
	})
	n.bad = cmp.Or(n.bad, err)
	return err == nil && n.scan.Match(m)
}

// inGraph searches a graph.
func (n *nearest) inGraph(g *graph) error {
	if g.damaged.Load() {
		return n.inRows(span{g.From, g.To})
	}
	q := hnsw.Query[uint64]{K: n.ask, Ef: max(width(g.Count), n.ask)}
	check := n.f != nil
	if check && n.allowed != nil {
		if q.In = g.set(filter.Format(n.f), n.v.seq); q.In != nil {
			check = false
		}
	}
	if check {
		q.Where = n.live
	}
	err := n.search(g.index, q, n.v.has)
	if err != nil && n.s.graphError(g, err) {
		return n.inRows(span{g.From, g.To})
	}
	return err
}

// inFlat searches a flat index.
func (n *nearest) inFlat(f flat) error {
	q := hnsw.Query[uint64]{K: n.ask}
	in := func(number uint64) bool { return number < f.to && n.live(number) }
	if n.f != nil {
		q.Where = in
	}
	return n.search(f.index, q, in)
}

// search searches an index in which there may be more than the view has. First it asks for
// more than is wanted and drops those; if too many are dropped, it has them checked.
func (n *nearest) search(index hnsw.Searcher[uint64], q hnsw.Query[uint64], live func(uint64) bool) error {
	for {
		list, err := index.Search(n.ctx, nil, n.query, q)
		if err != nil && !errors.Is(err, hnsw.ErrEmpty) {
			return err
		}
		start, all := len(n.got), len(list) < n.ask
		for _, x := range list {
			if live(x.Key) {
				n.got = append(n.got, x.Key)
			}
		}
		if all || q.Where != nil || len(n.got)-start >= n.want+(n.ask-n.want)/2 {
			return nil
		}
		n.got, q.Where = n.got[:start], live
	}
}

// inRows measures all vectors of a range.
func (n *nearest) inRows(r span) error {
	return n.v.space.rows(n.ctx, r, func(number uint64, vector []float32) error {
		if !n.v.has(number) {
			return nil
		}
		x := found{number, n.score(vector)}
		if len(n.best) == n.want && !before(x, n.best[n.want-1]) || !n.match(number) {
			return nil
		}
		at, _ := slices.BinarySearchFunc(n.best, x, compareFound)
		n.best = slices.Insert(n.best, at, x)
		n.best = n.best[:min(len(n.best), n.want)]
		return nil
	})
}

// compareFound orders by score, the best first, then by number.
func compareFound(a, b found) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.number, b.number))
}

func before(a, b found) bool { return compareFound(a, b) < 0 }

// score returns the similarity of a vector to the query.
func (n *nearest) score(vector []float32) float64 {
	dot := float64(vek32.Dot(n.query, vector))
	if n.v.space.metric() == hnsw.InnerProduct {
		return dot
	}
	return max(-1, min(1, dot/(n.norm*float64(vek32.Norm(vector)))))
}

// result measures what indexes found by the vectors.
func (n *nearest) result() ([]found, error) {
	list := n.best
	r := n.v.space.reader()
	slices.Sort(n.got)
	for _, number := range slices.Compact(n.got) {
		vector, ok, err := r.read(number)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, found{number, n.score(vector)})
		}
	}
	slices.SortFunc(list, compareFound)
	return list[:min(len(list), n.want)], nil
}

// graphError reports whether an error means that a graph cannot be used any more. The
// background then makes another one.
func (s *Store) graphError(g *graph, err error) bool {
	if !errors.Is(err, hnsw.ErrCorrupt) && !errors.Is(err, hnsw.ErrLost) {
		return false
	}
	if !g.damaged.Swap(true) {
		s.note("vectors", fmt.Errorf("%s: %w", g.path, err))
		s.kickBackground()
	}
	return true
}
