package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun calls the program the wrong way, and with what is no wheel.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-h"}, 0, "-wheel"},
		{nil, 2, "-wheel is missing"},
		{[]string{"-wheel", text}, 2, "-o is missing"},
		{[]string{"-wheel", text, "-o", out, "x"}, 2, `"x" is not a flag`},
		{[]string{"-x"}, 2, "-x"},
		{[]string{"-wheel", text + "x", "-o", out}, 1, "text" + "x"},
		{[]string{"-wheel", text, "-o", out}, 1, "not a valid zip file"},
	} {
		var stderr bytes.Buffer
		if code := run(c.args, &stderr); code != c.code || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%q: exit code %d, %q: want %d and %q", c.args, code, stderr.String(), c.code, c.says)
		}
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("%v, %v: want no file left behind", list, err)
	}
}
