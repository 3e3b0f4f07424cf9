package eval

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
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

// Without questions only the critic is measured, and flags about questions are refused.
func TestPairsAlone(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-pairs", labeled}, &out, &errs); code != 0 || !strings.Contains(out.String(), "IsREL") {
		t.Errorf("exit code %d: %s\n%s", code, errs.String(), out.String())
	}
	out.Reset()
	code := run(t.Context(), []string{"-pairs", labeled, "-json"}, &out, &errs)
	var alone, with map[string]any
	if err := json.Unmarshal(out.Bytes(), &alone); code != 0 || err != nil {
		t.Fatalf("exit code %d, %v: %s", code, err, out.String())
	}
	with = lastLine(t, eval(t, "-json", "-systems", "floor", "-pairs", labeled))
	if len(alone) != 1 || !reflect.DeepEqual(alone["critic"], with["critic"]) {
		t.Errorf("%v, with questions %v", alone, with["critic"])
	}
	for _, flag := range []string{"-sensitivity", "-html=page.html", "-out=out.jsonl", "-k=3", "-systems=floor"} {
		errs.Reset()
		name, _, _ := strings.Cut(flag, "=")
		if code := run(t.Context(), []string{"-pairs", labeled, flag}, &out, &errs); code != 2 || !strings.Contains(errs.String(), name+" is about questions") {
			t.Errorf("%s: exit code %d: %s", flag, code, errs.String())
		}
	}
	errs.Reset()
	if code := run(t.Context(), []string{"-pairs", "nowhere.jsonl"}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "-pairs: ") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	errs.Reset()
	if code := run(t.Context(), []string{"-pairs", labeled, "-questions", questions}, &out, &errs); code != 2 || !strings.Contains(errs.String(), "-corpus is missing") {
		t.Errorf("exit code %d: %s", code, errs.String())
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
