package questionset

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/eval/dataset"
)

// write puts files into a new folder and returns its path.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var library = map[string]string{
	"guide/tower.md": "# The tower\n\nThe lighthouse was built in 1871 by Ada Kerr.\n\n# Light\n\nThe lamp turns.\n",
	"notes.txt":      "Ferries leave every morning at nine.",
	"a/index.md":     "One.",
	"b/index.md":     "Two.",
	"list.csv":       "id,text\nr1,The harbour inn serves crab soup.\n",
}

func TestReadTable(t *testing.T) {
	dir := write(t, library)
	want := []dataset.Question{
		{ID: "1", Question: "Who built it?", Answers: []string{"Ada Kerr", "A. Kerr"}, Positive: []string{"guide/tower.md"}},
		{ID: "2", Question: "When, then?", Positive: []string{"notes.txt", "b/index.md"}},
		{ID: "3", Question: "What is missing?"},
	}
	for name, text := range map[string]string{
		"q.csv":           "question,file,answer\nWho built it?,guide/tower.md,Ada Kerr | A. Kerr\n\"When, then?\",notes.txt|b/index.md,\n\nWhat is missing?,,\n",
		"other order.csv": "\uFEFFnote,Answer,FILE, Question\r\nx,Ada Kerr|A. Kerr,tower.md,Who built it?\r\n,,\"notes.txt|b\\index.md\",\"When, then?\"\r\n,,,What is missing?",
		"spreadsheet.csv": "question;file;answer\nWho built it?;./guide/tower.md;Ada Kerr|A. Kerr\nWhen, then?;notes.txt|b/index.md;\nWhat is missing?;;\n",
		"q.tsv":           "question\tfile\tanswer\nWho built it?\ttower.md\tAda Kerr|A. Kerr\nWhen, then?\tnotes.txt|b/index.md\nWhat is missing?\n",
	} {
		file := filepath.Join(write(t, map[string]string{name: text}), name)
		set, err := Source{Docs: dir, Questions: file}.Read(t.Context(), false, io.Discard)
		if err != nil || !cmp.Equal(set.Questions, want) {
			t.Errorf("%s: %v\n%s", name, err, cmp.Diff(want, set.Questions))
		}
		if !set.Files() || len(set.Passages) != 6 || set.Name("r1") != "list.csv" || len(set.Paths) != 6 {
			t.Errorf("%s: %d passages of %q", name, len(set.Passages), set.Paths)
		}
		if got := set.Names([]string{"guide/tower.md#2", "r1", "guide/tower.md#1"}); !cmp.Equal(got, []string{"guide/tower.md", "list.csv"}) {
			t.Errorf("%s: names %q", name, got)
		}
	}
}

func TestTableErrors(t *testing.T) {
	dir := write(t, library)
	for name, c := range map[string]struct {
		text     string
		answered bool
		line     int // of a LineError
		want     string
	}{
		"empty":         {"", false, 0, "holds no question"},
		"names alone":   {"question,file\n", false, 0, "holds no question"},
		"no names":      {"Who built it?,tower.md\n", false, 0, "want it to name the columns question and file"},
		"no answers":    {"question,file\nWho?,tower.md\n", true, 0, "there is no column answer"},
		"blank answer":  {"question,file,answer\nWho?,tower.md,Ada\nWho?,tower.md, | \n", true, 3, "the answer is missing"},
		"no question":   {"question,file\n ,tower.md\n", false, 2, "the question is missing"},
		"no such file":  {"question,file\nWho?,tower.txt\n", false, 2, `nothing was read from a file "tower.txt": want a path in the folder of -docs, such as "a/index.md"`},
		"several files": {"question,file\nWho?,index.md\n", false, 2, `there are several files "index.md": want one of ["a/index.md" "b/index.md"]`},
		"quotes":        {"question,file\n\"Who?,tower.md\n", false, 0, "quote"},
		"not UTF-8":     {"question,file\ncaf\xe9?,tower.md\n", false, 0, "not UTF-8"},
	} {
		file := filepath.Join(write(t, map[string]string{"q.csv": c.text}), "q.csv")
		_, err := Source{Docs: dir, Questions: file}.Read(t.Context(), c.answered, io.Discard)
		if err == nil || !strings.HasPrefix(err.Error(), "-questions: "+file) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		line := new(dataset.LineError)
		if errors.As(err, &line) != (c.line > 0) || line.Line != c.line {
			t.Errorf("%s: line %d, want %d", name, line.Line, c.line)
		}
	}
}

