package completiontest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/modelserver"
)

// Fuzz feeds a model arbitrary bytes as an answer at path; the stub answers
// everything else. The result must keep the contract or be an error, and must be
// the same if the bytes arrive one by one.
func Fuzz[M generator.Generator](f *testing.F, stub http.Handler, path string, open func(completions.Config) (M, error)) {
	var (
		body   []byte // the answer
		header http.Header
		slow   bool
		record = true
	)
	client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path != path || record {
			rec := httptest.NewRecorder()
			stub.ServeHTTP(rec, r)
			body, header = bytes.Clone(rec.Body.Bytes()), rec.Header()
			return rec.Result(), nil
		}
		var reader io.Reader = bytes.NewReader(body)
		if slow {
			reader = iotest.OneByteReader(reader)
		}
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(reader)}, nil
	})}
	m, err := open(completions.Config{Server: modelserver.Config{URLs: []string{"http://stub"}, Client: client, Model: "tiny", Retries: -1}})
	if err != nil {
		f.Fatal(err)
	}
	req := Request()
	req.Alternatives = 3
	if _, err := generator.Complete(f.Context(), m, req); err != nil {
		f.Fatal(err)
	}
	record = false
	good := body
	f.Add(body)
	f.Add(body[:len(body)/2])
	f.Add(bytes.ReplaceAll(body, []byte("-"), []byte("")))
	f.Add([]byte("error: {\"code\":500,\"message\":\"x\"}\n\n"))
	f.Add([]byte("data: {}\n\ndata: [DONE]\n\n{\"done\":true,\"done_reason\":\"stop\"}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ask := func(bytewise bool) (generator.Completion, error) {
			body, slow = b, bytewise
			return generator.Complete(t.Context(), m, req)
		}
		fast, err := ask(false)
		var broken *generator.ProtocolError
		if errors.As(err, &broken) || errors.Is(err, generator.ErrIncomplete) {
			t.Fatalf("the contract is broken: %v", err)
		}
		again, err2 := ask(true)
		if (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Fatalf("%v, but byte by byte %v", err, err2)
		}
		var failed *modelserver.Error
		if errors.As(err, &failed) && failed.Retryable { // so that the client does not pause requests to the server
			body = good
			if _, err := generator.Complete(t.Context(), m, req); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(fast, again); d != "" {
			t.Fatalf("byte by byte: %s", d)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
