package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// pageBytes is the size of the pages of the database.
const pageBytes = 4096

// moment is a copy of a folder before a commit.
type moment struct {
	dir  string
	done int // changes that were acknowledged
}

// moments runs some changes, with what the background does after each third, and returns the
// folder before each commit and at the end.
func moments(t *testing.T, seed int) (list []moment) {
	t.Helper()
	top, dir, done := tempDir(t), tempDir(t), 0
	keep := func() {
		to := filepath.Join(top, fmt.Sprint(len(list)))
		no(t, os.CopyFS(to, os.DirFS(dir)))
		list = append(list, moment{to, done})
	}
	watching := false
	d := &disk{noSync: true, fail: func(operation, _ string) error {
		if watching && operation == "commit" {
			keep()
		}
		return nil
	}}
	s, err := open(t.Context(), dir, options(), d, small)
	no(t, err)
	settle(t, s)
	c := newScript()
	for range 6 * seed {
		no(t, c.step(t.Context(), s))
	}
	settle(t, s)
	watching, done = true, c.next
	for i := range 6 {
		no(t, c.step(t.Context(), s))
		done = c.next
		if i%3 == 2 {
			s.unsaved = s.sizes.save // so that words are saved
			settle(t, s)
		}
	}
	keep()
	watching = false
	no(t, s.Close())
	return list
}

// partly returns a file of before in which some pages, and half of the next, are those of
// after. The file has its new size before its pages, as bbolt grows it.
func partly(before, after []byte, pages []int, n int) []byte {
	out := make([]byte, len(after))
	copy(out, before)
	for i, p := range pages[:min(n+1, len(pages))] {
		size := pageBytes
		if i == n {
			size /= 2
		}
		copy(out[p*pageBytes:p*pageBytes+size], after[p*pageBytes:])
	}
	return out
}

// changed returns the pages that differ: headers, which are the first two, and others.
func changed(before, after []byte) (heads, others []int) {
	for p := 0; p < len(after)/pageBytes; p++ {
		var was []byte
		if (p+1)*pageBytes <= len(before) {
			was = before[p*pageBytes : (p+1)*pageBytes]
		}
		switch {
		case bytes.Equal(was, after[p*pageBytes:(p+1)*pageBytes]):
		case p < 2:
			heads = append(heads, p)
		default:
			others = append(others, p)
		}
	}
	return heads, others
}

// stateOf opens a folder with another database, and returns an error unless it holds what
// there was after one of some numbers of changes.
func stateOf(t *testing.T, dir string, data []byte, after ...int) error {
	to := tempDir(t)
	defer os.RemoveAll(filepath.Dir(to))
	no(t, os.CopyFS(to, os.DirFS(dir)))
	no(t, os.WriteFile(filepath.Join(to, "store.db"), data, 0o644))
	s, err := open(t.Context(), to, options(), &disk{noSync: true}, small)
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range after {
		c := newScript()
		c.to(n)
		err := errors.Join(c.differs(t.Context(), s), checkSearch(t.Context(), s, &c.model), s.Verify(t.Context()))
		if err == nil {
			return errors.Join(c.step(t.Context(), s), c.differs(t.Context(), s), s.Close())
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, s.Close())...)
}

// When the machine stops while bbolt writes the pages of a commit, in whatever order a disk
// writes them, the store is as before as long as its header is not written, and as after the
// change if that is. A header that is written first, which the sync before it rules out, leads
// to one of these, to ErrCorrupt or to an earlier state, and never to the end of the process.
func TestCrashBetweenPages(t *testing.T) {
	commits, states := 0, 0
	early := map[string]int{}
	for seed := range testsize.Long(1, 3, 20) {
		r := rand.New(rand.NewPCG(uint64(seed), 5))
		list := moments(t, seed+1)
		for i, m := range list[:len(list)-1] {
			before, err := os.ReadFile(filepath.Join(m.dir, "store.db"))
			no(t, err)
			after, err := os.ReadFile(filepath.Join(list[i+1].dir, "store.db"))
			no(t, err)
			heads, pages := changed(before, after)
			if len(heads) != 1 || len(pages) == 0 {
				t.Fatalf("commit %d changes the headers %d and %d others", i, heads, len(pages))
			}
			commits++
			from, to := m.done, list[i+1].done
			try := func(what string, data []byte, want ...int) {
				t.Helper()
				states++
				if err := stateOf(t, m.dir, data, want...); err != nil {
					t.Fatalf("seed %d, commit %d of %d, %s of %d pages: %v", seed, i, len(list)-1, what, len(pages), err)
				}
			}
			for order, shuffle := range []func(){func() {}, func() { slices.Reverse(pages) }, func() { r.Shuffle(len(pages), func(i, j int) { pages[i], pages[j] = pages[j], pages[i] }) }} {
				shuffle()
				for _, n := range []int{0, len(pages) / 2, len(pages)} {
					try(fmt.Sprintf("order %d, %d", order, n), partly(before, after, pages, n), from)
					if n == len(pages) {
						continue
					}
					data := partly(before, after, pages, n)
					copy(data[heads[0]*pageBytes:(heads[0]+1)*pageBytes], after[heads[0]*pageBytes:])
					err := stateOf(t, m.dir, data, from, to)
					switch {
					case err == nil:
						early["old or new"]++
					case errors.Is(err, ErrCorrupt):
						early["ErrCorrupt"]++
					default:
						early["earlier"]++
					}
				}
			}
			try("all", after, to)
			torn := partly(before, after, pages, len(pages))
			at := heads[0]*pageBytes + 16 + r.IntN(64)
			copy(torn[heads[0]*pageBytes:at], after[heads[0]*pageBytes:])
			try("all, with half a header,", torn, from, to)
		}
	}
	t.Logf("%d commits, %d states, with an early header %v", commits, states, early)
}
