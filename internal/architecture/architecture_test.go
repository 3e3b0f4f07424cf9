// Package architecture holds the test of the rules about which package may import
// which. It has no code.
package architecture

import (
	"bufio"
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/goselfrag/goselfrag"

// core maps the packages of the core to those of ours that they may import.
var core = map[string][]string{
	"account":    nil,
	"reflection": nil,
	"generator":  {"account", "reflection"},
	"retriever":  {"account"},
	"critique":   {"account", "reflection", "generator"},
	"scoring":    {"reflection"},
	"selfrag":    {"account", "reflection", "generator", "retriever", "critique", "scoring"},
}

// external lists the third-party packages that the core may use.
var external = []string{"golang.org/x/sync/"}

// goList returns the lines that go list prints.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, &stderr)
	}
	var lines []string
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		lines = append(lines, s.Text())
	}
	return lines
}

// The core uses no third-party code but the packages listed above, directly or
// not, and the imports run one way: nothing knows a concrete backend, or what is
// built on top of it.
func TestCoreDependencies(t *testing.T) {
	for name, allowed := range core {
		t.Run(name, func(t *testing.T) {
			seen := 0
			for _, path := range goList(t, "-deps", module+"/"+name) {
				seen++
				first, _, _ := strings.Cut(path, "/")
				ours, isOurs := strings.CutPrefix(path, module+"/")
				switch {
				case isOurs && ours != name && !slices.Contains(allowed, ours):
					t.Errorf("depends on %s: want only %v of our own", path, allowed)
				case isOurs, !strings.Contains(first, "."): // the standard library
				case strings.HasPrefix(path, "vendor/"): // its own copies
				case !slices.ContainsFunc(external, func(p string) bool { return strings.HasPrefix(path, p) }):
					t.Errorf("depends on %s: the core uses no third-party code but %v", path, external)
				}
			}
			if seen < 2 {
				t.Errorf("go list found %d packages", seen)
			}
		})
	}
}

// Fakes and contract suites are for tests: only tests import them.
func TestFakesStayInTests(t *testing.T) {
	for _, line := range goList(t, "-f", "{{.ImportPath}} {{join .Imports \" \"}}", module+"/...") {
		pkg, imports, _ := strings.Cut(line, " ")
		if strings.HasSuffix(pkg, "test") || strings.HasPrefix(pkg, module+"/examples/") || strings.HasPrefix(pkg, module+"/internal/cmd/") {
			continue
		}
		for _, i := range strings.Fields(imports) {
			if strings.HasPrefix(i, module) && strings.HasSuffix(i, "test") {
				t.Errorf("%s imports %s outside its tests", pkg, i)
			}
		}
	}
}
