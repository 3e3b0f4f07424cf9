package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// apply commits a plan and shows the change. The caller holds writing.
func (s *Store) apply(p *plan) error {
	if failed := s.failed.Load(); failed != nil {
		return *failed
	}
	m := s.m.clone()
	m.Seq++
	c := change{first: m.Next, count: uint64(len(p.add))}
	for i := range p.add {
		p.add[i].number = m.Next
		m.Next++
		m.Bytes += int64(len(p.add[i].passage.Title) + len(p.add[i].passage.Text))
	}
	for _, r := range p.remove {
		c.removed = append(c.removed, r.number)
		m.Bytes -= int64(r.size)
		if r.vector {
			m.Embedding.Count--
		}
	}
	m.Count += len(p.add) - len(p.remove)
	next, places, err := s.appendVectors(&m, p.add)
	if err != nil {
		return err
	}
	purge := s.purgeable()
	var done forgotten
	err = s.commit(m, func(tx *bolt.Tx) error {
		err := s.writePlan(tx, p, places, &m)
		if err != nil {
			return err
		}
		if done, err = s.purgeRecords(tx, &m, purge); err != nil {
			return err
		}
		return tx.Bucket(bucketChanges).Put(numberKey(m.Seq), c.encode())
	})
	if err != nil {
		if next != nil && !errors.Is(err, ErrFailed) {
			err = errors.Join(err, (&rowWriter{disk: s.disk, space: next}).discard(s.space))
		}
		return err
	}
	s.retired = slices.Delete(s.retired, 0, len(purge))
	for _, n := range c.removed {
		s.retired = append(s.retired, retired{m.Seq, n})
	}
	s.forget(done)
	s.dead = s.dead.with(c.removed)
	s.unsaved += len(p.add) + len(p.remove)
	s.removed += len(p.remove)
	s.applyWords(p)
	s.space = next
	s.applyFlats(p)
	s.show()
	s.kickIfDue()
	return nil
}

// commit stores a manifest, whose sums write may change, and what write writes. After an error
// the store is what it was.
func (s *Store) commit(m manifest, write func(tx *bolt.Tx) error) error {
	m.Commit = s.m.Commit + 1
	err := s.db.update(func(tx *bolt.Tx) error {
		if err := write(tx); err != nil {
			return err
		}
		if err := putManifest(tx, m); err != nil {
			return err
		}
		return s.disk.may("commit", s.db.path)
	})
	if err == nil {
		s.m = m
		s.saved.Store(m.Saved)
		return nil
	}
	// If the last sync failed, the file may have the change, and more could build on it.
	var now manifest
	if e := s.db.view(func(tx *bolt.Tx) (err error) {
		now, _, err = readManifest(tx)
		return err
	}); e != nil || now.Commit != s.m.Commit {
		failed := fmt.Errorf("%w: %w", ErrFailed, err)
		s.failed.Store(&failed)
		return failed
	}
	return err
}

// writePlan writes what a plan does to passages and documents.
func (s *Store) writePlan(tx *bolt.Tx, p *plan, places []place, m *manifest) error {
	ids, passages, members := m.table(tx, bucketIDs), m.table(tx, bucketPassages), m.table(tx, bucketMembers)
	dead, gone := m.table(tx, bucketDead), m.table(tx, bucketRetired)
	passages.FillPercent = 0.95
	docs := map[string]int{}
	for _, r := range p.remove {
		key := numberKey(r.number)
		err := errors.Join(ids.Delete([]byte(r.id)), dead.Put(key, nil), gone.Put(key, nil))
		if r.uri != "" {
			err = errors.Join(err, members.Delete(memberKey(r.uri, r.number)))
			docs[r.uri]--
		}
		if err != nil {
			return err
		}
		if s.pending != nil {
			if err := s.pending.forget(tx, r.number); err != nil {
				return err
			}
		}
	}
	var vectors *bolt.Bucket
	for i, a := range p.add {
		key := numberKey(a.number)
		if err := errors.Join(ids.Put([]byte(a.passage.ID), key), passages.Put(key, a.record)); err != nil {
			return err
		}
		if uri := a.passage.Source.URI; uri != "" {
			if err := members.Put(memberKey(uri, a.number), nil); err != nil {
				return err
			}
			docs[uri]++
		}
		if places == nil || places[i] == (place{}) {
			continue
		}
		if vectors == nil {
			var err error
			if vectors, err = tx.CreateBucketIfNotExists(bucketVectors(m.Embedding.Generation)); err != nil {
				return err
			}
			vectors.FillPercent = 0.95
		}
		if err := vectors.Put(key, places[i].bytes()); err != nil {
			return err
		}
	}
	return writeDocuments(m.table(tx, bucketDocuments), docs, p)
}

