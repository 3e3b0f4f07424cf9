package modelhttp

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/observe"
)

// Defaults for the zero fields of a modelserver.Config.
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
	own       bool               // the connections of http are this package's, not the caller's
	header    func() http.Header // a new one, since it holds secrets, which lie about nowhere
	secrets   func() []string
	retries   int
	timeout   time.Duration
	endpoints []endpoint
	turn      atomic.Uint64
	retried   savings
}

// endpoint is one base URL.
type endpoint struct {
	base    string
	breaker *breaker
}

// New returns a client, or an error that wraps [modelserver.ErrConfig].
func New(c modelserver.Config) (*Client, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	cl := &Client{http: c.Client, header: header(c), secrets: secrets(c), retries: c.Retries, timeout: c.Timeout}
	if cl.http == nil {
		cl.http, cl.own = shared, true
	}
	if cl.http.CheckRedirect == nil {
		copied := *cl.http
		copied.CheckRedirect = follow
		cl.http = &copied
	}
	if cl.retries == 0 {
		cl.retries = defaultRetries
	}
	cl.retries = max(cl.retries, 0)
	if cl.timeout == 0 {
		cl.timeout = defaultTimeout
	}
	for _, u := range c.URLs {
		limit := openAfter
		if len(c.URLs) == 1 {
			limit = openAfterSole
		}
		cl.endpoints = append(cl.endpoints, endpoint{strings.TrimRight(u, "/"), &breaker{limit: limit}})
	}
	return cl, nil
}

// follow permits a redirect with the same request to the same host. Others could lose the
// body or the query, so that the server answers another question, or could send the
// headers to another host.
func follow(r *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) < 10 && r.Method == first.Method && r.URL.Host == first.URL.Host && (r.URL.Scheme == "https" || first.URL.Scheme == "http") &&
		maps.EqualFunc(r.URL.Query(), first.URL.Query(), slices.Equal[[]string]) {
		return nil
	}
	return http.ErrUseLastResponse
}

// header returns a function that writes the header of every request.
func header(c modelserver.Config) func() http.Header {
	values := maps.Clone(c.Header)
	return func() http.Header {
		h := http.Header{}
		for name, value := range values {
			h.Set(name, value.Reveal())
		}
		if key := c.APIKey.Reveal(); key != "" {
			h.Set("Authorization", "Bearer "+key)
		}
		return h
	}
}

// secrets returns a function that lists the texts that no error may hold: the key and the
// words of the headers, long ones first, since one may begin with another. Very short ones
// are left out: they protect nothing, and hiding them would garble messages.
func secrets(c modelserver.Config) func() []string {
	values := maps.Clone(c.Header)
	return func() []string {
		var list []string
		if key := c.APIKey.Reveal(); len(key) >= 4 {
			list = append(list, key)
		}
		for _, value := range values {
			for _, word := range strings.Fields(value.Reveal()) {
				if len(word) >= 8 {
					list = append(list, word)
				}
			}
		}
		slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
		return list
	}
}

// Call is one request.
type Call struct {
	// Path is appended to the base URL, such as "/v1/completions".
	Path string
	// Query is appended to the path. Errors do not show it, since it may hold secrets.
	Query url.Values
	// Body is sent as JSON with POST; nil makes it a GET.
	Body any
	// Affinity is a hint: calls with the same number, unless it is 0, go to the
	// same base URL while that one works.
	Affinity uint64
	// Limit is the most bytes that the answer may have, decompressed; 0 is 4 MiB.
	Limit int64
	// EventLimit is the most bytes that an event of it may have; 0 is Limit. No event
	// may have more than 64 MiB.
	EventLimit int64
}

// Do sends call and passes the answer to read, which must not keep it. The package comment
// says when it does so again.
func (c *Client) Do(ctx context.Context, call Call, read func(*Answer) error) error {
	t, err := c.newTry(ctx, call, read)
	if err != nil {
		return err
	}
	c.retried.call()
	defer func() {
		if t.count > 1 {
			step := observe.Current(ctx)
			step.Set(slog.Int("tries", t.count))
			step.Note(fmt.Sprintf("the call was tried %d times", t.count))
		}
	}()
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		t.err = t.run()
		if t.err != nil && !t.mayRetry() {
			return struct{}{}, backoff.Permanent(t.err)
		}
		return struct{}{}, t.err
	}, backoff.WithBackOff(newPauses(t)), backoff.WithMaxTries(uint(c.retries)+1), backoff.WithMaxElapsedTime(0))
	var e *modelserver.Error
	if t.denied && errors.As(t.err, &e) {
		e.Message = strings.TrimPrefix(e.Message+"; it was not tried again, because too many calls were of late", "; ")
	}
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
	t := &try{client: c, ctx: ctx, path: call.Path, query: call.Query.Encode(), read: read, url: call.Path, limit: cmp.Or(call.Limit, defaultLimit)}
	t.eventLimit = min(cmp.Or(call.EventLimit, t.limit), wholeLimit)
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

// encode is json.Marshal without the escapes for HTML, which need six bytes for each angle
// bracket of a prompt.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
