//go:build !windows

package coder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"sync"

	coder "github.com/coder/hnsw"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// ErrPanic is wrapped by the error of a call in which coder/hnsw panicked.
var ErrPanic = errors.New("coder: coder/hnsw panicked")

// Options are the options of an Index.
type Options struct {
	// Metric is hnsw.Cosine or hnsw.SquaredL2.
	Metric hnsw.Metric
	// M is the largest number of links of a vector in a layer; 0 means 16, the
	// default of coder/hnsw.
	M int
	// Ef is the EfSearch of coder/hnsw; 0 means 20, its default. It is the width of a
	// search whose Query sets no Ef, and of the search for the links of a new vector.
	Ef int
	// Seed is the seed of the random choice of how many layers each vector is in.
	Seed int64
}

// Index is a graph of coder/hnsw as an [hnsw.VectorIndex]. The graph cannot replace a key,
// delete a key, or filter: these return an error that wraps [errors.ErrUnsupported]. Index
// keeps the rest of the contract. It computes distances itself, since the graph does not
// return them. Calls from several goroutines wait for each other. A search waits for other
// searches, and for an Add until it has added the current vector.
type Index[K cmp.Ordered] struct {
	adding sync.Mutex // held by an Add; it is taken before mu
	mu     sync.Mutex // guards what follows
	graph  *coder.Graph[K]
	dim    int
	o      Options
	added  map[K]int // the number of the addition
	broken error     // what a panic while adding left
}

var _ hnsw.VectorIndex[int] = (*Index[int])(nil)

// New returns an empty index of vectors with dim components.
func New[K cmp.Ordered](dim int, o Options) (*Index[K], error) {
	const maxDim = 1 << 16
	if dim < 1 || dim > maxDim {
		return nil, fmt.Errorf("coder: %w: dimension %d: want 1 to %d", hnsw.ErrOption, dim, maxDim)
	}
	g := coder.NewGraph[K]()
	switch o.Metric {
	case hnsw.Cosine:
		g.Distance = coder.CosineDistance
	case hnsw.SquaredL2:
		g.Distance = coder.EuclideanDistance // the same order
	default:
		return nil, fmt.Errorf("coder: %w: metric %v: coder/hnsw has %v and %v", hnsw.ErrOption, o.Metric, hnsw.Cosine, hnsw.SquaredL2)
	}
	// With one link per vector the graph falls apart.
	if o.M != 0 && (o.M < 2 || o.M > 1024) {
		return nil, fmt.Errorf("coder: %w: M is %d: want 2 to 1024, or 0 for the default", hnsw.ErrOption, o.M)
	}
	if o.Ef < 0 || o.Ef > 1<<16 {
		return nil, fmt.Errorf("coder: %w: Ef is %d: want 1 to %d, or 0 for the default", hnsw.ErrOption, o.Ef, 1<<16)
	}
	g.M, g.EfSearch = cmp.Or(o.M, g.M), cmp.Or(o.Ef, g.EfSearch)
	o.M, o.Ef = g.M, g.EfSearch
	g.Rng = rand.New(rand.NewSource(o.Seed))
	return &Index[K]{graph: g, dim: dim, o: o, added: map[K]int{}}, nil
}

// Len is the number of vectors.
func (x *Index[K]) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.added)
}

// Add adds vectors; see [hnsw.Writer]. If a key is there already, nothing is added and
// the error wraps errors.ErrUnsupported. After an error that wraps [ErrPanic] the graph
// is in an unknown state, and every later call but Len returns that error.
func (x *Index[K]) Add(ctx context.Context, items []hnsw.Item[K]) error {
	x.adding.Lock()
	defer x.adding.Unlock()
	last := make(map[K]int, len(items))
	rows := make([][]float32, len(items))
	for i, it := range items {
		err := x.fresh(it.Key)
		if errors.Is(err, ErrPanic) {
			return err
		}
		if err == nil {
			rows[i], err = x.prepare(it.Vector)
		}
		if err != nil {
			return fmt.Errorf("coder: item %d, key %v: %w", i, it.Key, err)
		}
		last[it.Key] = i
	}
	for i, it := range items {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("coder: add: %w after %d of %d items", err, i, len(items))
		}
		if last[it.Key] != i {
			continue
		}
		if err := x.insert(it.Key, rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// fresh returns an error if the key cannot be added.
func (x *Index[K]) fresh(key K) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.broken != nil {
		return x.broken
	}
	if key != key { // a NaN
		return hnsw.ErrBadKey
	}
	if _, found := x.added[key]; found {
		return fmt.Errorf("it is there already, and coder/hnsw panics when a key is overwritten: build a new index, or use hnsw.Index: %w", errors.ErrUnsupported)
	}
	return nil
}

// insert adds one vector.
func (x *Index[K]) insert(key K, row []float32) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.broken != nil {
		return x.broken
	}
	if err := guard(func() { x.graph.Add(coder.MakeNode(key, row)) }); err != nil {
		x.broken = fmt.Errorf("add, key %v: %w", key, err)
		return x.broken
	}
	x.added[key] = len(x.added)
	return nil
}

