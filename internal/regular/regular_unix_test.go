//go:build unix

package regular_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/goselfrag/goselfrag/internal/regular"
)

func TestOpenFile(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(in("file"), []byte("text"), 0o600),
		syscall.Mkfifo(in("pipe"), 0o600),
		os.Mkdir(in("folder"), 0o700),
		os.Symlink(in("file"), in("link")),
		os.Symlink(in("pipe"), in("link to a pipe")),
		os.Symlink(in("nothing"), in("dangling")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const create = os.O_RDWR | os.O_CREATE
	for _, c := range []struct {
		name string
		flag int
		want error
	}{
		{in("file"), os.O_RDONLY, nil},
		{in("link"), os.O_RDONLY, nil},
		{in("new"), create, nil},
		{in("pipe"), os.O_RDONLY, regular.ErrNotFile},
		{in("pipe"), create, regular.ErrNotFile},
		{in("link to a pipe"), os.O_RDONLY, regular.ErrNotFile},
		{in("folder"), os.O_RDONLY, regular.ErrNotFile},
		{os.DevNull, create, regular.ErrNotFile},
		{in("dangling"), create, regular.ErrNotFile},
		{in("dangling"), os.O_RDONLY, fs.ErrNotExist},
		{in("missing"), os.O_RDONLY, fs.ErrNotExist},
	} {
		f, err := regular.OpenFile(c.name, c.flag, 0o600)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s, flags %#x: got %v: want %v", c.name, c.flag, err, c.want)
		}
		if err == nil {
			f.Close()
		}
	}
	if _, err := os.Stat(in("nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made where a link led nowhere: %v", err)
	}
}
