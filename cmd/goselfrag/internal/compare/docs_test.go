package compare

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file counts at the place of its first passage; its other passages take up places.
func TestCompareReadsAFolder(t *testing.T) {
	dir := t.TempDir()
	docs, table := filepath.Join(dir, "docs"), filepath.Join(dir, "q.csv")
	if err := os.Mkdir(docs, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		filepath.Join(docs, "ferry.md"): "# Ferry\n\nThe ferry, the ferry.\n\n# Boats\n\nA ferry is a boat.\n",
		filepath.Join(docs, "dogs.txt"): "Dogs travel free on every ferry that leaves for the islands in the morning.",
		table:                           "question,file\nferry,ferry.md\nferry?,dogs.txt\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-docs", docs, "-questions", table, "-pipeline", "lexical", "-k", "1,2,3"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	// The passages of ferry.md are first and second, that of dogs.txt third.
	for _, want := range []string{"recall@1  mean [95 %]\nlexical   0.500", "recall@2  mean [95 %]\nlexical   0.500", "recall@3  mean [95 %]\nlexical   1.000", "MRR@10   mean [95 %]\nlexical  0.667", "only 2 different files"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	out.Reset()
	if code := run(t.Context(), []string{"-docs", docs, "-questions", table, "-sweep", "5"}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "there is no column answer") {
		t.Errorf("-sweep without answers: exit code %d: %s", code, errs.String())
	}
	if err := os.WriteFile(table, []byte("question,file,answer\nferry,ferry.md,boat\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code := run(t.Context(), []string{"-docs", docs, "-questions", table, "-sweep", "3,6", "-json"}, &out, &errs); code != 0 {
		t.Errorf("-sweep: exit code %d: %s", code, errs.String())
	}
}
