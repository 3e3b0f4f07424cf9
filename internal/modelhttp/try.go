package modelhttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/goselfrag/goselfrag/modelserver"
)

// try is the state of a call over its tries.
type try struct {
	client *Client
	ctx    context.Context // the caller's
	path   string
	query  string // encoded
	body   []byte // nil for GET
	read   func(*Answer) error

	next  int    // the endpoint to try next
	asked []wish // of each endpoint
	count int    // of tries so far
	url   string // of the latest one, without the query
	kept  bool   // whether the call must not be repeated
	heard bool   // whether an event of the latest answer was read
	err   error  // of the latest one

	limit      int64 // bytes of an answer
	eventLimit int64 // bytes of one of its events
	denied     bool  // the client had no retry left

	// stale is the number of the first try on an idle connection that the server had
	// closed. All idle connections of the package's own client are closed then. Those of
	// a caller's client are not: calls to other servers may use them.
	stale int
}

// wish is a server's request to wait: how long, and when it was made.
type wish struct {
	wait time.Duration // 0 if it did not
	at   time.Time
}

// mayRetry reports whether another try may help.
func (t *try) mayRetry() bool {
	var e *modelserver.Error
	return !t.kept && errors.As(t.err, &e) && e.Retryable
}

// run tries once.
func (t *try) run() (err error) {
	if err := t.ctx.Err(); err != nil {
		return fmt.Errorf("modelserver: %s: %w", t.path, err)
	}
	t.count++
	t.heard = false
	n, probe, err := t.pick()
	if err != nil {
		return err
	}
	defer func() {
		o := t.outcome(n, err)
		t.client.endpoints[n].breaker.report(o, probe)
		t.client.retried.note(o)
		var e *modelserver.Error
		if t.asked[n] = (wish{}); errors.As(err, &e) {
			t.asked[n] = wish{e.RetryAfter, time.Now()}
		}
	}()
	ctx, cancel := context.WithTimeout(t.ctx, t.client.timeout)
	defer cancel()
	resp, err := t.send(ctx, t.client.endpoints[n])
	if err != nil {
		return err
	}
	a := newAnswer(ctx, cancel, t, resp)
	defer a.close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return a.refusal()
	}
	return t.read(a)
}

// outcome returns what err means for the state of server n. A server works if it refuses
// a request, if its answer was read until the caller's deadline, or if the reading
// function rejected the answer. A deadline before an answer may mean that the server
// hangs. Without another server it is not counted, since it may have been too short. A
// server that asks clients to wait is not counted as failing if no other server is in a
// better state.
func (t *try) outcome(n int, err error) outcome {
	var e *modelserver.Error
	switch {
	case errors.As(err, &e) && e.Retryable:
		if t.stale == t.count || (e.RetryAfter > 0 || e.Status == http.StatusTooManyRequests) && !t.client.better(n) {
			return neutral
		}
		return fails
	case errors.Is(err, context.Canceled):
		return neutral
	case errors.Is(err, context.DeadlineExceeded) && !t.heard:
		if len(t.client.endpoints) == 1 {
			return neutral
		}
		return fails
	}
	return works
}

// better reports whether another server than n has not failed lately.
func (c *Client) better(n int) bool {
	for i := range c.endpoints {
		if i != n && c.endpoints[i].breaker.healthy() {
			return true
		}
	}
	return false
}

// pick returns the number of the next endpoint that may be called, and whether the try is
// a probe of it.
func (t *try) pick() (n int, probe bool, err error) {
	list := t.client.endpoints
	for range list {
		n := t.next
		t.next = (t.next + 1) % len(list)
		if ok, probe := list[n].breaker.allow(); ok {
			return n, probe, nil
		}
	}
	e := t.error("the server failed lately and is left alone for some seconds")
	if len(list) > 1 {
		e.Message = fmt.Sprintf("all %d servers failed lately and are left alone for some seconds", len(list))
	}
	e.Retryable, e.Err = true, errOpen
	return 0, false, e
}

// send sends the request.
func (t *try) send(ctx context.Context, e endpoint) (*http.Response, error) {
	t.url = e.base + t.path
	method := http.MethodGet
	if t.body != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, t.url, bytes.NewReader(t.body))
	if err != nil {
		return nil, fmt.Errorf("modelserver: %s: %w", t.url, err)
	}
	if t.query != "" {
		req.URL.RawQuery = t.query
	}
	req.Header = t.client.header()
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if t.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	reused := false
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused },
	}))
	resp, err := t.client.http.Do(req)
	if err != nil {
		if reused && t.stale == 0 && ctx.Err() == nil {
			t.stale = t.count
			if t.client.own {
				t.client.http.CloseIdleConnections()
			}
		}
		return nil, t.lost(ctx, err)
	}
	return resp, nil
}

// lost is the error of a connection that failed with err.
func (t *try) lost(ctx context.Context, err error) error {
	if err := t.ctx.Err(); err != nil {
		return fmt.Errorf("modelserver: %s: %w", t.url, err)
	}
	if ctx.Err() != nil {
		e := t.error(fmt.Sprintf("no complete answer within %v", t.client.timeout))
		e.Retryable = true
		return e
	}
	var u *url.Error
	if errors.As(err, &u) { // it repeats the URL
		err = u.Err
	}
	e := t.error(err.Error())
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) { // so do the timeouts of a connection, and no context is done
		e.Err = t.client.withoutSecrets(err)
	}
	e.Retryable = !errors.As(err, new(*tls.CertificateVerificationError))
	return e
}

// error returns an error about the latest try.
func (t *try) error(message string) *modelserver.Error {
	return &modelserver.Error{URL: t.url, Message: t.client.clean(message), Tries: t.count}
}

// clean makes a message from outside safe for logs: without secrets and control
// characters, and short.
func (c *Client) clean(s string) string {
	s = c.hide(s)
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || unicode.IsControl(r) }), " ")
	const limit = 500
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strings.ToValidUTF8(s, "")
}

// hide puts a placeholder in the place of each secret.
func (c *Client) hide(s string) string {
	for _, secret := range c.secrets() {
		s = strings.ReplaceAll(s, secret, "[key]")
	}
	return s
}

// withoutSecrets returns err. If the text of err holds a secret, which a server sent back, it
// returns an error with the same text without the secret. That does not wrap err, since
// errors within it hold the secret, too.
func (c *Client) withoutSecrets(err error) error {
	if said := err.Error(); c.hide(said) != said {
		return errors.New(c.clean(said))
	}
	return err
}
