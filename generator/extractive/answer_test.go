package extractive_test

import (
	"context"
	"testing"

	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// The answer is on one line, without text that looks like a mark in Cited, and its
// citation has the unchanged passage.
func TestAnswerFromAWrappedPassage(t *testing.T) {
	const text = "The ferry was sold.\nThe harbor bridge was\nopened in 1932 [4].\nIt is grey."
	index := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		return retriever.Result{Hits: []retriever.Hit{{Passage: retriever.Passage{ID: "p", Text: text}, Score: 1}}}, nil
	})
	engine, err := selfrag.New(extractive.New(), index)
	if err != nil {
		t.Fatal(err)
	}
	a, err := engine.Answer(t.Context(), "When was the harbor bridge opened?")
	if err != nil {
		t.Fatal(err)
	}
	if want := "The harbor bridge was opened in 1932 [4]."; a.Text != want {
		t.Fatalf("%q, want %q", a.Text, want)
	}
	if got, want := a.Cited(), "The harbor bridge was opened in 1932 (4) [1]."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if c := a.Citations[0]; c.Passage.Text != text || c.Spans[0] != (selfrag.Span{Start: 0, End: len(a.Text)}) {
		t.Errorf("%+v", c)
	}
}
