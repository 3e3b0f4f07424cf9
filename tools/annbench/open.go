package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// opens measures the cost of opening a saved index before the first search. Its files are
// in the system's cache, since they have just been written.
func (b *bench) opens(ctx context.Context) error {
	theirs, err := b.theirLoads(ctx)
	if err != nil {
		return err
	}
	for _, name := range ours {
		s := b.subject(name)
		if s == nil {
			continue
		}
		if err := b.buildOnce(ctx, s); err != nil {
			return err
		}
		path := filepath.Join(b.w.dir, name+".hnsw")
		if err := s.library.(*goLibrary).engine.(*graph).index.Save(ctx, path); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := b.openOwn(ctx, name, path, theirs); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// theirLoads are the times of hnswlib, nil if it is not measured.
func (b *bench) theirLoads(ctx context.Context) ([]cost, error) {
	s := b.subject("hnswlib")
	if s == nil {
		return nil, nil
	}
	if err := b.buildOnce(ctx, s); err != nil {
		return nil, err
	}
	path := filepath.Join(b.w.dir, "hnswlib.bin")
	if _, err := s.library.(saver).save(path); err != nil {
		return nil, err
	}
	var out []cost
	for range b.rounds {
		c, err := s.library.(saver).load(path)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (b *bench) openOwn(ctx context.Context, name, path string, theirs []cost) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	var open, load []cost
	var touch []float64
	for range b.rounds {
		c, touched, err := openOnce(path)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		open = append(open, c)
		if err == nil {
			touch = append(touch, float64(touched))
		}
		t := startTimer()
		if _, err := hnsw.Load[int](ctx, path); err != nil {
			return err
		}
		load = append(load, t.stop())
	}
	if touch == nil {
		fmt.Fprintln(b.stderr, "annbench: what opening touches cannot be measured on this system")
	} else {
		note := fmt.Sprintf("of a file of %d: %.4f", info.Size(), median(touch)/float64(info.Size()))
		if err := b.out.figure(rounds("open", "touched before the first search", name, "", "bytes", touch, note)); err != nil {
			return err
		}
	}
	if err := b.openTimes(name, "open", open, theirs); err != nil {
		return err
	}
	return b.openTimes(name, "load", load, theirs)
}

func (b *bench) openTimes(name, what string, own, theirs []cost) error {
	var times []float64
	for _, c := range own {
		times = append(times, c.cpu.Seconds())
	}
	if err := b.out.figure(rounds("open", what, name, "", "s", times, "")); err != nil || theirs == nil {
		return err
	}
	return b.out.figure(rounds("open", "their load / our "+what, name, "hnswlib", "ratio", quotients(theirs, own, cost.cpuSeconds), ""))
}

// openOnce opens an index and says how long it took and how many bytes of the file were
// read, or are mapped with memory behind them, after it.
func openOnce(path string) (c cost, touched int64, err error) {
	before, err := readBytes()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return cost{}, 0, err
	}
	t := startTimer()
	x, openErr := hnsw.Open[int](path)
	if openErr != nil {
		return cost{}, 0, openErr
	}
	c = t.stop()
	if err == nil {
		var after, mapped int64
		after, err = readBytes()
		if err == nil {
			mapped, err = mappedBytes(path)
		}
		touched = after - before + mapped
	}
	if closeErr := x.Close(); closeErr != nil {
		return cost{}, 0, closeErr
	}
	return c, touched, err
}
