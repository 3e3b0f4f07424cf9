package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out, t.TempDir(), 1200, 20, []string{"tsv", "jsonl", "words", "txt"}, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\ntsv ", "\njsonl ", "\nwords ", "\ntxt ", "\nclean "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line %q in:\n%s", want, out.String())
		}
	}
	if err := run(t.Context(), &out, t.TempDir(), 1, 1, []string{"doc"}, false); err == nil {
		t.Error("an unknown format: no error")
	}
}
