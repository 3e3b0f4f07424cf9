package main

import (
	"errors"
	"os"
	"path/filepath"
)

// file is a file that is either as it was or complete: it is written under another name
// in the same folder, and renamed at the end.
type file struct {
	*os.File
	name string
	mode os.FileMode
	done bool
}

// create makes the file, which must be none of those that are read.
func create(name string, read ...string) (*file, error) {
	mode := os.FileMode(0o644) // temporary files are for their owner alone
	if info, err := os.Stat(name); err == nil {
		if !info.Mode().IsRegular() {
			return nil, errors.New(name + " is there and is no file: name another one")
		}
		for _, r := range read {
			if other, err := os.Stat(r); err == nil && os.SameFile(info, other) {
				return nil, errors.New(name + " would replace what is read: name another one")
			}
		}
		mode = info.Mode().Perm()
		if name, err = filepath.EvalSymlinks(name); err != nil {
			return nil, err
		}
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.part")
	if err != nil {
		return nil, err
	}
	return &file{File: f, name: name, mode: mode}, nil
}

// write writes the page of a report and puts it in place.
func (f *file) write(r report) error {
	err := writePage(f, r)
	if err == nil {
		err = f.Chmod(f.mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.File.Name(), f.name); err != nil {
		return err
	}
	f.done = true
	return nil
}

// discard removes what was written unless it is in place.
func (f *file) discard() error {
	if f.done {
		return nil
	}
	f.Close() // a second time does no harm
	return os.Remove(f.File.Name())
}
