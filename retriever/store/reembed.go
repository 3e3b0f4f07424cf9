package store

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// pending is an embedding that is being made. It is dropped when the store is opened before
// it is finished.
type pending struct {
	space  *space
	writer *rowWriter
	next   uint64 // numbers below were looked at
	hashed *hashed.Embedder
}

// forget removes a passage that is removed meanwhile.
func (p *pending) forget(tx *bolt.Tx, number uint64) error {
	b := tx.Bucket(bucketVectors(p.space.state.Generation))
	if b == nil || b.Get(numberKey(number)) == nil {
		return nil
	}
	return b.Delete(numberKey(number))
}

// Reembed embeds all passages by another embedder, which is that of the store from then on:
// open it with the same Embedding later. Searches use the old vectors until all new ones are
// there; passages may be put and deleted meanwhile. If Reembed returns an error, which it
// does when ctx is done, the store is as before. A zero Embedding fits the hashed embedder
// anew. The error is as with Put.
func (s *Store) Reembed(ctx context.Context, e Embedding) error {
	return s.long(ctx, "reembed", func(ctx context.Context) error {
		if s.o.ReadOnly {
			return ErrReadOnly
		}
		if err := e.check(); err != nil {
			return err
		}
		return s.reembed(ctx, e)
	})
}

// fit makes the first embedding, by the hashed embedder.
func (s *Store) fit(ctx context.Context) error { return s.reembed(ctx, Embedding{}) }

func (s *Store) reembed(ctx context.Context, e Embedding) (err error) {
	select {
	case s.reembedding <- struct{}{}:
		defer func() { <-s.reembedding }()
	case <-ctx.Done():
		return ctx.Err()
	}
	p := &pending{space: &space{embedder: e.Embedder}}
	if e.zero() {
		e.Name = hashedName
		if p.hashed, err = s.fitHashed(ctx); err != nil {
			return err
		}
		p.space.embedder = p.hashed
	}
	p.space.state.Name, p.space.state.Metric = e.Name, uint8(e.Metric)
	if err := s.beginPending(ctx, p); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.dropPending(p))
		}
	}()
	for round := 0; ; round++ {
		if err := s.embedPending(ctx, p); err != nil {
			return err
		}
		if round == 0 {
			if err := s.pendingGraph(ctx, p); err != nil {
				return err
			}
		}
		if done, err := s.switchTo(ctx, p, round > 8); done || err != nil {
			return err
		}
	}
}

// fitHashed fits the hashed embedder to the first passages.
func (s *Store) fitHashed(ctx context.Context) (*hashed.Embedder, error) {
	v, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer v.release()
	var texts []string
	err = s.db.view(func(tx *bolt.Tx) error {
		list, _, err := v.page(tx, 0, s.sizes.fit)
		for _, p := range list {
			texts = append(texts, dense.Text(p.Passage))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return hashed.Fit(ctx, texts, hashed.Options{})
}

func (s *Store) beginPending(ctx context.Context, p *pending) error {
	if err := s.lockWriting(ctx); err != nil {
		return err
	}
	defer s.unlockWriting()
	m := s.m.clone()
	m.LastGeneration++
	p.space.state.Generation = m.LastGeneration
	if err := s.commit(m, func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucketVectors(m.LastGeneration))
		return err
	}); err != nil {
		return err
	}
	p.writer = &rowWriter{disk: s.disk, dir: s.dir, space: p.space, most: s.sizes.segment}
	s.pending = p
	return nil
}

// dropPending removes what there is of an embedding.
func (s *Store) dropPending(p *pending) error {
	if err := s.lockWriting(context.Background()); err != nil {
		return err
	}
	defer s.unlockWriting()
	s.pending = nil
	err := p.writer.discard(&space{})
	for _, g := range p.space.graphs {
		err = errors.Join(err, g.index.Close())
		s.disk.remove(g.path)
	}
	return errors.Join(err, s.commit(s.m.clone(), func(tx *bolt.Tx) error {
		if tx.Bucket(bucketVectors(p.space.state.Generation)) == nil {
			return nil
		}
		return tx.DeleteBucket(bucketVectors(p.space.state.Generation))
	}))
}

// embedPending embeds the passages that were not looked at.
func (s *Store) embedPending(ctx context.Context, p *pending) error {
	v, err := s.acquire()
	if err != nil {
		return err
	}
	defer v.release()
	for p.next < v.next {
		var list []numbered
		var next uint64
		err := s.db.view(func(tx *bolt.Tx) (err error) {
			list, next, err = v.page(tx, p.next, 1024)
			return err
		})
		if err != nil {
			return err
		}
		vectors, err := p.embed(ctx, list)
		if err != nil {
			return err
		}
		if err := s.lockWriting(ctx); err != nil {
			return err
		}
		err = s.addPending(p, list, vectors, s.m.clone(), func(*bolt.Tx) error { return nil })
		s.unlockWriting()
		if err != nil {
			return err
		}
		p.next = next
	}
	return nil
}

func (p *pending) embed(ctx context.Context, list []numbered) (vectors [][]float32, err error) {
	for batch := range slices.Chunk(list, batchSize) {
		passages := make([]retriever.Passage, len(batch))
		for i, q := range batch {
			passages[i] = q.Passage
		}
		dim := p.space.state.Dim
		if len(vectors) > 0 {
			dim = len(vectors[0])
		}
		more, err := embedTexts(ctx, p.space.embedder, p.space.metric(), dim, dense.Texts(passages))
		if err != nil {
			return nil, err
		}
		vectors = append(vectors, more...)
	}
	return vectors, nil
}

// addPending writes vectors of passages that are there still, and commits where they are
// together with what write writes. The caller holds writing.
func (s *Store) addPending(p *pending, list []numbered, vectors [][]float32, m manifest, write func(tx *bolt.Tx) error) error {
	places := map[uint64]place{}
	for i, q := range list {
		if s.dead.has(q.number) || p.space.metric() == hnsw.Cosine && isZero(vectors[i]) {
			continue
		}
		at, err := p.writer.add(q.number, vectors[i])
		if err != nil {
			return err
		}
		places[q.number] = at
	}
	if err := p.writer.flush(); err != nil {
		return err
	}
	return s.commit(m, func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketVectors(p.space.state.Generation))
		b.FillPercent = 0.95
		for _, q := range list {
			if at, ok := places[q.number]; ok {
				if err := b.Put(numberKey(q.number), at.bytes()); err != nil {
					return err
				}
			}
		}
		return write(tx)
	})
}

