package modelhttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator/generatortest/faulthttp"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "sk-very-secret"

// good answers with a stream of three events.
var good = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Request-Id", "req-7")
	fmt.Fprint(w, ": ping\n\ndata: {\"n\":1}\n\ndata: {\"n\":2}\r\n\r\nevent: x\ndata: {\"n\":\ndata: 3}\n\ndata: [DONE]\n\n")
})

// read reads events until the third.
func read(into *[]int) func(*modelhttp.Answer) error {
	return func(a *modelhttp.Answer) error {
		*into = nil
		for {
			data, err := a.Events().Next()
			if err == io.EOF {
				if len(*into) < 3 {
					return a.Incomplete()
				}
				return nil
			}
			if err != nil {
				return err
			}
			var v struct{ N int }
			if err := a.Decode(data, &v); err != nil {
				return err
			}
			*into = append(*into, v.N)
		}
	}
}

func client(t *testing.T, s *faulthttp.Server, change func(*modelserver.Config)) *modelhttp.Client {
	t.Helper()
	c := modelserver.Config{URLs: []string{faulthttp.URL}, Client: s.Client(), APIKey: modelserver.NewKey(key)}
	if change != nil {
		change(&c)
	}
	cl, err := modelhttp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

// TestFaults sends one call into each fault. The client must get over it, or give
// an error with what is known, in the number of tries that makes sense.
func TestFaults(t *testing.T) {
	repeat := func(f faulthttp.Fault) []faulthttp.Fault { return slices.Repeat([]faulthttp.Fault{f}, 9) }
	for _, c := range []struct {
		name   string
		faults []faulthttp.Fault
		says   string // "" if the answer is right in the end
		status int
		tries  int
		again  bool // Retryable
	}{
		{"none", nil, "", 0, 1, false},
		{"refused once", []faulthttp.Fault{faulthttp.Refuse()}, "", 0, 2, false},
		{"refused", repeat(faulthttp.Refuse()), "refused", 0, 3, true},
		{"reset at once", repeat(faulthttp.Reset(0)), "reset", 0, 3, true},
		{"reset in the body", repeat(faulthttp.Reset(30)), "reset", 0, 3, true},
		{"hangs", repeat(faulthttp.Hang(-1)), "within 5m0s", 0, 3, true},
		{"hangs in the body", []faulthttp.Fault{faulthttp.Hang(30)}, "", 0, 2, false},
		{"trickle", repeat(faulthttp.Trickle(time.Millisecond)), "", 0, 1, false},
		{"slow trickle", repeat(faulthttp.Trickle(time.Minute)), "within 5m0s", 0, 3, true},
		{"split", repeat(faulthttp.Split()), "", 0, 1, false},
		{"cut in an event", repeat(faulthttp.Cut(30)), "before it was complete", 0, 3, true},
		{"without a body", repeat(faulthttp.Cut(0)), "before it was complete", 0, 3, true},
		{"without DONE", repeat(faulthttp.Cut(-len("data: [DONE]\n\n"))), "", 0, 1, false},
		{"without the last blank line", repeat(faulthttp.Cut(-len("\n\n"))), "", 0, 1, false},
		{"error with a good status", repeat(faulthttp.Status(200, `{"error":{"message":"no such model","code":404}}`)), "no such model", 404, 1, false},
		{"error text with a good status", repeat(faulthttp.Status(200, ` {"error": "busy", "status": 503}`)), "busy", 503, 3, true},
		{"400", repeat(faulthttp.Status(400, `{"error":{"message":"bad prompt","code":400}}`)), "bad prompt", 400, 1, false},
		{"401", repeat(faulthttp.Status(401, `{"error":{"message":"wrong key `+key+`"}}`)), "wrong key [key]", 401, 1, false},
		{"404", repeat(faulthttp.Status(404, `{"object":"error","message":"not here","code":404}`)), "not here", 404, 1, false},
		{"408", repeat(faulthttp.Status(408, ``)), "408", 408, 3, true},
		{"422", repeat(faulthttp.Status(422, `{"detail":[{"msg":"field required"}]}`)), "field required", 422, 1, false},
		{"429 once", []faulthttp.Fault{faulthttp.Status(429, `{}`, "Retry-After", "3")}, "", 0, 2, false},
		{"429", repeat(faulthttp.Status(429, `{"message":"slow down"}`)), "slow down", 429, 3, true},
		{"429 for long", repeat(faulthttp.Status(429, `{}`, "Retry-After", "3600")), "retry after 1h0m0s", 429, 1, true},
		{"500 page", repeat(faulthttp.Status(500, `<html>oops</html>`)), "500 Internal Server Error (", 500, 3, true},
		{"501", repeat(faulthttp.Status(501, `not here`)), "not here", 501, 1, false},
		{"503", repeat(faulthttp.Status(503, `{"error":"loading"}`)), "loading", 503, 3, true},
		{"503 for good", repeat(faulthttp.Status(503, `{"error":"gone"}`, "X-Should-Retry", "false")), "gone", 503, 1, false},
		{"redirect to nowhere", repeat(faulthttp.Status(304, ``)), "304", 304, 1, false},
		{"content type", repeat(faulthttp.ContentType("text/html; charset=utf-8")), `content type "text/html; charset=utf-8"`, 0, 1, false},
		{"no content type", repeat(faulthttp.ContentType("")), "", 0, 1, false},
		{"huge line", repeat(faulthttp.HugeLine(5 << 20)), "longer than", 0, 1, false},
		{"NaN", repeat(faulthttp.Edited("x", func(any) any { return "NaN" })), "not what was expected", 0, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := faulthttp.New(good, c.faults...)
				defer s.Close()
				var got []int
				err := client(t, s, nil).Do(t.Context(), modelhttp.Call{Path: "/v1/x", Body: 1}, read(&got))
				if s.Requests() != c.tries {
					t.Errorf("%d tries, want %d", s.Requests(), c.tries)
				}
				if c.says == "" {
					if err != nil || !slices.Equal(got, []int{1, 2, 3}) {
						t.Errorf("%v, %v", got, err)
					}
					return
				}
				var e *modelserver.Error
				if !errors.As(err, &e) || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("error %v: want an Error that says %q", err, c.says)
				}
				if e.Status != c.status || e.Retryable != c.again || e.Tries != c.tries || e.URL != faulthttp.URL+"/v1/x" {
					t.Errorf("%+v: want status %d, retryable %t and %d tries", e, c.status, c.again, c.tries)
				}
				if strings.Contains(fmt.Sprintf("%v %+v %#v", err, e, e), key) {
					t.Errorf("the error holds the key: %#v", e)
				}
			})
		})
	}
}

