package modelhttp

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/goselfrag/goselfrag/modelserver"
)

const (
	firstWait = 500 * time.Millisecond
	lastWait  = 8 * time.Second
	// longestWait is the longest wait that a server may ask for. Do returns an error for
	// a longer one.
	longestWait = time.Minute
)

// pauses says how long to wait before the next try of a call.
type pauses struct {
	*backoff.ExponentialBackOff
	try *try
}

func newPauses(t *try) backoff.BackOff {
	return pauses{&backoff.ExponentialBackOff{
		InitialInterval: firstWait, Multiplier: 2, MaxInterval: lastWait, RandomizationFactor: 0.5,
	}, t}
}

// NextBackOff returns the next pause. It returns backoff.Stop if another try could not end
// in time or the client has retried too often recently. A server that was not tried yet is
// tried at once; that is free unless it has failed before, too. So is a server that had
// closed an idle connection, which says nothing about its state.
func (p pauses) NextBackOff() time.Duration {
	t := p.try
	if t.stale == t.count {
		return 0
	}
	untried := t.count < len(t.client.endpoints)
	if untried && (t.client.endpoints[t.next].breaker.healthy() || errors.Is(t.err, errOpen) || t.client.retried.allowRetry(false)) {
		return 0
	}
	left := time.Duration(math.MaxInt64)
	if deadline, ok := t.ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	wait := p.ExponentialBackOff.NextBackOff()
	asked := t.asked[t.next] // by the server whose turn it is
	if e := (*modelserver.Error)(nil); asked.at.IsZero() && errors.As(t.err, &e) {
		asked = wish{e.RetryAfter, time.Now()} // it was not called in this call: its state may be the same
	}
	if asked.wait > 0 {
		wait = max(asked.wait-time.Since(asked.at), 0)
	}
	if wait > longestWait || left <= wait {
		return backoff.Stop
	}
	if asked.wait > 0 {
		wait += rand.N(min(spread(asked.wait, t.count), max((left-wait)/2, 1)))
	}
	return p.paid(wait, asked.wait > 0)
}

// spread returns the time over which retries after the same requested wait are spread:
// half of the wait, doubled with each try.
func spread(wait time.Duration, tries int) time.Duration {
	wait = min(max(wait/2, firstWait), lastWait)
	return min(wait<<min(tries-1, 8), lastWait)
}

// paid returns wait if the client may retry.
func (p pauses) paid(wait time.Duration, scheduled bool) time.Duration {
	if errors.Is(p.try.err, errOpen) || p.try.client.retried.allowRetry(scheduled) { // one that was not sent costs nothing
		return wait
	}
	p.try.denied = true
	return backoff.Stop
}

// The retries of a client are bounded by its savings. Each call adds a part of a retry,
// and time adds a little.
const (
	savedAtFirst   = 20
	savedAtMost    = 50
	savedPerCall   = 0.1
	savedPerSecond = 0.1
)

// savings counts the retries that a client may make. Without this bound, the retries of all
// callers would add to the load that made the server fail.
type savings struct {
	mu      sync.Mutex
	begun   bool
	saved   float64
	at      time.Time // of the last count
	failing time.Time // since when no call has succeeded, zero if the last one did
}

// call counts a call.
func (s *savings) call() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !s.begun {
		s.begun, s.saved, s.at = true, savedAtFirst, now
	}
	s.saved = min(s.saved+savedPerCall+savedPerSecond*max(now.Sub(s.at), 0).Seconds(), savedAtMost)
	s.at = now
}

// note takes the outcome of a try.
func (s *savings) note(o outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case o == works:
		s.failing = time.Time{}
	case s.failing.IsZero():
		s.failing = time.Now()
	}
}

// allowRetry reports whether a retry may be made. A retry at a time that the server named is
// free, unless no call has succeeded for long.
func (s *savings) allowRetry(scheduled bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if scheduled && (s.failing.IsZero() || time.Since(s.failing) <= longestWait) {
		return true
	}
	if s.saved < 1 {
		return false
	}
	s.saved--
	return true
}

// retryAfter returns how long a server asks clients to wait: Retry-After-Ms in
// milliseconds, or Retry-After in seconds or as a date. It returns 0 for other values.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if d, ok := duration(h.Get("Retry-After-Ms"), time.Millisecond); ok {
		return d
	}
	s := h.Get("Retry-After")
	if d, ok := duration(s, time.Second); ok {
		return d
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// duration reads a number of units, at least 0.
func duration(s string, unit time.Duration) (time.Duration, bool) {
	x, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(x >= 0) || math.IsInf(x, 0) { // false for NaN, too
		return 0, false
	}
	if d := x * float64(unit); d < math.MaxInt64 {
		return time.Duration(d), true
	}
	return math.MaxInt64, true
}