func TestCheck(t *testing.T) {
	for want, s := range map[string]Source{
		"leave one out":                            {Docs: "d", Corpus: "c.jsonl", Questions: "q.csv"},
		"-corpus is missing":                       {Questions: "q.jsonl"},
		"-questions is missing":                    {Docs: "d"},
		"with -docs want a .csv or .tsv":           {Docs: "d", Questions: "q.jsonl"},
		"names files: name their folder with -doc": {Corpus: "c.jsonl", Questions: "q.tsv"},
		"help layouts lists":                       {Corpus: "c", Questions: "q", Layout: "csv"},
		"leave them out with -docs":                {Docs: "d", Questions: "q.csv", SkipBad: true},
	} {
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", s, err, want)
		}
	}
	for _, s := range []Source{{Docs: "d", Questions: "q.csv"}, {Docs: "d", Questions: "q.tsv"}, {Corpus: "c.jsonl", Questions: "q.jsonl"}} {
		if err := s.Check(); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if _, err := (Source{Docs: filepath.Join(t.TempDir(), "no"), Questions: "q.csv"}).Read(t.Context(), false, io.Discard); err == nil || !strings.Contains(err.Error(), "there is no folder") {
		t.Error(err)
	}
}

// testdata are files of all layouts.
const testdata = "../../../../eval/dataset/testdata/"

func TestReadLayouts(t *testing.T) {
	var out strings.Builder
	s := Source{Corpus: testdata + "beir_corpus.jsonl", Questions: testdata + "beir_queries.jsonl", Layout: dataset.BEIR, Judgments: testdata + "beir_qrels.tsv"}
	set, err := s.Read(t.Context(), false, &out)
	want := []dataset.Question{
		{ID: "q1", Question: "who built the vell bridge", Positive: []string{"d1"}},
		{ID: "q2", Question: "where is tarn", Positive: []string{"d2"}},
	}
	if err != nil || !cmp.Equal(set.Questions, want) || len(set.Passages) != 2 || len(set.Paths) != 3 || out.Len() > 0 {
		t.Error(err, cmp.Diff(want, set.Questions), out.String())
	}
	if _, err := s.Read(t.Context(), true, &out); err == nil || !strings.Contains(err.Error(), `question "q1" has no answers`) {
		t.Error(err)
	}
	// ALCE has no corpus of its own.
	s = Source{Corpus: testdata + "plain_corpus.jsonl", Questions: testdata + "alce_asqa.json", Layout: dataset.ALCE}
	if set, err := s.Read(t.Context(), false, &out); err != nil || len(set.Questions) != 2 {
		t.Error(err)
	}
	s = Source{Corpus: testdata + "plain_corpus.jsonl", Questions: testdata + "flashrag.jsonl"}
	if _, err := s.Read(t.Context(), true, &out); err == nil || !strings.Contains(err.Error(), "try -layout flashrag") {
		t.Error(err)
	}
	s = Source{Corpus: testdata + "plain_corpus.jsonl", Questions: testdata + "plain.jsonl", Judgments: testdata + "trec.qrels"}
	if set, err := s.Read(t.Context(), true, &out); err != nil || !cmp.Equal(set.Questions[0].Positive, []string{"d1"}) {
		t.Error(err)
	}
}

func TestSkipBad(t *testing.T) {
	dir := write(t, map[string]string{"q.jsonl": "{\"id\":\"1\",\"question\":\"Who?\",\"answers\":[\"Ada\"]}\n{\"id\"\n[]\n", "qrels": "2 0 p7 1\n"})
	s := Source{Corpus: testdata + "plain_corpus.jsonl", Questions: filepath.Join(dir, "q.jsonl"), SkipBad: true}
	var out strings.Builder
	set, err := s.Read(t.Context(), true, &out)
	if err != nil || len(set.Questions) != 1 || !strings.Contains(out.String(), "-questions: left out 2 lines") || !strings.Contains(out.String(), "q.jsonl:2:") {
		t.Error(err, out.String())
	}
	s.Judgments = filepath.Join(dir, "qrels")
	if _, err := s.Read(t.Context(), true, &out); err == nil || !strings.Contains(err.Error(), "judges nothing") {
		t.Error(err)
	}
}
