// Package regular opens regular files, and never waits for a pipe or a device.
package regular

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNotFile is wrapped by the errors about what is no regular file, nor a link to one.
var ErrNotFile = errors.New("not a regular file: name one, or a link to one")

// Open opens a file below root for reading; name has slashes. A pipe is opened without
// waiting for its other end, so that the caller can see what it is by its Stat.
func Open(root *os.Root, name string) (*os.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|nonblock, 0)
}

// OpenFile is os.OpenFile for regular files and links to them. For anything else it returns
// an error that wraps ErrNotFile, without waiting.
func OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	wrong := &fs.PathError{Op: "open", Path: name, Err: ErrNotFile}
	// Opening a device may have an effect.
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		return nil, wrong
	}
	if _, e := os.Lstat(name); e == nil && err != nil && flag&os.O_CREATE != 0 {
		return nil, wrong // a link that leads nowhere, which would make a file there
	}
	f, err := os.OpenFile(name, flag|nonblock, perm)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		if err != nil {
			return nil, err
		}
		return nil, wrong
	}
	return f, nil
}
