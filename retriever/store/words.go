package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/internal/atomicfile"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// The keyword index knows passages by their numbers, as 8 bytes. Beside its files there is
// one that says which change they have seen: those behind it are made again at Open.

func wordID(number uint64) string { return string(numberKey(number)) }

func numberOf(wordID []byte) (uint64, error) {
	if len(wordID) != 8 {
		return 0, damaged("the keyword index has an id of %d bytes", len(wordID))
	}
	return binary.BigEndian.Uint64(wordID), nil
}

func (s *Store) wordsDir() string { return filepath.Join(s.dir, "words") }

// mark names a store and the last of its changes that the files of the words hold.
type mark struct {
	Store string
	Seq   uint64
}

func (s *Store) markPath() string { return filepath.Join(s.wordsDir(), "mark.json") }

func (s *Store) readMark() (m mark, err error) {
	text, err := os.ReadFile(s.markPath())
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, err
	}
	if m.Store != s.id || m.Seq > s.m.Seq || m.Seq < s.m.Saved {
		return m, fmt.Errorf("the words are of change %d of store %s", m.Seq, m.Store)
	}
	return m, nil
}

func (s *Store) writeMark(seq uint64) error {
	text, err := json.Marshal(mark{s.id, seq})
	if err != nil {
		return err
	}
	if err := s.disk.may("rename", s.markPath()); err != nil {
		return err
	}
	return atomicfile.Write(s.markPath(), func(f *os.File) error {
		_, err := f.Write(text)
		return err
	})
}

// fetchNumbered is the Fetch of the keyword index.
func (s *Store) fetchNumbered(_ context.Context, ids []string) (list []retriever.Passage, err error) {
	list = make([]retriever.Passage, len(ids))
	err = s.db.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketPassages)
		for i, id := range ids {
			record := b.Get([]byte(id))
			if record == nil {
				return errStale
			}
			if list[i], err = decodePassage(record); err != nil {
				return err
			}
			list[i].ID = id
		}
		return nil
	})
	return list, err
}

// errStale is about an index that names a passage which the database does not have.
var errStale = errors.New("store: the index names a passage that is not there")

// wordsOptions returns the options of the keyword index: those that were given, and where
// they are zero those of the manifest.
func wordsOptions(o lexical.Options, saved wordsState, fetch lexical.Fetch) lexical.Options {
	o.Fetch = fetch
	set := func(given *float64, saved float64) {
		if *given == 0 {
			*given = saved
		}
	}
	set(&o.K1, saved.K1)
	set(&o.B, saved.B)
	if o.Analyzer == "" && o.Custom == nil {
		o.Analyzer = saved.Analyzer
	}
	if o.TitleWeight == 0 {
		o.TitleWeight = saved.Title
	}
	return o
}

// wordsGiven returns what of the options is kept in the manifest.
func wordsGiven(o lexical.Options, before wordsState) wordsState {
	if o.Analyzer != "" || o.Custom != nil {
		before.Analyzer = o.Analyzer
	}
	if o.K1 != 0 {
		before.K1 = o.K1
	}
	if o.B != 0 {
		before.B = o.B
	}
	if o.TitleWeight != 0 {
		before.Title = o.TitleWeight
	}
	return before
}

// openWords opens the keyword index and makes the changes that its files have not seen. With
// an error the words have to be indexed anew.
func (s *Store) openWords(ctx context.Context) error {
	m, err := s.readMark()
	if err != nil {
		return err
	}
	ix, err := lexical.Open(s.wordsDir(), s.wordsWith)
	if err != nil {
		return err
	}
	if err = s.replay(ctx, ix, m.Seq, s.m.Seq); err == nil && ix.Len() != s.m.Count {
		err = fmt.Errorf("the words are of %d passages: want %d", ix.Len(), s.m.Count)
	}
	if err != nil {
		return errors.Join(err, ix.Close())
	}
	s.words = ix
	return nil
}

// replay makes the changes after from up to to in an index, which may have seen some of them.
func (s *Store) replay(ctx context.Context, ix *lexical.Index, from, to uint64) error {
	for from < to {
		var removed []string
		var added []retriever.Passage
		err := s.db.view(func(tx *bolt.Tx) error {
			for len(added)+len(removed) < 4096 && from < to {
				c, err := readChange(tx, from+1)
				if err != nil {
					return err
				}
				for _, n := range c.removed {
					removed = append(removed, wordID(n))
				}
				if added, err = s.appendLive(tx, added, c.first, c.first+c.count); err != nil {
					return err
				}
				from++
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := ix.Replace(ctx, added...); err != nil {
			return err
		}
		for _, id := range removed {
			if err := ix.Delete(ctx, id); err != nil && !errors.Is(err, lexical.ErrUnknownID) {
				return err
			}
		}
	}
	return nil
}

// appendLive appends the passages with numbers from from to before to that are not removed,
// under their numbers.
func (s *Store) appendLive(tx *bolt.Tx, list []retriever.Passage, from, to uint64) ([]retriever.Passage, error) {
	passages, gone := tx.Bucket(bucketPassages), tx.Bucket(bucketRetired)
	c := passages.Cursor()
	for k, record := c.Seek(numberKey(from)); len(k) == 8 && binary.BigEndian.Uint64(k) < to; k, record = c.Next() {
		if gone.Get(k) != nil {
			continue
		}
		p, err := decodePassage(record)
		if err != nil {
			return nil, err
		}
		p.ID = string(k)
		list = append(list, p)
	}
	return list, nil
}

// rebuildWords indexes the words anew while the store is used.
func (s *Store) rebuildWords(ctx context.Context) (err error) {
	if !s.o.ReadOnly {
		if err := s.disk.may("remove", s.wordsDir()); err != nil {
			return err
		}
		if err := os.RemoveAll(s.wordsDir()); err != nil {
			return err
		}
	}
	ix, err := lexical.New(ctx, nil, s.wordsWith)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ix.Close())
		}
	}()
	if !s.o.ReadOnly { // so that its files are mapped when they are saved
		if err := errors.Join(s.disk.may("write", s.wordsDir()), ix.Save(ctx, s.wordsDir()), ix.Close()); err != nil {
			return err
		}
		if ix, err = lexical.Open(s.wordsDir(), s.wordsWith); err != nil {
			return err
		}
	}
	v, err := s.acquire()
	if err != nil {
		return err
	}
	defer v.release()
	if err := s.indexAll(ctx, ix, v); err != nil {
		return err
	}
	if !s.o.ReadOnly {
		if err := errors.Join(ix.Save(ctx, s.wordsDir()), s.writeMark(v.seq)); err != nil {
			return err
		}
	}
	return s.adoptWords(ctx, ix, v.seq)
}