// Delete deletes nothing: if all keys are there, its error wraps errors.ErrUnsupported,
// else hnsw.ErrUnknownKey. Without keys there is no error.
func (x *Index[K]) Delete(keys ...K) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.broken != nil || len(keys) == 0 {
		return x.broken
	}
	for _, k := range keys {
		if _, found := x.added[k]; !found {
			return fmt.Errorf("coder: %w: %v", hnsw.ErrUnknownKey, k)
		}
	}
	return fmt.Errorf("coder: coder/hnsw panics after a key is deleted: build a new index without it, or use hnsw.Index: %w", errors.ErrUnsupported)
}

// Search finds near vectors. Only a few of them are among the nearest: see the package's
// measurements, and [hnsw.Searcher]. A query with a filter is refused with an
// error that wraps errors.ErrUnsupported.
func (x *Index[K]) Search(ctx context.Context, dst []hnsw.Neighbor[K], vector []float32, q hnsw.Query[K]) ([]hnsw.Neighbor[K], error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	query, err := x.start(ctx, vector, q)
	if err != nil {
		return dst, err
	}
	// More than there are would only make it allocate.
	x.graph.EfSearch = min(max(cmp.Or(q.Ef, x.o.Ef), q.K), len(x.added))
	defer func() { x.graph.EfSearch = x.o.Ef }()
	var nodes []coder.Node[K]
	if err := guard(func() { nodes = x.graph.Search(query, min(q.K, len(x.added))) }); err != nil {
		return dst, err
	}
	start := len(dst)
	for _, n := range nodes {
		dst = append(dst, hnsw.Neighbor[K]{Key: n.Key, Distance: x.distance(query, n.Value)})
	}
	slices.SortFunc(dst[start:], func(a, b hnsw.Neighbor[K]) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(x.added[a.Key], x.added[b.Key]))
	})
	return dst, nil
}

// start checks a search and returns its vector as the graph takes it.
func (x *Index[K]) start(ctx context.Context, vector []float32, q hnsw.Query[K]) ([]float32, error) {
	if x.broken != nil {
		return nil, x.broken
	}
	var err error
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case q.K < 1:
		err = fmt.Errorf("%w: K is %d: want at least 1", hnsw.ErrOption, q.K)
	case q.Ef < 0:
		err = fmt.Errorf("%w: Ef is %d: want 0 or more", hnsw.ErrOption, q.Ef)
	case q.Where != nil || q.In != nil:
		err = fmt.Errorf("coder/hnsw has no filters: use hnsw.Index: %w", errors.ErrUnsupported)
	case len(x.added) == 0:
		err = hnsw.ErrEmpty
	default:
		var row []float32
		if row, err = x.prepare(vector); err == nil {
			return row, nil
		}
	}
	return nil, fmt.Errorf("coder: search: %w", err)
}

// prepare checks a vector and returns a copy, of length 1 for Cosine. So no distance in
// the graph is NaN.
func (x *Index[K]) prepare(vector []float32) ([]float32, error) {
	if len(vector) != x.dim {
		return nil, fmt.Errorf("%w: vector has %d components: the index has %d", hnsw.ErrDimension, len(vector), x.dim)
	}
	square := 0.0
	for i, v := range vector {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("%w: component %d is %v", hnsw.ErrNotFinite, i, v)
		}
		square += float64(v) * float64(v)
	}
	row := slices.Clone(vector)
	if x.o.Metric == hnsw.SquaredL2 {
		// The squared distance of two such vectors is at most four times as much.
		if square > math.MaxFloat32/8 {
			return nil, fmt.Errorf("%w: its squared length is above %g", hnsw.ErrNotFinite, math.MaxFloat32/8)
		}
		return row, nil
	}
	if square == 0 {
		return nil, hnsw.ErrZeroVector
	}
	scale := 1 / math.Sqrt(square)
	for i, v := range row {
		row[i] = float32(float64(v) * scale)
	}
	return row, nil
}

// distance measures two prepared vectors.
func (x *Index[K]) distance(a, b []float32) float32 {
	dot, square := 0.0, 0.0
	for i := range a {
		p, q := float64(a[i]), float64(b[i])
		dot += p * q
		square += (p - q) * (p - q)
	}
	if x.o.Metric == hnsw.SquaredL2 {
		return float32(square)
	}
	return float32(min(max(1-dot, 0), 2))
}

// guard turns a panic of f into an error.
func guard(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrPanic, r)
		}
	}()
	f()
	return nil
}
