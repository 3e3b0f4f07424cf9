package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// everything returns the names, sizes, times and bytes of what is in a folder.
func everything(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	no(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		var data []byte
		if info.Mode().IsRegular() {
			if data, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		all[path] = fmt.Sprintf("%v %v %x", info.Mode(), info.ModTime().UnixNano(), data)
		return nil
	}))
	return all
}

// A store that is opened read-only writes nothing, whatever a process that was killed has left
// in the folder and whatever is damaged. The next one that may write removes what was left.
func TestReadOnlyWritesNothing(t *testing.T) {
	dir, c := scripted(t, 30)
	graphs, err := filepath.Glob(filepath.Join(dir, "graph-*"))
	no(t, err)
	rows, err := filepath.Glob(filepath.Join(dir, "vectors-*"))
	no(t, err)
	if len(graphs) == 0 || len(rows) == 0 {
		t.Fatalf("graphs %q, vectors %q: want some", graphs, rows)
	}
	left := []string{"graph-1-999.hnsw", "vectors-9-1.rows", "compact-1", ".graph-1-999.hnsw.goselfrag-0123456789abcdef"}
	for _, name := range append(left, ".store.db.goselfrag-0123456789abcdef", "words/lexical-0000000000-7.segment", "words/.mark.json.goselfrag-0123456789abcdef",
		fmt.Sprintf(".%s.goselfrag-0123456789abcdef", filepath.Base(graphs[0]))) {
		no(t, os.WriteFile(filepath.Join(dir, name), []byte("left"), 0o644))
	}
	f, err := os.OpenFile(rows[len(rows)-1], os.O_WRONLY|os.O_APPEND, 0)
	no(t, err)
	_, err = f.WriteString("half a row")
	no(t, errors.Join(err, f.Close()))
	for _, lost := range []string{"", "words/mark.json", filepath.Base(graphs[0])} {
		if lost != "" {
			no(t, os.Truncate(filepath.Join(dir, lost), 10))
		}
		before := everything(t, dir)
		o := options()
		o.ReadOnly = true
		s, err := open(t.Context(), dir, o, &disk{}, small)
		no(t, err)
		no(t, errors.Join(c.differs(t.Context(), s), checkSearch(t.Context(), s, &c.model), s.Verify(t.Context())))
		_, err = s.Stats(t.Context())
		no(t, err)
		no(t, s.Backup(t.Context(), &bytes.Buffer{}))
		settle(t, s)
		no(t, s.Close())
		if diff := gocmp.Diff(before, everything(t, dir)); diff != "" {
			t.Errorf("with %q lost, the folder was changed:\n%.2000s", lost, diff)
		}
	}
	s := openAt(t, dir, options(), small)
	for _, name := range left {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v: want none", name, err)
		}
	}
	no(t, errors.Join(c.differs(t.Context(), s), checkSearch(t.Context(), s, &c.model)))
}
