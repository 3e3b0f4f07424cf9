package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// Compact gives back the room of what was removed: it makes one graph of all vectors, writes
// the segments with removed vectors anew, and then the database, during which changes wait
// and searches for a moment. It needs as much free room as the largest of these files. The
// error is as with Put; what was done until then stays.
func (s *Store) Compact(ctx context.Context) error {
	return s.long(ctx, "compact", s.compact)
}

func (s *Store) compact(ctx context.Context) error {
	if s.o.ReadOnly {
		return ErrReadOnly
	}
	if err := s.purgeAll(ctx); err != nil {
		return err
	}
	if err := s.lockGraphs(ctx); err != nil {
		return err
	}
	defer s.unlockGraphs()
	if err := s.oneGraph(ctx); err != nil {
		return err
	}
	if err := s.compactSegments(ctx); err != nil {
		return err
	}
	if err := s.saveWords(ctx); err != nil {
		return err
	}
	return s.compactDatabase(ctx)
}

// purgeAll removes the records of removed passages.
func (s *Store) purgeAll(ctx context.Context) error {
	for {
		if err := s.lockWriting(ctx); err != nil {
			return err
		}
		purge := s.purgeable()
		var done forgotten
		m := s.m.clone()
		err := s.commit(m, func(tx *bolt.Tx) (err error) {
			done, err = s.purgeRecords(tx, &m, purge)
			return err
		})
		if err == nil {
			s.forget(done)
			s.retired = slices.Delete(s.retired, 0, len(purge))
		}
		s.unlockWriting()
		if err != nil || len(purge) == 0 {
			return err
		}
	}
}

// oneGraph makes one graph of all vectors but the newest. The caller holds the lock of graphs.
func (s *Store) oneGraph(ctx context.Context) error {
	v, err := s.acquire()
	if err != nil {
		return err
	}
	defer v.release()
	sp := v.space
	if sp == nil || sp.embedderless() {
		return nil
	}
	r := span{0, v.next}
	if n := len(sp.flats); n > 0 && sp.flats[n-1].to == v.next {
		r.to = sp.flats[n-1].from
	}
	rows, err := sp.count(r)
	if err != nil || rows == 0 && len(sp.graphs) == 0 {
		return err
	}
	whole := len(sp.graphs) == 1 && sp.graphs[0].From == r.from && sp.graphs[0].To == r.to
	if live, err := sp.count(r); err != nil || whole && live-v.dead.in(r.from, r.to) == sp.graphs[0].Count {
		return err
	}
	return s.makeGraph(ctx, v, r)
}

// compactSegments writes segments anew that have rows of removed passages.
func (s *Store) compactSegments(ctx context.Context) error {
	for i := 0; ; i++ {
		v, err := s.acquire()
		if err != nil {
			return err
		}
		more := v.space != nil && i < len(v.space.segments)
		dropped := false
		if more {
			dropped, err = s.compactSegment(ctx, v, i)
		}
		v.release()
		if err != nil || !more {
			return err
		}
		if dropped {
			i--
		}
	}
}

// compactWorn writes segments anew whose rows are mostly of removed passages, but not
// the last one.
func (s *Store) compactWorn(ctx context.Context) error {
	if err := s.lockGraphs(ctx); err != nil {
		return err
	}
	defer s.unlockGraphs()
	for i := 0; ; i++ {
		v, err := s.acquire()
		if err != nil {
			return err
		}
		more, dropped := v.space != nil && i < len(v.space.segments)-1, false
		if more {
			if seg := v.space.state.Segments[i]; v.dead.in(seg.First, seg.Last+1) > seg.Rows/2 {
				dropped, err = s.compactSegment(ctx, v, i)
			}
		}
		v.release()
		if err != nil || !more {
			return err
		}
		if dropped {
			i--
		}
	}
}

// compactSegment writes one segment anew. It reports whether none is left in its place.
// Changes wait while the last one is written, since they add to it.
func (s *Store) compactSegment(ctx context.Context, v *view, i int) (dropped bool, err error) {
	state := v.space.state.Segments[i]
	if v.dead.in(state.First, state.Last+1) == 0 {
		return false, nil
	}
	if err := s.lockWriting(ctx); err != nil {
		return false, err
	}
	defer func() { s.unlockWriting() }()
	from, dead := s.space, s.dead
	if !from.has(v.space, i) {
		return false, nil
	}
	file, err := s.reserveSegment()
	if err != nil {
		return false, err
	}
	sealed := i < len(from.segments)-1
	if sealed {
		s.unlockWriting()
	}
	w, gone, err := s.copySegment(ctx, from, dead, i, file)
	if sealed {
		s.writing <- struct{}{} // what was written has to be named or removed
	}
	if err != nil || len(gone) == 0 || !s.space.has(from, i) {
		return false, errors.Join(err, w.discard(&space{}))
	}
	return len(w.space.segments) == 0, s.adoptSegment(w, i, gone)
}

// has reports whether a segment of another space is in the same place in s.
func (s *space) has(other *space, i int) bool {
	return s != nil && other != nil && i < len(s.segments) && s.segments[i] == other.segments[i]
}

// reserveSegment returns a number for a file. The caller holds writing.
func (s *Store) reserveSegment() (int, error) {
	m := s.m.clone()
	m.Embedding.NextSegment++
	if err := s.commit(m, func(*bolt.Tx) error { return nil }); err != nil {
		return 0, err
	}
	s.space = s.space.clone()
	s.space.state.NextSegment = m.Embedding.NextSegment
	return m.Embedding.NextSegment, nil
}

