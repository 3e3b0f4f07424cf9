package main

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/retriever/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a command line that must succeed and returns standard output.
func start(t *testing.T, line string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), strings.Fields(line), &out, &errs); code != 0 || errs.Len() > 0 {
		t.Fatalf("%s: exit code %d: %s", line, code, errs.String())
	}
	return out.String()
}

var commands = []string{"ask", "eval", "compare", "adapt", "data", "doctor", "prompts", "version", "help", "completion"}

// Each page of help fits a screen of 40 lines and 80 columns.
func TestHelpFits(t *testing.T) {
	lines := []string{"-h", "help", "help models", "help pipelines", "help systems", "help layouts"}
	for _, c := range commands {
		lines = append(lines, c+" -h", "help "+c)
	}
	for _, part := range []string{"questions", "prefer", "train", "triples", "posteriors"} {
		lines = append(lines, "adapt "+part+" -h", "help adapt "+part)
	}
	for _, part := range []string{"check", "critic", "generate", "pairs"} {
		lines = append(lines, "data "+part+" -h", "help data "+part)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		lines = append(lines, "completion "+shell+" -h")
	}
	for line := range strings.Lines(pipeline.Usage()) {
		if f := strings.Fields(line); strings.HasPrefix(line, "  ") {
			if _, err := pipeline.UsageOf(f[0]); err == nil {
				lines = append(lines, "help pipelines "+f[0])
			}
		}
	}
	if len(lines) < 4+2*10+2*5+2*4+4+19 {
		t.Fatalf("only %d pages: %v", len(lines), lines)
	}
	for _, line := range lines {
		text := start(t, line)
		if n := strings.Count(text, "\n"); n > 40 {
			t.Errorf("%s: %d lines:\n%s", line, n, text)
		}
		for row := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(row, "\n")); n > 80 {
				t.Errorf("%s: %d columns: %s", line, n, row)
			}
		}
	}
}

func TestCommands(t *testing.T) {
	text := start(t, "help")
	for _, c := range commands {
		if !strings.Contains(text, "\n  "+c+" ") {
			t.Errorf("help lacks %s:\n%s", c, text)
		}
		if text := start(t, c+" -h"); !strings.HasPrefix(text, "usage: goselfrag "+c) || !strings.Contains(text, "exit code: 0 done, 1 failed or interrupted, 2 called the wrong way\n") {
			t.Errorf("%s -h:\n%s", c, text)
		}
	}
}

// With all commands together each still has its own flags.
func TestAsk(t *testing.T) {
	for _, line := range []string{"ask -docs ../../docs -json -k 3 what is a filter", "ask what is a filter --k=3 --json --docs ../../docs"} {
		var out, errs bytes.Buffer
		code := run(t.Context(), strings.Fields(line), &out, &errs)
		var got struct {
			Question  string
			Citations []any
		}
		if err := json.Unmarshal(out.Bytes(), &got); code != 0 || err != nil || got.Question != "what is a filter" || len(got.Citations) == 0 {
			t.Errorf("%s: exit code %d, %v: %+v\n%s", line, code, err, got, errs.String())
		}
	}
}

func TestVersion(t *testing.T) {
	out := start(t, "version")
	for _, want := range []string{"goselfrag ", runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + "\n", "embedded model extractive/"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
}