// indexAll adds the passages of a view.
func (s *Store) indexAll(ctx context.Context, ix *lexical.Index, v *view) error {
	const atOnce, saveAt = 4096, 100_000
	unsaved, count := 0, 0
	for next := uint64(0); next < v.next; {
		var list []numbered
		err := s.db.view(func(tx *bolt.Tx) (err error) {
			list, next, err = v.page(tx, next, atOnce)
			return err
		})
		if err != nil {
			return err
		}
		count += len(list)
		passages := make([]retriever.Passage, len(list))
		for i, p := range list {
			passages[i] = p.Passage
			passages[i].ID = wordID(p.number)
		}
		if err := ix.Add(ctx, passages...); err != nil {
			return err
		}
		if unsaved += len(list); unsaved >= saveAt && !s.o.ReadOnly { // to keep memory bounded
			if err := ix.Save(ctx, s.wordsDir()); err != nil {
				return err
			}
			unsaved = 0
		}
	}
	return v.whole(count)
}

// adoptWords makes the changes after seq in an index and makes it that of the store.
func (s *Store) adoptWords(ctx context.Context, ix *lexical.Index, seq uint64) error {
	for {
		now, err := s.acquire()
		if err != nil {
			return err
		}
		until := now.seq
		now.release()
		if until-seq > 100 { // not while writers wait
			if err := s.replay(ctx, ix, seq, until); err != nil {
				return err
			}
			seq = until
			continue
		}
		if err := s.lockWriting(ctx); err != nil {
			return err
		}
		defer s.unlockWriting()
		if err := s.replay(ctx, ix, seq, s.m.Seq); err != nil {
			return err
		}
		if ix.Len() != s.m.Count {
			return damaged("%d passages have words: want %d", ix.Len(), s.m.Count)
		}
		s.words = ix
		s.wake()
		return nil
	}
}

// wake shows the words, or that there are none, to searches that wait for them. The caller
// holds writing.
func (s *Store) wake() {
	ready := s.wordsReady
	s.wordsReady = make(chan struct{})
	s.show()
	close(ready)
}

// loseWords gives up a keyword index that cannot be used. The background makes another one.
// The caller holds writing.
func (s *Store) loseWords(err error) {
	s.note("words", err)
	if s.words != nil {
		s.lost = append(s.lost, s.words)
		s.words = nil
	}
	s.kickBackground()
}

// saveWords writes the words to files, and forgets the changes that are in them. The caller
// does not hold writing.
func (s *Store) saveWords(ctx context.Context) error {
	if err := s.lockWriting(ctx); err != nil {
		return err
	}
	ix, seq := s.words, s.m.Seq
	s.unlockWriting()
	if ix == nil || seq == s.savedSeq() {
		return nil
	}
	if err := s.disk.may("write", s.wordsDir()); err != nil {
		return err
	}
	if err := ix.Save(ctx, s.wordsDir()); err != nil {
		return err
	}
	if err := s.writeMark(seq); err != nil {
		return err
	}
	if err := s.lockWriting(ctx); err != nil {
		return err
	}
	defer s.unlockWriting()
	m := s.m.clone()
	m.Saved, s.unsaved = seq, 0
	return s.commit(m, func(tx *bolt.Tx) error { return forgetChanges(tx, seq) })
}

func (s *Store) savedSeq() uint64 { return s.saved.Load() }

// numbered is a passage and its number.
type numbered struct {
	number uint64
	retriever.Passage
}

// page returns passages of a view, from a number on, at most some, and the number from which
// to go on.
func (v *view) page(tx *bolt.Tx, from uint64, most int) (list []numbered, next uint64, err error) {
	c := tx.Bucket(bucketPassages).Cursor()
	for k, record := c.Seek(numberKey(from)); len(k) == 8; k, record = c.Next() {
		n := binary.BigEndian.Uint64(k)
		if n >= v.next {
			break
		}
		if len(list) == most {
			return list, n, nil
		}
		if v.dead.has(n) {
			continue
		}
		p, err := decodePassage(record)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, numbered{n, p})
	}
	return list, v.next, nil
}
