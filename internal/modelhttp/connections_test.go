package modelhttp

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"

	"github.com/goselfrag/goselfrag/modelserver"
)

// stale is a transport whose first request goes over a connection that the server has
// closed. It counts how often its idle connections are closed.
type stale struct{ requests, closes int }

func (s *stale) RoundTrip(r *http.Request) (*http.Response, error) {
	httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{Reused: s.requests == 0})
	s.requests++
	if s.requests == 1 {
		return nil, syscall.ECONNRESET
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader("1"))}, nil
}

func (s *stale) CloseIdleConnections() { s.closes++ }

// After a connection was found closed, the idle ones are given up of the package's own
// client, and not of one that the caller gave: others may use it. The call succeeds
// either way.
func TestIdleConnectionsOfTheCaller(t *testing.T) {
	ours := shared
	defer func() { shared = ours }()
	for _, c := range []struct {
		name   string
		config func(*http.Client) modelserver.Config
		closes int
	}{
		{"own", func(c *http.Client) modelserver.Config { shared = c; return modelserver.Config{} }, 1},
		{"the caller's", func(c *http.Client) modelserver.Config { return modelserver.Config{Client: c} }, 0},
		{"the caller's, with its own redirects", func(c *http.Client) modelserver.Config {
			c.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
			return modelserver.Config{Client: c}
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &stale{}
			given := &http.Client{Transport: s}
			config := c.config(given)
			before := given.CheckRedirect == nil
			config.URLs = []string{"http://x"}
			cl, err := New(config)
			if err != nil {
				t.Fatal(err)
			}
			var got int
			if err := cl.JSON(t.Context(), Call{Path: "/x"}, &got); err != nil || got != 1 || s.requests != 2 {
				t.Errorf("%d, %v after %d requests: want 1 after 2", got, err, s.requests)
			}
			if s.closes != c.closes {
				t.Errorf("idle connections were closed %d times: want %d", s.closes, c.closes)
			}
			if (given.CheckRedirect == nil) != before {
				t.Error("the client was changed")
			}
		})
	}
}
