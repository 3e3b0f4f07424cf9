package adapt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/adapt"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/ask"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/compare"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/eval"
	"github.com/goselfrag/goselfrag/generator/extractive"
)

// start runs a command line and returns its exit code and both outputs.
func start(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = command.Run(t.Context(), args, &out, &errs, Command(), ask.Command(), compare.Command(), eval.Command())
	return code, out.String(), errs.String()
}

// good is start of a command that must succeed.
func good(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	code, stdout, stderr := start(t, args...)
	if code != 0 {
		t.Fatalf("%q: exit code %d\n%s%s", args, code, stdout, stderr)
	}
	return stdout, stderr
}

// catalog writes a folder of parts, whose names questions do not use, and a file of
// questions.
func catalog(t *testing.T) (docs, questions string) {
	t.Helper()
	ours := strings.Fields("bolt valve gasket pump rotor bearing flange seal hose filter lever spring")
	theirs := strings.Fields("bolzen ventil dichtung pump rotor lager flange seal schlauch filter hebel feder")
	dir := t.TempDir()
	docs, questions = filepath.Join(dir, "docs"), filepath.Join(dir, "questions.jsonl")
	if err := os.Mkdir(docs, 0o755); err != nil {
		t.Fatal(err)
	}
	var passages, asked strings.Builder
	for i := range ours {
		for j := range ours {
			id := fmt.Sprintf("%s-%s", ours[i], ours[j])
			fmt.Fprintf(&passages, `{"id":%q,"text":"The %s of the %s has the number %d."}`+"\n", id, ours[i], ours[j], 1000+37*i+j)
			fmt.Fprintf(&asked, `{"id":%q,"question":"number of the %s for the %s?","answers":["%d"],"positive":[%q]}`+"\n", id, theirs[i], theirs[j], 1000+37*i+j, id)
		}
	}
	for name, text := range map[string]string{filepath.Join(docs, "parts.jsonl"): passages.String(), questions: asked.String()} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return docs, questions
}

// recall is the recall at 1 that compare measures of the pipeline dense.
func recall(t *testing.T, docs, questions string, more ...string) float64 {
	t.Helper()
	out, _ := good(t, append([]string{"compare", "-corpus", filepath.Join(docs, "parts.jsonl"), "-questions", questions, "-pipeline", "dense", "-k", "1", "-json"}, more...)...)
	var r struct {
		Adapter string
		Systems []struct {
			Figures map[string]struct{ Value float64 }
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Systems) != 1 || (r.Adapter != "") != (len(more) > 0) {
		t.Fatalf("%v: %s", err, out)
	}
	return r.Systems[0].Figures["recall@1"].Value
}

// checkLines reports a file that does not hold whole lines of JSON.
func checkLines(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil || len(text) == 0 {
		t.Fatalf("%s: %d bytes, %v", name, len(text), err)
	}
	for line := range bytes.Lines(text) {
		if !json.Valid(line) || !bytes.HasSuffix(line, []byte("\n")) {
			t.Errorf("%s: %q", name, line)
		}
	}
}

// The way of docs/adapt.md: preferences, an adapter, what other commands do with it, and
// data for training elsewhere.
func TestWalk(t *testing.T) {
	docs, questions := catalog(t)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	source := []string{"-docs", docs, "-questions", questions}
	call := func(args ...string) []string {
		return append(append([]string{"adapt", args[0]}, source...), args[1:]...)
	}

	// A budget ends the work, and the same command goes on.
	prefer := call("prefer", "-scores", in("scores"), "-out", in("preferred"))
	code, _, errs := start(t, append(prefer, "-calls", "50")...)
	if code != 1 || !strings.Contains(errs, "give the same command again to go on") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if _, err := os.Stat(in("preferred")); err == nil {
		t.Error("a file was written of a part of the questions")
	}
	out, _ := good(t, prefer...)
	if !strings.Contains(out, "questions have preferences") || !strings.Contains(out, "overlap") {
		t.Errorf("%s", out)
	}
	examples, err := adapt.ReadExamples(in("preferred"))
	if err != nil || len(examples) != 144 || len(examples[0].Preferred) == 0 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}

	source[3] = in("preferred")
	out, errs = good(t, call("train", "-out", in("adapter"), "-epochs", "4", "-rank", "12")...)
	if !strings.Contains(out, "recall@5") || !strings.Contains(errs, "holds the adapter") {
		t.Errorf("%s%s", out, errs)
	}
	a, err := adapt.Load(t.Context(), in("adapter"))
	if err != nil || a.Rank() != 12 || a.Card().Note != "embeddings built-in" {
		t.Fatalf("%v", err)
	}
	var report adapt.Report
	out, _ = good(t, call("train", "-out", in("marginal"), "-signal", "marginal", "-scores", in("scores"), "-epochs", "2", "-rank", "8", "-json")...)
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Gain.Low <= 0 || report.Figure != "log-likelihood" {
		t.Errorf("%v: %s", err, out)
	}

	out, _ = good(t, call("triples", "-adapter", in("adapter"), "-out", in("triples"), "-positives", "labeled")...)
	if out != "144 triples of 144 questions\n" {
		t.Error(out)
	}
	out, _ = good(t, call("posteriors", "-adapter", in("marginal"), "-scores", in("scores"), "-out", in("posteriors"), "-k", "3")...)
	if !strings.HasPrefix(out, "432 lines of 144 questions") {
		t.Error(out)
	}
	checkLines(t, in("triples"))
	checkLines(t, in("posteriors"))

	// The other commands search with the adapter.
	if before, after := recall(t, docs, questions), recall(t, docs, questions, "-adapter", in("adapter")); after < before+0.2 {
		t.Errorf("recall@1 %.3f before, %.3f after", before, after)
	}
	good(t, "ask", "-docs", docs, "-adapter", in("adapter"), "number of the ventil for the pump?")
}

