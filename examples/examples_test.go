// Package examples tests the programs of its folders: those that need no server are run,
// and each is short enough to be read at once.
package examples

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tower.md"), []byte("# The tower\n\nThe lighthouse of Brannock was built in 1871 by Ada Kerr.\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args, want []string
	}{
		// One answer with a citation, one without retrieval, one abstention.
		"quickstart": {nil, []string{"defaults to 0.2", " [1].\n", "\nThe bridge was opened in 1932.\n", "\n(no passage was looked for: ", "\n(abstained: "}},
		"folder": {[]string{dir, "Who built the lighthouse of Brannock?"},
			[]string{"The lighthouse of Brannock was built in 1871 by Ada Kerr [1].\n[1] The tower (tower.md, bytes 13-70)\nsupport by the passage: [Fully supported], answers the question: +0.9 of -1 to 1\n"}},
		"retriever": {nil, []string{"The ferry to Brannock leaves at ten [1].\n[1] new\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("go", append([]string{"run", "./examples/" + name}, c.args...)...)
			cmd.Dir = ".."
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, &stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
}

func TestLength(t *testing.T) {
	files, err := filepath.Glob("*/*.go")
	if err != nil || len(files) < 9 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n >= 100 {
			t.Errorf("%s has %d lines: want fewer than 100", name, n)
		}
	}
}
