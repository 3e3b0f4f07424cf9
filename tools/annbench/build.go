package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
)

// builds compares build times. The libraries take turns, ours once with one thread and
// once with several.
func (b *bench) builds(ctx context.Context) error {
	threads := max(2, b.workers)
	if runtime.NumCPU() < threads {
		fmt.Fprintf(b.stderr, "annbench: build on %d threads is left out: there are %d processors\n", threads, runtime.NumCPU())
		threads = 1
	}
	one, several := map[string][]cost{}, map[string][]cost{}
	loss := map[string][]float64{}
	for round := range b.rounds {
		for _, s := range b.subjects {
			if s.exhaustive {
				continue
			}
			fmt.Fprintf(b.stderr, "annbench: build %d of %d of %s\n", round+1, b.rounds, s.name)
			c, recalls, err := b.rebuild(ctx, s, 1)
			if err != nil {
				return err
			}
			one[s.name] = append(one[s.name], c)
			if threads == 1 || !slices.Contains(ours, s.name) {
				continue
			}
			c, again, err := b.rebuild(ctx, s, threads)
			if err != nil {
				return err
			}
			several[s.name] = append(several[s.name], c)
			worst := recalls[0] - again[0]
			for i := range recalls {
				worst = max(worst, recalls[i]-again[i])
			}
			loss[s.name] = append(loss[s.name], worst)
		}
	}
	if !b.searched {
		for _, s := range b.subjects {
			s.built = nil // the last build may not be one with -workers
		}
	}
	return b.buildFigures(one, several, loss, threads)
}

// rebuild builds s anew and returns what it took and the recall at each ef.
func (b *bench) rebuild(ctx context.Context, s *subject, workers int) (cost, []float64, error) {
	made, err := s.build(ctx, workers)
	if err != nil {
		return cost{}, nil, fmt.Errorf("%s: %w", s.name, err)
	}
	var recalls []float64
	ids := make([]int32, b.w.set.Queries.Len()*b.k)
	for _, ef := range b.ef {
		if _, _, err := s.search(ctx, ef, 0, ids); err != nil {
			return cost{}, nil, fmt.Errorf("%s: %w", s.name, err)
		}
		r, err := b.recall(ids)
		if err != nil {
			return cost{}, nil, fmt.Errorf("%s: %w", s.name, err)
		}
		recalls = append(recalls, r)
	}
	return made.cost, recalls, nil
}

func (b *bench) buildFigures(one, several map[string][]cost, loss map[string][]float64, threads int) error {
	for _, x := range b.subjects {
		if one[x.name] == nil {
			continue
		}
		var times []float64
		for _, c := range one[x.name] {
			times = append(times, c.cpu.Seconds())
		}
		if err := b.out.figure(rounds("build", "1 thread", x.name, "", "s", times, "")); err != nil {
			return err
		}
		for _, y := range theirs {
			if one[y] == nil || !slices.Contains(ours, x.name) {
				continue
			}
			err := b.out.figure(rounds("build", "their time / our time, 1 thread", x.name, y, "ratio", quotients(one[y], one[x.name], cost.cpuSeconds), ""))
			if err != nil {
				return err
			}
		}
		if several[x.name] == nil {
			continue
		}
		speedup := quotients(one[x.name], several[x.name], cost.wallSeconds)
		note := fmt.Sprintf("recall lost, largest over ef: median %.4f, most %.4f", median(loss[x.name]), slices.Max(loss[x.name]))
		if err := b.out.figure(rounds("build", fmt.Sprintf("time on 1 thread / on %d", threads), x.name, x.name, "ratio", speedup, note)); err != nil {
			return err
		}
	}
	return nil
}

func (c cost) cpuSeconds() float64  { return c.cpu.Seconds() }
func (c cost) wallSeconds() float64 { return c.wall.Seconds() }

// quotients divides x by y round by round.
func quotients(x, y []cost, seconds func(cost) float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = seconds(x[i]) / seconds(y[i])
	}
	return out
}

// memory compares bytes: measured ones with measured ones, counted with counted.
func (b *bench) memory(ctx context.Context) error {
	for _, s := range b.subjects {
		if err := b.buildOnce(ctx, s); err != nil {
			return err
		}
	}
	const measured, counted = "growth of resident memory", "counted by itself"
	them := b.subject("hnswlib")
	for _, s := range b.subjects {
		values := map[string]int64{measured: s.built.resident, counted: s.built.counted}
		for _, what := range []string{measured, counted} {
			if values[what] == 0 {
				continue
			}
			if err := b.out.figure(exactly("memory", what, s.name, "", "bytes", float64(values[what]), "")); err != nil {
				return err
			}
			if them == nil || !slices.Contains(ours, s.name) {
				continue
			}
			other := map[string]int64{measured: them.built.resident, counted: them.built.counted}[what]
			if err := b.out.figure(exactly("memory", what, s.name, them.name, "ratio", float64(values[what])/float64(other), "")); err != nil {
				return err
			}
		}
	}
	return nil
}
