package selfrag_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/selfrag"
)

func questions(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint("Question ", i))
	}
	return out
}

func TestAnswerAll(t *testing.T) {
	list := questions(30)
	list[7] = " "
	m := &generatortest.Random{Seed: 2}
	alone := newEngine(t, m, finds(hits("A", "B")...))
	for _, concurrency := range []int{1, 3, 100} {
		e := newEngine(t, hesitant(m), finds(hits("A", "B")...))
		i := 0
		for a, err := range e.AnswerAll(t.Context(), list, concurrency) {
			want, wantErr := alone.Answer(t.Context(), list[i])
			if fmt.Sprint(err) != fmt.Sprint(wantErr) || canonical(t, a) != canonical(t, want) {
				t.Errorf("concurrency %d, question %d: %v (%v), want %v (%v)", concurrency, i, a, err, want, wantErr)
			}
			if (i == 7) != errors.Is(err, selfrag.ErrQuestion) {
				t.Errorf("question %d: error %v", i, err)
			}
			i++
		}
		if i != len(list) {
			t.Errorf("%d answers, want %d", i, len(list))
		}
	}
}

// gate is a model whose calls wait until the wanted number of them run at the same
// time. If that never happens, the test fails by a deadlock.
func gate(n int) *counter {
	entered := make(chan struct{}, 1000)
	release := make(chan struct{})
	go func() {
		for range n {
			<-entered
		}
		close(release)
	}()
	return counting(generatorFunc(func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
		return func(yield func(generator.Step, error) bool) {
			entered <- struct{}{}
			select {
			case <-release:
			case <-ctx.Done():
				yield(generator.Step{}, ctx.Err())
				return
			}
			script(on(generatortest.Words(1, "Yes."))).Generate(ctx, req)(yield)
		}
	}))
}

type generatorFunc func(context.Context, generator.Request) iter.Seq2[generator.Step, error]

func (f generatorFunc) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return f(ctx, req)
}

// Exactly the requested number of questions runs at the same time.
func TestAnswerAllConcurrency(t *testing.T) {
	for _, want := range []int{1, 4, 20} {
		m := gate(want)
		n := 0
		for _, err := range newEngine(t, m, finds()).AnswerAll(t.Context(), questions(20), want, selfrag.WithMode(selfrag.Never)) {
			if err != nil {
				t.Error(err)
			}
			n++
		}
		if n != 20 || m.maxInFlight != want {
			t.Errorf("%d answers, %d at the same time; want 20 and %d", n, m.maxInFlight, want)
		}
	}
}

// No more run at a time, however many questions wait.
func TestAnswerAllNeverMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		m := counting(generatorFunc(func(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
			return func(yield func(generator.Step, error) bool) {
				<-release
				script(on(generatortest.Words(1, "Yes."))).Generate(ctx, req)(yield)
			}
		}))
		go func() {
			synctest.Wait() // until everything waits for the model
			if m.inFlight != 3 {
				t.Errorf("%d questions at the same time, want 3", m.inFlight)
			}
			close(release)
		}()
		for _, err := range newEngine(t, m, finds()).AnswerAll(t.Context(), questions(20), 3, selfrag.WithMode(selfrag.Never)) {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// WithConcurrency bounds the calls of one question in the same way.
func TestConcurrencyOfCandidates(t *testing.T) {
	for _, limit := range []int{0, 1, 2} {
		want := limit
		if limit == 0 {
			want = 6
		}
		m := gate(want)
		run(t, m, finds(hits("A", "B", "C", "D", "E", "F")...), always, selfrag.WithK(6), selfrag.WithConcurrency(limit))
		if m.maxInFlight != want {
			t.Errorf("limit %d: %d calls at the same time, want %d", limit, m.maxInFlight, want)
		}
	}
}

func TestAnswerAllBreak(t *testing.T) {
	for _, stop := range []int{1, 2, 5, 30} {
		func() {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			m := counting(hesitant(&generatortest.Random{Seed: 2}))
			n := 0
			for range newEngine(t, m, finds(hits("A")...)).AnswerAll(t.Context(), questions(30), 3) {
				if n++; n == stop {
					break
				}
			}
			if n != stop || m.inFlight != 0 {
				t.Errorf("break after %d of %d answers, %d calls still run", n, stop, m.inFlight)
			}
			// Three run, three are done or under way ahead of the reader, and each
			// question takes three calls at most.
			if most := 3 * (stop + 7); m.calls > most {
				t.Errorf("break after %d answers: %d calls, want at most %d", stop, m.calls, most)
			}
		}()
	}
}

func TestAnswerAllCanceled(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	list := questions(40)
	n, failed := 0, 0
	for a, err := range newEngine(t, &generatortest.Random{Seed: 2}, finds(hits("A")...)).AnswerAll(ctx, list, 2) {
		if a.Question != list[n] {
			t.Errorf("answer %d is for %q", n, a.Question)
		}
		if err != nil {
			failed++
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		}
		if n++; n == 3 {
			cancel()
		}
	}
	if n != len(list) || failed < 30 {
		t.Errorf("%d results, %d of them canceled", n, failed)
	}
}

func TestAnswerAllBadConcurrency(t *testing.T) {
	for _, c := range []int{0, -1} {
		n := 0
		for a, err := range newEngine(t, script(), finds()).AnswerAll(t.Context(), questions(3), c) {
			n++
			var oe *selfrag.OptionError
			if !errors.As(err, &oe) || oe.Option != "AnswerAll" || a != nil {
				t.Errorf("concurrency %d: %v, error %v", c, a, err)
			}
		}
		if n != 1 {
			t.Errorf("concurrency %d yielded %d times, want once", c, n)
		}
	}
	for range newEngine(t, script(), finds()).AnswerAll(t.Context(), nil, 2) {
		t.Error("an answer to no question")
	}
}
