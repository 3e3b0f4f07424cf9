package pdf

import (
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/retriever/ingest"
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

// result is what the shared reader makes of a file.
type result struct {
	text ingest.Text
	err  error
}

var results = map[string]result{}

// readOnce reads a file of testdata if no test has read it so far.
func readOnce(t *testing.T, name string) (ingest.Text, error) {
	t.Helper()
	r, ok := results[name]
	if !ok {
		r.text, r.err = reader().Read(t.Context(), load(t, name))
		results[name] = r
	}
	return r.text, r.err
}

func load(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/" + name + ".pdf")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}
