package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Document is what the store knows of a document.
type Document struct {
	// URI is the Source.URI of its passages.
	URI string
	// Note is what ReplaceDocument was given, nil if nothing.
	Note []byte
	// Passages is how many it has.
	Passages int
}

// Get returns the passages with some ids, in their order. The error wraps ErrUnknownID,
// ErrClosed, ErrCorrupt or ctx.Err().
func (s *Store) Get(ctx context.Context, ids ...string) ([]retriever.Passage, error) {
	return s.get(ctx, nil, ids)
}

func (s *Store) get(ctx context.Context, scope filter.Expr, ids []string) (list []retriever.Passage, err error) {
	end, err := s.begin()
	if err == nil {
		defer end()
		if err = ctx.Err(); err == nil {
			err = s.db.view(func(tx *bolt.Tx) error {
				list, err = getAll(tx, scope, ids)
				return err
			})
		}
	}
	if err != nil {
		return nil, fmt.Errorf("store: get: %w", err)
	}
	return list, nil
}

func getAll(tx *bolt.Tx, scope filter.Expr, ids []string) ([]retriever.Passage, error) {
	list := make([]retriever.Passage, 0, len(ids))
	for _, id := range ids {
		_, p, err := getPassage(tx, id)
		if err != nil {
			return nil, err
		}
		if scope != nil && !filter.Match(scope, p.Metadata) {
			return nil, fmt.Errorf("%w: %q", ErrUnknownID, id)
		}
		list = append(list, p)
	}
	return list, nil
}

// getPassage returns the passage with an id, and its number.
func getPassage(tx *bolt.Tx, id string) (number uint64, p retriever.Passage, err error) {
	key := tx.Bucket(bucketIDs).Get([]byte(id))
	if key == nil || len(id) == 0 {
		return 0, p, fmt.Errorf("%w: %q", ErrUnknownID, id)
	}
	if p, err = decodePassage(tx.Bucket(bucketPassages).Get(key)); err != nil {
		return 0, p, fmt.Errorf("passage %q: %w", id, err)
	}
	if p.ID != id || len(key) != 8 {
		return 0, p, damaged("the id %q leads to the passage %q", id, p.ID)
	}
	return binary.BigEndian.Uint64(key), p, nil
}

// All returns all passages as they were when the loop began, those that were put first at
// first. An error ends it; it wraps ErrClosed, ErrCorrupt or ctx.Err().
func (s *Store) All(ctx context.Context) iter.Seq2[retriever.Passage, error] {
	return s.all(ctx, nil)
}

func (s *Store) all(ctx context.Context, scope filter.Expr) iter.Seq2[retriever.Passage, error] {
	return func(yield func(retriever.Passage, error) bool) {
		fail := func(err error) { yield(retriever.Passage{}, fmt.Errorf("store: all: %w", err)) }
		end, err := s.begin()
		if err != nil {
			fail(err)
			return
		}
		defer end()
		v, err := s.acquire()
		if err != nil {
			fail(err)
			return
		}
		defer v.release()
		count := 0
		for next := uint64(0); next < v.next; {
			var list []numbered
			if err = ctx.Err(); err == nil {
				err = s.db.view(func(tx *bolt.Tx) (err error) {
					list, next, err = v.page(tx, next, 256)
					return err
				})
			}
			if err != nil {
				fail(err)
				return
			}
			count += len(list)
			for _, p := range list {
				if (scope == nil || filter.Match(scope, p.Metadata)) && !yield(p.Passage, nil) {
					return
				}
			}
		}
		if err := v.whole(count); err != nil {
			fail(err)
		}
	}
}

// Documents returns the documents, in the order of their URIs. Those that change during the
// loop may be as before or after. An error ends it; it wraps ErrClosed, ErrCorrupt or
// ctx.Err(). Passages without a Source.URI are in no document.
func (s *Store) Documents(ctx context.Context) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		fail := func(err error) { yield(Document{}, fmt.Errorf("store: documents: %w", err)) }
		end, err := s.begin()
		if err != nil {
			fail(err)
			return
		}
		defer end()
		for next := []byte{}; next != nil; {
			var list []Document
			if err = ctx.Err(); err == nil {
				err = s.db.view(func(tx *bolt.Tx) (err error) {
					list, next, err = documentsFrom(tx, next)
					return err
				})
			}
			if err != nil {
				fail(err)
				return
			}
			for _, d := range list {
				if !yield(d, nil) {
					return
				}
			}
		}
	}
}

