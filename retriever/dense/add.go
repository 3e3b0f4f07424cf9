package dense

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// Len returns the number of passages.
func (ix *Index) Len() int {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return len(ix.passages)
}

// Add embeds passages and adds them. All are added or, if there is an error, none: to
// keep what was embedded before an embedder fails, add in parts. A passage whose
// vector is all 0 is added, but nothing finds it under the cosine.
//
// The error wraps ErrEmptyID, ErrDuplicateID, ErrCount, ErrDimension, ErrNotFinite,
// ctx.Err(), or the error of the embedder or of Options.Vectors.
func (ix *Index) Add(ctx context.Context, passages ...retriever.Passage) error {
	if err := checkIDs(passages); err != nil {
		return err
	}
	ix.mu.RLock()
	err := ix.absent(passages)
	ix.mu.RUnlock()
	if err != nil {
		return err
	}
	vectors, err := ix.embed(ctx, passages)
	if err != nil || len(passages) == 0 {
		return err
	}

	select {
	case ix.writing <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("dense: %w", ctx.Err())
	}
	defer func() { <-ix.writing }()
	if err := ix.absent(passages); err != nil { // added meanwhile
		return err
	}
	if d := len(vectors[0]); ix.dim != 0 && d != ix.dim {
		return fmt.Errorf("%w: the vectors have %d components: those of the index have %d; use one model for all", ErrDimension, d, ix.dim)
	}
	return ix.insert(ctx, passages, vectors)
}

// checkIDs returns an error unless each of passages has an id of its own.
func checkIDs(passages []retriever.Passage) error {
	seen := make(map[string]bool, len(passages))
	for i, p := range passages {
		switch {
		case p.ID == "":
			return fmt.Errorf("%w: passage %d of %d: give every passage an id", ErrEmptyID, i+1, len(passages))
		case seen[p.ID]:
			return fmt.Errorf("%w: %q stands twice among the passages", ErrDuplicateID, p.ID)
		}
		seen[p.ID] = true
	}
	return nil
}

// absent returns an error if one of passages is in the index.
func (ix *Index) absent(passages []retriever.Passage) error {
	for _, p := range passages {
		if _, ok := ix.passages[p.ID]; ok {
			return fmt.Errorf("%w: %q is in the index already", ErrDuplicateID, p.ID)
		}
	}
	return nil
}

// embed returns the vectors of passages, checked, all of one dimension.
func (ix *Index) embed(ctx context.Context, passages []retriever.Passage) ([][]float32, error) {
	texts := Texts(passages)
	vectors := make([][]float32, 0, len(texts))
	for len(vectors) < len(texts) {
		start := len(vectors)
		end := min(start+ix.o.BatchSize, len(texts))
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("dense: %w after %d of %d passages", err, start, len(texts))
		}
		batch, err := ix.embedder.EmbedDocuments(ctx, texts[start:end])
		if err != nil {
			return nil, fmt.Errorf("dense: embedding passages %d to %d of %d: %w", start+1, end, len(texts), because(ctx, err))
		}
		if len(batch) != end-start {
			return nil, fmt.Errorf("%w: the embedder gave %d vectors for passages %d to %d of %d", ErrCount, len(batch), start+1, end, len(texts))
		}
		vectors = append(vectors, batch...)
		for i, v := range batch {
			if err := checkVector(v, len(vectors[0])); err != nil {
				return nil, fmt.Errorf("%w, in the vector of passage %q", err, passages[start+i].ID)
			}
		}
		if ix.o.Progress != nil {
			ix.o.Progress(end, len(texts))
		}
	}
	return vectors, nil
}

// because sees to it that an error that ctx brought about wraps the error of ctx.
func because(ctx context.Context, err error) error {
	if done := ctx.Err(); done != nil && !errors.Is(err, done) {
		return fmt.Errorf("%w: %w", done, err)
	}
	return err
}

// checkVector returns what is wrong with a vector that should have dim components.
func checkVector(v []float32, dim int) error {
	if len(v) != dim || dim == 0 {
		return fmt.Errorf("%w: %d components: want %d", ErrDimension, len(v), max(dim, 1))
	}
	for i, x := range v {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return fmt.Errorf("%w: component %d is %v", ErrNotFinite, i, x)
		}
	}
	return nil
}

