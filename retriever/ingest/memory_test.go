package ingest

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/fstest"
	"time"

	"github.com/goselfrag/goselfrag/internal/hostile"
	"github.com/goselfrag/goselfrag/internal/testsize"
)

// meter is a context that measures the heap in every 64th call of Err.
type meter struct {
	context.Context
	asked int
	peak  uint64
}

func (m *meter) Err() error {
	if m.asked++; m.asked%64 == 1 {
		m.look()
	}
	return nil
}

func (m *meter) look() {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	m.peak = max(m.peak, s.HeapAlloc)
}

// Reading any document takes at most four times its bytes and a constant.
func TestMemory(t *testing.T) {
	const constant = 128 << 20
	size := testsize.Raced(1<<14, testsize.Of(1<<18, 1<<20))
	opts, err := Options{}.check()
	if err != nil {
		t.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	for _, d := range hostile.Documents(size) {
		runtime.GC()
		m := &meter{Context: t.Context()}
		m.look()
		before := m.peak
		start := time.Now()
		var res Result
		err := res.readFile(m, fstest.MapFS{d.Name: {Data: d.Data}}, d.Name, opts)
		m.look()
		if err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
		var ms runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&ms)
		if testing.Verbose() {
			t.Logf("%-26s peak %6.1f kept %6.1f times, %d passages, %d skipped, %v", d.Name, float64(m.peak-before)/float64(len(d.Data)),
				(float64(ms.HeapAlloc)-float64(before))/float64(len(d.Data)), len(res.Passages), len(res.Skipped), time.Since(start).Round(time.Millisecond))
		}
		if m.peak-before > uint64(4*len(d.Data)+constant) {
			t.Errorf("%s: %d bytes take %d", d.Name, len(d.Data), m.peak-before)
		}
		runtime.KeepAlive(res)
	}
}
