package hnsw

import "sync"

// readers holds the running searches and selections and the memory that they use.
// Times are counted in retirements.
type readers struct {
	mu     sync.Mutex
	all    []*scratch
	idle   []*scratch
	now    uint64
	closed chan struct{} // closed when the last search ends; nil while the index is open
}

// begin returns memory for a search, or nil if the index is closed. Until end, it
// marks a reader: slots that are retired meanwhile are not reused, and Close waits.
func (r *readers) begin() *scratch {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed != nil {
		return nil
	}
	var s *scratch
	if n := len(r.idle); n > 0 {
		s, r.idle = r.idle[n-1], r.idle[:n-1]
	} else {
		s = &scratch{}
		r.all = append(r.all, s)
	}
	s.busy, s.began = true, r.now
	return s
}

// end returns the memory.
func (r *readers) end(s *scratch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.busy, s.ctx = false, nil
	r.idle = append(r.idle, s)
	if r.closed != nil && len(r.idle) == len(r.all) {
		close(r.closed)
	}
}

// close lets no more searches begin, and waits for the running ones. The caller
// holds no lock. It may be called more than once.
func (r *readers) close() {
	r.mu.Lock()
	if r.closed == nil {
		r.closed = make(chan struct{})
		if len(r.idle) == len(r.all) {
			close(r.closed)
		}
	}
	r.mu.Unlock()
	<-r.closed
}

// tick returns the time from which on no new search can see what was unlinked
// before.
func (r *readers) tick() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now++
	return r.now
}

// oldest returns the time at which the oldest running search began.
func (r *readers) oldest() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.now
	for _, s := range r.all {
		if s.busy {
			at = min(at, s.began)
		}
	}
	return at
}
