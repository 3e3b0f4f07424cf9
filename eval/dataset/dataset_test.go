package dataset_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "set.jsonl")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestQuestions(t *testing.T) {
	got, err := dataset.Questions(file(t, "\uFEFF"+`{"id":"q1","question":"Who?","answers":["Ada","A. Kerr"],"positive":["p1"],"note":1}`+"\r\n\n"+
		`  {"id":"q2","question":"Wann?","answers":["früh"]}`)) // no line end
	want := []dataset.Question{
		{ID: "q1", Question: "Who?", Answers: []string{"Ada", "A. Kerr"}, Positive: []string{"p1"}},
		{ID: "q2", Question: "Wann?", Answers: []string{"früh"}},
	}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %v", err, cmp.Diff(want, got))
	}
}

func TestSearches(t *testing.T) {
	got, err := dataset.Searches(file(t, `{"id":"q1","question":"Who?","positive":["p1"]}`))
	if want := []dataset.Question{{ID: "q1", Question: "Who?", Positive: []string{"p1"}}}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %v", err, cmp.Diff(want, got))
	}
	if _, err := dataset.Searches(file(t, `{"id":"q1","question":" "}`)); !errors.As(err, new(*dataset.LineError)) {
		t.Error(err)
	}
}

func TestPassages(t *testing.T) {
	got, err := dataset.Passages(file(t, `{"id":"p1","title":"T","text":"One."}`+"\n"+`{"id":"p2","text":"`+strings.Repeat("long ", 50000)+`","metadata":{"year":2020}}`+"\n"))
	want := []retriever.Passage{
		{ID: "p1", Title: "T", Text: "One."},
		{ID: "p2", Text: strings.Repeat("long ", 50000), Metadata: filter.Metadata{"year": filter.Int(2020)}},
	}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %v", err, cmp.Diff(want, got))
	}
}

func TestLineErrors(t *testing.T) {
	questions := func(f string) error { _, err := dataset.Questions(f); return err }
	passages := func(f string) error { _, err := dataset.Passages(f); return err }
	const (
		question = `{"id":"q1","question":"Who?","answers":["Ada"]}` + "\n"
		passage  = `{"id":"p1","text":"One."}` + "\n"
	)
	for name, c := range map[string]struct {
		read func(string) error
		text string
		line int
		want string
	}{
		"cut short":        {questions, question + `{"id":"q2","que`, 2, "unexpected end"},
		"two in a line":    {questions, question + strings.TrimSpace(question) + question, 2, "after top-level value"},
		"not UTF-8":        {questions, question + "\n{\"id\":\"\xe9\"}", 3, "not UTF-8"},
		"a list":           {questions, "[\n" + question + "]", 1, "not a JSON object"},
		"null":             {questions, "null", 1, "not a JSON object"},
		"wrong type":       {questions, `{"id":7}`, 1, "number"},
		"no id":            {questions, `{"question":"Who?","answers":["Ada"]}`, 1, `"id" is missing`},
		"id twice":         {questions, question + question, 2, `"q1" is in an earlier line`},
		"blank question":   {questions, `{"id":"q1","question":" ","answers":["Ada"]}`, 1, `"question" is missing`},
		"no answers":       {questions, `{"id":"q1","question":"Who?"}`, 1, `"answers" is missing`},
		"blank answer":     {questions, `{"id":"q1","question":"Who?","answers":["Ada",""]}`, 1, `"answers"[1] is blank`},
		"no passage id":    {passages, passage + `{"text":"Two."}`, 2, `"id" is missing`},
		"no text":          {passages, `{"id":"p1","title":"T"}`, 1, `"text" is missing`},
		"passage id twice": {passages, passage + "\n" + passage, 3, `"p1" is in an earlier line`},
	} {
		t.Run(name, func(t *testing.T) {
			name := file(t, c.text)
			err := c.read(name)
			var line *dataset.LineError
			if !errors.As(err, &line) || line.File != name || line.Line != c.line || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want line %d and %q", err, c.line, c.want)
			}
		})
	}
	for name, text := range map[string]string{"empty": "", "blank": "\n \n"} {
		if err := questions(file(t, text)); err == nil || !strings.Contains(err.Error(), "holds no line") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := questions(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func ExampleRead() {
	_, err := dataset.Read(strings.NewReader(`{"claim": "It is blue.", "label": "maybe"}`), "claims", func(c *struct{ Claim, Label string }) error {
		if c.Label != "true" && c.Label != "false" {
			return errors.New(`"label" must be true or false`)
		}
		return nil
	})
	os.Stdout.WriteString(err.Error())
	// Output: claims:1: "label" must be true or false
}

// An unanswerable question needs no answer, and may have none.
func TestUnanswerable(t *testing.T) {
	got, err := dataset.Questions(file(t, `{"id":"a","question":"Who?","unanswerable":true}`+"\n"))
	if err != nil || len(got) != 1 || !got[0].Unanswerable {
		t.Errorf("%v: %+v", err, got)
	}
	for _, line := range []string{
		`{"id":"a","question":"Who?","unanswerable":true,"answers":["x"]}`,
		`{"id":"a","question":"Who?","unanswerable":true,"positive":["p"]}`,
	} {
		if _, err := dataset.Questions(file(t, line)); err == nil || !strings.Contains(err.Error(), "unanswerable") {
			t.Errorf("%s: %v", line, err)
		}
	}
}
