package selfrag_test

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/selfrag"
)

// A trace of another decoder is read and cannot be re-scored. A trace that lacks
// the part of its kind, or has an unknown kind, is an error.
func TestKinds(t *testing.T) {
	for _, c := range []struct {
		json, reading string
		refused       bool
	}{
		{`{"version":1,"kind":"rag-token","rag":{"chosen":-1}}`, "", true},
		{`{"version":1,"kind":"rag-token"}`, "lacks the field rag", true},
		{`{"version":1,"kind":"rag-other","rag":{}}`, `the kind "rag-other" is not known`, true},
	} {
		trace, err := selfrag.ParseTrace([]byte(c.json))
		if c.reading != "" {
			if err == nil || !strings.Contains(err.Error(), c.reading) {
				t.Errorf("%s: %v", c.json, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var kind *selfrag.KindError
		if _, err := selfrag.Rescore(trace); !errors.As(err, &kind) || kind.Kind != selfrag.KindToken {
			t.Errorf("%s: %v", c.json, err)
		}
	}
	// The engine's own kind can be named.
	trace := taleTrace(t)
	trace.Kind = selfrag.KindSelfRAG
	if _, err := selfrag.Rescore(trace); err != nil {
		t.Error(err)
	}
}

// The page names every field of the part of package rag.
func TestPageNamesFields(t *testing.T) {
	b, err := os.ReadFile("../docs/trace.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(string(b), "## RAG\n")
	page, _, _ = strings.Cut(page, "## Usage\n")
	n := 0
	for _, v := range []any{selfrag.RAGTrace{}, selfrag.RAGSettings{}, selfrag.RAGHypothesis{}, selfrag.RAGStep{}, selfrag.RAGPasses{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if n++; !strings.Contains(page, "`"+name+"`") {
				t.Errorf("%T: the page lacks %q", v, name)
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d fields", n)
	}
}

// The page names every field of a trace, whatever part of the trace has it.
func TestPageNamesEveryField(t *testing.T) {
	b, err := os.ReadFile("../docs/trace.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(v reflect.Type) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			walk(v.Elem())
		case reflect.Struct:
			if seen[v] {
				return
			}
			seen[v] = true
			for _, f := range reflect.VisibleFields(v) {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				if !f.IsExported() || name == "-" {
					continue
				}
				if name != "" && !strings.Contains(string(b), "`"+name+"`") {
					t.Errorf("%v: the page lacks %q", v, name)
				}
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[selfrag.Trace]())
	if len(seen) < 30 {
		t.Errorf("only %d types", len(seen))
	}
}
