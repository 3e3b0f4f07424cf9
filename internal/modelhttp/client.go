package modelhttp

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sony/gobreaker/v2"

	"github.com/goselfrag/goselfrag/modelserver"
)

// What a zero modelserver.Config stands for.
const (
	defaultRetries = 2
	defaultTimeout = 5 * time.Minute
)

// shared serves all configurations without a client of their own. The standard
// one keeps two idle connections per host, which is too few for the candidates
// of one question.
var shared = func() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64
	return &http.Client{Transport: t}
}()

// Client sends calls to the servers of one model. It is safe for concurrent use.
type Client struct {
	http      *http.Client
	header    http.Header
	secrets   []string
	retries   int
	timeout   time.Duration
	endpoints []endpoint
	turn      atomic.Uint64
}

// endpoint is one base URL. Its breaker is nil if there is no other.
type endpoint struct {
	base    string
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
}

// New returns a client, or an error that wraps [modelserver.ErrConfig].
func New(c modelserver.Config) (*Client, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	cl := &Client{http: c.Client, header: c.Header.Clone(), retries: c.Retries, timeout: c.Timeout}
	if cl.http == nil {
		cl.http = shared
	}
	if cl.http.CheckRedirect == nil {
		own := *cl.http
		own.CheckRedirect = follow
		cl.http = &own
	}
	if cl.header == nil {
		cl.header = make(http.Header)
	}
	if cl.retries == 0 {
		cl.retries = defaultRetries
	}
	cl.retries = max(cl.retries, 0)
	if cl.timeout == 0 {
		cl.timeout = defaultTimeout
	}
	if c.APIKey != "" {
		cl.header.Set("Authorization", "Bearer "+string(c.APIKey))
	}
	cl.secrets = secrets(c)
	for _, u := range c.URLs {
		e := endpoint{base: strings.TrimRight(u, "/")}
		if len(c.URLs) > 1 {
			e.breaker = newBreaker()
		}
		cl.endpoints = append(cl.endpoints, e)
	}
	return cl, nil
}

// follow lets a redirect pass that asks the same of the same host. Others would lose the
// body or the query, so that another question is answered, or give the headers away.
func follow(r *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) < 10 && r.Method == first.Method && r.URL.Host == first.URL.Host && (r.URL.Scheme == "https" || first.URL.Scheme == "http") &&
		maps.EqualFunc(r.URL.Query(), first.URL.Query(), slices.Equal[[]string]) {
		return nil
	}
	return http.ErrUseLastResponse
}

// secrets returns what must not stand in an error: the key and the words of the
// headers, long ones first, since one may begin with another. Shorter ones than are
// returned protect nothing, and hiding them would garble messages.
func secrets(c modelserver.Config) []string {
	var list []string
	if len(c.APIKey) >= 4 {
		list = append(list, string(c.APIKey))
	}
	for _, values := range c.Header {
		for _, v := range values {
			for _, word := range strings.Fields(v) {
				if len(word) >= 8 {
					list = append(list, word)
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return list
}

// newBreaker opens after five failures in a row and lets one call through ten
// seconds later, to see whether the server is back.
func newBreaker() *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:      10 * time.Second,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 5 },
		IsSuccessful: func(err error) bool { return err == nil },
		// That a caller changed its mind says nothing of the server.
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
	})
}

// Call is one request.
type Call struct {
	// Path is put behind the base URL, such as "/v1/completions".
	Path string
	// Query is put behind the path. It does not stand in errors: it may hold secrets.
	Query url.Values
	// Body is sent as JSON with POST; nil makes it a GET.
	Body any
	// Affinity is a hint: calls with the same number, unless it is 0, go to the
	// same base URL while that one works.
	Affinity uint64
}

// Do sends call and hands the answer to read, which must not keep it. See the
// package comment for when it does so again.
func (c *Client) Do(ctx context.Context, call Call, read func(*Answer) error) error {
	t, err := c.newTry(ctx, call, read)
	if err != nil {
		return err
	}
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		t.err = t.run()
		if t.err != nil && !t.again() {
			return struct{}{}, backoff.Permanent(t.err)
		}
		return struct{}{}, t.err
	}, backoff.WithBackOff(newPauses(t)), backoff.WithMaxTries(uint(c.retries)+1), backoff.WithMaxElapsedTime(0))
	if err == nil || errors.Is(err, t.err) { // of the last try it is wrapped
		return t.err
	}
	// The context was done between two tries, and this is its cause.
	return fmt.Errorf("%w, after: %w", ctx.Err(), t.err)
}

// JSON sends call and parses the answer into v.
func (c *Client) JSON(ctx context.Context, call Call, v any) error {
	return c.Do(ctx, call, func(a *Answer) error { return a.JSON(v) })
}

// newTry prepares the first try.
func (c *Client) newTry(ctx context.Context, call Call, read func(*Answer) error) (*try, error) {
	t := &try{client: c, ctx: ctx, path: call.Path, query: call.Query.Encode(), read: read, url: call.Path}
	if call.Body != nil {
		var err error
		if t.body, err = encode(call.Body); err != nil {
			return nil, fmt.Errorf("modelserver: the body for %s: %w", call.Path, err)
		}
	}
	first := call.Affinity
	if first == 0 {
		first = c.turn.Add(1)
	}
	t.next = int(first % uint64(len(c.endpoints)))
	t.asked = make([]wish, len(c.endpoints))
	return t, nil
}

// encode is json.Marshal without the escapes for HTML, which would make six bytes
// of each angle bracket of a prompt.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
