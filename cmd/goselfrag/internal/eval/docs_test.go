package eval

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder is a folder of documents and a table of questions about its files.
func folder(t *testing.T) (docs, questions string) {
	t.Helper()
	dir := t.TempDir()
	docs, questions = filepath.Join(dir, "docs"), filepath.Join(dir, "q.csv")
	if err := os.Mkdir(docs, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		filepath.Join(docs, "tower.md"):  "# The tower\n\nThe lighthouse of Brannock was built in 1871 by Ada Kerr.\n\n# Light\n\nThe lamp of the lighthouse turns once in twelve seconds.\n",
		filepath.Join(docs, "notes.txt"): "Ferries to the island leave every morning at nine. Dogs travel free.",
		questions:                        "question,file,answer\nWho built the lighthouse of Brannock?,tower.md,Ada Kerr\nWhen do ferries to the island leave?,notes.txt,at nine|9\nHow often does the lamp of the lighthouse turn?,notes.txt,twelve seconds\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return docs, questions
}

// A folder is measured by the files that questions name.
func TestEvalReadsAFolder(t *testing.T) {
	docs, questions := folder(t)
	var out, errs bytes.Buffer
	saved := filepath.Join(t.TempDir(), "out.jsonl")
	args := []string{"-docs", docs, "-questions", questions, "-json", "-out", saved}
	if code := run(t.Context(), args, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	var got struct {
		Questions    int
		Match        float64
		GoldCitation float64 `json:"gold_citation"`
	}
	// The third question names the wrong file.
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Questions != 3 || got.Match != 1 || got.GoldCitation < 0.66 || got.GoldCitation > 0.67 {
		t.Errorf("%v: %s", err, out.String())
	}
	if !strings.Contains(errs.String(), "only 2 different files are asked about") {
		t.Errorf("standard error: %s", errs.String())
	}
	if code := run(t.Context(), append(args, "-resume"), &out, &errs); code != 0 {
		t.Errorf("-resume: exit code %d: %s", code, errs.String())
	}
	if err := os.WriteFile(filepath.Join(docs, "new.txt"), []byte("Another file."), 0o644); err != nil {
		t.Fatal(err)
	}
	if code := run(t.Context(), append(args, "-resume"), &out, &errs); code != 1 || !strings.Contains(errs.String(), "-out: ") {
		t.Errorf("-resume over another folder: exit code %d: %s", code, errs.String())
	}
	out.Reset()
	page := filepath.Join(t.TempDir(), "page.html")
	if code := run(t.Context(), []string{"-docs", docs, "-questions", questions, "-sensitivity", "-html", page}, &out, &errs); code != 0 || !strings.Contains(out.String(), "2 files are asked about") {
		t.Errorf("-sensitivity: exit code %d: %s%s", code, out.String(), errs.String())
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "3 questions about 2 files") {
		t.Errorf("%v: the page does not tell of files", err)
	}
	for want, more := range map[string][]string{
		"-retrieval oracle needs":    {"-retrieval", "oracle"},
		"would replace what is read": {"-html", filepath.Join(docs, "tower.md")},
	} {
		errs.Reset()
		if code := run(t.Context(), append([]string{"-docs", docs, "-questions", questions}, more...), &out, &errs); code == 0 || !strings.Contains(errs.String(), want) {
			t.Errorf("%v: exit code %d: %s", more, code, errs.String())
		}
	}
}
