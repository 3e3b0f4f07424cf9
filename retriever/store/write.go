package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// mostKey is the greatest length of an id and a URI, in bytes: those of the database, less
// what is put beside them.
const mostKey = 32_000

// edit is what a call changes.
type edit struct {
	put     []retriever.Passage
	remove  []string
	replace map[string][]byte // notes by URI: put has all passages of these documents
	notes   map[string][]byte // by the URIs of documents, which may be unknown
	scope   filter.Expr       // what is removed and put matches it; nil for all
}

// Put adds passages, or replaces those with the same ids. A passage that is there already and
// is equal in everything is left as it is: it is not embedded again. A text and title that
// did not change are not embedded again either.
//
// When Put returns, the change is on disk, and every search that begins later sees it. All
// passages are put or, with an error, none. The error wraps ErrPassage, ErrEmbedder,
// ErrReadOnly, ErrClosed, ErrCorrupt, ErrFailed, ctx.Err(), or it is that of the embedder or
// of the file system. Put may be called from several goroutines at once.
func (s *Store) Put(ctx context.Context, passages ...retriever.Passage) error {
	return s.change(ctx, "put", edit{put: passages})
}

// Delete removes the passages with some ids: all or, with an error, none. It wraps
// ErrUnknownID if no passage has one of them, else it is as with Put. An id may come twice. A
// document whose last passage is removed is no document of the store any more.
func (s *Store) Delete(ctx context.Context, ids ...string) error {
	return s.change(ctx, "delete", edit{remove: ids})
}

// ReplaceDocument replaces the passages of a document by others, in one step: a search finds
// either the old or the new ones. A document is the passages with the same Source.URI; an
// empty one in passages means uri. A passage whose id another document has moves to this one.
//
// The note is the caller's, such as the size, the time and the hash of a file. It is stored
// with the document, in the same step, and Documents returns it. Without passages and with a
// nil note the document is removed; with a note it stays and has no passages. If
// nothing differs, ReplaceDocument does nothing. The error is as with Put.
func (s *Store) ReplaceDocument(ctx context.Context, uri string, passages []retriever.Passage, note []byte) error {
	list := append([]retriever.Passage(nil), passages...)
	for i := range list {
		if list[i].Source.URI == "" {
			list[i].Source.URI = uri
		}
	}
	return s.change(ctx, "replace document", edit{put: list, replace: map[string][]byte{uri: note}})
}

// ReplaceDocuments is ReplaceDocument of many documents in one step, which takes much less
// time than one step for each. The keys of notes are the URIs of the documents, its values
// their notes, which may be nil. The Source.URI of each passage is one of the keys. With an
// error nothing has changed.
func (s *Store) ReplaceDocuments(ctx context.Context, notes map[string][]byte, passages ...retriever.Passage) error {
	if notes == nil {
		notes = map[string][]byte{}
	}
	return s.change(ctx, "replace documents", edit{put: passages, replace: notes})
}

// SetNotes replaces the notes of documents, by their URIs, in one step: all or, with an error,
// none. URIs of no document are left out. A nil note is none: a document without passages is
// removed with it. The error is as with Put.
func (s *Store) SetNotes(ctx context.Context, notes map[string][]byte) error {
	return s.change(ctx, "set notes", edit{notes: notes})
}

