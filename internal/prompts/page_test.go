package prompts_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/prompts"
	"github.com/goselfrag/goselfrag/internal/testsize"
)

var update = flag.Bool("update", false, "write the list in docs/prompts.md anew")

const (
	page = "../../docs/prompts.md"
	// begin is before what this test writes.
	begin = "<!-- go test ./internal/prompts -update writes what follows -->\n"
)

// written is the list on the page.
func written() string {
	var b strings.Builder
	b.WriteString("\n| prompt | package | hash |\n| --- | --- | --- |\n")
	for _, p := range prompts.All() {
		fmt.Fprintf(&b, "| [%s](#%s) | `%s` | `%s` |\n", p.Name, p.Name, short(p.Package), p.Hash)
	}
	for _, p := range prompts.All() {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", p.Name, p.Use)
		fmt.Fprintf(&b, "- placeholders: `%s`\n- replaced by: %s\n", strings.Join(p.Placeholders, "`, `"), p.Replace)
		for _, m := range p.Messages {
			if m.Role != "" {
				fmt.Fprintf(&b, "\n%s:\n", strings.ToUpper(string(m.Role[:1]))+string(m.Role[1:]))
			}
			fmt.Fprintf(&b, "\n```text\n%s\n```\n", m.Text)
		}
	}
	return b.String()
}

func short(path string) string {
	return strings.TrimPrefix(path, "github.com/goselfrag/goselfrag/")
}

func read(t *testing.T) (head, list string) {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, list, ok := strings.Cut(strings.ReplaceAll(string(b), "\r\n", "\n"), begin)
	if !ok {
		t.Fatalf("%s lacks the line %q", page, begin)
	}
	return head, list
}

// The page shows every prompt as it is.
func TestPage(t *testing.T) {
	head, list := read(t)
	for _, p := range prompts.All() {
		for _, m := range p.Messages {
			if strings.Contains(m.Text, "```") {
				t.Errorf("%s holds the fence of its own block", p.Name)
			}
		}
	}
	if *update {
		if err := os.WriteFile(page, []byte(head+begin+written()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(list, written()); d != "" {
		t.Errorf("docs/prompts.md is stale: run go test ./internal/prompts -update (-page +code):\n%s", d)
	}
}

// The code on the page compiles: each block is a package of its own, which only the
// compiler sees.
func TestCodeOnThePage(t *testing.T) {
	testsize.SkipRaced(t)
	head, _ := read(t)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(head, -1)
	if len(blocks) == 0 {
		t.Fatal("there is no code")
	}
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	args := []string{"build", "-overlay", filepath.Join(dir, "overlay.json")}
	for i, block := range blocks {
		name := fmt.Sprintf("block%d", i+1)
		file := filepath.Join(dir, name+".go")
		if err := os.WriteFile(file, []byte(block[1]), 0o644); err != nil {
			t.Fatal(err)
		}
		place, err := filepath.Abs(filepath.Join(name, "block.go"))
		if err != nil {
			t.Fatal(err)
		}
		overlay.Replace[place] = file
		args = append(args, "./"+name)
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The texts of these prompts have not changed since their hashes were first written into
// traces, and so the hashes have not.
func TestHashesStay(t *testing.T) {
	if got := (generator.ChatTemplate{}).Hash(); got != "96bc6f92df21632c" {
		t.Errorf("chat: %s", got)
	}
	pinned := map[string]string{
		"judge-support": "7375b2e85724f22e", "judge-repair": "416991896dd99fbb", "rewrite-variants": "76293cdf503e921a",
		"selfrag": "bfbb7c4fd851a78e", "standalone-question": "f6cea64393ab5bbe",
	}
	for _, p := range prompts.All() {
		if want, ok := pinned[p.Name]; ok && p.Hash != want {
			t.Errorf("%s: %s, want %s", p.Name, p.Hash, want)
		}
	}
}
