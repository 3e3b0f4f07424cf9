// Package architecture holds the tests of the rules about which package may import
// which. It has no code.
package architecture

import (
	"bufio"
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/goselfrag/goselfrag"

// core maps the packages of the core to those of ours that they may import.
var core = map[string][]string{
	"budget":            {"internal/fanout"},
	"observe":           {"budget", "internal/fanout"},
	"reflection":        {"internal/enum"},
	"internal/enum":     nil,
	"internal/prefix":   nil,
	"internal/steproom": nil,
	"retriever/filter":  nil,
	"generator":         {"budget", "observe", "internal/fanout", "internal/enum", "internal/steproom", "reflection"},
	"internal/isnil":    nil,
	"internal/ctxerr":   nil,
	"retriever":         {"budget", "observe", "internal/ctxerr", "internal/fanout", "internal/isnil", "retriever/filter"},
	"critique":          {"budget", "observe", "internal/fanout", "internal/enum", "internal/steproom", "reflection", "generator"},
	"scoring":           {"internal/enum", "reflection"},
	"internal/hits":     {"budget", "observe", "internal/ctxerr", "internal/fanout", "internal/isnil", "retriever", "retriever/filter"},
	"selfrag":           {"budget", "observe", "internal/ctxerr", "internal/fanout", "internal/hits", "internal/isnil", "internal/enum", "internal/prefix", "internal/steproom", "reflection", "generator", "retriever", "retriever/filter", "critique", "scoring"},
	"rag":               {"budget", "observe", "internal/ctxerr", "internal/fanout", "internal/hits", "internal/isnil", "internal/enum", "internal/prefix", "internal/steproom", "reflection", "generator", "retriever", "retriever/filter", "critique", "scoring", "selfrag"},
}

// external lists the third-party packages that the core may use.
var external = []string{"golang.org/x/sync/"}

// ofPrograms lists the third-party libraries on which only the packages below cmd depend.
var ofPrograms = []string{"github.com/schollz/progressbar/", "github.com/urfave/cli/"}

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

// What only programs need reaches no package that users import.
func TestLibrariesOfPrograms(t *testing.T) {
	found := map[string]bool{}
	for _, line := range goList(t, "-f", "{{.ImportPath}} {{join .Deps \" \"}}", module+"/...") {
		pkg, deps, _ := strings.Cut(line, " ")
		for _, library := range ofPrograms {
			if !strings.Contains(" "+deps, " "+library) {
				continue
			}
			found[library] = true
			if !strings.HasPrefix(pkg, module+"/cmd/") {
				t.Errorf("%s depends on %s: want it below cmd only", pkg, library)
			}
		}
	}
	for _, library := range ofPrograms {
		if !found[library] {
			t.Errorf("nothing depends on %s: take it out of the list", library)
		}
	}
}

// source is a Go file of the repository, of any module, system and processor.
type source struct {
	name    string // from the top folder on
	pkg     string // the import path of its package
	test    bool
	imports []string // those of ours
}

// sources reads the imports of all Go files of the repository.
func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	const root = "../.."
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		s := source{name: rel, pkg: path.Join(module, path.Dir(rel)), test: strings.HasSuffix(rel, "_test.go")}
		for _, i := range parsed.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if imported == module || strings.HasPrefix(imported, module+"/") {
				s.imports = append(s.imports, imported)
			}
		}
		list = append(list, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 100 {
		t.Fatalf("only %d Go files were found", len(list))
	}
	return list
}

// within reports whether a package is in a folder of the repository, or is it.
func within(pkg, folder string) bool {
	return strings.HasPrefix(pkg+"/", module+"/"+folder+"/")
}

// The module tools imports the library. The library does not import tools, not even in
// its tests, whose modules are in its go.mod as well.
func TestLibraryKnowsNoTools(t *testing.T) {
	for _, s := range sources(t) {
		if within(s.pkg, "tools") {
			continue
		}
		for _, i := range s.imports {
			if within(i, "tools") {
				t.Errorf("%s imports %s", s.name, i)
			}
		}
	}
}

// Package adapt is the one place for trainers, and package training for the data of those
// elsewhere. What answers questions imports neither.
func TestTrainersAreApart(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || within(s.pkg, "adapt") || within(s.pkg, "training") || within(s.pkg, "cmd") || within(s.pkg, "tools") || within(s.pkg, "internal/prompts") {
			continue
		}
		for _, i := range s.imports {
			if within(i, "adapt") || within(i, "training") {
				t.Errorf("%s imports %s: only programs train", s.name, i)
			}
		}
	}
}

// An internal package is there for another package. One of the library is there for the
// library: what only tools need is in tools.
func TestInternalPackagesAreImported(t *testing.T) {
	all := sources(t)
	imported := func(pkg string) bool {
		return slices.ContainsFunc(all, func(s source) bool {
			return s.pkg != pkg && (within(pkg, "tools") || !within(s.pkg, "tools")) && slices.Contains(s.imports, pkg)
		})
	}
	known := map[string]bool{}
	for _, s := range all {
		// A folder that has tests alone holds nothing to import.
		if s.test || known[s.pkg] || !slices.Contains(strings.Split(s.pkg, "/"), "internal") {
			continue
		}
		known[s.pkg] = true
		if !imported(s.pkg) {
			t.Errorf("nobody imports %s: delete it, or move it to where it is used", s.pkg)
		}
	}
	if len(known) < 5 {
		t.Errorf("only %d internal packages were found", len(known))
	}
}

// fake reports whether a package is one of fakes and contract suites, or below one.
func fake(pkg string) bool {
	return slices.ContainsFunc(strings.Split(pkg, "/"), func(element string) bool { return strings.HasSuffix(element, "test") })
}

// Fakes and contract suites are for tests: only tests and tools import them.
func TestFakesStayInTests(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || fake(s.pkg) || within(s.pkg, "tools") {
			continue
		}
		for _, i := range s.imports {
			if fake(i) {
				t.Errorf("%s imports %s outside its tests", s.name, i)
			}
		}
	}
}
