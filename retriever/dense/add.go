package dense

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// Len returns the number of passages.
func (ix *Index) Len() int { return ix.now.Load().passages.Len() }

// Add embeds passages and adds them: all of them or, if there is an error, none. Add in
// parts to keep the passages embedded before an embedder fails. A passage whose vector is
// all 0 is added, but no search finds it under the cosine.
//
// If a passage is in the index already, Add fails before it calls the embedder. If another
// call adds it meanwhile, Add fails after embedding.
//
// The error wraps ErrEmptyID, ErrDuplicateID, ErrCount, ErrDimension, ErrNotFinite,
// ctx.Err(), or the error of the embedder or of Options.Vectors.
func (ix *Index) Add(ctx context.Context, passages ...retriever.Passage) error {
	if err := checkIDs(passages); err != nil {
		return err
	}
	if err := ix.now.Load().absent(passages); err != nil {
		return err
	}
	vectors, err := ix.embed(ctx, passages)
	if err != nil || len(passages) == 0 {
		return err
	}

	if err := ix.beginWriting(ctx); err != nil {
		return err
	}
	defer ix.endWriting()
	s := ix.now.Load()
	if err := s.absent(passages); err != nil { // added meanwhile
		return err
	}
	if d := len(vectors[0]); s.dim != 0 && d != s.dim {
		return fmt.Errorf("%w: the vectors have %d components: those of the index have %d; use one model for all", ErrDimension, d, s.dim)
	}
	return ix.insert(ctx, passages, vectors)
}

// beginWriting waits until no other call changes the index. The error wraps ctx.Err().
func (ix *Index) beginWriting(ctx context.Context) error {
	if err := ctx.Err(); err != nil { // select would take either case
		return fmt.Errorf("dense: %w", err)
	}
	select {
	case ix.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("dense: %w", ctx.Err())
	}
}

func (ix *Index) endWriting() { <-ix.writing }

// checkIDs returns an error unless each of passages has an id of its own.
func checkIDs(passages []retriever.Passage) error {
	seen := make(map[string]bool, len(passages))
	for i, p := range passages {
		switch {
		case p.ID == "":
			return fmt.Errorf("%w: passage %d of %d: give every passage an id", ErrEmptyID, i+1, len(passages))
		case seen[p.ID]:
			return fmt.Errorf("%w: %q is the id of two passages", ErrDuplicateID, p.ID)
		}
		seen[p.ID] = true
	}
	return nil
}

// absent returns an error if one of passages is in the index.
func (s *state) absent(passages []retriever.Passage) error {
	for _, p := range passages {
		if _, ok := s.passages.Get(p.ID); ok {
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
			return nil, fmt.Errorf("dense: embedding passages %d to %d of %d: %w", start+1, end, len(texts), ctxerr.Wrap(ctx, err))
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

// isZero reports whether all components are 0.
func isZero(v []float32) bool {
	return !slices.ContainsFunc(v, func(x float32) bool { return x != 0 })
}

// insert adds passages with their vectors. The caller is the only writer.
func (ix *Index) insert(ctx context.Context, passages []retriever.Passage, vectors [][]float32) error {
	next := *ix.now.Load()
	next.dim = len(vectors[0])
	fresh := make([]*entry, len(passages))
	for i, p := range passages {
		fresh[i] = &entry{passage: p, place: ix.places + i, vector: vectors[i], blank: ix.o.Metric == hnsw.Cosine && isZero(vectors[i])}
	}
	items := itemsOf(fresh)
	moves := ix.movable && next.passages.Len()+len(fresh) > ix.limit
	if moves { // the vectors are not needed again
		old := next.ordered()
		items = append(itemsOf(old), items...)
		fresh = append(old, fresh...)
	}
	if err := ix.makeRoom(&next, moves); err != nil {
		return err
	}
	ix.noteWhole(false)
	if err := next.vectors.Add(ctx, items); err != nil {
		if next.vectors == ix.now.Load().vectors {
			ix.strays = !remove(next.vectors, items) || ix.strays
		}
		ix.noteWhole(true)
		return fmt.Errorf("dense: adding vectors: %w", ctxerr.Wrap(ctx, err))
	}
	ix.places += len(passages)
	ix.movable = ix.movable && !moves
	changes := make(map[string]*entry, len(fresh))
	for _, e := range fresh {
		if !ix.movable {
			e = &entry{passage: e.passage, place: e.place, blank: e.blank}
		}
		changes[e.passage.ID] = e
	}
	next.passages = next.passages.With(maps.All(changes))
	next.unsettled = ix.strays
	ix.now.Store(&next)
	return nil
}

// makeRoom gives a state a new index of vectors if it has none or if moves is set.
func (ix *Index) makeRoom(next *state, moves bool) error {
	var err error
	switch {
	case moves:
		next.vectors, err = hnsw.New[string](next.dim, hnsw.Options{Metric: ix.o.Metric, Workers: 1})
	case next.vectors == nil:
		next.vectors, err = hnsw.NewFlat[string](next.dim, hnsw.FlatOptions{Metric: ix.o.Metric})
	}
	if err != nil {
		return fmt.Errorf("dense: %w", err)
	}
	return nil
}

// noteWhole records whether vectors and passages hold the same ids.
func (ix *Index) noteWhole(settled bool) {
	s := *ix.now.Load()
	s.unsettled = !settled || ix.strays
	ix.now.Store(&s)
}

// ordered returns the entries in the order in which they were added.
func (s *state) ordered() []*entry {
	var list []*entry
	for _, e := range s.passages.All() {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *entry) int { return cmp.Compare(a.place, b.place) })
	return list
}

// itemsOf returns entries as items of a vector index.
func itemsOf(entries []*entry) []hnsw.Item[string] {
	items := make([]hnsw.Item[string], 0, len(entries))
	for _, e := range entries {
		if !e.blank {
			items = append(items, hnsw.Item[string]{Key: e.passage.ID, Vector: e.vector})
		}
	}
	return items
}

// remove deletes the items that a failed Add left, and reports whether none is left.
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
// Options.Vectors is returned after the passages were removed: no search finds them.
//
// Delete waits for an Add that puts vectors into the index, but not for one that still
// embeds: the passages of that are unknown, and it continues. If ctx is done before the
// wait is over, none is removed, and the error wraps ctx.Err(). Afterwards ctx has no
// effect.
func (ix *Index) Delete(ctx context.Context, ids ...string) error {
	if err := ix.beginWriting(ctx); err != nil {
		return err
	}
	defer ix.endWriting()
	next := *ix.now.Load()
	gone := make(map[string]bool, len(ids))
	var keys []string
	for _, id := range ids {
		e, ok := next.passages.Get(id)
		if !ok {
			return fmt.Errorf("%w: %q", ErrUnknownID, id)
		}
		if !gone[id] && !e.blank {
			keys = append(keys, id)
		}
		gone[id] = true
	}
	next.passages = next.passages.Without(ids...)
	next.unsettled = true
	ix.now.Store(&next)
	var err error
	if len(keys) > 0 {
		err = next.vectors.Delete(keys...)
	}
	ix.strays = ix.strays || err != nil
	ix.noteWhole(true)
	if err != nil {
		return fmt.Errorf("dense: deleting vectors: %w", err)
	}
	return nil
}