// An adapter that no pipeline uses is an error before any work, in every command.
func TestUnusedAdapter(t *testing.T) {
	docs, questions := catalog(t)
	dir := t.TempDir()
	file, store := filepath.Join(dir, "adapter"), filepath.Join(dir, "store")
	good(t, "adapt", "train", "-docs", docs, "-questions", questions, "-out", file, "-epochs", "4", "-rank", "12")
	set := []string{"-corpus", filepath.Join(docs, "parts.jsonl"), "-questions", questions, "-adapter", file}
	asked := []string{"-docs", docs, "-adapter", file}
	question := "number of the ventil for the pump?"
	for _, args := range [][]string{
		append([]string{"ask", "-retrieval", "lexical"}, append(asked, question)...),
		append([]string{"ask", "-retrieval", "lexical | spelling", "-store", store}, append(asked, question)...),
		append([]string{"eval", "-retrieval", "lexical", "-retrieval", "oracle"}, set...),
		append([]string{"compare", "-pipeline", "lexical", "-pipeline", "lexical | rerank"}, set...),
		append([]string{"compare", "-sweep", "50"}, set...),
		append([]string{"adapt", "prefer", "-retrieval", "lexical", "-out", filepath.Join(dir, "x")}, set...),
	} {
		code, _, errs := start(t, args...)
		if code != 2 || !strings.Contains(errs, "-adapter changes how search by meaning ranks, and there is none") {
			t.Errorf("%q: exit code %d: %s", args, code, errs)
		}
	}
	if _, err := os.Stat(store); err == nil {
		t.Error("a store was made for an adapter that nothing uses")
	}
	good(t, append([]string{"ask", "-store", store}, append(asked, question)...)...)
	good(t, append([]string{"eval", "-retrieval", "oracle", "-limit", "3", "-systems", "top1"}, set...)...)
	good(t, append([]string{"compare", "-pipeline", "lexical", "-pipeline", "dense"}, set...)...)
}

