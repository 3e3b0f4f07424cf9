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
	// longestWait is how long a server may ask to be left alone before another
	// try is not worth waiting for.
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

// NextBackOff returns the next pause, and backoff.Stop where another try could
// not end in time or the client has retried too much of late. A server that was not
// tried yet is tried at once, which costs nothing unless it has failed as well, and so is
// one that had closed an idle connection, which says nothing of how it is.
func (p pauses) NextBackOff() time.Duration {
	t := p.try
	if t.stale == t.count {
		return 0
	}
	untried := t.count < len(t.client.endpoints)
	if untried && (t.client.endpoints[t.next].breaker.healthy() || errors.Is(t.err, errOpen) || t.client.retried.take(false)) {
		return 0
	}
	left := time.Duration(math.MaxInt64)
	if deadline, ok := t.ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	wait := p.ExponentialBackOff.NextBackOff()
	asked := t.asked[t.next] // by the server whose turn it is
	if e := (*modelserver.Error)(nil); asked.at.IsZero() && errors.As(t.err, &e) {
		asked = wish{e.RetryAfter, time.Now()} // it was not asked in this call: it may be as badly off
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

// spread returns over which time the callers are spread that a server asked to come back
// after the same wait: half as long again, and longer with each try.
func spread(wait time.Duration, tries int) time.Duration {
	wait = min(max(wait/2, firstWait), lastWait)
	return min(wait<<min(tries-1, 8), lastWait)
}

// paid returns wait if the client may retry.
func (p pauses) paid(wait time.Duration, scheduled bool) time.Duration {
	if errors.Is(p.try.err, errOpen) || p.try.client.retried.take(scheduled) { // one that was not sent costs nothing
		return wait
	}
	p.try.denied = true
	return backoff.Stop
}

// The retries of a client are bounded by those it has saved: a part of one with each
// call, and a little with time.
const (
	savedAtFirst   = 20
	savedAtMost    = 50
	savedPerCall   = 0.1
	savedPerSecond = 0.1
)

// savings counts the retries that a client may make. Without them, callers who all try
// again would add their load to that which made the server fail.
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

// take reports whether a retry may be made. One at the time that the server itself has
// named costs nothing, unless the server has done nothing else for long.
func (s *savings) take(scheduled bool) bool {
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

// retryAfter reads how long a server asks to be left alone: Retry-After-Ms in
// milliseconds, or Retry-After in seconds or as a date. What is no such thing is
// as good as nothing: 0.
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