// TestDeadline sends a call with a deadline into faults that last for ever.
func TestDeadline(t *testing.T) {
	for _, f := range []faulthttp.Fault{
		faulthttp.Hang(-1), faulthttp.Hang(30), faulthttp.Trickle(time.Second), faulthttp.Refuse(), faulthttp.Reset(0),
		faulthttp.Status(503, ``), faulthttp.Status(429, ``, "Retry-After", "50"), faulthttp.Status(429, ``, "Retry-After-Ms", "1"),
	} {
		for _, deadline := range []time.Duration{time.Millisecond, 100 * time.Millisecond, 1500 * time.Millisecond, 20 * time.Second} {
			t.Run(fmt.Sprintf("%v/%v", f, deadline), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := faulthttp.New(good, slices.Repeat([]faulthttp.Fault{f}, 99)...)
					defer s.Close()
					ctx, cancel := context.WithTimeout(t.Context(), deadline)
					defer cancel()
					start := time.Now()
					err := client(t, s, func(c *modelserver.Config) { c.Retries = 50 }).Do(ctx, modelhttp.Call{Path: "/x"}, read(new([]int)))
					took := time.Since(start)
					if err == nil || took > deadline+50*time.Millisecond {
						t.Errorf("%v after %v", err, took)
					}
					if ctx.Err() != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%v after the deadline: want an error that wraps the context's", err)
					}
					if ctx.Err() == nil && !errors.As(err, new(*modelserver.Error)) {
						t.Errorf("%v before the deadline: want the server's error", err)
					}
				})
			})
		}
	}
}