// documentsFrom returns some documents from a URI on, and the URI from which to go on, nil at
// the end.
func documentsFrom(tx *bolt.Tx, from []byte) (list []Document, next []byte, err error) {
	c := tx.Bucket(bucketDocuments).Cursor()
	for k, record := c.Seek(from); k != nil; k, record = c.Next() {
		if len(list) == 256 {
			return list, slices.Clone(k), nil
		}
		r, err := decodeDocument(record)
		if err != nil {
			return nil, nil, fmt.Errorf("document %q: %w", k, err)
		}
		list = append(list, Document{string(k), r.note, r.passages})
	}
	return list, nil, nil
}

// Len returns the number of passages, 0 if the store is closed.
func (s *Store) Len() int {
	if v := s.now.Load(); v != nil {
		return v.count
	}
	return 0
}

// Stats is what a store holds and does.
type Stats struct {
	// Generation is another number after each change.
	Generation uint64
	// Passages and Documents are how many there are.
	Passages, Documents int
	// TextBytes is the length of all titles and texts.
	TextBytes int64
	// Embedder is the name of the embedder, empty until there is one; Dim is the number of
	// components of its vectors, 0 until there is one, and Vectors their number.
	Embedder string
	Dim      int
	Vectors  int
	// WordsReady reports whether the words are indexed. If not, searches by words wait until
	// they are.
	WordsReady bool
	// Graphs is how many files the graph of the vectors has. InGraphs is how many of Vectors
	// are in them; Tail, the newest, are searched exactly in memory. The others, Scanned, are
	// read from disk by each search, until the background has made a graph of them.
	Graphs, InGraphs, Tail, Scanned int
	// Removed is how many vectors of removed passages are still in files: Compact gives their
	// room back.
	Removed int
	// FolderBytes is the size of the folder.
	FolderBytes int64
	// Working says what the background does, empty if nothing.
	Working string
	// Problems says what went wrong in the background and with index files, in words. It is
	// tried again at the next change. After Restore it names the missing files of words until
	// they are made.
	Problems []string
}

// Stats returns what the store holds and does. The error wraps ErrClosed, ErrCorrupt or
// ctx.Err().
func (s *Store) Stats(ctx context.Context) (st Stats, err error) {
	end, err := s.begin()
	if err == nil {
		defer end()
		st, err = s.stats(ctx)
	}
	if err != nil {
		return Stats{}, fmt.Errorf("store: stats: %w", err)
	}
	return st, nil
}

func (s *Store) stats(ctx context.Context) (st Stats, err error) {
	if err := ctx.Err(); err != nil {
		return st, err
	}
	v, err := s.acquire()
	if err != nil {
		return st, err
	}
	defer v.release()
	st = Stats{Generation: v.generation(), Passages: v.count, WordsReady: v.words != nil}
	if err := s.db.view(func(tx *bolt.Tx) error {
		m, _, err := readManifest(tx)
		st.TextBytes = m.Bytes
		st.Documents = tx.Bucket(bucketDocuments).Stats().KeyN
		return err
	}); err != nil {
		return st, err
	}
	if v.space != nil {
		if err := st.ofSpace(v); err != nil {
			return st, err
		}
	}
	err = filepath.WalkDir(s.dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // it went meanwhile
		}
		if info, err := d.Info(); err == nil {
			st.FolderBytes += info.Size()
		}
		return ctx.Err()
	})
	b := &s.background
	b.mu.Lock()
	defer b.mu.Unlock()
	st.Working = b.doing
	for _, e := range b.problems {
		st.Problems = append(st.Problems, e.Error())
	}
	slices.Sort(st.Problems)
	return st, err
}

// ofSpace fills in what is known of the vectors.
func (st *Stats) ofSpace(v *view) error {
	sp := v.space
	st.Embedder, st.Dim, st.Vectors = sp.state.Name, sp.state.Dim, sp.state.Count
	live := func(r span) (int, error) {
		n, err := sp.count(r)
		return n - v.dead.in(r.from, r.to), err
	}
	total, err := sp.count(span{0, v.next})
	if err != nil {
		return err
	}
	st.Removed = max(0, total-st.Vectors)
	for _, g := range sp.graphs {
		if g.damaged.Load() {
			continue
		}
		st.Graphs++
		n, err := live(span{g.From, g.To})
		if err != nil {
			return err
		}
		st.InGraphs += n
	}
	for _, f := range sp.flats {
		n, err := live(span{f.from, f.to})
		if err != nil {
			return err
		}
		st.Tail += n
	}
	st.InGraphs, st.Tail = max(0, st.InGraphs), max(0, st.Tail)
	st.Scanned = max(0, st.Vectors-st.InGraphs-st.Tail)
	return nil
}
