package lexical

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/retriever"
)

const groups, size = 6, 5 // of passages, and in each

// writeRound replaces a group, and sometimes deletes it or saves the index. Each of
// two writers has groups of its own.
func writeRound(ctx context.Context, ix *Index, dir string, writer, round int) error {
	group := 2*(round%(groups/2)) + writer
	var ids []string
	var ps []retriever.Passage
	for i := range size {
		id := fmt.Sprintf("%d-%d", group, i)
		ids = append(ids, id)
		ps = append(ps, retriever.Passage{ID: id, Title: fmt.Sprint("round ", round), Text: fmt.Sprintf("group%d all", group)})
	}
	if err := ix.Replace(ctx, ps...); err != nil {
		return err
	}
	if round%7 == 6 {
		if err := ix.Delete(ctx, ids...); err != nil {
			return err
		}
	}
	if writer == 0 && round%10 == 9 {
		return ix.Save(ctx, dir)
	}
	return nil
}

// While two writers replace, delete and save, every search sees each change
// completely: a group of passages is there with one and the same round, or not at
// all.
func TestReadersAndWriters(t *testing.T) {
	rounds, readers := testsize.Of(20, 60), 16
	dir := t.TempDir()
	first, err := New(t.Context(), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	ix, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	var done atomic.Bool
	var writers, others sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for round := range rounds {
				if err := writeRound(t.Context(), ix, dir, w, round); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for r := range readers {
		others.Go(func() {
			for n := r; !done.Load(); n++ {
				text := fmt.Sprint("group", n%groups)
				if n%5 == 0 {
					text = "all"
				}
				res, err := ix.Retrieve(t.Context(), retriever.Query{Text: text, K: groups * size})
				if err != nil || len(res.Hits)%size != 0 {
					t.Errorf("%d hits, %v", len(res.Hits), err)
					return
				}
				titles := map[string]string{}
				for _, h := range res.Hits {
					group, _, _ := strings.Cut(h.Passage.ID, "-")
					if was, ok := titles[group]; ok && was != h.Passage.Title {
						t.Errorf("of group %s both %q and %q", group, was, h.Passage.Title)
						return
					}
					titles[group] = h.Passage.Title
				}
			}
		})
	}
	writers.Wait()
	done.Store(true)
	others.Wait()
}
