package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// sizes are what the store is cut into. Tests make them small.
type sizes struct {
	fit     int   // passages to which the hashed embedder is fitted
	tail    int   // vectors in a flat index; there are two such indexes at most
	segment int64 // bytes of a segment from which on the next rows go to another
	save    int   // passages changed after which the words are saved
}

var standard = sizes{fit: 10_000, tail: 5000, segment: 128 << 20, save: 10_000}

// background is the goroutine that makes index files.
type background struct {
	ctx    context.Context
	cancel context.CancelFunc
	kick   chan struct{}
	wg     sync.WaitGroup

	mu       sync.Mutex
	problems map[string]error
	doing    string
	// graphs is held while graphs are made or files exchanged.
	graphs chan struct{}
}

func (b *background) stop() {
	b.cancel()
	b.wg.Wait()
}

func (b *background) done() <-chan struct{} { return b.ctx.Done() }

func (s *Store) startBackground() {
	b := &s.background
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.kick = make(chan struct{}, 1)
	b.graphs = make(chan struct{}, 1)
	b.wg.Go(func() {
		for {
			select {
			case <-b.kick:
				s.work(b.ctx)
			case <-b.ctx.Done():
				return
			}
		}
	})
	s.kickBackground()
}

// kickBackground makes the background look for work. It does not wait.
func (s *Store) kickBackground() {
	if s.background.kick == nil {
		return // it looks when it starts
	}
	select {
	case s.background.kick <- struct{}{}:
	default:
	}
}

// kickIfDue is kickBackground after a change, if there may be work. The caller holds writing.
func (s *Store) kickIfDue() {
	sp := s.space
	switch {
	case s.words == nil,
		sp == nil && s.m.Count >= s.sizes.fit && s.fits(),
		s.unsaved >= s.sizes.save,
		sp != nil && (len(sp.flats) > 1 || len(sp.gaps(s.m.Next)) > 0 || s.removed >= s.sizes.tail):
		s.kickBackground()
	}
}

// fits reports whether the hashed embedder is to be fitted.
func (s *Store) fits() bool { return s.m.Embedding == nil }

// work does all that there is to do.
func (s *Store) work(ctx context.Context) {
	do := func(name string, f func(context.Context) error) error {
		b := &s.background
		b.mu.Lock()
		b.doing = name
		b.mu.Unlock()
		err := f(ctx)
		b.mu.Lock()
		b.doing = ""
		b.mu.Unlock()
		if ctx.Err() == nil && !errors.Is(err, ErrClosed) {
			s.note(name, err)
		}
		return err
	}
	if err := s.lockWriting(ctx); err != nil {
		return
	}
	lost, lacking := s.lost, s.words == nil
	s.lost, s.removed = nil, 0
	s.unlockWriting()
	for _, ix := range lost {
		_ = ix.Close()
	}
	if lacking && do("words", s.rebuildWords) != nil && s.lockWriting(ctx) == nil {
		if s.words == nil {
			s.wake() // searches that wait: they are told why
		}
		s.unlockWriting()
	}
	if s.o.ReadOnly {
		return
	}
	if s.fitDue() {
		_ = do("embedder", s.fit)
	}
	_ = do("vectors", s.mergeGraphs)
	_ = do("segments", s.compactWorn)
	if s.saveDue() {
		_ = do("saving words", s.saveWords)
	}
}

func (s *Store) saveDue() bool {
	if s.lockWriting(s.background.ctx) != nil {
		return false
	}
	defer s.unlockWriting()
	return s.unsaved >= s.sizes.save && s.words != nil
}

func (s *Store) fitDue() bool {
	if s.lockWriting(s.background.ctx) != nil {
		return false
	}
	defer s.unlockWriting()
	return s.fits() && s.m.Count >= s.sizes.fit
}

// lockGraphs waits until nobody else makes graphs or exchanges files.
func (s *Store) lockGraphs(ctx context.Context) error {
	select {
	case s.background.graphs <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("store: %w", ctx.Err())
	}
}

func (s *Store) unlockGraphs() { <-s.background.graphs }
