package label_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/label"
)

func TestQuestion(t *testing.T) {
	for _, c := range []struct{ instruction, input, full, bare string }{
		{"Who?", "", "Who?", "Who?"},
		{"Answer.## Input:\n\nWho?", "", "Answer.## Input:\n\nWho?", "Who?"},
		{"Answer.## Input:\n\n ", "", "Answer.## Input:\n\n ", "Answer.## Input:\n\n "},
		{"Translate.", "Hallo", "Translate.\n\nHallo", "Translate. Hallo"},
		{"Translate Hallo.", "Hallo", "Translate Hallo.", "Translate Hallo."},
	} {
		full, bare := label.Question(training.Record{Instruction: c.instruction, Input: c.input})
		if full != c.full || bare != c.bare {
			t.Errorf("%q %q: %q %q", c.instruction, c.input, full, bare)
		}
	}
}

func TestSentences(t *testing.T) {
	for text, want := range map[string]string{
		"Yes. No.":      "[{Yes. false} {No. false}]",
		"Yes. No. Yes.": "[{Yes. true} {No. true} {Yes. true}]",
		"Yes. No. This one has thirty characters or more.": "[{Yes. true} {No. true} {This one has thirty characters or more. false}]",
		" \n": "[]",
	} {
		if got := fmt.Sprint(label.Sentences(text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestRecords(t *testing.T) {
	seeds := []training.Record{{ID: "1", Instruction: "Answer.## Input:\n\nWho?", Output: "Kafka wrote it in a long time. Yes. He was a lawyer at an insurance."}, {ID: "2", Instruction: "Nothing", Output: "No."}}
	var asked []string
	r := retriever.Func(func(_ context.Context, q retriever.Query) (retriever.Result, error) {
		asked = append(asked, q.Text)
		var res retriever.Result
		for i := range q.K {
			if !strings.Contains(q.Text, "Nothing") {
				res.Hits = append(res.Hits, retriever.Hit{Passage: retriever.Passage{ID: fmt.Sprint(i), Title: []string{"Title", ""}[i%2], Text: "text\xff"}, Score: float64(-i)})
			}
		}
		return res, nil
	})
	got, err := label.Records(t.Context(), r, seeds, 2)
	if err != nil || len(got) != 5 {
		t.Fatalf("%+v, %v", got, err)
	}
	if want := []string{"Who? Kafka wrote it in a long time.", "Who? He was a lawyer at an insurance.", "Nothing No."}; fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("asked %q", asked)
	}
	want := training.JudgeRecord{
		Instruction: seeds[0].Instruction, TargetOutput: "He was a lawyer at an insurance.", Evidence: "Title\ntext\uFFFD", PrecedingSentences: "Kafka wrote it in a long time. Yes.",
		Output: seeds[0].Output, QID: "1", SentIdx: 2, PID: "0",
	}
	if got[2] != want || got[3].Evidence != "text\uFFFD" || got[4].Evidence != "" || got[4].QID != "2" {
		t.Errorf("%+v", got)
	}
	if _, err := label.Records(t.Context(), nil, seeds, 2); !errors.Is(err, training.ErrOption) {
		t.Errorf("%v", err)
	}
	if _, err := label.Records(t.Context(), r, seeds, 0); !errors.Is(err, training.ErrOption) {
		t.Errorf("%v", err)
	}
	if _, err := label.Records(t.Context(), r, []training.Record{{}}, 1); !errors.Is(err, training.ErrRecord) {
		t.Errorf("%v", err)
	}
}

func TestFixed(t *testing.T) {
	for g, want := range map[reflection.Group]reflection.Token{reflection.IsUSE: reflection.Utility5, reflection.IsREL: reflection.None} {
		l, err := label.Fixed(reflection.Utility5).Label(t.Context(), judge.Item{Group: g})
		if err != nil || l.Token != want || (l.Reason == "") != (want != reflection.None) {
			t.Errorf("%v: %+v, %v", g, l, err)
		}
	}
}
