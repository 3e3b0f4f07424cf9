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
