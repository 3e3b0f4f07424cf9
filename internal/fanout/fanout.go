// Package fanout runs functions concurrently, and passes their results, errors and panics
// to the goroutine that waits for them.
package fanout

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// ErrGoexit is the error of a function that ended its goroutine instead of returning, as
// testing.T.FailNow does.
var ErrGoexit = errors.New("the call ended its goroutine (runtime.Goexit) instead of returning")

// ErrNoReturn is the error of a step whose work did not return.
var ErrNoReturn = errors.New("the call panicked or ended its goroutine (runtime.Goexit) instead of returning")

// Each calls start for 0 to n-1, in this order and in the calling goroutine, and runs each
// function that start returns in a goroutine of its own, at most limit at the same time;
// a limit below 1 is none. If start returns nil, no more are started. Each waits for all
// functions and returns their errors by number, or nil if there is none.
//
// If a function panics, no more are started, and Each panics in the calling goroutine,
// where the caller can recover from it, with the value and the stack of the panic as text.
// Of several panics it is the one with the lowest number.
func Each(n, limit int, start func(i int) func() error) []error {
	r := run{n: n, start: start}
	return r.do(limit)
}

// Do is Each with one function for all numbers.
func Do(n, limit int, work func(i int) error) []error {
	r := run{n: n, work: work}
	return r.do(limit)
}

// run is one use of Each or Do.
type run struct {
	n     int
	start func(i int) func() error // or work
	work  func(i int) error
	free  chan struct{} // nil without a limit
	all   sync.WaitGroup

	mu       sync.Mutex
	errs     []error // nil as long as there is none
	panicked int     // one more than the lowest number of a function that panicked
	panic    string
}

func (r *run) do(limit int) []error {
	if limit > 0 && limit < r.n {
		r.free = make(chan struct{}, limit)
	}
	r.startAll()
	if r.panicked > 0 {
		panic(r.panic)
	}
	return r.errs
}

// startAll returns when all that it started has ended, even if start panics.
func (r *run) startAll() {
	defer r.all.Wait()
	for i := range r.n {
		if r.free != nil {
			r.free <- struct{}{}
		}
		if r.hasPanicked() {
			return
		}
		var work func() error
		if r.start != nil {
			if work = r.start(i); work == nil {
				return
			}
		}
		r.all.Add(1)
		go r.call(i, work)
	}
}

// call runs one function.
func (r *run) call(i int, work func() error) {
	returned := false
	defer func() {
		if !returned {
			r.caught(i, recover())
		}
		if r.free != nil {
			<-r.free
		}
		r.all.Done()
	}()
	var err error
	if work != nil {
		err = work()
	} else {
		err = r.work(i)
	}
	returned = true
	if err != nil {
		r.fail(i, err)
	}
}

func (r *run) fail(i int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.errs == nil {
		r.errs = make([]error, r.n)
	}
	r.errs[i] = err
}

// caught keeps the value of a panic; nil means that the goroutine was ended.
func (r *run) caught(i int, value any) {
	if value == nil {
		r.fail(i, ErrGoexit)
		return
	}
	text := withStack(value)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.panicked == 0 || i+1 < r.panicked {
		r.panicked, r.panic = i+1, text
	}
}

// withStack returns the value of a panic and, in a deferred call, the stack of the panic.
func withStack(value any) string { return fmt.Sprintf("%v\n\n%s", value, debug.Stack()) }

func (r *run) hasPanicked() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.panicked > 0
}
