package modelhttp_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goselfrag/goselfrag/generator/generatortest/faulthttp"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
)

// TestRetryAfterOfEachServer: a call waits as long as the server asks whose turn it is, and
// not as long as another one does.
func TestRetryAfterOfEachServer(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second string // Retry-After of the servers, in the order of the calls
		from, to      time.Duration
		tries         int
	}{
		{name: "the next one sooner", second: "30", first: "3", from: 3 * time.Second, to: 6 * time.Second, tries: 3},
		{name: "the next one later", second: "", first: "20", from: 20 * time.Second, to: 28 * time.Second, tries: 3},
		{name: "the other one for long", second: "3600", first: "3", from: 3 * time.Second, to: 6 * time.Second, tries: 3},
		{name: "only the other one", second: "20", first: "", from: 250 * time.Millisecond, to: 750 * time.Millisecond, tries: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := faulthttp.New(good, faulthttp.Status(503, ``, "Retry-After", c.first), faulthttp.Status(503, ``, "Retry-After", c.second))
				defer s.Close()
				cl := client(t, s, func(c *modelserver.Config) { c.URLs = []string{"http://a.test", "http://b.test"} })
				start := time.Now()
				err := cl.Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int)))
				if took := time.Since(start); err != nil || s.Requests() != c.tries || took < c.from || took > c.to+time.Millisecond {
					t.Errorf("%v after %v and %d tries: want success after %v to %v and %d", err, took, s.Requests(), c.from, c.to, c.tries)
				}
			})
		})
	}
}

// TestFailover: a call goes to the next server at once, and a server that keeps
// failing is left alone until a single call finds it back.
func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		hosts := map[string]int{}
		broken := true
		s := faulthttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			hosts[r.Host]++
			fail := broken && r.Host == "b.test"
			mu.Unlock()
			if fail {
				w.WriteHeader(503)
				return
			}
			good(w, r)
		}))
		defer s.Close()
		c := client(t, s, func(c *modelserver.Config) { c.URLs = []string{"http://a.test/", "http://b.test"} })
		run := func(calls int) map[string]int {
			mu.Lock()
			clear(hosts)
			mu.Unlock()
			start := time.Now()
			for range calls {
				if err := c.Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int))); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(start); took > 0 {
				t.Errorf("%d calls took %v: want failover at once", calls, took)
			}
			mu.Lock()
			defer mu.Unlock()
			return map[string]int{"a": hosts["a.test"], "b": hosts["b.test"]}
		}
		if got := run(20); got["b"] != 5 || got["a"] != 20 {
			t.Errorf("with a broken server: %v: want five failures before it is left alone", got)
		}
		if got := run(20); got["b"] != 0 {
			t.Errorf("while it is left alone it got %d calls", got["b"])
		}
		time.Sleep(11 * time.Second)
		if got := run(20); got["b"] != 1 {
			t.Errorf("after the pause it got %d calls: want one to try it", got["b"])
		}
		time.Sleep(11 * time.Second)
		mu.Lock()
		broken = false
		mu.Unlock()
		if got := run(20); got["b"] != 10 || got["a"] != 10 {
			t.Errorf("when it is back: %v: want the calls spread evenly", got)
		}
		affine := map[string]int{}
		for range 6 {
			if err := c.Do(t.Context(), modelhttp.Call{Path: "/x", Affinity: 3}, read(new([]int))); err != nil {
				t.Fatal(err)
			}
		}
		mu.Lock()
		for h, n := range hosts {
			affine[h] = n
		}
		mu.Unlock()
		if affine["b.test"] != 16 || affine["a.test"] != 10 {
			t.Errorf("calls with one affinity went to %v", affine)
		}
	})
}

