package modelhttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/modelserver"
)

// TestErrorAnywhere: an error is found wherever it is in an answer, and is none where
// the answer says that there is none or where its name is a token or belongs to the user.
func TestErrorAnywhere(t *testing.T) {
	for _, c := range []struct {
		body   string
		says   string // "" if it is no error
		status int
		again  bool
	}{
		{`{"id":"x","error":{"code":503,"message":"busy"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}`, "busy", 503, true},
		{`{"id":"x","choices":[],"error":{"code":400,"message":"bad"}}`, "bad", 400, false},
		{`{"id":"x","choices":[{"delta":{"content":""},"error":{"code":502,"message":"upstream"}}]}`, "upstream", 502, true},
		{`{"id":"x","choices":[{"message":{"content":"","error":{"code":"429","message":"slow down"}}}]}`, "slow down", 429, true},
		{`{"choices":[{"text":"a"}],"error":"out of memory"}`, "out of memory", 0, false},
		{`{"choices":[{"text":"a"}],"status":503,"error":"loading"}`, "loading", 503, true},
		{`{"code":503,"choices":[{"error":"loading"}]}`, "loading", 503, true},
		{`{"error":{"error":{"message":"deep","code":500}}}`, "deep", 500, true},
		{`{"response":{"status":"failed","error":{"code":"server_error","message":"oops"}},"type":"response.failed"}`, "oops", 0, true},
		{`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, "Overloaded", 0, true},
		{`{"message":"too long","object":"error","code":400}`, "too long", 400, false},
		{`{"message":"no slot","code":503}`, "no slot", 503, true},
		{`{"data":null,"errors":[{"message":"first"},{"message":"second"}]}`, "first", 0, false},
		{`{"error":true,"message":"failed","code":500}`, "failed", 500, true},
		{`{"error":[{"message":"listed","code":404}]}`, "listed", 404, false},
		{`{"id":1,"error":{"reason":"other words"}}`, "other words", 0, false},

		{`{"error":null,"choices":[{"text":"a"}]}`, "", 0, false},
		{`{"choices":[{"text":"a","error":null}],"error":{"code":0,"message":""}}`, "", 0, false},
		{`{"choices":[{"text":"\"error\":{\"code\":500}"}],"errors":[]}`, "", 0, false},
		{`{"choices":[{"text":" error","logprobs":{"top_logprobs":[{"error":-0.5,"code":-1}]}}]}`, "", 0, false},
		{`{"choices":[{"finish_reason":"tool_calls","delta":{"tool_calls":[{"function":{"arguments":{"error":"x"}}}]}}]}`, "", 0, false},
		{`{"results":[{"index":0,"document":{"error":"disk full"}}]}`, "", 0, false},
		{`{"choices":[{"text":"error"}],"code":200,"message":"ok"}`, "", 0, false},
		{`"error"`, "", 0, false}, {`{"error":`, "", 0, false}, {`["error"]`, "", 0, false},
	} {
		for form, try := range map[string]func() error{
			"stream": func() error { _, err := all(t, strings.NewReader("data: "+c.body+"\n\n"), sse); return err },
			"lines":  func() error { _, err := all(t, strings.NewReader(c.body+"\n"), ndjson); return err },
			"whole":  func() error { return whole(t, c.body) },
		} {
			err := try()
			if c.says == "" {
				if err != nil && json.Valid([]byte(c.body)) {
					t.Errorf("%s of %s: %v", form, c.body, err)
				}
				continue
			}
			var e *modelserver.Error
			if !errors.As(err, &e) || !strings.Contains(e.Message, c.says) || e.Status != c.status || e.Retryable != c.again {
				t.Errorf("%s of %s: %+v (%v): want %q, %d, retryable %t", form, c.body, e, err, c.says, c.status, c.again)
			}
		}
	}
	// Of a long event the middle is not searched.
	long := `"choices":[{"text":"a","logprobs":{"top_logprobs":[{` + strings.Repeat(`"x error":-1,`, 500) + `"y":-2}]}}]`
	for _, body := range []string{`{"error":{"code":503,"message":"busy"},` + long + `}`, `{` + long + `,"error":{"code":503,"message":"busy"}}`} {
		_, err := all(t, strings.NewReader("data: "+body+"\n\n"), sse)
		if e := (*modelserver.Error)(nil); !errors.As(err, &e) || e.Message != "busy" || e.Status != 503 {
			t.Errorf("%.40s: %v", body, err)
		}
	}
	// What is inside the answer of a search belongs to its documents.
	err := ask(t, http.Header{}, strings.NewReader(`{"hits":[{"error":{"message":"a log"}}]}`), 0, func(a *Answer) error {
		data, err := a.Body()
		if err == nil {
			err = a.Reported(data, false)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// ask makes a call that has body as its answer.
func ask(t testing.TB, header http.Header, body io.Reader, limit int64, read func(*Answer) error) error {
	t.Helper()
	c, err := New(modelserver.Config{URLs: []string{"http://x"}, Retries: -1, Client: &http.Client{
		Transport: transport(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: header, Body: io.NopCloser(body)}, nil
		}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(t.Context(), Call{Limit: limit}, read)
}

func whole(t testing.TB, body string) error {
	return ask(t, http.Header{}, strings.NewReader(body), 0, func(a *Answer) error {
		var raw json.RawMessage
		return a.JSON(&raw)
	})
}

// TestKeepAlive: what only keeps a connection alive is no event, in any of its forms.
func TestKeepAlive(t *testing.T) {
	for _, nothing := range []string{
		": keep-alive\n\n", ":\n\n", "data: : ping\n\n", "data::ping\n\n", "data: : OPENROUTER PROCESSING\n", "data:\n\n", "data: \n\n", "data\n\n", "data:   \n",
		"event: ping\ndata: {}\n\n", "event: keep-alive\ndata: x\n\n", "event: Heartbeat\ndata: 1\n\n", "id: 7\n\n", "retry: 10\n\n", "\n\n",
	} {
		body := nothing + "data:{\"a\":1}\n" + "\n" + nothing + "event: message\ndata: {\"a\":2}\n\n" + nothing + "data:[DONE]"
		got, err := all(t, strings.NewReader(body), sse)
		if err != nil || strings.Join(got, " ") != `{"a":1} {"a":2}` {
			t.Errorf("%q: %q, %v", nothing, got, err)
		}
	}
	if got, err := all(t, strings.NewReader(": ping\n\n{\"a\":1}\n \n:\n{\"a\":2}\n"), ndjson); err != nil || len(got) != 2 {
		t.Errorf("lines: %q, %v", got, err)
	}
}

// TestLimit: an answer is bounded by what its request allows for, decompressed, and what
// was read of it is not held.
func TestLimit(t *testing.T) {
	var zip bytes.Buffer
	w := gzip.NewWriter(&zip)
	for range 80 {
		_, _ = w.Write(bytes.Repeat([]byte(" "), 1<<20))
	}
	_ = w.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(zip.Bytes())
	}))
	defer s.Close()
	c, err := New(modelserver.Config{URLs: []string{s.URL}, Client: s.Client()})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, limit := range []int64{1 << 20, 0, 1 << 40} {
		err := c.JSON(t.Context(), Call{Path: "/x", Limit: limit}, new(any))
		var e *modelserver.Error
		var l *modelserver.LimitError
		if !errors.As(err, &e) || !errors.As(err, &l) || e.Retryable || e.Tries != 1 || l.What != "the answer" || limit == 1<<20 && l.Bytes != limit || l.Bytes > wholeLimit {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 8*wholeLimit {
		t.Errorf("%d bytes were allocated", after.TotalAlloc-before.TotalAlloc)
	}
}

// TestChunks: parsing a large part of an answer looks at the context.
func TestChunks(t *testing.T) {
	c, err := New(modelserver.Config{URLs: []string{"http://x"}, Client: &http.Client{
		Transport: transport(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("1"))}, nil
		}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = c.Do(ctx, Call{}, func(a *Answer) error {
		if a.Chunks(make([]byte, chunk)) != nil {
			t.Error("a small part is read in chunks")
		}
		r := a.Chunks(make([]byte, 3*chunk))
		if _, err := io.ReadFull(r, make([]byte, chunk)); err != nil {
			t.Error(err)
		}
		cancel()
		_, err := r.Read(make([]byte, 1))
		return a.Malformed(err)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v: want the error of the context", err)
	}
}