// copySegment writes the rows of a segment that are not of removed passages to another file,
// and returns the numbers of the removed ones.
func (s *Store) copySegment(ctx context.Context, from *space, dead numbers, i, file int) (w *rowWriter, gone []uint64, err error) {
	st := embeddingState{Generation: from.state.Generation, Dim: from.state.Dim, NextSegment: file - 1}
	w = &rowWriter{disk: s.disk, dir: s.dir, space: &space{state: st}, most: math.MaxInt64}
	err = from.segments[i].scan(ctx, 0, from.state.Segments[i].Rows, func(_ int, n uint64, vector []float32) error {
		if dead.has(n) {
			gone = append(gone, n)
			return nil
		}
		_, err := w.add(n, vector)
		return err
	})
	if err == nil {
		err = w.finish()
	}
	return w, gone, err
}

// adoptSegment puts what w wrote in place of a segment. The caller holds writing.
func (s *Store) adoptSegment(w *rowWriter, i int, gone []uint64) error {
	old, next := s.space.segments[i], s.space.clone()
	next.segments = slices.Concat(s.space.segments[:i], w.space.segments, s.space.segments[i+1:])
	next.state.Segments = slices.Concat(s.space.state.Segments[:i], w.space.state.Segments, s.space.state.Segments[i+1:])
	m := s.m.clone()
	m.Embedding.Segments = slices.Clone(next.state.Segments)
	var done forgotten
	err := s.commit(m, func(tx *bolt.Tx) (err error) {
		if err := w.putPlaces(tx.Bucket(bucketVectors(next.state.Generation))); err != nil {
			return err
		}
		done, err = s.forgetDead(tx, &m, gone)
		return err
	})
	if err != nil {
		if !errors.Is(err, ErrFailed) {
			err = errors.Join(err, w.discard(&space{}))
		}
		return err
	}
	old.gone.Store(true)
	s.forget(done)
	s.space = next
	s.show()
	return nil
}

// putPlaces stores where the rows are now, of the passages that have one.
func (w *rowWriter) putPlaces(b *bolt.Bucket) error {
	if len(w.space.segments) == 0 {
		return nil
	}
	state, seg := w.space.state.Segments[0], w.space.segments[0]
	return seg.scan(context.Background(), 0, state.Rows, func(row int, n uint64, _ []float32) error {
		key := numberKey(n)
		if b.Get(key) == nil {
			return nil // its passage was removed meanwhile
		}
		return b.Put(key, place{uint32(state.File), uint32(row)}.bytes())
	})
}

// forgetDead forgets those of removed passages without rows that have no records either.
func (s *Store) forgetDead(tx *bolt.Tx, m *manifest, gone []uint64) (done forgotten, err error) {
	b, dead, retired := tx.Bucket(bucketVectors(m.Embedding.Generation)), m.table(tx, bucketDead), tx.Bucket(bucketRetired)
	for _, n := range gone {
		key := numberKey(n)
		if err := b.Delete(key); err != nil {
			return done, err
		}
		if retired.Get(key) == nil && s.pending == nil {
			if err := done.add(dead, s.space, n); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

// compactDatabase writes the database anew.
func (s *Store) compactDatabase(ctx context.Context) error {
	if err := s.lockWriting(ctx); err != nil {
		return err
	}
	defer s.unlockWriting()
	path := filepath.Join(s.dir, "compact-store.db")
	defer os.Remove(path) // if it is there still
	if err := s.db.copyTo(ctx, path); err != nil {
		return err
	}
	return s.db.replaceBy(path, s.disk)
}

// copyTo writes the database without free pages to a new file.
func (d *database) copyTo(ctx context.Context, path string) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_ = os.Remove(path)
	return d.guarded(func() error {
		to, err := bolt.Open(path, 0o644, &bolt.Options{NoFreelistSync: false, FreelistType: bolt.FreelistMapType, NoSync: true})
		if err != nil {
			return err
		}
		to.AllocSize = 1 << 20
		err = d.bolt.View(func(tx *bolt.Tx) error {
			return tx.ForEach(func(name []byte, b *bolt.Bucket) error { return copyBucket(ctx, to, name, b) })
		})
		if err == nil {
			err = to.Sync()
		}
		return errors.Join(err, to.Close())
	})
}

// copyBucket copies a bucket into full pages, which bolt.Compact leaves a tenth empty.
func copyBucket(ctx context.Context, to *bolt.DB, name []byte, from *bolt.Bucket) error {
	const atOnce = 16 << 20
	c := from.Cursor()
	for k, v := c.First(); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := to.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(name)
			if err != nil {
				return err
			}
			b.FillPercent = 1
			for size := 0; k != nil && size < atOnce; k, v = c.Next() {
				if err := b.Put(k, v); err != nil {
					return err
				}
				size += len(k) + len(v)
			}
			return nil
		})
		if err != nil || k == nil {
			return err
		}
	}
}

// replaceBy puts another file in place of that of the database.
func (d *database) replaceBy(path string, disk *disk) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.guarded(func() error {
		if err := d.bolt.Close(); err != nil {
			return err
		}
		renamed := disk.rename(path, d.path)
		err := d.reopen()
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrFailed, err)
			d.broken.Store(&err)
		}
		return errors.Join(renamed, err)
	})
}
