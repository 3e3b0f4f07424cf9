package dataset_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/internal/testsize"
)

// endless repeats a record, with head in front and tail behind, up to a number of bytes.
func endless(head, record, tail string, size int) io.Reader {
	block := strings.Repeat(record, 1<<16/len(record)+1)
	readers := []io.Reader{strings.NewReader(head)}
	for n := 0; n < size; n += len(block) {
		readers = append(readers, strings.NewReader(block))
	}
	return io.MultiReader(append(readers, strings.NewReader(tail))...)
}

// Memory does not grow with the file: after many records the heap holds little.
func TestStreamMemory(t *testing.T) {
	testsize.SkipRaced(t)
	size := testsize.Of(8<<20, 32<<20)
	passage := strings.Repeat("a passage ", 60)
	object := fmt.Sprintf(`{"question": "Who?", "answers": ["Ada"], "ctxs": [{"id": "1", "title": "t", "text": %q}]}`, passage)
	for name, c := range map[string]struct {
		layout dataset.Layout
		r      io.Reader
	}{
		"lines": {dataset.SelfRAG, endless("", object+"\n", "", size)},
		"array": {dataset.ALCE, endless("[", object+",\n", object+"]", size)},
		"table": {dataset.MMLU, endless("", "q,a,b,c,"+passage+",A\n", "", size)},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			n, most := 0, uint64(0)
			for _, err := range dataset.ReadItems(c.r, "f", c.layout, dataset.Options{}) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; n%2048 == 0 {
					runtime.GC()
					runtime.ReadMemStats(&after)
					most = max(most, after.HeapAlloc-min(before.HeapAlloc, after.HeapAlloc))
				}
			}
			if n < size/1000 || most > 4<<20 {
				t.Errorf("%d records held %d bytes of heap", n, most)
			}
		})
	}
}

// A line, or an element of an array, that never ends is given up; lines go on behind it.
func TestLongRecords(t *testing.T) {
	const limit = 1 << 20
	t.Cleanup(dataset.LimitRecords(limit))
	long := func(head, tail string) io.Reader {
		return endless(head, strings.Repeat("x", 1<<16), tail, limit+1<<17)
	}
	good := `{"question": "Who?", "answers": ["Ada"]}`
	skipped := 0
	n := 0
	for _, err := range dataset.ReadItems(io.MultiReader(strings.NewReader(good+"\n"), long("", "\n"+good)), "f", dataset.SelfRAG, dataset.Options{Skip: func(e *dataset.LineError) {
		if skipped++; e.Line != 2 || !strings.Contains(e.Error(), "longer than 64 MiB") {
			t.Error(e)
		}
	}}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 2 || skipped != 1 {
		t.Errorf("%d read, %d skipped", n, skipped)
	}
	for name, r := range map[string]io.Reader{"array": long(`["`, `"]`), "table": long(`"`, "\"\n")} {
		layout := dataset.ALCE
		if name == "table" {
			layout = dataset.MMLU
		}
		if err := first(dataset.ReadItems(r, "f", layout, dataset.Options{})); err == nil || !strings.Contains(err.Error(), "longer than 64 MiB") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzItems(f *testing.F) {
	layouts := dataset.Layouts()
	for _, c := range goldens {
		text, err := os.ReadFile(filepath.Join("testdata", c.file))
		if err != nil {
			f.Fatal(err)
		}
		at := slices.IndexFunc(layouts, func(a dataset.About) bool { return a.Layout == c.layout })
		f.Add(uint8(at), text)
	}
	f.Fuzz(func(t *testing.T, i uint8, text []byte) {
		a := layouts[int(i)%len(layouts)]
		skipped := 0
		for it, err := range dataset.ReadItems(bytes.NewReader(text), "f", a.Layout, dataset.Options{Skip: func(*dataset.LineError) { skipped++ }}) {
			if err == nil && (it.ID == "" || it.Question.Question == "") {
				t.Fatalf("%s: an item without id or question: %+v", a.Layout, it)
			}
		}
		for p, err := range dataset.ReadCorpus(bytes.NewReader(text), "f", a.Layout, dataset.Options{}) {
			if err == nil && (p.ID == "" || p.Text == "") {
				t.Fatalf("%s: a passage without id or text: %+v", a.Layout, p)
			}
		}
		for range dataset.ReadJudgments(bytes.NewReader(text), "f", dataset.Options{}) {
		}
		for range dataset.ReadRuns(bytes.NewReader(text), "f", dataset.Options{}) {
		}
	})
}