// TestAllLeftAlone: when every server is left alone, a call waits for its turn
// like for any other failure, and the error says what is the matter.
func TestAllLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := faulthttp.New(good, slices.Repeat([]faulthttp.Fault{faulthttp.Status(500, ``)}, 99)...)
		defer s.Close()
		c := client(t, s, func(c *modelserver.Config) { c.URLs = []string{"http://a.test", "http://b.test"} })
		var err error
		for range 6 {
			err = c.Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int)))
		}
		if before := s.Requests(); before != 10 {
			t.Errorf("%d requests: want five to each of two servers", before)
		}
		var e *modelserver.Error
		if !errors.As(err, &e) || !e.Retryable || !strings.Contains(err.Error(), "all 2 servers failed lately") {
			t.Errorf("%v", err)
		}
	})
}

// TestNoFaultOfTheServer: a server is not left alone for what its readers say of its
// answers, nor for deadlines that end them.
func TestNoFaultOfTheServer(t *testing.T) {
	own := errors.New("an unfit model")
	for name, c := range map[string]struct {
		read func(*modelhttp.Answer) error
		want error
	}{
		"displeased": {func(*modelhttp.Answer) error { return own }, own},
		"deadline": {func(a *modelhttp.Answer) error {
			for {
				if _, err := a.Events().Next(); err != nil {
					return err
				}
				a.Keep()
			}
		}, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := faulthttp.New(good, slices.Repeat([]faulthttp.Fault{faulthttp.Hang(40)}, 99)...)
				defer s.Close()
				cl := client(t, s, func(c *modelserver.Config) { c.URLs = []string{"http://a.test", "http://b.test"} })
				for i := range 20 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					if err := cl.Do(ctx, modelhttp.Call{Path: "/x"}, c.read); !errors.Is(err, c.want) {
						t.Fatalf("call %d: %v, want %v", i, err, c.want)
					}
					cancel()
				}
				if n := s.Requests(); n != 20 {
					t.Errorf("%d requests for 20 calls", n)
				}
			})
		})
	}
}

// TestSoleServer: a server that has no other beside it is left alone, too, when it keeps
// failing. One call at a time finds out whether it is back, also if that hangs, and one
// that only asks to be asked later is not left alone.
func TestSoleServer(t *testing.T) {
	ask := func(c *modelhttp.Client, ctx context.Context) error {
		return c.Do(ctx, modelhttp.Call{Path: "/x"}, read(new([]int)))
	}
	once := func(c *modelserver.Config) { c.Retries = -1 }
	t.Run("failing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			faults := append(slices.Repeat([]faulthttp.Fault{faulthttp.Status(500, ``)}, 10), faulthttp.Status(500, ``), faulthttp.Hang(-1))
			s := faulthttp.New(good, faults...)
			defer s.Close()
			c := client(t, s, once)
			for range 100 {
				if ask(c, t.Context()) == nil {
					t.Fatal("a refusal was taken for an answer")
				}
			}
			if n := s.Requests(); n != 10 {
				t.Errorf("%d of 100 calls reached a server that fails", n)
			}
			time.Sleep(11 * time.Second)
			for range 100 {
				_ = ask(c, t.Context())
			}
			if n := s.Requests(); n != 11 {
				t.Errorf("%d requests: want one probe", n-10)
			}
			time.Sleep(11 * time.Second)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			hung := make(chan error)
			go func() { hung <- ask(c, ctx) }()
			synctest.Wait()
			if err := ask(c, t.Context()); err == nil || !strings.Contains(err.Error(), "left alone") {
				t.Errorf("beside a probe: %v", err)
			}
			time.Sleep(11 * time.Second)
			for range 100 {
				if err := ask(c, t.Context()); err != nil {
					t.Fatalf("the server is back, but a probe that hangs holds all up: %v", err)
				}
			}
			cancel()
			if err := <-hung; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	})
	for name, fault := range map[string]faulthttp.Fault{"asks to wait": faulthttp.Status(503, ``, "Retry-After", "1"), "too many": faulthttp.Status(429, ``)} {
		t.Run(name, func(t *testing.T) {
			s := faulthttp.New(good, slices.Repeat([]faulthttp.Fault{fault}, 50)...)
			defer s.Close()
			c := client(t, s, once)
			for range 50 {
				if ask(c, t.Context()) == nil {
					t.Fatal("a refusal was taken for an answer")
				}
			}
			if err := ask(c, t.Context()); err != nil || s.Requests() != 51 {
				t.Errorf("%v after %d requests", err, s.Requests())
			}
		})
	}
}

