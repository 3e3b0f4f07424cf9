package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/tools/internal/realserver"
)

func TestTask(t *testing.T) {
	for number := range 20 {
		question, passages := task("short", number, 10)
		again, _ := task("short", number, 10)
		res, err := passages.Retrieve(t.Context(), retriever.Query{Text: question, K: 10})
		if err != nil || len(res.Hits) != 10 || question != again {
			t.Fatalf("%q, then %q, with %d passages, %v", question, again, len(res.Hits), err)
		}
		fits := 0
		for _, h := range res.Hits {
			words := strings.Fields(strings.Trim(h.Passage.Text, "."))
			asked, other := 0, 1 // the toy model counts the opening tag
			for i, w := range words {
				if slices.Contains(words[:i], w) {
					t.Errorf("%q has %s twice", h.Passage.Text, w)
				}
				switch {
				case slices.Contains(things, w) && strings.Contains(question, w):
					asked++
				case slices.Contains(things, w):
					other++
				}
			}
			if float64(asked)/float64(asked+other) > 0.4 {
				fits++
			}
		}
		if fits == 0 || fits > relevant {
			t.Errorf("%q has %d relevant passages: want some of %d", question, fits, relevant)
		}
	}
}

// The costs are read off lines of a log by hand.
func TestCount(t *testing.T) {
	lines := []realserver.Load{
		{Slot: 0, Cached: 0, Prompt: 50, Used: 0},
		{Slot: 1, Cached: 0, Prompt: 60, Used: 20},
		{Slot: 0, Cached: 59, Prompt: 55, Used: 40},
	}
	c := cost{requests: []int{0, 1}}
	if unknown := c.count(lines); unknown != 1 || c.Made != 10 || c.Prompt != 110 || c.Read != 90 {
		t.Errorf("%+v, %d unknown: want 10 tokens made, 90 of 110 read, 1 unknown", c, unknown)
	}
	c.divide(2)
	if c.Made != 5 || c.Read != 45 {
		t.Errorf("%+v: want the halves", c)
	}
}

func TestPrint(t *testing.T) {
	rows := []row{{Form: "short", Passages: 5, Questions: 2, Full: cost{Calls: 6, Made: 60}, Lazy: cost{Calls: 3, Made: 20}, Same: 1, Unknown: 4}}
	var table, lines bytes.Buffer
	if err := print(&table, rows, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"6 3 (2.00)", "60 20 (3.00)", "of 4 requests"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
	if err := print(&lines, rows, true); err != nil {
		t.Fatal(err)
	}
	var got row
	if err := json.Unmarshal(lines.Bytes(), &got); err != nil || got.Lazy.Made != 20 {
		t.Errorf("%v: %s", err, lines.String())
	}
}

func TestRunErrors(t *testing.T) {
	t.Setenv("GOSELFRAG_OLLAMA_LOG", "")
	for want, args := range map[string][]string{
		"run this under .ci/ollama": nil,
		"want at least 1":           {"-n", "0"},
		"not defined":               {"-x"},
	} {
		if err := run(t.Context(), args, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q", err, want)
		}
	}
}

// On a real server all answers are the same, and lazy evaluation never costs more
// tokens.
func TestRun(t *testing.T) {
	if os.Getenv("GOSELFRAG_OLLAMA_URL") == "" || os.Getenv("GOSELFRAG_OLLAMA_LOG") == "" {
		t.Skip("GOSELFRAG_OLLAMA_URL and GOSELFRAG_OLLAMA_LOG are not set: run .ci/ollama go -C tools test ./serverbench")
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-n", "2", "-json"}, &out); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for d := json.NewDecoder(&out); ; rows++ {
		var r row
		if err := d.Decode(&r); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if r.Same != 1 || r.Lazy.Arrived > r.Full.Arrived || r.Full.Made < r.Full.Arrived || r.Full.Read <= 0 {
			t.Errorf("%+v", r)
		}
	}
	if rows != 4 {
		t.Errorf("%d rows: want 4", rows)
	}
}
