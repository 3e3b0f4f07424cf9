package completiontest

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
)

// Methods checks which methods, and so which powers, the type of a model has, and
// that go doc shows each with a comment. The test runs in the folder of the
// package.
func Methods[M generator.Generator](t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	var has []string // sorted
	model := reflect.TypeFor[M]()
	for i := range model.NumMethod() {
		has = append(has, model.Method(i).Name)
	}
	if !slices.Equal(has, want) {
		t.Errorf("%v has the methods %v: want %v", model, has, want)
	}
	shown := documented(t, model.Elem().Name())
	for _, name := range has {
		if !strings.HasPrefix(shown[name], name+" ") {
			t.Errorf("go doc shows %q of %v.%s: want a comment that begins with the name", shown[name], model, name)
		}
	}
}

// documented returns the comments of the methods that go doc shows of a type.
func documented(t *testing.T, name string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
			f, err := parser.ParseFile(fset, e.Name(), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
	}
	pkg, err := doc.NewFromFiles(fset, files, "p")
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	for _, typ := range pkg.Types {
		for _, m := range typ.Methods {
			if typ.Name == name {
				comments[m.Name] = m.Doc
			}
		}
	}
	return comments
}
