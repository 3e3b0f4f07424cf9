package evalrun

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/eval/run"
)

// exec runs a subcommand of eval and returns the exit code.
func exec(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := &cli.Command{Name: "eval", Usage: "Measures.", Commands: Commands(), Action: func(context.Context, *cli.Command) error { return nil }}
	return command.Run(ctx, append([]string{"eval"}, args...), stdout, stderr, c)
}

// ok runs a subcommand that must succeed and returns standard output.
func ok(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := exec(t.Context(), args, &out, &errs); code != 0 {
		t.Fatalf("%q: exit code %d: %s", args, code, &errs)
	}
	return out.String()
}

// wrong runs a subcommand that must fail and returns standard error.
func wrong(t *testing.T, code int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if got := exec(t.Context(), args, &out, &errs); got != code {
		t.Fatalf("%q: exit code %d: want %d: %s", args, got, code, &errs)
	}
	return errs.String()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func read(t *testing.T, elem ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// set writes a question set of n questions to a new folder, with a run file.
func set(t *testing.T, n int, runFile string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var corpus, questions strings.Builder
	for i := range n {
		fmt.Fprintf(&corpus, `{"id":"p%d","title":"Town%d","text":"The tower of town%d was built by mason%d. It is tall."}`+"\n", i, i, i, i)
		fmt.Fprintf(&questions, `{"id":"q%d","question":"Who built the tower of town%d?","answers":["mason%d"],"positive":["p%d"]}`+"\n", i, i, i, i)
	}
	write(t, filepath.Join(dir, "corpus.jsonl"), corpus.String())
	write(t, filepath.Join(dir, "questions.jsonl"), questions.String())
	write(t, filepath.Join(dir, "run.yaml"), "sets:\n  - name: towns\n    corpus: corpus.jsonl\n    questions: questions.jsonl\n"+runFile)
	return dir
}

// server is a model at a server: it says what a passage says, and counts what it is asked.
func server(t *testing.T, asked *atomic.Int64) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/models", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"object":"list","data":[{"id":"m"}]}`)
	})
	mux.HandleFunc("/v1/completions", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Prompt string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		if strings.Contains(body.Prompt, "tower") { // and not of the check at the start
			asked.Add(1)
		}
		text := "[Retrieval]"
		if m := regexp.MustCompile(`<paragraph>.*\n(.*?\.)`).FindStringSubmatch(body.Prompt); m != nil {
			text = "[Relevant]" + m[1] + "[Fully supported][Utility:5]"
		}
		w.Header().Set("Content-Type", "text/event-stream")
		chunk, _ := json.Marshal(map[string]any{"choices": []any{map[string]any{"index": 0, "text": text}}})
		fmt.Fprintf(w, "data: %s\n\n", chunk)
		fmt.Fprint(w, `data: {"choices":[{"index":0,"text":"","finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":20}}`+"\n\ndata: [DONE]\n\n")
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// modelAt is the part of a run file that names the server's model.
func modelAt(url, more string) string {
	return "models:\n  - name: m\n    url: completions-labels+" + url + "/m\n" + more
}

// A rerun over the recording asks nothing and gives the same bytes, and what it costs is
// counted from what was asked.
func TestRunReplays(t *testing.T) {
	var asked atomic.Int64
	url := server(t, &asked)
	dir := set(t, 6, modelAt(url, "    prices: {prompt: 1, generated: 1000}\n")+"calls: calls.jsonl\ntraces: true\n")
	file := filepath.Join(dir, "run.yaml")
	first := ok(t, "run", "-file", file, "-out", filepath.Join(dir, "a"))
	n := asked.Load()
	if !strings.Contains(first, "only 6 different passages of the set towns are asked about") {
		t.Error(first)
	}
	if want := fmt.Sprintf("asked of m now: %d calls, %d prompt tokens, %d generated, cost %.4g", n, 10*n, 20*n, (10+20000.0)*float64(n)/1e6); n == 0 || !strings.Contains(first, want) {
		t.Errorf("%s\nwant %q", first, want)
	}
	again := ok(t, "run", "-file", file, "-out", filepath.Join(dir, "b"))
	if asked.Load() != n || !strings.Contains(again, "asked of m now: 0 calls, 0 prompt tokens, 0 generated, cost 0") || !strings.Contains(again, "calls were replayed") {
		t.Errorf("%d calls after %d\n%s", asked.Load(), n, again)
	}
	for _, name := range []string{"results.jsonl", "traces.jsonl"} {
		if read(t, dir, "a", name) != read(t, dir, "b", name) {
			t.Errorf("%s differs", name)
		}
	}
	var r report
	if err := json.Unmarshal([]byte(ok(t, "run", "-json", "-file", file, "-out", filepath.Join(dir, "c"))), &r); err != nil || r.Rows[0].Scores["match"].Value != 1 || *r.Rows[0].Cost == 0 || *r.Costs[0].Cost != 0 {
		t.Errorf("%v: %+v", err, r)
	}
}

// A run that the budget or the user ends goes on to the bytes of one that was not ended.
func TestRunEnds(t *testing.T) {
	var asked atomic.Int64
	url := server(t, &asked)
	dir := set(t, 8, modelAt(url, ""))
	file, whole, out := filepath.Join(dir, "run.yaml"), filepath.Join(dir, "whole"), filepath.Join(dir, "out")
	ok(t, "run", "-file", file, "-out", whole)
	n := asked.Load()
	text := read(t, file)
	write(t, file, text+fmt.Sprintf("budget: {calls: %d}\nconcurrency: 2\n", n/2))
	if said := wrong(t, 1, "run", "-file", file, "-out", out); !strings.Contains(said, "go on with -resume") || !strings.Contains(said, "used up: model call") {
		t.Error(said)
	}
	if got := asked.Load() - n; got > n/2 || got == 0 {
		t.Errorf("%d calls, and the budget has %d", got, n/2)
	}
	if said := wrong(t, 1, "run", "-file", file, "-out", out); !strings.Contains(said, "resume that run") {
		t.Error(said)
	}
	write(t, file, text)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code := exec(ctx, []string{"run", "-resume", "-file", file, "-out", out}, io.Discard, io.Discard); code != 1 {
		t.Errorf("interrupted: exit code %d", code)
	}
	ok(t, "run", "-resume", "-file", file, "-out", out)
	if read(t, out, "results.jsonl") != read(t, whole, "results.jsonl") {
		t.Error("the bytes differ")
	}
	// What was under way when the run ended is asked again: of two questions at most all.
	if got := asked.Load() - n; got < n || got > n+2*n/8 {
		t.Errorf("%d calls in all for the run that was ended, %d for the other", got, n)
	}
}

// An estimate scales what a few questions take, and the run does not pay for them again. With
// a price that is not known there is no cost.
func TestRunEstimates(t *testing.T) {
	var asked atomic.Int64
	url := server(t, &asked)
	dir := set(t, 10, modelAt(url, "    prices: {prompt: 1}\n"))
	file, out := filepath.Join(dir, "run.yaml"), filepath.Join(dir, "out")
	said := ok(t, "run", "-estimate", "2", "-file", file, "-out", out)
	two := asked.Load()
	if want := fmt.Sprintf(`selfrag +2 +10 +%d +%d +%d +unknown`, 5*two, 50*two, 100*two); !regexp.MustCompile(want).MatchString(said) {
		t.Errorf("%s\nwant %s", said, want)
	}
	ok(t, "run", "-file", file, "-out", out)
	if got := asked.Load(); got != 5*two {
		t.Errorf("%d calls: want 5 times %d", got, two)
	}
}

// A run that is worse than the baseline beyond its interval fails, one that is not does not.
func TestBaseline(t *testing.T) {
	dir := set(t, 40, "systems: [selfrag]\n")
	file, base := filepath.Join(dir, "run.yaml"), filepath.Join(dir, "base")
	ok(t, "run", "-file", file, "-out", base)
	args := []string{"-fail-if-worse", "-baseline", base, "-file", file}
	if out := ok(t, append([]string{"run", "-out", filepath.Join(dir, "same")}, args...)...); !strings.Contains(out, "do not tell the runs apart") {
		t.Error(out)
	}
	write(t, file, strings.Replace(read(t, file), "[selfrag]", "[never]", 1))
	worse := filepath.Join(dir, "worse")
	if said := wrong(t, 1, append([]string{"run", "-out", worse}, args...)...); !strings.Contains(said, "worse than the baseline: never, match: 0.000 after 1.000") {
		t.Error(said)
	}
	out := ok(t, "diff", "-questions", "1", base, worse)
	if !strings.Contains(out, ": worse\n") || strings.Count(out, "question q") != 1 || !strings.Contains(out, "1.000: The tower of town0 was built by mason0.") {
		t.Error(out)
	}
	if said := wrong(t, 1, "diff", "-fail-if-worse", base, worse); !strings.Contains(said, "worse") {
		t.Error(said)
	}
	ok(t, "diff", "-fail-if-worse", worse, base)
	var r struct{ Baseline []run.Comparison }
	if err := json.Unmarshal([]byte(ok(t, "diff", "-json", "-metric", "match,f1", base, worse)), &r); err != nil || len(r.Baseline) != 2 || !r.Baseline[0].Claim {
		t.Errorf("%v: %+v", err, r)
	}
}

// The page has a section for all that was asked for, and needs nothing from elsewhere.
func TestPage(t *testing.T) {
	dir := set(t, 40, "systems: [selfrag, floor, never]\nretrieval: [lexical, hybrid]\nsensitivity: true\nsweep:\n  threshold: [0, 0.5, 1]\n  support: [0, 2]\n")
	page := filepath.Join(dir, "page.html")
	out := ok(t, "run", "-html", page, "-file", filepath.Join(dir, "run.yaml"), "-out", filepath.Join(dir, "out"))
	if !strings.Contains(out, "never / hybrid") || !strings.Contains(out, "threshold of full traces / lexical") {
		t.Error(out)
	}
	text := read(t, page)
	for _, want := range []string{
		"Quality against cost", "Threshold of retrieval", "retrieval rate against threshold", "Weight of support", "citation precision against support",
		"Calibration", "Sensitivity to the critic", "Questions on which they differ", "<details>", "IsREL", "segment 1: retrieval",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, no := range []string{"<script", "http://", "https://", "<link", "url("} {
		if strings.Contains(text, no) {
			t.Errorf("the page holds %q", no)
		}
	}
}

// What is wrong in a run file is named by its line.
func TestRunFile(t *testing.T) {
	for text, want := range map[string]string{
		"sets: []":            "run.yaml:1: key sets: want at least one set",
		"k: 0\n":              "run.yaml:5: key k: want at least 1",
		"\nk: many\n":         "line 6: `many` does not fit: want a whole number",
		"seeds: 1\n":          `line 5: there is no key "seeds"`,
		"systems:\n  - magic": "run.yaml:6: key systems[0]: there is no system",
		"budget: {time: 5}":   "want a time such as 30m",
		"budget: {calls: -1}": "run.yaml:5: key budget: no bound is below 0",
		"metric: rouge":       "run.yaml:5: key metric: want one of match",
		"models: [{url: x}]":  "run.yaml:5: key models[0]: name is missing",
		"models:\n  - name: a\n    url: x+http://h/m\n": "run.yaml:6: key models[0]:",
		"sweep: {threshold: [2]}":                       "run.yaml:5: key sweep.threshold: want thresholds in [0, 1]",
		"sweep: {magic: [2]}":                           `there is no "magic" to sweep`,
		"retrieval: [nowhere]":                          "run.yaml:5: key retrieval[0]:",
		"abstain: 2":                                    "run.yaml:5: key abstain: want a relevance",
		"k: 5\n---\nk: 5\n":                             "more than one document",
		"k: 5\nk: 6\n":                                  "line 6: mapping key \"k\" already defined",
	} {
		dir := set(t, 1, text)
		if text == "sets: []" {
			write(t, filepath.Join(dir, "run.yaml"), text)
		}
		var errs bytes.Buffer
		if code := exec(t.Context(), []string{"run", "-file", filepath.Join(dir, "run.yaml"), "-out", filepath.Join(dir, "out")}, io.Discard, &errs); code == 0 || !strings.Contains(errs.String(), want) {
			t.Errorf("%q: exit code %d, %s\nwant %q", text, code, &errs, want)
		}
	}
	dir := set(t, 1, "")
	file := filepath.Join(dir, "run.yaml")
	for want, args := range map[string][]string{
		"-file is missing":      {"run", "-out", dir},
		"-out is missing":       {"run", "-file", file},
		"-fail-if-worse needs":  {"run", "-file", file, "-out", dir, "-fail-if-worse"},
		"-estimate is -1":       {"run", "-file", file, "-out", dir, "-estimate", "-1"},
		"want two folders":      {"diff", dir},
		`there is no "x"`:       {"diff", "-metric", "x", dir, dir},
		"-docs is missing":      {"new", "-out", dir},
		"-least is 2":           {"new", "-out", dir, "-docs", dir, "-least", "2"},
		"-unanswerable is 1":    {"new", "-out", dir, "-docs", dir, "-unanswerable", "1"},
		"there is no task":      {"paper", "-task", "x"},
		"there are no settings": {"paper", "-task", "arc", "-settings", "x"},
		"-concurrency is 0":     {"paper", "-task", "arc", "-file", file, "-out", dir, "-concurrency", "0"},
	} {
		if said := wrong(t, 2, args...); !strings.Contains(said, want) {
			t.Errorf("%q: %s", args, said)
		}
	}
}