// TestErrorThatHangs: an answer that is known to be an error by its beginning is not waited
// for.
func TestErrorThatHangs(t *testing.T) {
	for name, c := range map[string]struct {
		media  string
		status int
		says   string
	}{
		"refusal":      {"application/json", 429, "429 Too Many Requests: slow"},
		"content type": {"text/plain", 200, `content type "text/plain"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := faulthttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", c.media)
					w.WriteHeader(c.status)
					fmt.Fprint(w, "slow")
					_ = http.NewResponseController(w).Flush()
					<-r.Context().Done()
				}))
				defer s.Close()
				start := time.Now()
				err := client(t, s, func(c *modelserver.Config) { c.Retries = -1 }).Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int)))
				var e *modelserver.Error
				if !errors.As(err, &e) || !strings.Contains(err.Error(), c.says) || time.Since(start) > 10*time.Second {
					t.Errorf("%v after %v: want one that says %q", err, time.Since(start), c.says)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := client(t, s, nil).Do(ctx, modelhttp.Call{Path: "/x"}, read(new([]int))); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v: want the caller's deadline", err)
				}
			})
		})
	}
}

// TestHopelessRetry: where the next try would come after the deadline, the call
// does not wait for it.
func TestHopelessRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := faulthttp.New(good, faulthttp.Status(429, `{"error":"busy"}`, "Retry-After", "30"))
		defer s.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		start := time.Now()
		err := client(t, s, nil).Do(ctx, modelhttp.Call{Path: "/x"}, read(new([]int)))
		var e *modelserver.Error
		if !errors.As(err, &e) || e.Status != 429 || e.RetryAfter != 30*time.Second || time.Since(start) > time.Second {
			t.Errorf("%v after %v: want the refusal at once", err, time.Since(start))
		}
	})
}

// TestRetryAfter measures the wait that each form of the header leads to.
func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		name, header, value string
		from, to            time.Duration
	}{
		{"seconds", "Retry-After", "7", 7 * time.Second, 10500 * time.Millisecond},
		{"part of a second", "Retry-After", "1.5", 1500 * time.Millisecond, 2250 * time.Millisecond},
		{"milliseconds", "Retry-After-Ms", "250", 250 * time.Millisecond, 750 * time.Millisecond},
		{"date", "Retry-After", "date", 8 * time.Second, 13500 * time.Millisecond},
		{"past date", "Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT", 250 * time.Millisecond, 750 * time.Millisecond},
		{"zero", "Retry-After", "0", 250 * time.Millisecond, 750 * time.Millisecond},
		{"negative", "Retry-After", "-5", 250 * time.Millisecond, 750 * time.Millisecond},
		{"NaN", "Retry-After", "NaN", 250 * time.Millisecond, 750 * time.Millisecond},
		{"infinity", "Retry-After", "Inf", 250 * time.Millisecond, 750 * time.Millisecond},
		{"words", "Retry-After", "soon", 250 * time.Millisecond, 750 * time.Millisecond},
		{"none", "X-Other", "1", 250 * time.Millisecond, 750 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if c.value == "date" {
					c.value = time.Now().Add(9 * time.Second).UTC().Format(http.TimeFormat)
				}
				s := faulthttp.New(good, faulthttp.Status(503, ``, c.header, c.value))
				defer s.Close()
				start := time.Now()
				err := client(t, s, nil).Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int)))
				if wait := time.Since(start); err != nil || wait < c.from || wait > c.to+time.Millisecond {
					t.Errorf("%v after %v: want success after %v to %v", err, wait, c.from, c.to)
				}
			})
		})
	}
}

// TestBackoffGrows: without word from the server, pauses double, with jitter.
func TestBackoffGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := faulthttp.New(good, slices.Repeat([]faulthttp.Fault{faulthttp.Status(500, ``)}, 9)...)
		defer s.Close()
		start := time.Now()
		err := client(t, s, func(c *modelserver.Config) { c.Retries = 4 }).Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int)))
		// 0.5 + 1 + 2 + 4 seconds, each give or take a half.
		if wait := time.Since(start); err == nil || s.Requests() != 5 || wait < 3750*time.Millisecond || wait > 11300*time.Millisecond {
			t.Errorf("%v, %d requests in %v", err, s.Requests(), wait)
		}
	})
}

// TestKeptIsNotRepeated: once a part of the answer was handed on, there is no
// second try.
func TestKeptIsNotRepeated(t *testing.T) {
	s := faulthttp.New(good, faulthttp.Cut(30))
	defer s.Close()
	err := client(t, s, nil).Do(t.Context(), modelhttp.Call{Path: "/x"}, func(a *modelhttp.Answer) error {
		if _, err := a.Events().Next(); err != nil {
			return err
		}
		a.Keep()
		_, err := a.Events().Next()
		return err
	})
	var e *modelserver.Error
	if !errors.As(err, &e) || !e.Retryable || s.Requests() != 1 {
		t.Errorf("%v after %d requests", err, s.Requests())
	}
}

// TestOwnErrorsArePassedOn: what the reading function returns is not touched, and
// leads to no retry.
func TestOwnErrorsArePassedOn(t *testing.T) {
	s := faulthttp.New(good)
	defer s.Close()
	own := errors.New("own")
	if err := client(t, s, nil).Do(t.Context(), modelhttp.Call{Path: "/x"}, func(*modelhttp.Answer) error { return own }); err != own || s.Requests() != 1 {
		t.Errorf("%v after %d requests", err, s.Requests())
	}
}

func TestCanceled(t *testing.T) {
	cause := errors.New("the cause")
	for name, faults := range map[string][]faulthttp.Fault{
		"in a hang":  {faulthttp.Hang(-1)},
		"in a pause": slices.Repeat([]faulthttp.Fault{faulthttp.Status(503, ``, "Retry-After", "30")}, 9),
		"mid-stream": {faulthttp.Hang(40)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := faulthttp.New(good, faults...)
				defer s.Close()
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(5*time.Second, func() { cancel(cause) })
				start := time.Now()
				err := client(t, s, nil).Do(ctx, modelhttp.Call{Path: "/x"}, read(new([]int)))
				if !errors.Is(err, context.Canceled) || time.Since(start) != 5*time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		})
	}
}

// TestStaleConnection: a connection that a server closed while it was idle costs no
// pause, once; after that a failure is one of the server.
func TestStaleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := faulthttp.New(good)
		defer s.Close()
		c := client(t, s, nil)
		for i, tt := range []struct {
			faults []faulthttp.Fault
			tries  int
			waits  bool
		}{
			{nil, 1, false},
			{[]faulthttp.Fault{faulthttp.Reset(0)}, 2, false},
			{[]faulthttp.Fault{faulthttp.Reset(0), faulthttp.Reset(0)}, 3, true},
			{[]faulthttp.Fault{faulthttp.Status(503, "{}")}, 2, true},
		} {
			s.Next(tt.faults...)
			before, start := s.Requests(), time.Now()
			if err := c.Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int))); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
			if tries, waits := s.Requests()-before, time.Since(start) > 0; tries != tt.tries || waits != tt.waits {
				t.Errorf("call %d: %d tries, waits %v: want %d, %v", i, tries, waits, tt.tries, tt.waits)
			}
		}
	})
}

// timeout fails as a connection that cannot be made in time, and as http.Client.Timeout.
type timeout struct{}

func (timeout) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: late{}}
}

type late struct{}

func (late) Error() string        { return "i/o timeout" }
func (late) Timeout() bool        { return true }
func (late) Temporary() bool      { return true }
func (late) Is(target error) bool { return target == context.DeadlineExceeded }

// TestTimeoutOfAConnection: it is not taken for the deadline of the caller.
func TestTimeoutOfAConnection(t *testing.T) {
	c, err := modelhttp.New(modelserver.Config{URLs: []string{"http://x"}, Client: &http.Client{Transport: timeout{}}, Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int)))
	var e *modelserver.Error
	if !errors.As(err, &e) || !e.Retryable || !strings.Contains(err.Error(), "i/o timeout") || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v: want the server's error, and not one of a context", err)
	}
}

// TestConnections: an answer that was read to its end leaves its connection to
// the next call; the work of one that was broken off ends at the server.
func TestConnections(t *testing.T) {
	var conns atomic.Int64
	ended := make(chan struct{}, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		good(w, r)
		if r.URL.Path == "/endless" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			ended <- struct{}{}
		}
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c, err := modelhttp.New(modelserver.Config{URLs: []string{s.URL}, Client: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := c.Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int))); err != nil {
			t.Fatal(err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("5 calls took %d connections", n)
	}
	leave := func(a *modelhttp.Answer) error {
		_, err := a.Events().Next()
		return err
	}
	if err := c.Do(t.Context(), modelhttp.Call{Path: "/endless"}, leave); err != nil {
		t.Fatal(err)
	}
	<-ended
	// A complete answer is one, though the server does not end it.
	if err := c.Do(t.Context(), modelhttp.Call{Path: "/endless"}, read(new([]int))); err != nil {
		t.Error(err)
	}
	<-ended
}

// TestRequest checks what goes over the wire.
func TestRequest(t *testing.T) {
	s := faulthttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got := fmt.Sprint(r.Method, " ", r.URL, " ", r.Header.Get("Content-Type"), " ", r.Header.Get("Authorization"), " ", r.Header.Get("X-Team"), " ", r.Host, " ", string(body))
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "%q", got)
	}))
	defer s.Close()
	c := client(t, s, func(c *modelserver.Config) {
		c.URLs = []string{faulthttp.URL + "/base/"}
		c.Header = map[string]modelserver.Key{"X-Team": modelserver.NewKey("blue"), "Host": modelserver.NewKey("models.test")}
	})
	for want, call := range map[string]modelhttp.Call{
		"GET /base/v1/models  Bearer " + key + " blue models.test ":                                       {Path: "/v1/models"},
		"POST /base/v1/x application/json Bearer " + key + " blue models.test {\"p\":\"<paragraph>&\"}\n": {Path: "/v1/x", Body: map[string]string{"p": "<paragraph>&"}},
		"GET /base/s?k=3&q=a%26k%3D9%23+%22  Bearer " + key + " blue models.test ":                        {Path: "/s", Query: url.Values{"q": {"a&k=9# \""}, "k": {"3"}}},
	} {
		var got string
		if err := c.JSON(t.Context(), call, &got); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	if err := c.JSON(t.Context(), modelhttp.Call{Body: func() {}}, nil); err == nil {
		t.Error("a body that is no JSON was sent")
	}
}

// TestSecrets: a server that repeats what it was sent does not put it into an
// error.
func TestSecrets(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", r.Header.Get("X-Token"))
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"error":"%s / %s / %s"}`, r.Header.Get("Authorization"), r.Header.Get("X-Token"), strings.TrimPrefix(r.Header.Get("X-Login"), "Basic "))
	})
	s := faulthttp.New(echo)
	defer s.Close()
	c := client(t, s, func(c *modelserver.Config) {
		c.Header = map[string]modelserver.Key{"X-Token": modelserver.NewKey("token-12345678"), "X-Login": modelserver.NewKey("Basic dXNlcjpwYXNz")}
	})
	err := c.Do(t.Context(), modelhttp.Call{Path: "/x", Query: url.Values{"key": {"in-the-query"}}}, read(new([]int)))
	if want := "/x: 403 Forbidden: Bearer [key] / [key] / [key] (request [key])"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v: want %q at the end", err, want)
	}
}

