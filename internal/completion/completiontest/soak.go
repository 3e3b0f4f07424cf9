package completiontest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/generator/generatortest/faulthttp"
	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Soak asks many questions at once at a server that breaks one answer in a hundred,
// in all ways that may pass. A question may be lost only if one call failed in
// every try. It reports the lost questions, the times, and the heap in use. Times
// are those of the clock of the synctest bubble, which only advances while all
// wait.
func Soak[M generator.Generator](t *testing.T, stub http.Handler, open func(completions.Config) (M, error)) {
	questions := testsize.Of(200, 1000)
	kinds := []faulthttp.Fault{
		faulthttp.Reset(0), faulthttp.Reset(1), faulthttp.Reset(900), faulthttp.Cut(0), faulthttp.Cut(900), faulthttp.Cut(-20), faulthttp.Hang(900),
		faulthttp.Status(500, ``), faulthttp.Status(503, `{"error":"busy"}`, "Retry-After", "1"), faulthttp.Status(429, ``, "Retry-After-Ms", "300"),
		faulthttp.Status(200, `{"id":"x","error":{"code":503,"message":"busy"},"choices":[]}`),
	}
	random := rand.New(rand.NewPCG(17, 8))
	faults := make([]faulthttp.Fault, 100*questions)
	for i := range faults {
		if random.IntN(100) == 0 {
			faults[i] = kinds[random.IntN(len(kinds))]
		}
	}
	synctest.Test(t, func(t *testing.T) {
		var heap, requests atomic.Uint64
		sample := func() {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			for old := heap.Load(); m.HeapAlloc > old && !heap.CompareAndSwap(old, m.HeapAlloc); old = heap.Load() {
			}
		}
		s := faulthttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if requests.Add(1)%500 == 0 {
				sample()
			}
			stub.ServeHTTP(w, r)
		}))
		defer s.Close()
		m, err := open(completions.Config{Server: modelserver.Config{URLs: []string{faulthttp.URL}, Client: s.Client(), Model: "tiny", Timeout: 30 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := generator.Describe(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		from, _ := passagesOf(t, "")
		engine, err := selfrag.New(m, from, selfrag.WithK(3), selfrag.WithMaxTokens(12))
		if err != nil {
			t.Fatal(err)
		}
		want, err := engine.Answer(t.Context(), asked)
		if err != nil {
			t.Fatal(err)
		}
		s.Next(faults...)
		before := s.Requests()
		var mu sync.Mutex
		var took []time.Duration
		lost, tried := 0, 0
		var g sync.WaitGroup
		for range questions {
			g.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				start := time.Now()
				got, err := engine.Answer(ctx, asked)
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(start))
				var e *modelserver.Error
				switch {
				case err == nil && got.Text != want.Text:
					t.Errorf("%q: want %q", got.Text, want.Text)
				case errors.As(err, &e) && e.Tries == 3:
					tried++
				case err != nil:
					lost++
					t.Errorf("lost: %v", err)
				}
			})
		}
		g.Wait()
		sample()
		slices.Sort(took)
		t.Logf("%d questions at once, %d requests: %d lost, %d failed in each try; p50 %v, p99 %v; heap %d MiB",
			questions, s.Requests()-before, lost, tried, took[len(took)/2], took[len(took)*99/100], heap.Load()>>20)
		if tried > questions/100 {
			t.Errorf("%d of %d questions lost in every try", tried, questions)
		}
	})
}
