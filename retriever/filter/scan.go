package filter

import (
	"context"
	"math"
)

// Scan matches the passages of one search against one filter and ends with the
// context of the search: it checks the context about every 100 µs, however large
// the filter and the metadata are. It is for one goroutine.
//
//	scan, err := filter.NewScan(ctx, q.Filter)
//	if err != nil {
//		return err
//	}
//	for _, p := range passages {
//		if scan.Match(p.Metadata) {
//			found = append(found, p)
//		}
//	}
//	return scan.Err()
type Scan struct {
	root *node // nil if all passages match
	run  run
}

// NewScan returns a scan for f, which may be nil. The error is that of [Check]; the
// scan returned with it matches nothing.
func NewScan(ctx context.Context, f Expr) (*Scan, error) {
	root, err := compile(f)
	return &Scan{root, run{ctx: ctx, err: err}}, err // short, so that it is inlined
}

// Match reports what [Match] does. Once the context is done, it reports false at
// once, and Err returns an error.
func (s *Scan) Match(m Metadata) bool {
	if s.run.err != nil {
		return false
	}
	if s.root == nil {
		s.run.steps++
		return s.run.steps <= interval || !s.run.ended()
	}
	return s.root.eval(m, &s.run) == True && s.run.err == nil
}

// Err returns the error of the context if it ended the scan, the error of NewScan
// if there was one, and nil otherwise: then every Match so far was right.
func (s *Scan) Err() error { return s.run.err }

const (
	// interval is the number of steps between two checks of the context. A step is
	// a condition, an element of a list, or a part of a long string.
	interval = 4096
	// bytesPerStep is the length of a string that is compared in the time of a step.
	bytesPerStep = 256
	// unbounded is a start for steps that never leads to a check.
	unbounded = math.MinInt
)

// run counts the steps of evaluations.
type run struct {
	ctx   context.Context
	steps int // since the last check; more than interval once ctx was found done
	err   error
}

// ended checks the context.
func (r *run) ended() bool {
	if r.err == nil {
		if r.err = r.ctx.Err(); r.err == nil {
			r.steps = 0
		}
	}
	return r.err != nil
}
