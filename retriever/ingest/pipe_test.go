//go:build unix

package ingest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/internal/regular"
)

// A file that becomes a pipe or a device once it was listed is skipped.
func TestDirPipe(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a.txt", "b.txt", "c.csv"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("text\nOne."), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	fsys := changing{regular.FS(root).(folder), func() {
		for _, name := range names[1:] {
			path := filepath.Join(dir, name)
			if err := errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)); err != nil {
				t.Error(err)
			}
		}
	}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := FS(ctx, fsys, Options{})
	if err != nil || res.Read != 1 || len(res.Skipped) != 2 || !errors.Is(res.Skipped[0], ErrNotFile) {
		t.Errorf("%v, %+v", err, res)
	}
	// Also when it becomes one between the look at it and the opening.
	f, err := regular.FS(root).Open("b.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
}

// changing calls then once the folder was listed.
type changing struct {
	folder
	then func()
}

func (c changing) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := c.folder.ReadDir(name)
	c.then()
	return list, err
}

// folder is what regular.FS returns.
type folder interface {
	fs.StatFS
	fs.ReadDirFS
}