// TestSecretsThatOverlap: of two secrets that begin the same way, none is left over in part.
func TestSecretsThatOverlap(t *testing.T) {
	s := faulthttp.New(good, slices.Repeat([]faulthttp.Fault{faulthttp.Status(403, `{"error":"token-12345678-more \u009b1m"}`)}, 50)...)
	defer s.Close()
	for range 50 { // the order of headers is that of a map
		c := client(t, s, func(c *modelserver.Config) {
			c.Header = map[string]modelserver.Key{"X-A": modelserver.NewKey("token-12345678"), "X-B": modelserver.NewKey("token-12345678-more")}
		})
		err := c.Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int)))
		if want := "/x: 403 Forbidden: [key] 1m"; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Fatalf("%q: want %q at the end", err, want)
		}
	}
}

// echoing is a transport whose errors repeat what was sent, as that of package http does
// with the status line of a server that does so.
type echoing struct{}

func (echoing) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "read", Err: fmt.Errorf("malformed HTTP status %q", r.Header.Get("Authorization")+" "+r.Header.Get("X-Token"))}
}

// TestSecretsInCauses: neither an error nor anything within it shows a key, and no verb
// shows those of a client.
func TestSecretsInCauses(t *testing.T) {
	c, err := modelhttp.New(modelserver.Config{
		URLs: []string{"http://h"}, Client: &http.Client{Transport: echoing{}}, Retries: -1,
		APIKey: modelserver.NewKey("key-12345678"), Header: map[string]modelserver.Key{"X-Token": modelserver.NewKey("token-12345678")},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := c.Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int)))
	if got == nil || !strings.Contains(got.Error(), "malformed HTTP status") {
		t.Fatalf("error %v", got)
	}
	seen := fmt.Sprintf("%+v %#v", c, struct{ c *modelhttp.Client }{c})
	for err := got; err != nil; err = errors.Unwrap(err) {
		seen += fmt.Sprintf("%v %+v %#v", err, err, err)
	}
	if strings.Contains(seen, "12345678") {
		t.Errorf("a secret is shown: %s", seen)
	}
}

func TestRefusedIsRefused(t *testing.T) {
	s := faulthttp.New(good, faulthttp.Refuse())
	defer s.Close()
	err := client(t, s, func(c *modelserver.Config) { c.Retries = -1 }).Do(t.Context(), modelhttp.Call{}, read(new([]int)))
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v: want the cause to be reachable", err)
	}
}

// TestPermanentErrorOfTheLastTry: it is the error itself, and nothing is said of a
// context that is not done.
func TestPermanentErrorOfTheLastTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := faulthttp.New(good, faulthttp.Status(500, ``), faulthttp.Status(400, `{"error":"bad"}`))
		defer s.Close()
		c := client(t, s, func(c *modelserver.Config) { c.Retries = 1 })
		err := c.Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int)))
		if e, ok := err.(*modelserver.Error); !ok || e.Status != 400 || e.Tries != 2 {
			t.Errorf("%v: want the refusal with status 400 after two tries", err)
		}
	})
}