// change makes an edit.
func (s *Store) change(ctx context.Context, what string, e edit) error {
	end, err := s.begin()
	if err == nil {
		defer end()
		err = s.makeChange(ctx, e)
	}
	if err != nil {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	return nil
}

func (s *Store) makeChange(ctx context.Context, e edit) error {
	if s.o.ReadOnly {
		return ErrReadOnly
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := e.check(); err != nil {
		return err
	}
	known := &embedded{}
	for {
		v, err := s.acquire()
		if err != nil {
			return err
		}
		p, err := s.plan(e, v.space, known)
		if err == nil && !p.empty() {
			err = known.embed(ctx, v.space, p)
		}
		v.release()
		if err != nil || p.empty() {
			return err
		}
		if done, err := s.tryChange(ctx, e, known); done || err != nil {
			return err
		}
	}
}

// tryChange makes an edit if all that has to be embedded for it is known.
func (s *Store) tryChange(ctx context.Context, e edit, known *embedded) (done bool, err error) {
	if err := s.lockWriting(ctx); err != nil {
		return false, err
	}
	defer s.unlockWriting()
	p, err := s.plan(e, s.space, known)
	switch {
	case err != nil:
		return false, err
	case p.empty():
		return true, nil
	case len(p.unknown) > 0:
		return false, nil
	}
	return true, s.apply(p)
}

// check returns an error that wraps ErrPassage if a passage cannot be stored.
func (e *edit) check() error {
	for uri := range e.replace {
		if uri == "" || len(uri) > mostKey {
			return fmt.Errorf("%w: the URI of a document has %d bytes: want 1 to %d", ErrPassage, len(uri), mostKey)
		}
	}
	seen := make(map[string]bool, len(e.put))
	for i, p := range e.put {
		bad := func(format string, args ...any) error {
			return fmt.Errorf("%w: passage %d of %d: %s", ErrPassage, i+1, len(e.put), fmt.Sprintf(format, args...))
		}
		switch {
		case p.ID == "":
			return bad("it has no id")
		case len(p.ID) > mostKey:
			return bad("its id has %d bytes: want %d at most", len(p.ID), mostKey)
		case len(p.Source.URI) > mostKey:
			return bad("its URI has %d bytes: want %d at most", len(p.Source.URI), mostKey)
		case seen[p.ID]:
			return bad("the id %q comes twice", p.ID)
		}
		if err := p.Metadata.Check(); err != nil {
			return bad("%v", err)
		}
		if _, ok := e.replace[p.Source.URI]; e.replace != nil && !ok {
			return bad("its document is %q: want one of those that are replaced", p.Source.URI)
		}
		if e.scope != nil && !filter.Match(e.scope, p.Metadata) {
			return fmt.Errorf("%w: the filter does not hold for passage %q", ErrScope, p.ID)
		}
		seen[p.ID] = true
	}
	return nil
}

// plan is what an edit does to the store as it is.
type plan struct {
	add     []addition
	remove  []removal
	notes   map[string][]byte // those that change
	unknown []string          // texts that have to be embedded
	edit    edit
}

type addition struct {
	passage retriever.Passage
	record  []byte
	vector  []float32 // nil if it has none
	number  uint64
}

type removal struct {
	number  uint64
	id, uri string
	size    int
	vector  bool
}

func (p *plan) empty() bool { return len(p.add)+len(p.remove)+len(p.notes) == 0 }

// plan returns what an edit does.
func (s *Store) plan(e edit, sp *space, known *embedded) (p *plan, err error) {
	known.use(sp)
	p = &plan{edit: e, notes: map[string][]byte{}}
	err = s.db.view(func(tx *bolt.Tx) error {
		b := builder{plan: p, tx: tx, space: sp, known: known, gone: map[uint64]bool{}, kept: map[uint64]bool{}, asked: map[string]bool{}}
		for _, q := range e.put {
			if err := b.put(q); err != nil {
				return err
			}
		}
		for _, id := range e.remove {
			if err := b.delete(id); err != nil {
				return err
			}
		}
		for uri, note := range e.replace {
			if err := b.document(uri, note); err != nil {
				return err
			}
		}
		for uri, note := range e.notes {
			if tx.Bucket(bucketDocuments).Get([]byte(uri)) == nil {
				continue
			}
			if err := b.setNote(uri, note); err != nil {
				return err
			}
		}
		return nil
	})
	return p, err
}

// builder makes a plan.
type builder struct {
	*plan
	tx    *bolt.Tx
	space *space
	known *embedded
	gone  map[uint64]bool
	kept  map[uint64]bool
	asked map[string]bool
}

func (b *builder) put(p retriever.Passage) error {
	record := encodePassage(p)
	a := addition{passage: p, record: record}
	text := dense.Text(p)
	if key := b.tx.Bucket(bucketIDs).Get([]byte(p.ID)); key != nil {
		old := b.tx.Bucket(bucketPassages).Get(key)
		number := binary.BigEndian.Uint64(key)
		if bytes.Equal(old, record) {
			b.kept[number] = true
			return nil
		}
		before, err := decodePassage(old)
		if err != nil {
			return err
		}
		if before.ID != p.ID {
			return damaged("the id %q leads to the passage %q", p.ID, before.ID)
		}
		if b.edit.scope != nil && !filter.Match(b.edit.scope, before.Metadata) {
			return fmt.Errorf("%w: the id %q is taken", ErrScope, p.ID)
		}
		b.drop(number, before)
		if b.space != nil && dense.Text(before) == text {
			if a.vector, err = b.space.at(b.tx, number); err != nil {
				return err
			}
		}
	}
	if a.vector == nil && b.space != nil {
		vector, ok := b.known.vectors[text]
		if !ok && !b.asked[text] {
			b.asked[text] = true
			b.unknown = append(b.unknown, text)
		}
		a.vector = vector
	}
	b.add = append(b.add, a)
	return nil
}

// drop plans to remove a passage.
func (b *builder) drop(number uint64, p retriever.Passage) {
	if b.gone[number] {
		return
	}
	b.gone[number] = true
	has := false
	if b.space != nil {
		if v := b.tx.Bucket(bucketVectors(b.space.state.Generation)); v != nil {
			has = v.Get(numberKey(number)) != nil
		}
	}
	b.remove = append(b.remove, removal{number, p.ID, p.Source.URI, len(p.Title) + len(p.Text), has})
}

func (b *builder) delete(id string) error {
	number, p, err := getPassage(b.tx, id)
	if err != nil {
		return err
	}
	if b.edit.scope != nil && !filter.Match(b.edit.scope, p.Metadata) {
		return fmt.Errorf("%w: %q", ErrUnknownID, id)
	}
	b.drop(number, p)
	return nil
}

// document plans to remove the other passages of a document, and to set its note.
func (b *builder) document(uri string, note []byte) error {
	prefix := memberPrefix(uri)
	c := b.tx.Bucket(bucketMembers).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix) && len(k) == len(prefix)+8; k, _ = c.Next() {
		number := binary.BigEndian.Uint64(k[len(prefix):])
		if b.kept[number] || b.gone[number] {
			continue
		}
		p, err := decodePassage(b.tx.Bucket(bucketPassages).Get(k[len(prefix):]))
		if err != nil {
			return err
		}
		if p.Source.URI != uri {
			return damaged("the document %q leads to the passage %q of %q", uri, p.ID, p.Source.URI)
		}
		b.drop(number, p)
	}
	return b.setNote(uri, note)
}

// setNote plans to set the note of a document, unless it is the same.
func (b *builder) setNote(uri string, note []byte) error {
	was, err := decodeDocument(b.tx.Bucket(bucketDocuments).Get([]byte(uri)))
	if err == nil && ((was.note == nil) != (note == nil) || !bytes.Equal(was.note, note)) {
		b.notes[uri] = note
	}
	return err
}

// lockWriting waits until nobody else writes.
func (s *Store) lockWriting(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) unlockWriting() { <-s.writing }

var errNoEmbedder = errors.New("the store was opened without its embedder, so it takes in no passages: open it with Options.Embedding")
