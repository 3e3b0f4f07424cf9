package regular

import (
	"io/fs"
	"os"
)

// FS returns the files below root as a file system whose Open never waits for a pipe. It is
// usable until root is closed.
func FS(root *os.Root) fs.FS { return folder{root.FS(), root} }

type folder struct {
	fs.FS
	root *os.Root
}

func (f folder) Open(name string) (fs.File, error) { return Open(f.root, name) }

func (f folder) Stat(name string) (fs.FileInfo, error) { return fs.Stat(f.FS, name) }

func (f folder) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(f.FS, name) }

// OpenFS opens a regular file of fsys. For anything else it returns an error that wraps
// ErrNotFile. If fsys comes from FS, it does not wait even for a file that was replaced by a
// pipe after the check.
func OpenFS(fsys fs.FS, name string) (fs.File, error) {
	wrong := &fs.PathError{Op: "open", Path: name, Err: ErrNotFile}
	info, err := fs.Stat(fsys, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, wrong
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		f.Close()
		return nil, wrong
	}
	return f, nil
}
