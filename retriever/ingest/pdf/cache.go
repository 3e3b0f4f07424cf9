package pdf

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// cacheFolder returns a private folder for compiled code, and whether it has some already.
// It returns "" if there is none that is safe to use.
func cacheFolder(dir string) (string, bool) {
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", false
		}
		dir = filepath.Join(base, "goselfrag", "pdf-"+version())
	}
	if err := os.MkdirAll(dir, 0o700); err != nil || !private(dir) {
		return "", false
	}
	// The runtime keeps its files in a folder named for its own version and the machine.
	files, err := filepath.Glob(filepath.Join(escape(dir), "wazero-*", "*"))
	return dir, err == nil && len(files) > 0
}

// escape escapes the special characters of patterns in a path.
func escape(path string) string {
	if os.PathSeparator == '\\' {
		return path // a backslash separates there, and names have no brackets as a rule
	}
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(path)
}

// version names the code to compile: that of the module that holds it.
func version() string {
	const module = "github.com/klippa-app/go-pdfium"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, d := range info.Deps {
		if d.Path != module {
			continue
		}
		if d.Replace != nil {
			d = d.Replace
		}
		if strings.Trim(d.Version, "0123456789.-vabcdefghijklmnopqrstuwxyzT") == "" && d.Version != "" {
			return d.Version
		}
	}
	return "unknown"
}
