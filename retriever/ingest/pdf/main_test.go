package pdf

import (
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.reader != nil {
		shared.reader.Close()
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// shared is one reader for all tests that need no other: to start one takes time.
var shared struct {
	once   sync.Once
	reader *Reader
}

func reader() *Reader {
	shared.once.Do(func() { shared.reader = New(Options{}) })
	return shared.reader
}

func load(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/" + name + ".pdf")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}
