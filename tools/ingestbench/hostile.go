package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing/fstest"
	"time"

	"github.com/goselfrag/goselfrag/internal/hostile"
	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// meter samples the size of the heap.
type meter struct {
	peak uint64
	stop chan struct{}
	done sync.WaitGroup
}

func newMeter() *meter {
	m := &meter{stop: make(chan struct{})}
	m.look()
	return m
}

func (m *meter) look() {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	m.peak = max(m.peak, s[0].Value.Uint64())
}

func (m *meter) start() {
	m.done.Go(func() {
		for tick := time.NewTicker(time.Millisecond); ; {
			select {
			case <-tick.C:
				m.look()
			case <-m.stop:
				tick.Stop()
				return
			}
		}
	})
}

func (m *meter) end() {
	close(m.stop)
	m.done.Wait()
}

// readHostile reads hostile documents of a size and prints the greatest heap in relation
// to that, and the share of it that the passages keep. Garbage is collected often, so that
// the heap holds little garbage.
func readHostile(ctx context.Context, out io.Writer, size int) {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	fmt.Fprintf(out, "%-26s %8s %8s %9s %8s %8s\n", "document", "heap", "kept", "passages", "skipped", "seconds")
	for _, d := range hostile.Documents(size) {
		runtime.GC()
		m := newMeter()
		before := m.peak
		start := time.Now()
		m.start()
		res, _ := ingest.FS(ctx, fstest.MapFS{d.Name: {Data: d.Data}}, ingest.Options{}) // that it has nothing to read is seen below
		took := time.Since(start)
		m.end()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		times := func(n uint64) float64 { return max(0, float64(n)-float64(before)) / float64(len(d.Data)) }
		fmt.Fprintf(out, "%-26s %8.1f %8.1f %9d %8d %8.2f\n", d.Name, times(m.peak), times(s.HeapAlloc), len(res.Passages), len(res.Skipped), took.Seconds())
		runtime.KeepAlive(res)
		if ctx.Err() != nil {
			return
		}
	}
}
