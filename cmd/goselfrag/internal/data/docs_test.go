package data

import (
	"os"
	"strings"
	"testing"
)

// docs/training.md shows what the command prints.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/training.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("testdata")
	code, out, errs := start(t, strings.Fields("check -against questions.jsonl -near 0.8 data.jsonl")...)
	want := "$ goselfrag data check -against questions.jsonl -near 0.8 data.jsonl\n" + out + errs + "```\n"
	if code != 1 || !strings.Contains(strings.ReplaceAll(string(page), "\r\n", "\n"), want) {
		t.Errorf("exit code %d: the page shows something else than\n%s", code, want)
	}
}
