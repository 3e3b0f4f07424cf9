package store

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// disk is how the store writes. Tests make it fail.
type disk struct {
	noSync bool
	// fail, if not nil, is asked before each operation that changes a file.
	fail func(operation, path string) error
}

func (d *disk) may(operation, path string) error {
	if d.fail == nil {
		return nil
	}
	return d.fail(operation, path)
}

func (d *disk) writeAt(f *os.File, b []byte, at int64) error {
	if err := d.may("write", f.Name()); err != nil {
		_, _ = f.WriteAt(b[:len(b)/2], at) // as a full disk does
		return err
	}
	_, err := f.WriteAt(b, at)
	return err
}

func (d *disk) sync(f *os.File) error {
	if err := d.may("sync", f.Name()); err != nil {
		return err
	}
	if d.noSync {
		return nil
	}
	return f.Sync()
}

func (d *disk) rename(from, to string) error {
	if err := d.may("rename", to); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(to))
}

// syncDir makes new names in a folder last.
func (d *disk) syncDir(dir string) error {
	if err := d.may("sync", dir); err != nil {
		return err
	}
	if d.noSync || runtime.GOOS == "windows" { // which cannot
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// remove removes a file that nothing names. What cannot be removed now is removed when the
// store is opened the next time.
func (d *disk) remove(path string) {
	if d.may("remove", path) == nil {
		_ = os.Remove(path)
	}
}
