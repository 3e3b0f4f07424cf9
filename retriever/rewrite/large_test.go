package rewrite_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// countdown is done after n calls of Err.
type countdown struct {
	context.Context
	n int
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// Correcting stops between two words when the context is done.
func TestSpellingCanceled(t *testing.T) {
	s := must[*rewrite.Spelling](t)(rewrite.NewSpelling(newVocabulary([]retriever.Passage{{Text: "bridge"}})))
	got, err := s.Queries(&countdown{t.Context(), 3}, "brigde brdge bridgee birdge bride ridge")
	if !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Counting stops between two passages when the context is done.
func TestVocabularyCanceled(t *testing.T) {
	ps := retrievertest.Passages("one", "two", "three")
	for n := range len(ps) {
		v, err := rewrite.NewVocabulary(&countdown{t.Context(), n}, ps)
		if !errors.Is(err, context.Canceled) || v != nil {
			t.Errorf("after %d passages: %v, %v", n, v, err)
		}
	}
	if v, err := rewrite.NewVocabulary(&countdown{t.Context(), len(ps)}, ps); err != nil || v.Correct("thref") != "three" {
		t.Errorf("%v", err)
	}
}

// A vocabulary keeps words, not the texts that contain them.
func TestVocabularyKeepsNoText(t *testing.T) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var ps []retriever.Passage
	for i := range 100 {
		ps = append(ps, retriever.Passage{Text: fmt.Sprintf("word%d ", i) + strings.Repeat("Same ", 10_000)})
	}
	before := heap()
	v := newVocabulary(ps)
	kept := int64(heap()) - int64(before)
	if kept > 1<<19 || v.Correct("samee") != "same" {
		t.Errorf("%d bytes kept for 101 words of %d passages", kept, len(ps))
	}
	runtime.KeepAlive(ps)
}
