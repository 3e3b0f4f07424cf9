package chart

import (
	"errors"
	"io"
	"os"

	"github.com/goselfrag/goselfrag/internal/atomicfile"
)

// File is a file that is either unchanged or complete.
type File struct{ *atomicfile.File }

// Create makes the file, which must be none of those that are read.
func Create(name string, read ...string) (*File, error) {
	if info, err := os.Stat(name); err == nil {
		for _, r := range read {
			if other, err := os.Stat(r); err == nil && os.SameFile(info, other) {
				return nil, errors.New(name + " would replace what is read: name another one")
			}
		}
	}
	f, err := atomicfile.Create(name)
	if err != nil {
		return nil, err
	}
	return &File{f}, nil
}

// Finish calls write for the content and puts the file in place.
func (f *File) Finish(write func(io.Writer) error) error {
	if err := write(f); err != nil {
		return err
	}
	return f.Commit()
}
