// Package docs tests that the Go code of the README and of the pages of this folder
// compiles, as a module that uses this one.
package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/goselfrag/goselfrag"

// A page whose code is only parts of a program says here what the parts rely on.
var around = map[string]struct {
	imports []string // beside those of common
	vars    string   // declarations
}{
	"folder-sync.md": {[]string{module + "/retriever/dense/embedcache", module + "/retriever/store"},
		"var server dense.Embedder"},
	"ingest.md": {[]string{module + "/retriever/filter", module + "/retriever/ingest/clean"}, "var docs ingest.Result"},
	"retrieval.md": {[]string{module + "/retriever/dense/openai", "github.com/tmc/langchaingo/embeddings", "github.com/tmc/langchaingo/llms/ollama"},
		"var passages []retriever.Passage; var embedder dense.Embedder; var words *lexical.Index; var vectors retriever.Retriever"},
	"store.md": {[]string{"io", module + "/retriever/filter", module + "/retriever/store"},
		"var s *store.Store; var passages []retriever.Passage; var embedder dense.Embedder; var backup io.Reader"},
}

// common are packages that parts import if they name them.
var common = []string{
	"context", "log", "os", module + "/modelserver", module + "/retriever", module + "/retriever/dense", module + "/retriever/dense/hashed",
	module + "/retriever/hnsw", module + "/retriever/ingest", module + "/retriever/lexical",
}

var (
	block  = regexp.MustCompile("(?ms)^```go\n(.*?)^```")
	clause = regexp.MustCompile(`(?m)^package (\w+)$`)
)

// The blocks of a page that are of one package are compiled together; their tests are run.
func TestCode(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil || len(pages) < 10 {
		t.Fatalf("%v, %v", pages, err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	mod, sum := read(t, "../go.mod"), read(t, "../go.sum")
	write("go.mod", strings.Replace(mod, "module "+module, "module docs", 1)+
		fmt.Sprintf("\nrequire %s v0.0.0\nreplace %s => %s\n", module, module, filepath.ToSlash(root)))
	write("go.sum", sum)
	blocks := 0
	for _, page := range append(pages, "../README.md") {
		if page == "prompts.md" {
			continue // package prompts tests it
		}
		for i, m := range block.FindAllStringSubmatchIndex(read(t, page), -1) {
			text := read(t, page)
			code, line := text[m[2]:m[3]], 1+strings.Count(text[:m[2]], "\n")
			where := strings.TrimSuffix(filepath.Base(page), ".md")
			name := fmt.Sprintf("%s/block%d/block.go", where, i+1)
			if m := clause.FindStringSubmatch(code); m != nil {
				name = fmt.Sprintf("%s/%s/block%d.go", where, m[1], i+1)
			} else {
				code = whole(t, filepath.Base(page), code, i+1)
			}
			if strings.Contains(code, "func Test") {
				name = strings.TrimSuffix(name, ".go") + "_test.go"
			}
			// Errors are then told by the line of the page.
			at := clause.FindStringIndex(code)[0]
			code = fmt.Sprintf("%s//line %s:%d\n%s", code[:at], page, line+strings.Count(code[:at], "\n"), code[at:])
			write(name, code)
			blocks++
		}
	}
	if blocks < 20 {
		t.Errorf("only %d blocks were found", blocks)
	}
	// It compiles packages without tests, too, and need not link their programs as go build does.
	c := exec.Command("go", "test", "-mod=mod", "./...")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("go test: %v\n%s", err, out)
	}
}

// The README in Chinese has the commands, the code and the links of the one in English.
func TestReadmeInChinese(t *testing.T) {
	parts := func(name string, what *regexp.Regexp) []string {
		var list []string
		for _, m := range what.FindAllStringSubmatch(read(t, name), -1) {
			list = append(list, m[1])
		}
		return list
	}
	for name, what := range map[string]*regexp.Regexp{
		"blocks of code": regexp.MustCompile("(?ms)^(```.*?^```)"),
		"links":          regexp.MustCompile(`\]\(([^)]*)\)`),
		"code":           regexp.MustCompile("(`[^`\n]+`)"),
	} {
		want, got := parts("../README.md", what), parts("../README.zh.md", what)
		slices.Sort(want)
		slices.Sort(got)
		if name == "links" { // each leads to the other
			want = append(slices.DeleteFunc(want, func(s string) bool { return s == "README.zh.md" }), "README.md")
			slices.Sort(want)
		}
		if len(want) < 4 || !slices.Equal(got, want) {
			t.Errorf("%s: README.zh.md has\n%q\nREADME.md has\n%q", name, got, want)
		}
	}
}

// The page about services shows the files of the example as they are.
func TestService(t *testing.T) {
	var want []string
	for _, name := range []string{"main.go", "service_test.go", "main_test.go"} {
		want = append(want, read(t, "../examples/service/"+name))
	}
	var got []string
	for _, m := range block.FindAllStringSubmatch(read(t, "service.md"), -1) {
		got = append(got, m[1])
	}
	if !slices.Equal(got, want) {
		t.Error("the code of service.md is not that of examples/service: copy its files there")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// whole makes a file of a part: the body of a function, in which "…" on a line of its own
// is what is left out and every variable counts as used.
func whole(t *testing.T, page, code string, number int) string {
	t.Helper()
	code = regexp.MustCompile(`(?m)^\s*…$`).ReplaceAllString(code, "")
	file, err := parser.ParseFile(token.NewFileSet(), page, "package parts; func _() {\n"+code+"\n}", 0)
	if err != nil {
		t.Fatalf("%s, block %d: %v", page, number, err)
	}
	body := file.Decls[0].(*ast.FuncDecl).Body
	defined := map[string]bool{}
	for _, s := range body.List {
		if a, ok := s.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
			for _, left := range a.Lhs {
				defined[left.(*ast.Ident).Name] = true
			}
		}
	}
	vars := "var ctx context.Context\n" + around[page].vars
	var b strings.Builder
	b.WriteString("package parts\n\nimport (\n")
	for _, path := range slices.Concat(common, around[page].imports) {
		name := path[strings.LastIndexByte(path, '/')+1:]
		if regexp.MustCompile(`\b` + name + `\.`).MatchString(vars + code) {
			fmt.Fprintf(&b, "%q\n", path)
		}
	}
	fmt.Fprintf(&b, ")\n\n%s\nfunc _() {\n%s\n", vars, code)
	for _, name := range slices.Sorted(maps.Keys(defined)) {
		fmt.Fprintf(&b, "_ = %s\n", name)
	}
	return b.String() + "}\n"
}
