package store

import (
	"sync/atomic"

	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// view is what a search sees. It does not change. What a view has stays in files until nobody
// uses it: records of removed passages, segments, graphs.
type view struct {
	seq   uint64 // of the last change
	next  uint64 // numbers in it are below
	count int
	words *lexical.Snapshot // nil while they are indexed anew
	ready <-chan struct{}   // closed when there is a view with words again
	space *space            // nil while there is no embedding
	dead  numbers           // of removed passages that have records or rows
	stale numbers           // of removed passages that index files may have
	users atomic.Int64      // searches and others, and one for the store
}

// acquire returns the view of now, to be released. The error is ErrClosed.
func (s *Store) acquire() (*view, error) {
	for {
		v := s.now.Load()
		if v == nil {
			return nil, ErrClosed
		}
		for n := v.users.Load(); n > 0; n = v.users.Load() {
			if v.users.CompareAndSwap(n, n+1) {
				return v, nil
			}
		}
	}
}

// has reports whether a number is of a passage of the view.
func (v *view) has(number uint64) bool {
	return number < v.next && !v.dead.has(number) && !v.stale.has(number)
}

// whole returns an error unless n is the number of the passages of the view: a changed key in
// the database can hide some.
func (v *view) whole(n int) error {
	if n != v.count {
		return damaged("%d passages: want %d", n, v.count)
	}
	return nil
}

func (v *view) release() {
	if v.users.Add(-1) > 0 {
		return
	}
	if v.words != nil {
		v.words.Close()
	}
	if v.space != nil {
		v.space.release()
	}
}

// show makes what the store holds visible. The caller holds writing.
func (s *Store) show() {
	v := &view{seq: s.m.Seq, next: s.m.Next, count: s.m.Count, space: s.space, dead: s.dead, stale: s.stale}
	v.users.Store(1)
	if s.words != nil {
		words, err := s.words.Snapshot(s.fetchNumbered)
		if err != nil {
			s.loseWords(err)
		} else {
			v.words = words
		}
	}
	v.ready = s.wordsReady
	if v.space != nil {
		v.space.hold()
	}
	old := s.now.Swap(v)
	s.views = append(s.views, v)
	if old != nil {
		old.release()
	}
	live := s.views[:0]
	for _, v := range s.views {
		if v.users.Load() > 0 {
			live = append(live, v)
		}
	}
	clear(s.views[len(live):])
	s.views = live
}

// purgeable returns the numbers of removed passages that no view in use has any more, and
// takes them off the list. The caller holds writing, and puts them back if it fails.
func (s *Store) purgeable() (list []uint64) {
	oldest := s.m.Seq
	for _, v := range s.views {
		if v.users.Load() > 0 {
			oldest = min(oldest, v.seq)
		}
	}
	const most = 4096 // at a time
	n := 0
	for n < len(s.retired) && s.retired[n].seq <= oldest && len(list) < most {
		list = append(list, s.retired[n].number)
		n++
	}
	return list
}

// retired is a passage that was removed by a change and is in the database still.
type retired struct {
	seq, number uint64
}
