package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/tools/internal/annset"
)

// parameters are those that all graphs share.
type parameters struct{ m, efConstruction, k int }

// cost is what something took.
type cost struct{ cpu, wall time.Duration }

// built has the time and the memory of building an index: the growth of the Go heap (0 in
// a driver), the growth of the resident memory of the process (0 if the system does not
// report it), and the library's own count (0 if it has none).
type built struct {
	cost
	heap, resident, counted int64
}

// library is something to measure. Its calls come one at a time.
type library interface {
	// build makes the index of the set anew.
	build(ctx context.Context, workers int) (built, error)
	// search answers the first queries of the set, as many as fill ids, on one thread,
	// again and again for at least the processor time given, and returns how often it
	// did. It leaves the k neighbors of each in ids, nearest first, -1 for none.
	search(ctx context.Context, ef int, least time.Duration, ids []int32) (cost, int, error)
	close() error
}

// saver is a library whose index can be written to a file.
type saver interface {
	save(path string) (cost, error)
	load(path string) (cost, error)
}

// unavailable says why a library cannot be measured here and what to do. A run continues
// without it.
type unavailable struct{ reason, remedy string }

func (e *unavailable) Error() string { return e.reason + ": " + e.remedy }

// entry describes a library that can be named after -lib.
type entry struct {
	open func(ctx context.Context, w *workspace) (library, error)
	// exhaustive ones have no ef: they are measured once, and their line has ef 0.
	exhaustive bool
	// queries bounds those of one round, for the slow ones; 0 is all.
	queries int
}

var entries = map[string]entry{
	"hnsw":          {open: inProcess(openGraph(hnsw.Float32))},
	"hnsw-int8":     {open: inProcess(openGraph(hnsw.Int8))},
	"hnsw-int8only": {open: inProcess(openGraph(hnsw.Int8Only))},
	"flat":          {open: inProcess(openFlat), exhaustive: true},
	"coder":         {open: inProcess(openCoder)},
	"chromem":       {open: inProcess(openChromem), exhaustive: true, queries: 50},
	"hnswlib":       {open: hnswlib.open},
	"faiss":         {open: faiss.open},
}

// workspace is what the libraries of a run share.
type workspace struct {
	set *annset.Set
	parameters
	dir string // for files; removed after the run
}

// engine is an index in this process.
type engine interface {
	// search leaves in ids the nearest rows first, and returns how many there are.
	search(ctx context.Context, query []float32, ef int, ids []int32) (int, error)
	// bytes is what the engine counts itself, 0 if it does not.
	bytes() int64
}

// goLibrary is a library in this process.
type goLibrary struct {
	*workspace
	make   func(ctx context.Context, w *workspace, workers int) (engine, error)
	engine engine
}

func inProcess(make func(ctx context.Context, w *workspace, workers int) (engine, error)) func(context.Context, *workspace) (library, error) {
	return func(ctx context.Context, w *workspace) (library, error) {
		// Report an unusable library before the others are built.
		small := *w
		small.set = &annset.Set{Name: w.set.Name, Metric: w.set.Metric, Base: w.set.Base.First(1)}
		if _, err := make(ctx, &small, 1); err != nil {
			return nil, err
		}
		return &goLibrary{workspace: w, make: make}, nil
	}
}

func (l *goLibrary) build(ctx context.Context, workers int) (built, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
	l.engine = nil
	heapBefore, residentBefore := memory()
	t := startTimer()
	e, err := l.make(ctx, l.workspace, workers)
	if err != nil {
		return built{}, err
	}
	b := built{cost: t.stop(), counted: e.bytes()}
	l.engine = e
	b.heap, b.resident = memory()
	b.heap -= heapBefore
	b.resident -= residentBefore
	return b, nil
}

func (l *goLibrary) search(ctx context.Context, ef int, least time.Duration, ids []int32) (cost, int, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	runtime.GC()
	t := startTimer()
	for passes := 1; ; passes++ {
		for q := range len(ids) / l.k {
			out := ids[q*l.k : (q+1)*l.k]
			n, err := l.engine.search(ctx, l.set.Queries.Row(q), ef, out)
			if err != nil {
				return cost{}, 0, err
			}
			for i := range out[n:] {
				out[n+i] = -1
			}
		}
		if c := t.stop(); c.cpu >= least {
			return c, passes, nil
		}
	}
}

func (l *goLibrary) close() error {
	l.engine = nil
	return nil
}

// memory is the used memory of the Go heap, and the resident memory after the unused part
// was returned to the system.
func memory() (heap, resident int64) {
	runtime.GC()
	debug.FreeOSMemory() // collects once more, which empties the pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	resident, err := residentBytes()
	if err != nil {
		resident = 0
	}
	return int64(m.HeapAlloc), resident
}

type timer struct {
	cpu  time.Duration
	wall time.Time
}

func startTimer() timer { return timer{cpuTime(), time.Now()} }

func (t timer) stop() cost { return cost{cpuTime() - t.cpu, time.Since(t.wall)} }

// median returns the middle value, of an even number the mean of the two.
func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
