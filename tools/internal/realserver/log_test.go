package realserver

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLoads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	const log = `[GIN] 2026/01/02 - 03:04:05 | 200 |   1ms | 127.0.0.1 | POST "/api/generate"
time=2026-01-02T03:04:05Z level=DEBUG source=cache.go:104 msg="loading cache slot" id=0 cache=0 prompt=51 used=0 remaining=51
time=2026-01-02T03:04:05Z level=DEBUG source=cache.go:104 msg="loading cache slot" id=1 cache=0 prompt=40 used=0 remaining=40
time=2026-01-02T03:04:05Z level=DEBUG source=cache.go:104 msg="loading cache slot" id=0 cache=60 prompt=51 used=50 remaining=1
`
	if err := os.WriteFile(path, []byte(log), 0o644); err != nil {
		t.Fatal(err)
	}
	list, err := Loads(path)
	if want := []Load{{0, 0, 51, 0}, {1, 0, 40, 0}, {0, 60, 51, 50}}; err != nil || !slices.Equal(list, want) {
		t.Fatalf("%v, %v: want %v", list, err, want)
	}
	if n, known := Generated(list); n != 10 || !known {
		t.Errorf("the first request: %d, %v: want 10 tokens", n, known)
	}
	if n, known := Generated(list[1:]); known {
		t.Errorf("the second request: %d tokens: want them unknown", n)
	}
	if _, err := Loads(path + "x"); err == nil {
		t.Error("a log that is not there gives no error")
	}
}
