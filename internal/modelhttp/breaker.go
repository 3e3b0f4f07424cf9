package modelhttp

import (
	"errors"
	"sync"
	"time"
)

const (
	// openTime is how long a server is left alone that keeps failing.
	openTime = 10 * time.Second
	// The numbers of failures in a row after which a breaker opens. For the only server
	// the number is greater, since there is no other to call.
	openAfter     = 5
	openAfterSole = 10
)

// errOpen is the cause of an error about servers that are left alone.
var errOpen = errors.New("modelhttp: left alone after repeated failures")

// breaker stops calls to a server that keeps failing. After openTime it permits one try, a
// probe, and after the same time another one, so that a hanging probe does not block the
// next. The first success closes it.
type breaker struct {
	limit int

	mu       sync.Mutex
	failures int       // in a row
	until    time.Time // when the next probe may start; zero while the breaker is closed
}

// outcome is what a try says of a server.
type outcome uint8

const (
	neutral outcome = iota // nothing
	works
	fails
)

// allow reports whether a try may start now, and whether it is a probe.
func (b *breaker) allow() (ok, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return true, false
	}
	now := time.Now()
	if now.Before(b.until) {
		return false, false
	}
	b.until = now.Add(openTime)
	return true, true
}

// report takes the outcome of a try that allow let through.
func (b *breaker) report(o outcome, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case o == works:
		b.failures, b.until = 0, time.Time{}
	case b.until.IsZero() && o == fails:
		if b.failures++; b.failures >= b.limit {
			b.until = time.Now().Add(openTime)
		}
	case !b.until.IsZero() && probe && o == neutral: // the next call may try
		b.until = time.Now()
	}
}

// healthy reports whether the latest try did not fail.
func (b *breaker) healthy() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures == 0
}
