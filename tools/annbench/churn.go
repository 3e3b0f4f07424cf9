package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// churn compares the QPS of one goroutine while another adds vectors with the QPS just
// before and after. The index begins with half of the set; each round may add its share
// of the rest.
func (b *bench) churn(ctx context.Context) error {
	if runtime.NumCPU() < 2 {
		fmt.Fprintln(b.stderr, "annbench: churn is left out: a reader and a writer need 2 processors")
		return nil
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for _, s := range b.subjects {
		if !slices.Contains(ours, s.name) {
			continue
		}
		half := *b.w.set
		half.Base = half.Base.First(half.Base.Len() / 2)
		small := *b.w
		small.set = &half
		e, err := s.library.(*goLibrary).make(ctx, &small, 2)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if err := b.churnOf(ctx, s.name, e.(*graph)); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func (b *bench) churnOf(ctx context.Context, name string, g *graph) error {
	rest := items(b.w.set.Base, g.index.Len())
	share := len(rest) / b.rounds
	if share == 0 {
		return fmt.Errorf("%d vectors are too few to add some in each of %d rounds", b.w.set.Base.Len(), b.rounds)
	}
	before, err := b.rate(ctx, g, nil)
	if err != nil {
		return err
	}
	var kept, qps, adds []float64
	for round := range b.rounds {
		during, added, err := b.rateWhile(ctx, g, rest[round*share:(round+1)*share])
		if err != nil {
			return err
		}
		after, err := b.rate(ctx, g, nil)
		if err != nil {
			return err
		}
		kept, qps, adds = append(kept, 2*during/(before+after)), append(qps, during), append(adds, added)
		before = after
	}
	for _, f := range []figure{
		rounds("churn", "qps with a writer", name, "", "qps", qps, fmt.Sprintf("ef %d; the writer added %.0f vectors a second", b.ef[0], median(adds))),
		rounds("churn", "qps with a writer / without", name, name, "ratio", kept, ""),
	} {
		if err := b.out.figure(f); err != nil {
			return err
		}
	}
	return nil
}

// rateWhile is rate while a writer adds items; it ends when the writer does. It also
// returns vectors added a second.
func (b *bench) rateWhile(ctx context.Context, g *graph, add []hnsw.Item[int]) (qps, adds float64, err error) {
	writing, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	var group errgroup.Group
	group.Go(func() error {
		defer close(done)
		start := time.Now()
		n := 0
		for ; n < len(add) && writing.Err() == nil; n++ {
			if err := g.index.Add(ctx, add[n:n+1]); err != nil {
				return err
			}
		}
		adds = float64(n) / time.Since(start).Seconds()
		return nil
	})
	qps, err = b.rate(ctx, g, done)
	stop()
	if e := group.Wait(); err == nil {
		err = e
	}
	return qps, adds, err
}

// rate answers queries for a window, or until done is closed, and returns how many a
// second.
func (b *bench) rate(ctx context.Context, g *graph, done <-chan struct{}) (float64, error) {
	ids := make([]int32, b.k)
	start := time.Now()
	for n := 1; ; n++ {
		if _, err := g.search(ctx, b.w.set.Queries.Row(n%b.w.set.Queries.Len()), b.ef[0], ids); err != nil {
			return 0, err
		}
		took := time.Since(start)
		select {
		case <-done:
			return float64(n) / took.Seconds(), nil
		default:
		}
		if took >= b.window {
			return float64(n) / took.Seconds(), nil
		}
	}
}
