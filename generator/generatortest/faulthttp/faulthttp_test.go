package faulthttp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator/generatortest/faulthttp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const body = "data: {\"t\":\"a\",\"p\":-0.5,\"top\":[[-0.5,1],[-1.5,2],[-2.5,3]]}\n\ndata: {\"m\":{\"a\":-0.5,\"b\":-1.25,\"c\":-3.5},\"n\":2}\n\ndata: [DONE]\n\n"

var good = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, body)
})

// get returns what a client sees: status, body, and the error that ended it.
func get(ctx context.Context, client *http.Client, url string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		return nil, "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

// TestBodies checks what each fault does to a body.
func TestBodies(t *testing.T) {
	for _, c := range []struct {
		fault faulthttp.Fault
		want  string
	}{
		{faulthttp.Fault{}, body},
		{faulthttp.Split(), body},
		{faulthttp.Trickle(time.Minute), body},
		{faulthttp.Cut(0), ""},
		{faulthttp.Cut(6), "data: "},
		{faulthttp.Cut(-2), strings.TrimSuffix(body, "\n\n")},
		{faulthttp.Cut(1e6), body},
		{faulthttp.HugeLine(70_000), "data: " + strings.Repeat("x", 70_000) + "\n\n" + body},
		{faulthttp.Status(418, `{"a":1}`), `{"a":1}`},
		{faulthttp.ContentType("text/html"), body},
		{faulthttp.NaN(), "data: {\"p\":NaN,\"t\":\"a\",\"top\":[[NaN,1],[NaN,2],[NaN,3]]}\n\ndata: {\"m\":{\"a\":NaN,\"b\":NaN,\"c\":NaN},\"n\":2}\n\ndata: [DONE]\n\n"},
		{faulthttp.Null(), "data: {\"p\":null,\"t\":\"a\",\"top\":[[null,1],[null,2],[null,3]]}\n\ndata: {\"m\":{\"a\":null,\"b\":null,\"c\":null},\"n\":2}\n\ndata: [DONE]\n\n"},
		{faulthttp.Positive(), strings.ReplaceAll("data: {\"p\":0.5,\"t\":\"a\",\"top\":[[0.5,1],[1.5,2],[2.5,3]]}\n\ndata: {\"m\":{\"a\":-0.5,\"b\":-1.25,\"c\":-3.5},\"n\":2}\n\ndata: [DONE]\n\n", "-", "")},
		{faulthttp.Missing(), "data: {\"p\":-0.5,\"t\":\"a\",\"top\":[[-0.5,1],[-1.5,2]]}\n\ndata: {\"m\":{\"a\":-0.5,\"b\":-1.25},\"n\":2}\n\ndata: [DONE]\n\n"},
		{faulthttp.Reversed(), "data: {\"p\":-0.5,\"t\":\"a\",\"top\":[[-2.5,3],[-1.5,2],[-0.5,1]]}\n\ndata: {\"m\":{\"c\":-3.5,\"b\":-1.25,\"a\":-0.5},\"n\":2}\n\ndata: [DONE]\n\n"},
		{faulthttp.Swapped(), "data: {\"m\":{\"a\":-0.5,\"b\":-1.25,\"c\":-3.5},\"n\":2}\n\ndata: {\"t\":\"a\",\"p\":-0.5,\"top\":[[-0.5,1],[-1.5,2],[-2.5,3]]}\n\ndata: [DONE]\n\n"},
		{faulthttp.Edited("gone", func(any) any { return nil }), "data: null\n\ndata: null\n\ndata: [DONE]\n\n"},
	} {
		t.Run(c.fault.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := faulthttp.New(good, c.fault)
				defer s.Close()
				for i, want := range []string{c.want, body} { // once, then well again
					_, got, err := get(t.Context(), s.Client(), faulthttp.URL)
					if err != nil || got != want {
						t.Errorf("answer %d: %.300q, %v; want %.300q", i, got, err, want)
					}
				}
				if s.Requests() != 2 {
					t.Errorf("%d requests were counted: want 2", s.Requests())
				}
			})
		})
	}
}

// TestConnections checks the faults that end a connection, or do not.
func TestConnections(t *testing.T) {
	for _, c := range []struct {
		fault faulthttp.Fault
		got   int // bytes of the body
		want  error
	}{
		{faulthttp.Refuse(), 0, syscall.ECONNREFUSED},
		{faulthttp.Reset(0), 0, syscall.ECONNRESET},
		{faulthttp.Reset(7), 7, syscall.ECONNRESET},
		{faulthttp.Hang(-1), 0, context.DeadlineExceeded},
		{faulthttp.Hang(7), 7, context.DeadlineExceeded},
	} {
		t.Run(c.fault.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := faulthttp.New(good)
				defer s.Close()
				s.Next(c.fault)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				_, got, err := get(ctx, s.Client(), faulthttp.URL)
				if !errors.Is(err, c.want) || got != body[:c.got] {
					t.Errorf("%q, %v; want %q, %v", got, err, body[:c.got], c.want)
				}
			})
		})
	}
}

// TestSockets uses the server as a handler.
func TestSockets(t *testing.T) {
	s := faulthttp.New(good, faulthttp.Status(503, "", "Retry-After", "5", "X-Team", "blue"), faulthttp.Reset(5), faulthttp.Cut(3))
	defer s.Close()
	h := httptest.NewServer(s)
	defer h.Close()
	resp, _, err := get(t.Context(), h.Client(), h.URL)
	if err != nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "5" || resp.Header.Get("X-Team") != "blue" {
		t.Errorf("%+v, %v", resp, err)
	}
	if _, _, err := get(t.Context(), h.Client(), h.URL); err == nil {
		t.Error("a connection was reset and nobody noticed")
	}
	if _, got, err := get(t.Context(), h.Client(), h.URL); err != nil || !bytes.HasPrefix([]byte(body), []byte(got)) || len(got) != 3 {
		t.Errorf("%q, %v", got, err)
	}
}

// A client under test meets a server that is busy at first.
func Example() {
	good := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	server := faulthttp.New(good, faulthttp.Status(503, `{"error":"loading"}`, "Retry-After", "1"))
	defer server.Close()
	for range 2 {
		resp, err := server.Client().Get(faulthttp.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Println(resp.StatusCode, string(b))
	}
	// Output:
	// 503 {"error":"loading"}
	// 200 hello
}
