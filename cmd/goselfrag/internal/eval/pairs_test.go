package eval

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const labeled = "../../testdata/pairs.jsonl"

// The critic is measured on labeled pairs beside the systems, in the table, in JSON and on
// the page.
func TestPairs(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	m := lastLine(t, eval(t, "-json", "-systems", "floor", "-pairs", labeled, "-html", page))
	groups := m["critic"].(map[string]any)["groups"].([]any)
	if len(groups) != 2 || groups[0].(map[string]any)["judged"] != 4.0 {
		t.Errorf("%v", groups)
	}
	text, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), "Calibration of the critic") {
		t.Errorf("%v: the page lacks the calibration", err)
	}
	if out := eval(t, "-systems", "floor", "-pairs", labeled); !strings.Contains(out, "FLAN-3B") || !strings.Contains(out, "IsREL") {
		t.Errorf("the table lacks the critic:\n%s", out)
	}
}

// A layout can be named in front of the file, and errors name the line.
func TestPairsLayouts(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pairs.jsonl")
	if err := os.WriteFile(name, []byte(`{"id":"h","question":"Who built it?","evidence":"Ada Kerr built the lighthouse.","supported":"Ada Kerr","unsupported":"Bo Lind built the lighthouse alone"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	m := lastLine(t, eval(t, "-json", "-systems", "floor", "-pairs", "halueval="+name))
	if n := m["critic"].(map[string]any)["pairs"]; n != 2.0 {
		t.Errorf("%v pairs", n)
	}
	for _, value := range []string{name, "clapnq=" + name, "nowhere.jsonl"} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"-corpus", corpus, "-questions", questions, "-pairs", value}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "-pairs: ") {
			t.Errorf("%s: exit code %d: %s", value, code, errs.String())
		}
	}
}
