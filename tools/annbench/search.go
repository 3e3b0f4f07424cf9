package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// subject is a library that can be measured here.
type subject struct {
	name string
	entry
	library
	built  *built // nil before it is
	curves []curve
}

// curve is what was measured at one ef.
type curve struct {
	ef      int
	recall  float64
	queries int
	qps     []float64 // one value a round
}

// open opens the libraries. It prints why one cannot be opened.
func (b *bench) open(ctx context.Context, names []string) error {
	for _, name := range names {
		lib, err := entries[name].open(ctx, b.w)
		var un *unavailable
		if errors.As(err, &un) {
			fmt.Fprintf(b.stderr, "annbench: %s is left out: %v\n", name, un)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		b.subjects = append(b.subjects, &subject{name: name, entry: entries[name], library: lib})
	}
	return nil
}

// subject returns the library of that name, or nil if it is not measured.
func (b *bench) subject(name string) *subject {
	for _, s := range b.subjects {
		if s.name == name {
			return s
		}
	}
	return nil
}

// buildOnce builds what is not built yet.
func (b *bench) buildOnce(ctx context.Context, s *subject) error {
	if s.built != nil {
		return nil
	}
	fmt.Fprintf(b.stderr, "annbench: building %s\n", s.name)
	made, err := s.build(ctx, b.workers)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	s.built = &made
	return nil
}

// searchAll measures the curves of all libraries, once in a run. They take turns at each ef in each
// round, since a machine does not run at the same speed all the time.
func (b *bench) searchAll(ctx context.Context) error {
	if b.searched {
		return nil
	}
	b.searched = true
	for _, s := range b.subjects {
		if err := b.buildOnce(ctx, s); err != nil {
			return err
		}
		s.curves = nil
		for _, ef := range b.efs(s) {
			s.curves = append(s.curves, curve{ef: ef, queries: b.queriesOf(s)})
		}
	}
	for round := range b.rounds {
		fmt.Fprintf(b.stderr, "annbench: round %d of %d\n", round+1, b.rounds)
		for i := range b.ef {
			for _, s := range b.subjects {
				if i >= len(s.curves) {
					continue
				}
				if err := b.searchOnce(ctx, s, &s.curves[i]); err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
			}
		}
	}
	return nil
}

// efs are the values a library is measured at.
func (b *bench) efs(s *subject) []int {
	if s.exhaustive {
		return []int{0}
	}
	return b.ef
}

func (b *bench) queriesOf(s *subject) int {
	n := b.w.set.Queries.Len()
	if s.entry.queries > 0 {
		n = min(n, s.entry.queries)
	}
	return n
}

func (b *bench) searchOnce(ctx context.Context, s *subject, c *curve) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ids := make([]int32, c.queries*b.k)
	took, passes, err := s.search(ctx, c.ef, b.pass, ids)
	if err != nil {
		return err
	}
	c.qps = append(c.qps, float64(passes*c.queries)/took.cpu.Seconds())
	c.recall, err = b.recall(ids)
	return err
}

// recall is the mean over the queries that ids answers.
func (b *bench) recall(ids []int32) (float64, error) {
	sum := 0.0
	for q := range len(ids) / b.k {
		found := ids[q*b.k : (q+1)*b.k]
		for len(found) > 0 && found[len(found)-1] == -1 {
			found = found[:len(found)-1]
		}
		r, err := b.truth.Recall(b.w.set, q, found)
		if err != nil {
			return 0, err
		}
		sum += r
	}
	return sum / float64(len(ids)/b.k), nil
}

// search prints the curves.
func (b *bench) search(ctx context.Context) error {
	if err := b.searchAll(ctx); err != nil {
		return err
	}
	for _, s := range b.subjects {
		for _, c := range s.curves {
			if err := b.out.point(b.pointOf(s, c)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) pointOf(s *subject, c curve) point {
	return point{
		Lib: s.name, EF: c.ef, Recall: c.recall, QPS: median(c.qps), BuildS: buildSeconds(s.built.cost, b.workers), Bytes: s.size(),
		Set: b.w.set.Name, N: b.w.set.Base.Len(), Dim: b.w.set.Base.Dim, Metric: string(b.w.set.Metric), K: b.k, Queries: c.queries, Rounds: len(c.qps), Workers: b.workers,
	}
}

// buildSeconds is processor time for one thread, which does not count the time of other
// programs, and wall-clock time for several, where processor time has no meaning.
func buildSeconds(c cost, workers int) float64 {
	if workers > 1 {
		return c.wall.Seconds()
	}
	return c.cpu.Seconds()
}

// size is the memory of an index in bytes. In this process it is the index's own count if
// it has one, else the growth of the heap. For a driver it is the growth of resident
// memory, since a driver's own count is incomplete.
func (s *subject) size() int64 {
	if _, ok := s.library.(*driver); ok {
		return s.built.resident
	}
	return cmp.Or(s.built.counted, s.built.heap)
}
