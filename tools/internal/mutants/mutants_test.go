// Package mutants has a test that puts faults into the library, one at a time, and sees
// whether the library's own tests find them. The files of the library stay as they are: the
// go command reads the faulty ones in their place (-overlay).
package mutants

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// mutant is a fault, and the test that must find it.
type mutant struct {
	name      string
	file      string // of the library
	from, to  string // from is in the file once
	pkg, test string
	args      []string
}

// The cases of TestLazyIsExact begin a little before one that shows the fault.
var mutants = []mutant{
	{"a tie prunes", "selfrag/contest.go", "if scoring.Below(k.path.Bounds(", "if low := func(hi, theta float64) bool { return hi <= theta }; low(k.path.Bounds(",
		"./selfrag", "TestLazyIsExact", []string{"-lazyfirst", "0"}},
	{"the mean so far bounds", "selfrag/contest.go", "return log, s.maxTokens", "return log, c.Counted",
		"./selfrag", "TestLazyIsExact", []string{"-lazyfirst", "7000"}},
	{"places for finished beams", "selfrag/contest.go", "theta := nth(append(slices.Clone(finished), fresh...), width)", "theta := nth(fresh, width-len(finished))",
		"./selfrag", "TestLazyIsExact", []string{"-lazyfirst", "7200"}},
	{"a budget does not count what is reserved", "budget/budget.go", "o.held = o.held.plus(a)", "o.held = o.held.plus(amount{})",
		"./selfrag", "TestBudgetOfConcurrentAnswers", nil},
	{"what was set aside is not given back", "budget/budget.go", "b.outer.move(amount{}, Usage{}, b.rest)", "b.outer.move(amount{}, Usage{}, amount{})",
		"./selfrag", "TestPrograms", nil},
}

func TestMutants(t *testing.T) {
	if !testsize.Full() {
		t.Skip("compiles the library anew for each fault: set GOSELFRAG_FULL")
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			source, err := os.ReadFile(filepath.Join(root, m.file))
			if err != nil {
				t.Fatal(err)
			}
			track(t, filepath.Join(root, m.pkg))
			if n := strings.Count(string(source), m.from); n != 1 {
				t.Fatalf("%s holds %q %d times: want once", m.file, m.from, n)
			}
			dir := t.TempDir()
			faulty, overlay := filepath.Join(dir, "faulty.go"), filepath.Join(dir, "overlay.json")
			b, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, m.file): faulty}})
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{faulty: strings.Replace(string(source), m.from, m.to, 1), overlay: string(b)} {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			args := append([]string{"test", "-overlay", overlay, "-count=1", "-run", "^" + m.test + "$", m.pkg}, m.args...)
			cmd := exec.Command("go", args...)
			cmd.Dir = root
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Errorf("%s does not find it:\n%s", m.test, out)
			}
			if !strings.Contains(string(out), "--- FAIL: "+m.test) {
				t.Errorf("%s did not fail by itself: %v\n%s", m.test, err, out)
			}
		})
	}
}

// track reads the files of a package, so that the go command does not take a result from
// its cache after one of them has changed.
func track(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files in %s: %v", len(names), dir, err)
	}
	for _, name := range names {
		if _, err := os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
}
