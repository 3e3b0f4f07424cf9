package architecture

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// layers are the headings over the tables of packages in docs/architecture.md, in the order in
// which imports may go back, and after them that over the fakes, which only tests import.
var layers = []string{"Core", "Parts", "Evaluation and training", "Programs", "Fakes and contract suites"}

// layersOf returns the layer of each package that the page names, by its path below the module.
func layersOf(t *testing.T) map[string]int {
	t.Helper()
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile("`([^`]+)`")
	found := map[string]int{}
	layer := -1
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			layer = slices.Index(layers, strings.TrimPrefix(line, "### "))
		}
		if layer < 0 || !strings.HasPrefix(line, "| `") {
			continue
		}
		first, _, _ := strings.Cut(line, " | ")
		for _, m := range name.FindAllStringSubmatch(first, -1) {
			if _, twice := found[m[1]]; twice {
				t.Errorf("%s has two rows", m[1])
			}
			found[m[1]] = layer
		}
	}
	return found
}

// row returns the name by which the page lists a package; "" for one that it does not list:
// the map of the library, internal packages, tests of pages, and the module tools.
func row(pkg string) string {
	for _, folder := range []string{"cmd/goselfrag", "examples"} {
		if within(pkg, folder) {
			return folder
		}
	}
	if pkg == module || within(pkg, "docs") || within(pkg, "tools") || slices.Contains(strings.Split(pkg, "/"), "internal") {
		return ""
	}
	return strings.TrimPrefix(pkg, module+"/")
}

// The tables of docs/architecture.md have every package that others can import, and no other.
// A package imports only packages of its own table and of those before it.
func TestLayers(t *testing.T) {
	listed := layersOf(t)
	seen := map[string]bool{}
	for _, s := range sources(t) {
		name := row(s.pkg)
		if name == "" || s.test {
			continue
		}
		layer, ok := listed[name]
		if !ok && !seen[name] {
			t.Errorf("docs/architecture.md has no row for %s", name)
		}
		seen[name] = true
		if fake(s.pkg) != (ok && layers[layer] == "Fakes and contract suites") {
			t.Errorf("docs/architecture.md has %s in the wrong table", name)
		}
		for _, i := range s.imports {
			if to := row(i); ok && to != "" && listed[to] > layer {
				t.Errorf("%s imports %s: %s comes before %s in docs/architecture.md", s.name, i, layers[layer], layers[listed[to]])
			}
		}
	}
	for name := range listed {
		if !seen[name] {
			t.Errorf("docs/architecture.md has a row for %s: there is no such package", path.Join(module, name))
		}
	}
}

// The third column of the core has what TestCoreDependencies allows, without internal packages.
func TestCoreTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	cell := regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| [^|]* \\| ([^|]*) \\|$")
	name := regexp.MustCompile("`([^`]+)`")
	rows := 0
	var above []string
	for _, m := range cell.FindAllStringSubmatch(string(page), -1) {
		want, ok := core[m[1]]
		if !ok {
			continue
		}
		rows++
		want = slices.DeleteFunc(slices.Clone(want), func(p string) bool { return strings.HasPrefix(p, "internal/") })
		var got []string
		for _, n := range name.FindAllStringSubmatch(m[2], -1) {
			got = append(got, n[1])
		}
		if m[2] == "all above" {
			got = slices.Clone(above)
		}
		above = append(above, m[1])
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("docs/architecture.md: %s imports %q: want %q", m[1], got, want)
		}
	}
	if rows != 10 {
		t.Errorf("%d rows of the core were found", rows)
	}
}
