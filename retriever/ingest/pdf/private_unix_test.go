//go:build unix

package pdf

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A folder that others can write to, or that is a link, is not used.
func TestPrivateFolders(t *testing.T) {
	base := t.TempDir()
	for name, mode := range map[string]os.FileMode{"world": 0o777, "group": 0o770, "own": 0o700, "read": 0o755} {
		dir := filepath.Join(base, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if got, _ := cacheFolder(dir); (got != "") != (mode&0o022 == 0) {
			t.Errorf("mode %o: %q", mode, got)
		}
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(filepath.Join(base, "own"), link); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{link, file, filepath.Join(file, "below")} {
		if got, _ := cacheFolder(dir); got != "" {
			t.Errorf("%s is used", dir)
		}
	}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(base, "cache"))
	if runtime.GOOS == "linux" {
		got, full := cacheFolder("")
		info, err := os.Stat(got)
		if err != nil || full || info.Mode().Perm() != 0o700 || !strings.HasPrefix(got, filepath.Join(base, "cache", "goselfrag", "pdf-")) {
			t.Errorf("%q, %v, %v", got, full, err)
		}
		t.Setenv("XDG_CACHE_HOME", "")
		t.Setenv("HOME", "")
		if got, _ := cacheFolder(""); got != "" {
			t.Errorf("without a home: %q", got)
		}
	}
}
