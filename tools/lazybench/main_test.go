package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
)

// rowsOf runs the program and reads what it prints.
func rowsOf(t *testing.T, f flags) (rows []row) {
	t.Helper()
	var out bytes.Buffer
	f.json = true
	if err := run(&out, f); err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(&out); ; {
		var r row
		if err := d.Decode(&r); err == io.EOF {
			return rows
		} else if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
}

// Every line has the same answers as a full run, costs no more tokens, and at
// width 10 the short form completes all candidates at once.
func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plot.svg")
	rows := rowsOf(t, flags{n: 2, model: "simulated", plot: file})
	saved := 0
	for _, r := range rows {
		if r.Identical != 2 || r.Questions != 2 || r.Tokens < 1 || r.Interval[0] > r.Tokens || r.Interval[1] < r.Tokens || r.Calls != 1 || r.Prompt != 1 {
			t.Errorf("%+v", r)
		}
		if r.Form == "short" && r.Width == passages && (r.Tokens != 1 || r.Latency != 1) {
			t.Errorf("%+v: want nothing saved and no time lost", r)
		}
		if r.Tokens > 1.5 {
			saved++
		}
	}
	if len(rows) != 3*len(sequences)*len(forms)*len(widths) || saved == 0 {
		t.Errorf("%d lines, %d of them save a third", len(rows), saved)
	}
	if b, err := os.ReadFile(file); err != nil || !bytes.Contains(b, []byte("</svg>")) {
		t.Errorf("the plot has %d bytes, error %v", len(b), err)
	}
	for _, f := range []flags{{}, {n: 1, model: "other"}, {n: 1, model: "flat", plot: file}, {n: 1, model: "simulated", corpus: "no such file"}} {
		if err := run(io.Discard, f); err == nil {
			t.Errorf("%+v: no error", f)
		}
	}
}

// On a server a stream that is held open saves nothing. Cut after the first token
// a candidate costs no token twice if the server goes on, and one if it begins
// anew; without a cache whole prompts are read again.
func TestServers(t *testing.T) {
	for _, r := range rowsOf(t, flags{n: 2, model: "simulated", hosts: true}) {
		if r.Width > 2 {
			continue
		}
		sure := r.Relevance == relevanceName(distributions[0])
		var ok bool
		switch r.Host {
		case "in process":
			ok = r.Calls == 1 && r.Prompt == 1 && (r.Tokens > 2 || !sure)
		case "server: streams held open":
			ok = r.Calls == 1 && r.Prompt == 1 && r.Tokens == 1 && r.Latency >= 1
		case "server: cut, goes on":
			ok = r.Calls < 1 && r.Prompt > 0.8 && r.Prompt < 1 && r.Tokens >= 1 && (r.Tokens > 2 || !sure)
		case "server: cut, begins anew":
			ok = r.Calls < 1 && r.Prompt > 0.8 && r.Prompt < 1 && (r.Tokens > 2 || !sure)
		case "server without cache: cut":
			ok = r.Calls < 1 && r.Prompt < 0.85 && r.Tokens >= 1
		}
		if !ok {
			t.Errorf("%+v", r)
		}
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out, flags{n: 1, model: "random"}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if n := 2 + len(distributions)*2*len(forms)*len(widths) + 1; len(lines) != n || !strings.HasSuffix(lines[2], "1/1") ||
		lines[n-1] != "all 72 answers were those of a full run" {
		t.Errorf("%d lines, want %d:\n%s", len(lines), n, out.String())
	}
}

// By hand: a prompt of 40 words that shares 35 with the one before reads all but the
// two whole blocks of 16; the same prompt again all but one token.
func TestMeterCaches(t *testing.T) {
	ask := func(m *meter, question string) float64 {
		before := m.prompt
		req := generator.Request{Prompt: generator.Prompt{Instruction: question}, MaxTokens: 9}
		if _, err := generator.Complete(t.Context(), m, req); err != nil {
			t.Fatal(err)
		}
		return m.prompt - before
	}
	script := &generatortest.Script{Rules: []generatortest.Rule{{Steps: generatortest.Words(1, "a b c d e f g h")}}}
	first, other := words("w", 40), words("w", 35)+" "+words("v", 5)
	for name, h := range map[string]host{"caches": {caches: true}, "forgets": {}} {
		m := newMeter(script, h)
		got := [4]float64{ask(m, first), ask(m, other), ask(m, first), ask(m, first+" a b c d e f g h i")}
		want := [4]float64{40, 40, 40, 49}
		if h.caches {
			want = [4]float64{40, 40 - 32, 40 - 32, 49 - 48}
		}
		if got != want || m.calls != 4 || m.tokens != 4*9 {
			t.Errorf("%s: read %v, want %v; %v calls, %v tokens", name, got, want, m.calls, m.tokens)
		}
	}
	// A server continues to generate after its stream is stopped.
	for runsOn, want := range map[bool]float64{false: 1, true: 9} {
		m := newMeter(script, host{runsOn: runsOn})
		for range m.Generate(t.Context(), generator.Request{Prompt: generator.Prompt{Instruction: "q"}, MaxTokens: 9}) {
			break
		}
		if m.tokens != want {
			t.Errorf("runs on %t: %v tokens, want %v", runsOn, m.tokens, want)
		}
	}
}
