package store

import (
	"context"
	"encoding/binary"

	bolt "go.etcd.io/bbolt"
)

// Verify reads and checks all that the store has. The error is about what cannot be made
// anew from other files: it wraps ErrCorrupt, else ErrClosed or ctx.Err(). An index file that
// is damaged is made anew in the background; Stats says so.
func (s *Store) Verify(ctx context.Context) error {
	return s.long(ctx, "verify", s.verify)
}

func (s *Store) verify(ctx context.Context) error {
	if err := s.lockWriting(ctx); err != nil {
		return err
	}
	v, err := s.acquire()
	words := s.words
	s.unlockWriting()
	if err != nil {
		return err
	}
	defer v.release()
	if err := s.verifySums(ctx); err != nil {
		return err
	}
	if err := s.verifyPassages(ctx, v); err != nil {
		return err
	}
	if v.space != nil {
		if err := s.verifyVectors(ctx, v); err != nil {
			return err
		}
	}
	if words == nil {
		return nil
	}
	if err := words.Verify(ctx); err != nil && ctx.Err() == nil {
		if err := s.lockWriting(ctx); err != nil {
			return err
		}
		defer s.unlockWriting()
		if s.words == words {
			s.loseWords(err)
			s.show()
		}
	}
	return ctx.Err()
}

// verifySums checks the entries of the database.
func (s *Store) verifySums(ctx context.Context) error {
	return s.db.view(func(tx *bolt.Tx) error {
		m, _, err := readManifest(tx)
		if err != nil || m.Sums == nil { // opened read-only, and older than the sums
			return err
		}
		return m.checkSums(ctx, tx)
	})
}

// verifyPassages checks the records of a view, and that their ids lead to them.
func (s *Store) verifyPassages(ctx context.Context, v *view) error {
	count := 0
	for next := uint64(0); next < v.next; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.db.view(func(tx *bolt.Tx) error {
			list, to, err := v.page(tx, next, 1024)
			next = to
			count += len(list)
			ids, gone := tx.Bucket(bucketIDs), tx.Bucket(bucketRetired)
			for _, p := range list {
				key := ids.Get([]byte(p.ID))
				if gone.Get(numberKey(p.number)) != nil {
					continue // removed since
				}
				if len(key) != 8 || binary.BigEndian.Uint64(key) != p.number {
					return damaged("the id %q does not lead to its passage", p.ID)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return v.whole(count)
}

// verifyVectors checks that the database and the segments have the same rows, and checks them
// and the graphs.
func (s *Store) verifyVectors(ctx context.Context, v *view) error {
	sp := v.space
	for i, state := range sp.state.Segments {
		last := int64(-1)
		var rows []uint64
		err := sp.segments[i].scan(ctx, 0, state.Rows, func(row int, n uint64, _ []float32) error {
			if int64(n) <= last {
				return damaged("%s: row %d is of passage number %d, the one before of %d", sp.segments[i].path, row, n, last)
			}
			last = int64(n)
			rows = append(rows, n)
			return nil
		})
		if err != nil {
			return err
		}
		if err := s.db.view(func(tx *bolt.Tx) error {
			b, gone := tx.Bucket(bucketVectors(sp.state.Generation)), tx.Bucket(bucketPassages)
			for row, n := range rows {
				if b == nil {
					return nil // Reembed was faster
				}
				want := place{uint32(state.File), uint32(row)}
				got, err := readPlace(append(make([]byte, 0, 8), b.Get(numberKey(n))...))
				if (err != nil || got != want) && !v.dead.has(n) && gone.Get(numberKey(n)) != nil && s.sameSpace(sp) {
					return damaged("the vector of passage number %d is at %v, the database says %v", n, want, got)
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	for _, g := range sp.graphs {
		if err := g.index.Verify(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.graphError(g, err)
		}
	}
	return nil
}

// sameSpace reports whether the segments are those of sp still.
func (s *Store) sameSpace(sp *space) bool {
	v := s.now.Load()
	if v == nil || v.space == nil || len(v.space.segments) < len(sp.segments) {
		return false
	}
	for i, seg := range sp.segments {
		if v.space.segments[i] != seg {
			return false
		}
	}
	return true
}
