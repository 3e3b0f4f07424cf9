package rewrite_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// A long question costs by its length: when each piece looks at all that is behind it, this
// one takes a gigabyte.
func TestConjunctionsOfABook(t *testing.T) {
	const pieces = 5_000
	question := strings.Repeat("who is it and ", pieces-1) + "who is it"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := rewrite.Conjunctions{}.Queries(t.Context(), question)
	runtime.ReadMemStats(&after)
	if err != nil || len(got) != pieces || got[0] != "who is it" || got[pieces-1] != "who is it" {
		t.Errorf("%d pieces, %v", len(got), err)
	}
	if made := after.TotalAlloc - before.TotalAlloc; made > 1000*uint64(len(question)) {
		t.Errorf("%d bytes allocated for a question of %d", made, len(question))
	}
}

// countdown is done when it has been asked n times.
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
func TestSpellingCancelled(t *testing.T) {
	s := must[*rewrite.Spelling](t)(rewrite.NewSpelling(rewrite.NewVocabulary([]retriever.Passage{{Text: "bridge"}})))
	got, err := s.Queries(&countdown{t.Context(), 3}, "brigde brdge bridgee birdge bride ridge")
	if !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// A vocabulary keeps words, not the texts in which they stand.
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
	v := rewrite.NewVocabulary(ps)
	kept := int64(heap()) - int64(before)
	if kept > 1<<19 || v.Count("same") != 100 {
		t.Errorf("%d bytes kept for 101 words of %d passages", kept, len(ps))
	}
	runtime.KeepAlive(ps)
}