// The report says what an adapter does for another model, and what that said is kept.
func TestTransfer(t *testing.T) {
	docs, questions := catalog(t)
	dir := t.TempDir()
	c := trainConfig{config: config{docs: docs, questions: questions, out: filepath.Join(dir, "adapter"), scores: filepath.Join(dir, "scores")}}
	c.o.Epochs, c.o.Rank = 2, 8
	c.other = &connect.Model{Generator: extractive.New()}
	var out, errs bytes.Buffer
	if err := train(t.Context(), c, &out, &errs); err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^log-likelihood, -transfer +-\d+\.\d+ +-\d+\.\d+ +\+\d+\.\d+ \[\+`)
	if !row.MatchString(out.String()) {
		t.Errorf("no gain of the other model in\n%s", &out)
	}
	checkLines(t, c.scores)
	if a, err := adapt.Load(t.Context(), c.out); err != nil || a.Card().Report.Transfer.Questions != a.Card().Report.Test {
		t.Errorf("%v: %+v", err, a)
	}
}

// Where an adapter is no better than none, no file is written.
func TestTrainRefuses(t *testing.T) {
	docs, questions := catalog(t)
	text, err := os.ReadFile(questions)
	if err != nil {
		t.Fatal(err)
	}
	same := strings.NewReplacer("bolzen", "bolt", "ventil", "valve", "dichtung", "gasket", "lager", "bearing", "schlauch", "hose", "hebel", "lever", "feder", "spring").Replace(string(text))
	if err := os.WriteFile(questions, []byte(same), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "adapter")
	code, out, errs := start(t, "adapt", "train", "-docs", docs, "-questions", questions, "-out", file, "-epochs", "1", "-rank", "2")
	if code != 1 || !strings.Contains(errs, "adapt train: refused: on ") || !strings.Contains(out, "MRR@10") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a file was written")
	}
}

// A table names files: the passages of the file that hold the answer are the labels.
func TestTable(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"docs/tower.md": "# Tower\n\nIt was built in 1871.\n\n# Light\n\nThe lamp turns.\n", "docs/ferry.txt": "Ferries leave at nine.",
		"q.csv": "question,file,answer\nWhen?,tower.md,1871\nWhen do they go?,ferry.txt,\nWho?,tower.md,Ada\n",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var errs bytes.Buffer
	_, examples, err := config{docs: filepath.Join(dir, "docs"), questions: filepath.Join(dir, "q.csv")}.readInputs(t.Context(), &errs)
	if err != nil {
		t.Fatal(err)
	}
	if len(examples[0].Positive) != 1 || len(examples[1].Positive) != 1 || !strings.Contains(errs.String(), "1 of 3 questions no passage") {
		t.Errorf("%+v\n%s", examples, &errs)
	}
}

func TestUsage(t *testing.T) {
	docs, questions := catalog(t)
	file := filepath.Join(t.TempDir(), "out")
	some := []string{"-docs", docs, "-questions", questions, "-out", file}
	for want, args := range map[string][]string{
		"the command is missing: want one of questions": {},
		`there is no command "fly"`:                     {"fly"},
		"-out is missing":                               {"train", "-docs", docs, "-questions", questions},
		"-corpus is missing":                            {"train", "-out", file},
		"-questions is missing":                         {"train", "-docs", docs, "-out", file},
		"leave one out":                                 {"train", "-docs", docs, "-corpus", questions, "-out", file},
		"name their folder with -docs":                  {"train", "-corpus", questions, "-questions", "q.csv", "-out", file},
		"-out names the file of -questions":             {"train", "-docs", docs, "-questions", file, "-out", file},
		"want contrastive or marginal":                  append([]string{"train", "-signal", "x"}, some...),
		"-scores has no use with -signal contrastive":   append([]string{"train", "-scores", "x"}, some...),
		"-generator has no use with -signal contrast":   append([]string{"train", "-generator", "vllm+http://127.0.0.1:9/m"}, some...),
		"-transfer goes with -signal contrastive only":  append([]string{"train", "-signal", "marginal", "-transfer", "vllm+http://127.0.0.1:9/m"}, some...),
		"-transfer: ":                                   append([]string{"train", "-transfer", "x"}, some...),
		"want union, labeled or preferred":              append([]string{"triples", "-positives", "x"}, some...),
		"-rank is -1":                                   append([]string{"train", "-rank", "-1"}, some...),
		"-epochs is 0":                                  append([]string{"train", "-epochs", "0"}, some...),
		"-temperature is 0":                             append([]string{"train", "-temperature", "0"}, some...),
		"-held-out is 1":                                append([]string{"train", "-held-out", "1"}, some...),
		"-calls is -1":                                  append([]string{"train", "-calls", "-1"}, some...),
		"-time is -1s":                                  append([]string{"train", "-time", "-1s"}, some...),
		"-keep is 0":                                    append([]string{"prefer", "-keep", "0"}, some...),
		"want sum, mean or critic":                      append([]string{"prefer", "-by", "x"}, some...),
		"-temperature is -1":                            append([]string{"posteriors", "-temperature", "-1"}, some...),
		"-temperature is missing":                       append([]string{"posteriors"}, some...),
		"-adapter: ":                                    append([]string{"triples", "-adapter", "none"}, some...),
		"is not a flag":                                 append([]string{"prefer"}, append(some, "x")...),
	} {
		code, _, errs := start(t, append([]string{"adapt"}, args...)...)
		if code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d, want 2 with %q: %s", args, code, want, errs)
		}
	}
	for want, args := range map[string][]string{
		"-scores: bad file":                 append([]string{"prefer", "-scores", questions}, some...),
		"name a model that follows instruc": {"questions", "-docs", docs, "-out", file},
		"-questions: ":                      {"train", "-docs", docs, "-questions", "none.jsonl", "-out", file},
		"-out: ":                            {"train", "-docs", docs, "-questions", questions, "-out", filepath.Join(file, "x")},
	} {
		code, _, errs := start(t, append([]string{"adapt"}, args...)...)
		if code != 1 || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d, want 1 with %q: %s", args, code, want, errs)
		}
	}
}
