package completiontest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/modelserver"
)

// Exchange is a request and its answer in the wire format.
type Exchange struct {
	Path string
	// Body is the expected JSON; empty if it does not matter.
	Body string
	// Answer is the answer: events, lines or one JSON value.
	Answer string
}

// Exchanges returns a server that expects exactly these requests, in this order.
func Exchanges(t *testing.T, list ...Exchange) *httptest.Server {
	next := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || next >= len(list) {
			t.Errorf("request %d, %s %s (%v): want %d requests", next, r.URL.Path, body, err, len(list))
			w.WriteHeader(http.StatusTeapot)
			return
		}
		e := list[next]
		next++
		if r.URL.Path != e.Path {
			t.Errorf("request %d is %s: want %s", next, r.URL.Path, e.Path)
		}
		if e.Body != "" {
			if d := cmp.Diff(value(t, e.Body), value(t, string(body))); d != "" {
				t.Errorf("request %d to %s: %s", next, r.URL.Path, d)
			}
		}
		media := "application/json"
		switch answer := strings.TrimSpace(e.Answer); {
		case strings.HasPrefix(answer, "data:"), strings.HasPrefix(answer, "error:"), strings.HasPrefix(answer, ":"):
			media = "text/event-stream"
		case strings.Contains(answer, "}\n{"):
			media = "application/x-ndjson"
		}
		w.Header().Set("Content-Type", media)
		_, _ = io.WriteString(w, e.Answer)
	}))
	t.Cleanup(func() {
		s.Close()
		if next != len(list) {
			t.Errorf("%d requests came: want %d", next, len(list))
		}
	})
	return s
}

// Talk returns a model at a server that expects exactly these requests. The model
// retries none.
func Talk[M generator.Generator](t *testing.T, open func(completions.Config) (M, error), model string, list ...Exchange) M {
	t.Helper()
	s := Exchanges(t, list...)
	m, err := open(completions.Config{Server: modelserver.Config{URLs: []string{s.URL}, Model: model, Client: s.Client(), Retries: -1}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func value(t *testing.T, s string) any {
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Errorf("%v in %s", err, s)
	}
	return v
}

// Names is the JSON array of the ids of all control tokens, in their order.
const Names = "[300,301,302,303,304,305,306,307,308,309,310,311,312,313,314]"