// TestRetryBudget: when all fails, retries add little to the load; when little fails, all
// of it is retried.
func TestRetryBudget(t *testing.T) {
	const calls = 1000
	run := func(t *testing.T, urls []string, fails func(n int) bool) (lost, requests int) {
		synctest.Test(t, func(t *testing.T) {
			var count atomic.Int64
			s := faulthttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if fails(int(count.Add(1))) {
					w.WriteHeader(500)
					return
				}
				good(w, r)
			}))
			defer s.Close()
			c := client(t, s, func(c *modelserver.Config) { c.URLs = urls })
			var failed atomic.Int64
			var g sync.WaitGroup
			for range calls {
				g.Go(func() {
					if c.Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int))) != nil {
						failed.Add(1)
					}
				})
			}
			g.Wait()
			lost, requests = int(failed.Load()), s.Requests()
		})
		return lost, requests
	}
	for _, urls := range [][]string{{"http://a.test"}, {"http://a.test", "http://b.test"}} {
		if lost, requests := run(t, urls, func(int) bool { return true }); lost != calls || requests > calls*6/5 {
			t.Errorf("%d servers that fail: %d requests for %d calls, %d lost", len(urls), requests, calls, lost)
		}
		if lost, requests := run(t, urls, func(n int) bool { return n%50 == 0 }); lost != 0 {
			t.Errorf("%d servers with 2 %% faults: %d of %d calls lost, %d requests", len(urls), lost, calls, requests)
		}
	}
}

// TestNoWave: callers who were asked to come back after the same time do not come back at
// the same moment, and none is lost. Nor are those whose server has failed beside another
// one that works.
func TestNoWave(t *testing.T) {
	const calls = 500
	run := func(t *testing.T, urls []string, refuse func(host string, n int) bool) (most, lost int, took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			begun := time.Now()
			windows := map[time.Duration]int{} // of 50 ms
			tries := 0
			s := faulthttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				tries++
				if since := time.Since(begun); since > 0 {
					windows[since/(50*time.Millisecond)]++
				}
				refused := refuse(r.Host, tries)
				mu.Unlock()
				if refused {
					w.Header().Set("Retry-After", "2")
					w.WriteHeader(503)
					return
				}
				good(w, r)
			}))
			defer s.Close()
			c := client(t, s, func(c *modelserver.Config) { c.URLs = urls })
			var g sync.WaitGroup
			failed := atomic.Int64{}
			for range calls {
				g.Go(func() {
					if err := c.Do(t.Context(), modelhttp.Call{Path: "/x"}, read(new([]int))); err != nil {
						if failed.Add(1) == 1 {
							t.Logf("lost: %v", err)
						}
					}
				})
			}
			g.Wait()
			for _, n := range windows {
				most = max(most, n)
			}
			lost, took = int(failed.Load()), time.Since(begun)
		})
		return most, lost, took
	}
	one, two := []string{"http://a.test"}, []string{"http://a.test", "http://b.test"}
	if most, lost, took := run(t, one, func(_ string, n int) bool { return n <= 2*calls }); most > calls/8 || lost > 0 || took > 8*time.Second {
		t.Errorf("up to %d of %d callers came within 50 ms; %d were lost; it took %v", most, calls, lost, took)
	}
	if most, lost, took := run(t, two, func(_ string, n int) bool { return n <= calls }); most > calls/8 || lost > 0 || took > 4*time.Second {
		t.Errorf("two servers: up to %d of %d callers came within 50 ms; %d were lost; it took %v", most, calls, lost, took)
	}
	if _, lost, took := run(t, two, func(host string, _ int) bool { return host == "a.test" }); lost > 0 || took > 0 {
		t.Errorf("one of two servers: %d callers were lost; it took %v", lost, took)
	}
}
