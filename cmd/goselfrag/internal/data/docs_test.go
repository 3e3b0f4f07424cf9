package data

import (
	"os"
	"strings"
	"testing"
)

// docs/check-training-data.md shows what the command prints.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/check-training-data.md")
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

// docs/training.md shows what making data prints.
func TestPageOfMaking(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/training.md")
	if err != nil {
		t.Fatal(err)
	}
	f := folder{t, t.TempDir()}
	for _, name := range []string{"questions.jsonl", "corpus.jsonl"} {
		text, err := os.ReadFile("../../testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		f.write(name, string(text))
	}
	t.Chdir(f.dir)
	for _, line := range []string{
		"critic -seeds questions.jsonl -corpus corpus.jsonl -utility 5 -most relevance=0.6 -out train.jsonl -dev dev.jsonl -dev-size 5 -labels labels.jsonl",
		"generate -seeds questions.jsonl -corpus corpus.jsonl -utility 5 -out made.jsonl -dropped dropped.jsonl",
	} {
		out, errs := f.good("data " + line)
		want := "$ goselfrag data " + line + "\n" + errs + out + "```\n"
		if !strings.Contains(strings.ReplaceAll(string(page), "\r\n", "\n"), want) {
			t.Errorf("the page shows something else than\n%s", want)
		}
	}
}
