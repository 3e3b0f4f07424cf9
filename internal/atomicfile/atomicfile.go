// Package atomicfile writes files whole or not at all. After a process was killed, the next
// one that writes the same file removes its remains.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/goselfrag/goselfrag/internal/regular"
)

// File is the new content of a file, under another name in the same folder until Commit.
// The process holds a lock on it. So other processes can distinguish it from the remains of
// a killed one.
type File struct {
	*os.File
	name string      // what it will replace
	mode os.FileMode // of what it will replace
	done bool
}

// Create begins the new content of the file called name. Where name is a link to a file,
// that file is replaced and the link stays. A folder, a device, a pipe, and a link that
// leads nowhere give an error that wraps [regular.ErrNotFile]. The caller calls Commit or
// Discard.
func Create(name string) (*File, error) {
	name, mode, err := target(name)
	if err != nil {
		return nil, err
	}
	sweep(name)
	for {
		path := prefix(name) + fmt.Sprintf("%016x", rand.Uint64())
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		switch {
		case errors.Is(err, fs.ErrExist):
		case err != nil:
			return nil, err
		case claim(f):
			return &File{File: f, name: name, mode: mode}, nil
		default:
			f.Close() // another process sweeps now and removes it
		}
	}
}

// Write replaces the file called name by what write writes, or leaves it as it was. See
// [Create].
func Write(name string, write func(*os.File) error) (err error) {
	f, err := Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Discard()) }() // also if write panics
	if err := write(f.File); err != nil {
		return err
	}
	return f.Commit()
}

// Commit syncs the content and puts it in place. It keeps the permissions of a file that it
// replaces; all may read a new file. After an error the old file, if any, is unchanged and
// nothing else is left, but the new content may be in place if the folder could not be
// synced.
func (f *File) Commit() (err error) {
	defer func() { err = errors.Join(err, f.Discard()) }()
	if err := f.Chmod(f.mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	// It may have become something else since.
	if info, err := os.Lstat(f.name); err == nil && !info.Mode().IsRegular() {
		return notFile(f.name)
	}
	if runtime.GOOS == "windows" { // which does not rename open files
		if err := f.Close(); err != nil {
			return err
		}
	}
	if err := os.Rename(f.File.Name(), f.name); err != nil {
		return err
	}
	f.done = true
	if err := f.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return syncDir(filepath.Dir(f.name))
}

// Discard removes the content. After Commit it does nothing.
func (f *File) Discard() error {
	if f.done {
		return nil
	}
	f.done = true
	if runtime.GOOS == "windows" { // which does not remove open files
		f.Close()
		return os.Remove(f.File.Name())
	}
	err := os.Remove(f.File.Name())
	f.Close() // a second time does no harm
	return err
}

// target returns the file that name leads to, and the permissions of the new content.
func target(name string) (string, os.FileMode, error) {
	info, err := os.Stat(name)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return "", 0, notFile(name)
	case err == nil:
		name, err = filepath.EvalSymlinks(name)
		return name, info.Mode().Perm(), err
	}
	if _, e := os.Lstat(name); e == nil {
		return "", 0, notFile(name) // a link that leads nowhere
	}
	if errors.Is(err, fs.ErrNotExist) {
		return name, 0o644, nil
	}
	return "", 0, err
}

func notFile(name string) error {
	return &fs.PathError{Op: "replace", Path: name, Err: regular.ErrNotFile}
}

// prefix returns the beginning of the names of new contents of a file. Long names are cut,
// so that there is room for the rest.
func prefix(name string) string {
	base := filepath.Base(name)
	return filepath.Join(filepath.Dir(name), "."+base[:min(len(base), 200)]+".goselfrag-")
}

// sweep removes the remains that killed processes left of the file called name. It ignores
// errors.
func sweep(name string) {
	begin := filepath.Base(prefix(name))
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(1000)
		for _, e := range entries {
			if rest, ok := strings.CutPrefix(e.Name(), begin); ok && e.Type().IsRegular() && isTag(rest) {
				removeDead(filepath.Join(filepath.Dir(name), e.Name()))
			}
		}
		if err != nil {
			return
		}
	}
}

// isTag reports whether s ends the name of a content.
func isTag(s string) bool { return len(s) == 16 && strings.Trim(s, "0123456789abcdef") == "" }

// syncDir makes a rename in a folder last.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
