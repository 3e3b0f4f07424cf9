//go:build !unix

package pdf

import "os"

// private reports whether dir is a folder. A user's folders are private on Windows.
func private(dir string) bool {
	info, err := os.Lstat(dir)
	return err == nil && info.IsDir()
}