// isZero tells whether all components are 0.
func isZero(v []float32) bool {
	return !slices.ContainsFunc(v, func(x float32) bool { return x != 0 })
}

// insert adds passages with their vectors. The caller is the only writer.
func (ix *Index) insert(ctx context.Context, passages []retriever.Passage, vectors [][]float32) error {
	dim := len(vectors[0])
	fresh := make([]entry, len(passages))
	for i, p := range passages {
		fresh[i] = entry{passage: p, place: ix.places + i, vector: vectors[i], blank: ix.o.Metric == hnsw.Cosine && isZero(vectors[i])}
	}
	target, items := ix.vectors, itemsOf(fresh)
	moves := ix.movable && len(ix.passages)+len(fresh) > ix.limit
	var err error
	switch {
	case moves:
		target, err = hnsw.New[string](dim, hnsw.Options{Metric: ix.o.Metric, Workers: 1})
		items = append(itemsOf(ix.ordered()), items...)
	case target == nil:
		target, err = hnsw.NewFlat[string](dim, hnsw.FlatOptions{Metric: ix.o.Metric})
	}
	if err != nil {
		return fmt.Errorf("dense: %w", err)
	}

	ix.settle(false)
	if err := target.Add(ctx, items); err != nil {
		if target == ix.vectors {
			ix.strays = !remove(target, items) || ix.strays
		}
		ix.settle(true)
		return fmt.Errorf("dense: adding vectors: %w", because(ctx, err))
	}
	ix.mu.Lock()
	ix.vectors, ix.dim = target, dim
	ix.places += len(fresh)
	for _, e := range fresh {
		ix.passages[e.passage.ID] = e
	}
	if moves || !ix.movable { // the vectors are not needed again
		ix.movable = false
		forget := fresh
		if moves {
			forget = ix.ordered()
		}
		for _, e := range forget {
			e.vector = nil
			ix.passages[e.passage.ID] = e
		}
	}
	ix.mu.Unlock()
	ix.settle(true)
	return nil
}

// settle says whether vectors and passages hold the same ids again.
func (ix *Index) settle(settled bool) {
	ix.mu.Lock()
	ix.unsettled = !settled || ix.strays
	ix.mu.Unlock()
}

// ordered returns the entries in the order in which they were added.
func (ix *Index) ordered() []entry {
	return slices.SortedFunc(maps.Values(ix.passages), func(a, b entry) int { return cmp.Compare(a.place, b.place) })
}

// itemsOf returns what is to be put into a vector index.
func itemsOf(entries []entry) []hnsw.Item[string] {
	items := make([]hnsw.Item[string], 0, len(entries))
	for _, e := range entries {
		if !e.blank {
			items = append(items, hnsw.Item[string]{Key: e.passage.ID, Vector: e.vector})
		}
	}
	return items
}

// remove takes out what an Add that failed has left, and reports whether nothing is left.
func remove(from hnsw.VectorIndex[string], items []hnsw.Item[string]) bool {
	clean := true
	for _, item := range items {
		if err := from.Delete(item.Key); err != nil && !errors.Is(err, hnsw.ErrUnknownKey) {
			clean = false
		}
	}
	return clean
}

// Delete removes the passages with these ids. If one is unknown, none is removed, and
// the error wraps ErrUnknownID; an id given twice is removed once. An error of
// Options.Vectors comes after the passages are gone: nothing finds them any more.
func (ix *Index) Delete(ids ...string) error {
	ix.writing <- struct{}{}
	defer func() { <-ix.writing }()
	gone := make(map[string]bool, len(ids))
	var keys []string
	for _, id := range ids {
		e, ok := ix.passages[id]
		if !ok {
			return fmt.Errorf("%w: %q", ErrUnknownID, id)
		}
		if !gone[id] && !e.blank {
			keys = append(keys, id)
		}
		gone[id] = true
	}
	ix.settle(false)
	ix.mu.Lock()
	for id := range gone {
		delete(ix.passages, id)
	}
	ix.mu.Unlock()
	var err error
	if len(keys) > 0 {
		err = ix.vectors.Delete(keys...)
	}
	ix.strays = ix.strays || err != nil
	ix.settle(true)
	if err != nil {
		return fmt.Errorf("dense: deleting vectors: %w", err)
	}
	return nil
}
