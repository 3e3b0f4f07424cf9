package completiontest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// Benchmark measures the client's cost of a stream of 300 tokens with 20
// alternatives each, over loopback, for a segment with watched groups and with all
// alternatives reported. It reports nanoseconds per token, and two ratios: to
// reading the same bytes over the same connection with io.Copy, and to decoding the
// same events from memory with encoding/json, once, into T.
//
// The answers are recorded from a stub, so that the server costs nothing.
func Benchmark[T any, M generator.Generator](b *testing.B, stub http.Handler, open func(completions.Config) (M, error)) {
	for name, alternatives := range map[string]int{"watched": 0, "alternatives": 20} {
		b.Run(name, func(b *testing.B) {
			const tokens = 300
			req := Request()
			req.Prompt.Instruction += " Tell " + Long + "."
			req.MaxTokens, req.Alternatives = tokens, alternatives
			tape := &tape{stub: stub, answers: make(map[string]recorded)}
			s := httptest.NewServer(tape)
			defer s.Close()
			m, err := open(completions.Config{Server: modelserver.Config{URLs: []string{s.URL}, Client: s.Client(), Model: "tiny"}})
			if err != nil {
				b.Fatal(err)
			}
			ask := func() {
				c, err := generator.Complete(b.Context(), m, req)
				if err != nil || len(c.Steps) != tokens {
					b.Fatalf("%d steps, %v", len(c.Steps), err)
				}
				if d, ok := c.Steps[0].Group(reflection.IsREL); !ok || d.Prob(reflection.Relevant).Known == reflection.Unknown || len(c.Steps[9].Top) < alternatives/2 {
					b.Fatalf("step %+v", c.Steps[0])
				}
			}
			ask()
			last := tape.latest
			body := tape.answers[last].body
			var copying, decoding, asking time.Duration
			for b.Loop() {
				start := time.Now()
				resp, err := s.Client().Get(s.URL + "/" + tapePrefix)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				copied := time.Now()
				for _, e := range bytes.Split(body, []byte("\n")) {
					e = bytes.TrimPrefix(e, []byte("data: "))
					if len(e) > 0 && e[0] == '{' {
						if err := json.Unmarshal(e, new(T)); err != nil {
							b.Fatal(err)
						}
					}
				}
				decoded := time.Now()
				ask()
				copying, decoding, asking = copying+copied.Sub(start), decoding+decoded.Sub(copied), asking+time.Since(decoded)
			}
			n := float64(b.N * tokens)
			b.ReportMetric(float64(asking)/n, "ns/token")
			b.ReportMetric(float64(len(body))/tokens, "B/token")
			b.ReportMetric(float64(asking)/float64(copying), "x-io.Copy")
			b.ReportMetric(float64(asking)/float64(decoding), "x-json")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// tape replays the recorded answers of a stub.
type tape struct {
	stub    http.Handler
	answers map[string]recorded
	latest  string
}

type recorded struct {
	header http.Header
	body   []byte
}

const tapePrefix = "tape/"

// ServeHTTP implements [http.Handler].
func (t *tape) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key := r.URL.Path[1:] + string(body)
	if key == tapePrefix {
		key = t.latest
	}
	a, ok := t.answers[key]
	if !ok {
		rec := httptest.NewRecorder()
		r.Body = io.NopCloser(bytes.NewReader(body))
		t.stub.ServeHTTP(rec, r)
		a = recorded{rec.Header(), rec.Body.Bytes()}
		t.answers[key], t.latest = a, key
	}
	w.Header().Set("Content-Type", a.header.Get("Content-Type"))
	_, _ = w.Write(a.body)
}
