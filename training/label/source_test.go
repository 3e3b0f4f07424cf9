package label_test

import (
	"context"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training/label"
)

// silent gives no label of any group.
type silent struct{}

func (silent) Critique(_ context.Context, c critique.Continuation) (critique.Verdict, error) {
	if c.Completion.Finish == generator.Running {
		return critique.Verdict{}, critique.ErrIncomplete
	}
	return critique.Verdict{}, nil
}

func (silent) Decide(context.Context, critique.Situation) (critique.RetrievalVerdict, error) {
	return critique.RetrievalVerdict{Dist: reflection.Distribution{Group: reflection.Retrieve}}, nil
}

// Any critic and decider is a source, also one that gives no label.
func TestOf(t *testing.T) {
	j := judged(t, chat())
	direct, err := label.Run(t.Context(), j, records(), label.Options{Tasks: []label.Task{label.Retrieval, label.Relevance, label.Utility}})
	if err != nil {
		t.Fatal(err)
	}
	by, err := label.Run(t.Context(), label.Of(j, j), records(), label.Options{Tasks: []label.Task{label.Retrieval, label.Relevance, label.Utility}})
	if err != nil || !slices.Equal(by, direct) {
		t.Errorf("%v, %+v\nwant %+v", err, by, direct)
	}
	for name, s := range map[string]label.Source{
		"silent": label.Of(silent{}, silent{}), "nothing": label.Of(nil, nil), "no groups": label.ByGroup{}, "no labels": label.Known(nil),
	} {
		labels, err := label.Run(t.Context(), s, records(), label.Options{})
		if err != nil || len(labels) != 9 {
			t.Errorf("%s: %d labels, %v", name, len(labels), err)
		}
		for _, l := range labels {
			if !l.Rejected() || l.Reason == "" {
				t.Errorf("%s: %+v", name, l)
			}
		}
		train, dev := label.Split(labels, 100, 1)
		if len(train)+len(dev) != 0 {
			t.Errorf("%s: rejected labels are trained on", name)
		}
	}
	plan, err := label.Plan(label.Of(j, j), records(), label.Options{})
	if err != nil || plan.MostCalls < 27 {
		t.Errorf("%+v, %v", plan, err)
	}
}

// Labels of a file answer by their texts, and sources can be joined by group.
func TestKnownAndByGroup(t *testing.T) {
	labels, err := label.Run(t.Context(), judged(t, chat()), records(), label.Options{})
	if err != nil {
		t.Fatal(err)
	}
	known := label.Known(labels)
	again, err := label.Run(t.Context(), known, records(), label.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range again {
		if l.Label != labels[i].Label || l.Rejected() != labels[i].Rejected() {
			t.Errorf("%+v: want %v", l, labels[i].Label)
		}
	}
	mixed, err := label.Run(t.Context(), label.ByGroup{reflection.IsREL: known}, records(), label.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range mixed {
		if l.Rejected() != (l.Task != label.Relevance) {
			t.Errorf("%+v", l)
		}
	}
}

// A passage without a title is found, though its first line could be one.
func TestKnownWithoutTitle(t *testing.T) {
	l := label.Labeled{Task: label.Relevance, Label: reflection.Relevant}
	l.Instruction, l.Evidence = "Who?", "First line.\nSecond line."
	for _, passage := range []generator.Evidence{{Text: l.Evidence}, {Title: "First line.", Text: "Second line."}} {
		a, err := label.Ask(t.Context(), label.Known([]label.Labeled{l}), judge.Item{Group: reflection.IsREL, Question: "Who?", Passage: passage})
		if err != nil || a.Label != reflection.Relevant {
			t.Errorf("%+v: %+v, %v", passage, a, err)
		}
	}
}
