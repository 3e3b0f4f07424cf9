//go:build unix

package atomicfile

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/goselfrag/goselfrag/internal/regular"
)

// What a killed process left is removed by the next that writes the file.
func TestKilled(t *testing.T) {
	if path := os.Getenv("ATOMICFILE_KILL"); path != "" {
		f, err := Create(path)
		must(t, err)
		must(t, text("half")(f.File))
		must(t, syscall.Kill(os.Getpid(), syscall.SIGKILL))
		select {}
	}
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, nil, 0o600))
	for range 3 {
		child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		child.Env = append(os.Environ(), "ATOMICFILE_KILL="+path)
		if err := child.Run(); err == nil {
			t.Fatal("the process was not killed")
		}
		if got := names(t, filepath.Dir(path)); len(got) != 2 {
			t.Fatalf("the folder holds %q: want the file and one half", got)
		}
	}
	must(t, Write(path, text("new")))
	if got := names(t, filepath.Dir(path)); !slices.Equal(got, []string{"file"}) {
		t.Errorf("the folder holds %q: want the file alone", got)
	}
}

func TestWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(in("file"), []byte("old"), 0o640),
		os.Symlink("file", in("link")),
		os.Symlink("link", in("link to a link")),
		syscall.Mkfifo(in("pipe"), 0o600),
		os.Symlink("pipe", in("link to a pipe")),
		os.Mkdir(in("folder"), 0o700),
		os.Symlink("nothing", in("dangling")),
		os.Symlink("loop", in("loop")),
	} {
		must(t, err)
	}
	before := names(t, dir)
	for _, name := range []string{in("pipe"), in("link to a pipe"), in("folder"), in("dangling"), in("loop"), os.DevNull} {
		info, err := os.Lstat(name)
		must(t, err)
		if err := Write(name, text("new")); !errors.Is(err, regular.ErrNotFile) {
			t.Errorf("%s: got %v: want ErrNotFile", name, err)
		}
		if now, err := os.Lstat(name); err != nil || !os.SameFile(info, now) {
			t.Errorf("%s was replaced: %v", name, err)
		}
	}
	must(t, Write(in("link to a link"), text("new")))
	got, err := os.ReadFile(in("file"))
	info, e := os.Lstat(in("file"))
	if must(t, e); err != nil || string(got) != "new" || info.Mode() != 0o640 {
		t.Errorf("the file behind the links holds %q, its mode is %v, %v: want the new content and the old mode", got, info.Mode(), err)
	}
	if after := names(t, dir); !slices.Equal(after, before) {
		t.Errorf("the folder holds %q: want %q", after, before)
	}
}

// A file that became a pipe while the new content was written is not replaced.
func TestBecomesPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := Create(path)
	must(t, err)
	must(t, syscall.Mkfifo(path, 0o600))
	if err := f.Commit(); !errors.Is(err, regular.ErrNotFile) {
		t.Errorf("got %v: want ErrNotFile", err)
	}
	if got := names(t, filepath.Dir(path)); !slices.Equal(got, []string{"file"}) {
		t.Errorf("the folder holds %q: want the pipe alone", got)
	}
}