// pendingGraph makes a graph of what there is, so that searches are as fast as before at once.
func (s *Store) pendingGraph(ctx context.Context, p *pending) error {
	if p.space.state.Count <= 2*s.sizes.tail {
		return nil
	}
	v, err := s.acquire()
	if err != nil {
		return err
	}
	defer v.release()
	of := &view{next: p.next, space: p.space.clone(), dead: v.dead}
	state := graphState{File: 1, From: 0, To: p.next}
	path := filepath.Join(s.dir, graphName(p.space.state.Generation, state.File))
	if state.Count, err = s.buildGraph(ctx, of, span{0, p.next}, path); err != nil || state.Count == 0 {
		return err
	}
	g, err := openGraph(s.disk, s.dir, p.space.state.Generation, state, p.space.state.Dim)
	if err != nil {
		return err
	}
	if err := s.lockWriting(ctx); err != nil {
		return errors.Join(err, g.index.Close())
	}
	defer s.unlockWriting()
	p.space.graphs = append(p.space.graphs, g)
	p.space.state.Graphs, p.space.state.NextGraph = append(p.space.state.Graphs, state), state.File
	return nil
}

// switchTo makes an embedding that of the store, unless passages were put meanwhile: then it
// reports false, or embeds them while writers wait.
func (s *Store) switchTo(ctx context.Context, p *pending, wait bool) (done bool, err error) {
	if err := s.lockWriting(ctx); err != nil {
		return false, err
	}
	defer s.unlockWriting()
	var rest []numbered
	if p.next < s.m.Next {
		if !wait {
			return false, nil
		}
		v := &view{next: s.m.Next, dead: s.dead}
		if err := s.db.view(func(tx *bolt.Tx) (err error) {
			rest, _, err = v.page(tx, p.next, int(s.m.Next-p.next))
			return err
		}); err != nil {
			return false, err
		}
	}
	vectors, err := p.embed(ctx, rest)
	if err != nil {
		return false, err
	}
	if err := s.addPending(p, rest, vectors, s.m.clone(), func(*bolt.Tx) error { return nil }); err != nil {
		return false, err
	}
	if err := p.writer.finish(); err != nil {
		return false, err
	}
	if err := s.db.view(func(tx *bolt.Tx) error { // some may have been removed meanwhile
		p.space.state.Count = tx.Bucket(bucketVectors(p.space.state.Generation)).Stats().KeyN
		return nil
	}); err != nil {
		return false, err
	}
	old := s.space
	m := s.m.clone()
	m.Embedding = &p.space.clone().state
	stale := s.stale.list(0, s.m.Next)
	if err := s.commit(m, func(tx *bolt.Tx) error {
		return errors.Join(p.takeOver(tx, old), deleteNumbers(m.table(tx, bucketDead), stale))
	}); err != nil {
		return false, err
	}
	if old != nil {
		for _, seg := range old.segments {
			seg.gone.Store(true)
		}
		for _, g := range old.graphs {
			g.gone.Store(true)
		}
	}
	s.pending, s.space, s.stale = nil, p.space, numbers{}
	if err := s.openTail(context.WithoutCancel(ctx)); err != nil {
		s.note("vectors", err) // they are scanned
		s.space.flats = nil
	}
	s.show()
	s.kickBackground()
	return true, nil
}

// takeOver stores the embedder if it is kept in the store, and removes the old vectors.
func (p *pending) takeOver(tx *bolt.Tx, old *space) error {
	kept := tx.Bucket(bucketHashed)
	if p.hashed != nil {
		data, err := p.hashed.MarshalBinary()
		if err != nil {
			return err
		}
		if err := kept.Put(keyEmbedder, data); err != nil {
			return err
		}
	} else if err := kept.Delete(keyEmbedder); err != nil {
		return err
	}
	if old == nil || tx.Bucket(bucketVectors(old.state.Generation)) == nil {
		return nil
	}
	return tx.DeleteBucket(bucketVectors(old.state.Generation))
}
