//go:build unix && !race

package adapt

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

var (
	fenced   = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```")
	prompted = regexp.MustCompile(`(?m)^\$ (.*)\n((?:[^$\n].*\n|\n)*)`)
)

// Every command of docs/adapt.md that begins with "$ " is run, in the order of the page,
// and every line that the page shows below it is in its output, in that order. The output
// can have more lines, such as times.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/adapt.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	commands, shown := 0, 0
	for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
		if block[1] == "awk" {
			if err := os.WriteFile("make.awk", []byte(block[2]), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range prompted.FindAllStringSubmatch(block[2], -1) {
			// Training by the marginal likelihood takes longest.
			if strings.Contains(c[1], "marginal") && !testsize.Full() {
				continue
			}
			commands++
			out := output(t, c[1])
			for line := range strings.Lines(c[2]) {
				if line = strings.TrimSpace(line); line == "" {
					continue
				}
				shown++
				_, rest, found := strings.Cut(out, line+"\n")
				if !found {
					t.Fatalf("$ %s\nthe output does not have, or not in this place, the line\n%s\nIt is\n%s", c[1], line, output(t, c[1]))
				}
				out = rest
			}
		}
	}
	if commands < 12 || shown < 25 {
		t.Errorf("only %d commands with %d lines were found", commands, shown)
	}
	if names, err := filepath.Glob("catalog/*.jsonl"); err != nil || len(names) != 24 {
		t.Errorf("%v, %v", names, err)
	}
}

// output runs a command and returns what it prints, standard error behind standard output.
func output(t *testing.T, line string) string {
	t.Helper()
	args, ours := strings.CutPrefix(line, "goselfrag ")
	if !ours {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
		if err != nil {
			t.Fatalf("$ %s: %v\n%s", line, err, out)
		}
		return string(out)
	}
	// Quotation marks hold a question together, and are all of the shell that is used.
	var list []string
	for i, part := range strings.Split(args, `"`) {
		if i%2 == 1 {
			list = append(list, part)
		} else {
			list = append(list, strings.Fields(part)...)
		}
	}
	_, stdout, stderr := start(t, list...)
	return stdout + stderr
}
