package main

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
)

// Every line has the same answers as a full run, costs no more tokens, and at
// width 10 the short form completes all candidates at once.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out, 3, true, false, "", ""); err != nil {
		t.Fatal(err)
	}
	lines, saved := 0, 0
	for d := json.NewDecoder(&out); ; lines++ {
		var r row
		if err := d.Decode(&r); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if r.Same != 1 || r.Tokens < 1 || r.Interval[0] > r.Tokens || r.Interval[1] < r.Tokens || r.Calls != 1 || r.Prompt != 1 {
			t.Errorf("%+v", r)
		}
		if r.Form == "short" && r.Width == passages && (r.Tokens != 1 || r.Steps != 1) {
			t.Errorf("%+v: want nothing saved and no time lost", r)
		}
		if r.Tokens > 1.5 {
			saved++
		}
	}
	if lines != 3*len(sequences)*len(forms)*len(widths) || saved == 0 {
		t.Errorf("%d lines, %d of them save a third", lines, saved)
	}
	if err := run(&out, 0, false, false, "", ""); err == nil {
		t.Error("no questions give no error")
	}
}
