package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/tools/internal/toymodel/oracle"
	"github.com/goselfrag/goselfrag/training"
)

// The trained model answers what it was not trained on.
func TestRun(t *testing.T) {
	testsize.SkipRaced(t)
	dir := t.TempDir()
	model, data := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "d.jsonl")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-o", model, "-data", data}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if want := "21 of 21 other records"; !strings.Contains(out.String(), want) {
		t.Errorf("it prints %q: want %q", out.String(), want)
	}
	b, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := oracle.Load(b); err != nil {
		t.Error(err)
	}
	f, err := os.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for r, err := range training.NewReader[training.Record](f, data).All() {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := training.Parse(r.Output); err != nil || r.Masked == nil {
			t.Errorf("record %s: %v, %v", r.ID, err, r.Masked)
		}
		n++
	}
	if n != 44 {
		t.Errorf("%d records in the file: want 44", n)
	}
}

// Before it is trained, the model continues no record.
func TestUntrained(t *testing.T) {
	_, h := setUp(t)
	m := model(t, h)
	_, held := records()
	for _, r := range held {
		if ok, err := continues(m, r); ok || err != nil {
			t.Errorf("record %s: %v, %v", r.ID, ok, err)
		}
	}
}

func TestRunErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"mask":      {[]string{"-mask", "all"}, 2, "passages"},
		"argument":  {[]string{"more"}, 2, "not a flag"},
		"help":      {[]string{"-h"}, 0, "-mask"},
		"no folder": {[]string{"-data", filepath.Join(file, "x")}, 1, "toytrain:"},
	} {
		var errs bytes.Buffer
		if code := run(t.Context(), c.args, io.Discard, &errs); code != c.code || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%s: exit code %d: want %d with %q:\n%s", name, code, c.code, c.want, errs.String())
		}
	}
}
