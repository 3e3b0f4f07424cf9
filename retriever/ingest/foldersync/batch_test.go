package foldersync

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Wherever a sync is interrupted, the next one does the rest and nothing twice, but for one
// document of a step whose error came after it was done.
func TestInterrupted(t *testing.T) {
	files := numbered(6)
	whole := newMemory(t)
	must(t, whole, folderOf(files), Options{})
	for _, how := range []string{"before", "after", "canceled"} {
		for i := range 24 {
			at, o := i%8+1, Options{firstBatch: []int{1, 3 << 10, minBatch}[i/8]}
			ctx, cancel := context.WithCancel(t.Context())
			m, f := newMemory(t), folderOf(files)
			f.write("old-1.md", "Old one.")
			f.write("old-2.md", "Old two.")
			for i := range 6 { // all change later
				f.write(fmt.Sprintf("%02d.md", i), "First.")
			}
			must(t, m, f, Options{})
			f = folderOf(files)
			m.calls, m.steps = nil, nil
			m.fail = func(step int) (before, after error) {
				switch {
				case step < at:
				case how == "before":
					return errStore, nil
				case how == "after":
					return nil, errStore
				default:
					cancel()
				}
				return nil, nil
			}
			_, err := syncFS(ctx, m, f, o)
			steps, want := len(m.steps), map[string]error{"before": errStore, "after": errStore, "canceled": context.Canceled}[how]
			if failed := steps > at || steps == at && how != "canceled"; failed && !errors.Is(err, want) || steps < at && err != nil {
				t.Errorf("%s step %d of %d: %v", how, at, steps, err)
			}
			m.fail = nil
			rep := must(t, m, f, o)
			put, twice := len(m.calls), how == "after" && steps > at
			if put != 8 && !(twice && put == 9) || len(slices.Compact(slices.Sorted(slices.Values(m.calls)))) != 8 {
				t.Errorf("%s step %d of %d: %q were put in, %+v", how, at, steps, m.calls, rep)
			}
			if !reflect.DeepEqual(m.passages(), whole.passages()) {
				t.Errorf("%s step %d: other documents", how, at)
			}
			cancel()
		}
	}
}

// A document that the store refuses is named, and those before it are in.
func TestRefusedByStore(t *testing.T) {
	m := newMemory(t)
	m.refused = "04.md"
	rep, err := syncFS(t.Context(), m, folderOf(numbered(8)), Options{})
	if !errors.Is(err, errStore) || !strings.Contains(err.Error(), "04.md") {
		t.Errorf("error %v", err)
	}
	if want := []string{"00.md", "01.md", "02.md", "03.md"}; !slices.Equal(rep.Added, want) || len(m.docs) != 4 {
		t.Errorf("%+v, %d documents", rep, len(m.docs))
	}
}

// Steps grow up to a bound while the store is fast, and shrink to one document while it is
// slow.
func TestSteps(t *testing.T) {
	files := map[string]string{}
	for i := range 1500 {
		files[fmt.Sprintf("%04d.md", i)] = "Text of it."
	}
	for i := range 6 {
		files[fmt.Sprintf("large-%d.md", i)] = strings.Repeat("A sentence of some words. ", 10_000)
	}
	for _, slow := range []bool{false, true} {
		var clock atomic.Int64 // files are read by other goroutines
		m := newMemory(t)
		m.fail = func(int) (error, error) {
			if slow {
				clock.Add(int64(2 * shortStep))
			}
			return nil, nil
		}
		done := 0
		must(t, m, folderOf(files), Options{
			now: func() time.Time { return time.Unix(1e9, clock.Load()) },
			Progress: func(p Progress) {
				if done++; p.Done != done {
					t.Fatalf("progress %d: %+v", done, p)
				}
				if len(m.calls) < done {
					t.Fatalf("%d documents are done and %d are in", done, len(m.calls))
				}
			},
		})
		if want := []int{64, 127, 253, 505}; !slow && !slices.Equal(m.steps[:4], want) {
			t.Errorf("%d", m.steps)
		}
		if most := slices.Max(m.steps); slow && (most > 64 || m.steps[len(m.steps)-1] != 1) || most > 1024 {
			t.Errorf("slow %v: %d", slow, m.steps)
		}
		if last := m.steps[len(m.steps)-1:]; slices.Max(last) > 4 {
			t.Errorf("slow %v: steps of %d documents of 260 kB", slow, last)
		}
	}
}
