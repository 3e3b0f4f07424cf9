package modelhttp

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
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
// not end in time. A server that was not tried yet is tried at once, and so is one that
// had closed an idle connection, which says nothing of how it is.
func (p pauses) NextBackOff() time.Duration {
	if p.try.count < len(p.try.client.endpoints) || p.try.stale == p.try.count {
		return 0
	}
	wait := p.ExponentialBackOff.NextBackOff()
	if asked := p.try.asked[p.try.next]; asked.wait > 0 { // by the server whose turn it is
		wait = max(asked.wait-time.Since(asked.at), 0)
	}
	if wait > longestWait {
		return backoff.Stop
	}
	if deadline, ok := p.try.ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return backoff.Stop
	}
	return wait
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
