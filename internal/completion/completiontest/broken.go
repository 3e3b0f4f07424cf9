package completiontest

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/generator/generatortest/faulthttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/observe"
)

// broken breaks answers off at many places. The reader gets each step once, as if
// nothing had happened, and the trace says that it was generated again. If the
// model then gives another text, there is an error, and nothing of the other
// continuation is passed on.
func broken[M generator.Generator](t *testing.T, stub http.Handler, open func(completions.Config) (M, error)) {
	req := Request()
	req.MaxTokens = 12
	for _, noProbs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			start := func(h http.Handler) (*faulthttp.Server, generator.Generator) {
				s := faulthttp.New(h)
				m, err := open(completions.Config{NoProbs: noProbs, Server: modelserver.Config{URLs: []string{faulthttp.URL}, Client: s.Client(), Model: "tiny"}})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := generator.Complete(t.Context(), m, req); err != nil {
					t.Fatal(err)
				}
				return s, m
			}
			s, m := start(stub)
			defer s.Close()
			want, err := generator.Complete(t.Context(), m, req)
			if err != nil {
				t.Fatal(err)
			}
			regenerated := 0
			for n := 0; n < 12_000; n += 97 {
				for _, f := range []faulthttp.Fault{faulthttp.Cut(n), faulthttp.Reset(n)} {
					s.Next(f)
					recorder := &observe.Recorder{}
					got, err := generator.Complete(observe.With(t.Context(), recorder), m, req)
					if steps := recorder.Steps(); len(steps) == 1 && slices.Contains(steps[0].Texts, "the answer broke off and was generated again") {
						regenerated++
					}
					got.Usage = want.Usage // that of the broken answer is unknown
					if d := cmp.Diff(want, got); d != "" || err != nil {
						t.Fatalf("%v: %v %s", f, err, d)
					}
					time.Sleep(time.Minute) // for the budget of retries
				}
			}
			if regenerated == 0 {
				t.Error("no trace says that an answer was generated again")
			}

			// The first answer is cut and every other one changed: the earlier text
			// does not come again.
			calls := -1 << 20
			other, m2 := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				stub.ServeHTTP(rec, r)
				body := rec.Body.Bytes()
				switch calls++; {
				case calls == 1:
					body = body[:len(body)*2/3]
				case calls > 1:
					for _, w := range []string{"planet", "near", "sun", "The"} {
						body = bytes.ReplaceAll(body, []byte(w), []byte("moon"))
					}
				}
				w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
				_, _ = w.Write(body)
			}))
			defer other.Close()
			calls = 0
			var e *modelserver.Error
			got, err := generator.Complete(t.Context(), m2, req)
			if !errors.As(err, &e) || !e.Retryable || len(got.Steps) == 0 || bytes.Contains([]byte(got.Text()), []byte("moon")) {
				t.Errorf("another continuation: %q, %v", got.Text(), err)
			}
		})
	}
}
