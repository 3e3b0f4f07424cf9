package eval

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Noise is measured from the stored traces: the baseline is the engine's own figure, a
// resumed run gives the same, and every cause is counted once.
func TestSensitivity(t *testing.T) {
	dir := t.TempDir()
	out, page := filepath.Join(dir, "out.jsonl"), filepath.Join(dir, "page.html")
	args := []string{"-json", "-systems", "selfrag", "-sensitivity", "-out", out, "-html", page}
	m := lastLine(t, eval(t, args...))
	s := m["sensitivity"].(map[string]any)
	if got := s["baseline"].(map[string]any)["value"]; got != m["match"] {
		t.Errorf("the baseline is %v, the engine matches %v", got, m["match"])
	}
	if n := len(s["points"].([]any)); n != 5*5+10+2*5 {
		t.Errorf("%d points", n)
	}
	if n := len(s["published"].([]any)); n != 8 {
		t.Errorf("%d published accuracies", n)
	}
	causes := 0.0
	for _, n := range s["attribution"].(map[string]any)["with"].(map[string]any) {
		causes += n.(float64)
	}
	if causes != 4 { // of five questions one names no passage
		t.Errorf("%v causes of 4 questions", causes)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Sensitivity to the critic", "Where answers go wrong", "Quality against cost", "as published"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	again := lastLine(t, eval(t, append(args, "-resume")...))
	if !equal(t, again["sensitivity"], m["sensitivity"]) {
		t.Error("a resumed run gives other figures")
	}
	if r := answers(t, out)[tracedName]; len(r) != 5 || r["built"].Trace == nil {
		t.Errorf("%d traces are kept", len(r))
	}
}

// The table for people holds the points and says what is unknown in long answers.
func TestSensitivityTable(t *testing.T) {
	text := eval(t, "-systems", "selfrag,pooled,reranked", "-sensitivity", "-limit", "3")
	for _, want := range []string{"match if the critic errs", "as stored", "noise 0.5", "FLAN-3B", "judged-irrelevant", "against pooled, the better of"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
}

// A file of answers without traces cannot serve an analysis.
func TestSensitivityNeedsTraces(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.jsonl")
	eval(t, "-systems", "selfrag", "-sensitivity", "-out", out)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(text)) {
		var r record
		if json.Unmarshal([]byte(line), &r) == nil && r.Trace != nil {
			r.Trace = nil
			short, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			line = string(short) + "\n"
		}
		kept = append(kept, line)
	}
	if err := os.WriteFile(out, []byte(strings.Join(kept, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	code := run(t.Context(), []string{"-corpus", corpus, "-questions", questions, "-systems", "selfrag", "-sensitivity", "-out", out, "-resume"}, &said, &said)
	if code != 1 || !strings.Contains(said.String(), "holds no trace") {
		t.Errorf("exit code %d: %s", code, said.String())
	}
}