// writeDocuments changes how many passages documents have, and notes.
func writeDocuments(documents table, docs map[string]int, p *plan) error {
	for uri := range p.notes {
		docs[uri] += 0
	}
	for uri, more := range docs {
		key := []byte(uri)
		r, err := decodeDocument(documents.Get(key))
		if err != nil {
			return err
		}
		r.passages += more
		note, noted := p.notes[uri]
		if noted {
			r.note = note
		}
		_, replaced := p.edit.replace[uri] // by a document that may have no more than a note
		if r.passages == 0 && (!noted && !replaced || r.note == nil) {
			err = documents.Delete(key)
		} else {
			err = documents.Put(key, r.encode())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// purgeRecords removes what is left of removed passages that nothing sees any more, and
// forgets those that no segment has. An embedding that is being made may have rows of any.
func (s *Store) purgeRecords(tx *bolt.Tx, m *manifest, list []uint64) (done forgotten, err error) {
	passages, gone, dead := m.table(tx, bucketPassages), m.table(tx, bucketRetired), m.table(tx, bucketDead)
	var vectors *bolt.Bucket
	if e := s.m.Embedding; e != nil {
		vectors = tx.Bucket(bucketVectors(e.Generation))
	}
	for _, n := range list {
		key, rows := numberKey(n), 0
		err := errors.Join(passages.Delete(key), gone.Delete(key))
		if vectors != nil && vectors.Get(key) != nil {
			err = errors.Join(err, vectors.Delete(key))
			rows++
		} else if err == nil && s.space != nil {
			rows, err = s.space.count(span{n, n + 1}) // one that was removed while the rows were made
		}
		if err == nil && rows == 0 && s.pending == nil {
			err = done.add(dead, s.space, n)
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// appendVectors writes the vectors of passages to segments and syncs them. It returns the
// space to show after the commit, and where they are. m gets the new state of the embedding.
func (s *Store) appendVectors(m *manifest, add []addition) (*space, []place, error) {
	if s.space == nil {
		return nil, nil, nil
	}
	next := s.space.clone()
	next.state = *m.Embedding // with its new count
	w := rowWriter{disk: s.disk, dir: s.dir, space: next, most: s.sizes.segment}
	places := make([]place, len(add))
	for i, a := range add {
		if a.vector == nil || next.metric() == hnsw.Cosine && isZero(a.vector) {
			continue
		}
		var err error
		if places[i], err = w.add(a.number, a.vector); err != nil {
			return nil, nil, errors.Join(err, w.discard(s.space))
		}
	}
	if err := w.finish(); err != nil {
		return nil, nil, errors.Join(err, w.discard(s.space))
	}
	m.Embedding = &next.state
	return next, places, nil
}

// rowWriter adds rows to the segments of a space that is not shown.
type rowWriter struct {
	disk  *disk
	dir   string
	space *space
	most  int64 // bytes of a segment from which on the next rows go to another
	buf   []byte
	at    int64 // where buf goes in the last segment
}

// add adds a row and returns its place.
func (w *rowWriter) add(number uint64, vector []float32) (place, error) {
	st := &w.space.state
	if st.Dim == 0 {
		st.Dim = len(vector)
	}
	last := len(st.Segments) - 1
	if last < 0 || w.space.segments[last].at(st.Segments[last].Rows) >= w.most {
		if err := w.finish(); err != nil {
			return place{}, err
		}
		st.NextSegment++
		seg, err := createSegment(w.disk, w.dir, st.Generation, st.NextSegment, st.Dim)
		if err != nil {
			return place{}, err
		}
		w.space.segments = append(w.space.segments, seg)
		st.Segments = append(st.Segments, segmentState{File: st.NextSegment, First: number})
		last++
	}
	state := &st.Segments[last]
	if len(w.buf) == 0 {
		w.at = w.space.segments[last].at(state.Rows)
	}
	w.buf = appendRow(w.buf, number, vector)
	if state.Rows == 0 {
		state.First = number
	}
	p := place{uint32(state.File), uint32(state.Rows)}
	state.Last = number
	state.Rows++
	st.Count++
	if len(w.buf) > 4<<20 {
		return p, w.flush()
	}
	return p, nil
}

func (w *rowWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	err := w.disk.writeAt(w.space.segments[len(w.space.segments)-1].File, w.buf, w.at)
	w.at += int64(len(w.buf))
	w.buf = w.buf[:0]
	return err
}

// finish writes and syncs the rows.
func (w *rowWriter) finish() error {
	if w.at == 0 {
		return nil // nothing was added
	}
	if err := w.flush(); err != nil {
		return err
	}
	return w.disk.sync(w.space.segments[len(w.space.segments)-1].File)
}

// discard closes the files that were made since before.
func (w *rowWriter) discard(before *space) (err error) {
	for _, seg := range w.space.segments[len(before.segments):] {
		err = errors.Join(err, seg.Close())
		w.disk.remove(seg.path)
	}
	return err
}

// applyWords makes a change in the keyword index. If that fails, the index is lost and made
// anew: the change is on disk.
func (s *Store) applyWords(p *plan) {
	if s.words == nil {
		return
	}
	ctx := context.Background()
	added := make([]retriever.Passage, len(p.add))
	for i, a := range p.add {
		added[i] = a.passage
		added[i].ID = wordID(a.number)
	}
	removed := make([]string, len(p.remove))
	for i, r := range p.remove {
		removed[i] = wordID(r.number)
	}
	err := s.disk.may("show", s.wordsDir())
	if err == nil && len(removed) > 0 {
		err = s.words.Delete(ctx, removed...)
	}
	if err == nil {
		err = s.words.Add(ctx, added...)
	}
	if err != nil {
		s.loseWords(err)
	}
}

// applyFlats adds the vectors of a change to the flat indexes. What does not fit is scanned
// until the background has put it into a graph.
func (s *Store) applyFlats(p *plan) {
	sp := s.space
	if sp == nil || sp.state.Dim == 0 || len(p.add) == 0 {
		return
	}
	var items []hnsw.Item[uint64]
	for _, a := range p.add {
		if a.vector != nil && !(sp.metric() == hnsw.Cosine && isZero(a.vector)) {
			items = append(items, hnsw.Item[uint64]{Key: a.number, Vector: a.vector})
		}
	}
	from, to := p.add[0].number, s.m.Next
	last := len(sp.flats) - 1
	full := last < 0 || sp.flats[last].index.Len() >= s.sizes.tail || sp.flats[last].to != from
	if len(items) > s.sizes.tail {
		sp.flats = nil // all of these are behind what is in them
		return
	}
	if full {
		index, err := hnsw.NewFlat[uint64](sp.state.Dim, hnsw.FlatOptions{Metric: sp.metric()})
		if err != nil {
			s.note("vectors", err)
			return
		}
		sp.flats = append(sp.flats, flat{from, from, index})
		if len(sp.flats) > 2 {
			sp.flats = slices.Delete(sp.flats, 0, 1)
		}
		last = len(sp.flats) - 1
	}
	err := s.disk.may("show", "tail")
	if err == nil {
		err = sp.flats[last].index.Add(context.Background(), items)
	}
	if err != nil {
		s.note("vectors", err)
		sp.flats = slices.Delete(sp.flats, last, last+1)
		return
	}
	sp.flats[last].to = to
}
