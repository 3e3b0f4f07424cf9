package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/tools/internal/toymodel"
)

func TestRun(t *testing.T) {
	dir := t.TempDir()
	for name, kind := range map[string]toymodel.Kind{"user": toymodel.UserDefined, "control": toymodel.Control} {
		path := filepath.Join(dir, name+".gguf")
		var errs, want bytes.Buffer
		if code := run([]string{"-o", path, "-kind", name}, &errs); code != 0 {
			t.Fatalf("exit code %d: %s", code, errs.String())
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := toymodel.Write(&want, kind); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s: the file differs from the model", name)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("the folder holds %v, %v: want the two files", left, err)
	}
}

func TestRunErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.gguf")
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no file":   {nil, 2, "-o is missing"},
		"kind":      {[]string{"-o", file, "-kind", "loud"}, 2, "want user or control"},
		"argument":  {[]string{"-o", file, "more"}, 2, "not a flag"},
		"flag":      {[]string{"-x"}, 2, "not defined"},
		"help":      {[]string{"-h"}, 0, "-kind"},
		"no folder": {[]string{"-o", filepath.Join(file, "x")}, 1, "toymodel:"},
	} {
		var errs bytes.Buffer
		if code := run(c.args, &errs); code != c.code || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%s: exit code %d: want %d with %q:\n%s", name, code, c.code, c.want, errs.String())
		}
	}
}
