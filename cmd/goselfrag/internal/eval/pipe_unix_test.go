//go:build unix

package eval

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe in place of a file is refused, not waited for, and stays.
func TestPipes(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{
		{"-corpus", pipe},
		{"-questions", pipe},
		{"-pairs", pipe},
		{"-out", pipe, "-resume"},
		{"-html", pipe},
	} {
		var errs bytes.Buffer
		args := append([]string{"-corpus", corpus, "-questions", questions, "-systems", "floor"}, flags...)
		if code := run(t.Context(), args, io.Discard, &errs); code != 1 || !strings.Contains(errs.String(), "not a regular file") {
			t.Errorf("%v: exit code %d: want 1 with the reason: %s", flags, code, errs.String())
		}
		if info, err := os.Lstat(pipe); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
			t.Errorf("%v: the pipe was replaced: %v, %v", flags, info, err)
		}
	}
}
