//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package atomicfile

import (
	"errors"
	"os"
	"syscall"
)

// claim locks a content that was just created, for as long as it is open. It returns false
// if a sweep came first, and removes the file.
func claim(f *os.File) bool {
	switch err := lock(f); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return false
	case err != nil:
		return true // no locks on this file system, so no process sweeps
	}
	mine, err := f.Stat()
	if err != nil {
		return true // what follows will say so
	}
	there, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(mine, there)
}

func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// removeDead removes a content unless a process holds its lock.
func removeDead(path string) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if lock(f) != nil {
		return
	}
	// The name is still that of the locked file: no process gives it to another one.
	_ = os.Remove(path) // the next sweep tries again
}
