package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// script is changes that are the same each time. Each is made in the model, and in a store
// unless that is nil.
type script struct {
	model
	next int
}

func newScript() *script { return &script{model: model{notes: map[string][]byte{}}} }

// step makes the next change.
func (c *script) step(ctx context.Context, s *Store) error {
	r := rand.New(rand.NewPCG(uint64(c.next), 9))
	c.next++
	var list []retriever.Passage
	for _, n := range r.Perm(60)[:1+r.IntN(5)] {
		var words []string
		for range 1 + r.IntN(8) {
			words = append(words, vocabulary[r.IntN(len(vocabulary))])
		}
		list = append(list, retriever.Passage{ID: fmt.Sprint("p", n), Text: strings.Join(words, " "), Metadata: filter.Metadata{"step": filter.Int(int64(c.next))}})
	}
	var err error
	switch uri := fmt.Sprint("doc", r.IntN(4)); {
	case r.IntN(4) == 0 && len(c.passages) > 3:
		var ids []string
		for _, i := range r.Perm(len(c.passages))[:2] {
			ids = append(ids, c.passages[i].ID)
		}
		if s != nil {
			err = s.Delete(ctx, ids...)
		}
		if err == nil {
			had := c.documents()
			for _, id := range ids {
				c.drop(id)
			}
			c.dropNotes(had)
		}
	case r.IntN(3) == 0:
		note := []byte(fmt.Sprint(c.next))
		if s != nil {
			err = s.ReplaceDocument(ctx, uri, slices.Clone(list), note)
		}
		if err == nil {
			c.takeDocument(uri, list, note)
		}
	case r.IntN(3) == 0:
		notes := map[string][]byte{}
		for i := range list {
			list[i].Source.URI = fmt.Sprint("doc", r.IntN(4))
			notes[list[i].Source.URI] = []byte(fmt.Sprint(c.next))
		}
		if s != nil {
			err = s.ReplaceDocuments(ctx, notes, list...)
		}
		if err == nil {
			c.takeDocuments(notes, list)
		}
	default:
		if s != nil {
			err = s.Put(ctx, list...)
		}
		if err == nil {
			had := c.documents()
			c.take(list)
			c.dropNotes(had)
		}
	}
	if err != nil {
		c.next--
	}
	return err
}

// to makes changes in the model only.
func (c *script) to(n int) {
	for c.next < n {
		if err := c.step(context.Background(), nil); err != nil {
			panic(err)
		}
	}
}

// runChild is the process that is killed: it goes on with the script and writes a line after
// each change.
func runChild(job string) int {
	kind, rest, _ := strings.Cut(job, ":")
	from, dir, _ := strings.Cut(rest, ":")
	if kind == "truncate" {
		return runTruncated(from, dir)
	}
	n := 0
	if _, err := fmt.Sscan(from, &n); err != nil {
		fmt.Println(err)
		return 1
	}
	ctx := context.Background()
	s, err := open(ctx, dir, options(), &disk{}, small)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	c := newScript()
	for c.to(n); ; {
		if err := c.step(ctx, s); err != nil {
			fmt.Println("error", err)
			return 1
		}
		fmt.Println("ack", c.next)
	}
}

// killed runs a child until some acknowledgments came, kills it, and returns how many changes
// it acknowledged.
func killed(t *testing.T, dir string, from int, r *rand.Rand) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOSELFRAG_STORE_CHILD=kill:%d:%s", from, dir))
	out, err := cmd.StdoutPipe()
	no(t, err)
	cmd.Stderr = os.Stderr
	no(t, cmd.Start())
	lines := bufio.NewScanner(out)
	acked, wait := from, r.IntN(12)
	read := func() bool {
		if !lines.Scan() {
			return false
		}
		if _, err := fmt.Sscanf(lines.Text(), "ack %d", &acked); err != nil {
			t.Fatalf("the child says %q", lines.Text())
		}
		return true
	}
	for range wait {
		if !read() {
			break
		}
	}
	for spin := r.IntN(1 << 22); spin > 0; spin-- { // some microseconds to milliseconds
		_ = spin
	}
	no(t, cmd.Process.Kill())
	for read() {
	}
	_, _ = io.Copy(io.Discard, out)
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the child ended: %v", err)
	}
	return acked
}

// A process that is killed at any moment loses no acknowledged change, and makes no others.
func TestKill(t *testing.T) {
	top, err := os.MkdirTemp(fastDir(), "store-kill-")
	no(t, err)
	defer os.RemoveAll(top)
	dir := filepath.Join(top, "store")
	r := rand.New(rand.NewPCG(1, 1))
	c := newScript()
	for kill := range testsize.Raced(5, testsize.Long(12, 50, 500)) {
		if c.next > 1000 { // the script begins again
			no(t, os.RemoveAll(dir))
			c = newScript()
		}
		acked := killed(t, dir, c.next, r)
		s, err := open(t.Context(), dir, options(), &disk{}, small)
		if err != nil {
			t.Fatalf("kill %d, after %d changes: %v", kill, acked, err)
		}
		c.to(acked)
		if err = c.differs(t.Context(), s); err != nil {
			c.to(acked + 1) // on disk, though not acknowledged yet
			if later := c.differs(t.Context(), s); later != nil {
				t.Fatalf("kill %d, after %d changes: %v\nand with the next one: %v", kill, acked, err, later)
			}
		}
		if err := checkSearch(t.Context(), s, &c.model); err != nil {
			t.Fatalf("kill %d: %v", kill, err)
		}
		no(t, s.Close())
	}
	t.Logf("%d changes", c.next)
}

// checkSearch searches for each passage by its text.
func checkSearch(ctx context.Context, s *Store, m *model) error {
	for _, side := range []retriever.Retriever{s.Words(), s.Vectors(), s} {
		res, err := side.Retrieve(ctx, retriever.Query{Text: strings.Join(vocabulary, " "), K: 100})
		if err != nil {
			return err
		}
		got := idsOf(res)
		slices.Sort(got)
		var want []string
		for _, p := range m.passages {
			want = append(want, p.ID)
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Errorf("found %q: want %q", got, want)
		}
	}
	return nil
}
