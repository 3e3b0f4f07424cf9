package summary_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/summary"
)

// slow is a summarizer that waits for a value of next with each passage whose text
// begins with "slow". It counts its calls.
type slow struct {
	next  chan struct{}
	asked atomic.Int64
}

func (s *slow) Summarize(ctx context.Context, p retriever.Passage) (string, error) {
	s.asked.Add(1)
	if strings.HasPrefix(p.Text, "slow") {
		select {
		case <-s.next:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return firstWord{}.Summarize(ctx, p)
}

// While the summarizer works for an addition or an update, others may change the
// index. The final state of the passages decides.
func TestChangesWhileSummarizing(t *testing.T) {
	add := func(ctx context.Context, ix *summary.Index) error { return ix.Add(ctx, passage("3", "slow new")) }
	update := func(ctx context.Context, ix *summary.Index) error { return ix.Update(ctx, passage("1", "slow new")) }
	for _, c := range []struct {
		name      string
		do        func(context.Context, *summary.Index) error
		meanwhile func(context.Context, *summary.Index) error
		want      error // of do
		after     string
	}{
		{"add, delete another", add, func(ctx context.Context, ix *summary.Index) error { return ix.Delete(ctx, "1") }, nil, "2=sea old; 3=slow new"},
		{"add, delete the same", add, func(ctx context.Context, ix *summary.Index) error {
			if err := ix.Delete(ctx, "3"); !errors.Is(err, summary.ErrUnknownID) {
				return fmt.Errorf("%v: want it to be unknown", err)
			}
			return nil
		}, nil, "1=ebro old; 2=sea old; 3=slow new"},
		{"add, add another", add, func(ctx context.Context, ix *summary.Index) error { return ix.Add(ctx, passage("4", "sea new")) }, nil, "1=ebro old; 2=sea old; 3=slow new; 4=sea new"},
		{"add, add the same", add, func(ctx context.Context, ix *summary.Index) error { return ix.Add(ctx, passage("3", "sea new")) }, summary.ErrDuplicateID, "1=ebro old; 2=sea old; 3=sea new"},
		{"add, add the same and delete it", add, func(ctx context.Context, ix *summary.Index) error {
			return errors.Join(ix.Add(ctx, passage("3", "sea new")), ix.Delete(ctx, "3"))
		}, nil, "1=ebro old; 2=sea old; 3=slow new"},
		{"update, delete the same", update, func(ctx context.Context, ix *summary.Index) error { return ix.Delete(ctx, "1") }, summary.ErrUnknownID, "2=sea old"},
		{"update, delete another", update, func(ctx context.Context, ix *summary.Index) error { return ix.Delete(ctx, "2") }, nil, "1=slow new"},
		{"update, update the same", update, func(ctx context.Context, ix *summary.Index) error { return ix.Update(ctx, passage("1", "sea new")) }, nil, "1=slow new; 2=sea old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, model := &store{}, &slow{next: make(chan struct{})}
				ix, err := summary.New(t.Context(), s, model, []retriever.Passage{passage("1", "ebro old"), passage("2", "sea old")}, summary.Options{})
				if err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- c.do(t.Context(), ix) }()
				synctest.Wait() // the summarizer works
				if err := c.meanwhile(t.Context(), ix); err != nil {
					t.Error(err)
				}
				model.next <- struct{}{}
				if err := <-ended; !errors.Is(err, c.want) {
					t.Errorf("%v: want %v", err, c.want)
				}
				if got := find(t, ix, "ebro sea slow"); !equalSets(got, c.after) || len(s.passages) != ix.Len() {
					t.Errorf("found %q: want %q; the store has %q", got, c.after, s.ids())
				}
			})
		})
	}
}

// equalSets compares two lists of find without their order.
func equalSets(a, b string) bool {
	set := func(s string) map[string]bool {
		m := map[string]bool{}
		for one := range strings.SplitSeq(s, "; ") {
			m[one] = true
		}
		return m
	}
	x, y := set(a), set(b)
	for one := range x {
		if !y[one] {
			return false
		}
	}
	return len(x) == len(y)
}

// A request that can be rejected at once is rejected before a model is asked.
func TestRefusedWithoutModel(t *testing.T) {
	model := &slow{}
	ix, err := summary.New(t.Context(), &store{}, model, []retriever.Passage{passage("1", "ebro old")}, summary.Options{})
	if err != nil {
		t.Fatal(err)
	}
	asked := model.asked.Load()
	for want, err := range map[error]error{
		summary.ErrDuplicateID: errors.Join(ix.Add(t.Context(), passage("2", "x"), passage("1", "y")), ix.Add(t.Context(), passage("2", "x"), passage("2", "y"))),
		summary.ErrUnknownID:   ix.Update(t.Context(), passage("1", "x"), passage("2", "y")),
		summary.ErrEmptyID:     ix.Add(t.Context(), passage("2", "x"), passage("", "y")),
	} {
		if !errors.Is(err, want) {
			t.Errorf("%v: want %v", err, want)
		}
	}
	if n := model.asked.Load() - asked; n != 0 {
		t.Errorf("the model was asked %d times", n)
	}
}

// embedder waits for a value of next with each text that begins with "slow".
type embedder struct {
	*hashed.Embedder
	next chan struct{}
}

func (e *embedder) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	if strings.HasPrefix(texts[0], "slow") {
		select {
		case <-e.next:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return e.Embedder.EmbedDocuments(ctx, texts)
}

// While the store adds summaries, which asks the embedder of a dense index, changes
// of other passages do not wait; those of the same passages do, until their context
// is done.
func TestChangesWhileTheStoreWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fit, err := hashed.Fit(t.Context(), []string{"slow", "ebro", "sea"}, hashed.Options{Dim: 64})
		if err != nil {
			t.Fatal(err)
		}
		e := &embedder{fit, make(chan struct{})}
		vectors, err := dense.New(t.Context(), e, nil, dense.Options{Metric: hnsw.Cosine})
		if err != nil {
			t.Fatal(err)
		}
		ix := make1(t, vectors, passage("1", "ebro old"), passage("2", "sea old"), passage("3", "sea old"))
		ended := make(chan error, 1)
		go func() { ended <- ix.Update(t.Context(), passage("1", "slow new")) }()
		synctest.Wait() // the embedder works
		if err := errors.Join(ix.Delete(t.Context(), "2"), ix.Add(t.Context(), passage("4", "sea new"))); err != nil {
			t.Error(err)
		}
		deleted := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { deleted <- ix.Delete(ctx, "3", "1") }()
		synctest.Wait()
		cancel()
		if err := <-deleted; !errors.Is(err, context.Canceled) || ix.Len() != 3 {
			t.Errorf("deleting what is being changed: %v, then %d passages: want it to wait", err, ix.Len())
		}
		go func() { deleted <- ix.Delete(t.Context(), "3", "1") }()
		synctest.Wait()
		e.next <- struct{}{}
		if err := errors.Join(<-ended, <-deleted); err != nil {
			t.Error(err)
		}
		if got := find(t, ix, "slow sea ebro"); got != "4=sea new" || vectors.Len() != 1 {
			t.Errorf("found %q; the store has %d passages", got, vectors.Len())
		}
	})
}

// A deletion whose context is done deletes nothing. One whose context is done while
// the store works can be repeated.
func TestCanceledDelete(t *testing.T) {
	s := &during{store: &store{}}
	ix := make1(t, s, passage("1", "ebro old"), passage("2", "ebro old"))
	ctx, cancel := context.WithCancel(t.Context())
	s.do = cancel
	if err := ix.Delete(ctx, "1"); !errors.Is(err, context.Canceled) || find(t, ix, "ebro") != "2=ebro old" {
		t.Errorf("while the store worked: %v, found %q", err, find(t, ix, "ebro"))
	}
	for range 20 {
		if err := ix.Delete(ctx, "1", "2"); !errors.Is(err, context.Canceled) || find(t, ix, "ebro") != "2=ebro old" {
			t.Fatalf("before: %v, found %q", err, find(t, ix, "ebro"))
		}
	}
	if err := ix.Delete(t.Context(), "1"); err != nil || s.ids() != "2" {
		t.Errorf("again: %v, the store has %q", err, s.ids())
	}
}

// during is a store that runs a function before it deletes.
type during struct {
	*store
	do func()
}

func (d *during) Delete(ctx context.Context, ids ...string) error {
	if do := d.do; do != nil {
		d.do = nil
		do()
	}
	return d.store.Delete(ctx, ids...)
}

// A passage that is added again while another change removes old summaries, its own
// among them, stays.
func TestAddedWhileSweeping(t *testing.T) {
	s := &during{store: &store{}}
	ix := make1(t, s, passage("1", "ebro old"), passage("2", "ebro old"))
	s.deletes = errBoom
	if err := ix.Delete(t.Context(), "1", "2"); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	s.deletes = nil
	s.do = func() { // while that of 1 is taken out, and 2 comes next
		if err := ix.Add(t.Context(), passage("2", "ebro new")); err != nil {
			t.Error(err)
		}
	}
	if err := ix.Add(t.Context(), passage("3", "ebro new")); err != nil {
		t.Fatal(err)
	}
	if got := find(t, ix, "ebro"); got != "2=ebro new; 3=ebro new" || s.ids() != "2 3" {
		t.Errorf("found %q; the store has %q", got, s.ids())
	}
}

// alone is a store that sometimes fails. It reports an id that is changed by two
// calls at once or that comes twice.
type alone struct {
	t *testing.T

	mu    sync.Mutex
	r     *rand.Rand
	works bool
	store *store
	now   map[string]bool // ids being changed
}

func (a *alone) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	return a.store.Retrieve(ctx, q)
}

// change marks ids, and reports whether to fail before or after the change.
func (a *alone) change(ids []string) (before, after bool, end func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		if a.now[id] {
			a.t.Errorf("%q is changed by two at once", id)
		}
		a.now[id] = true
	}
	n := a.r.IntN(8)
	return n == 0 && !a.works, n == 1 && !a.works, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, id := range ids {
			delete(a.now, id)
		}
	}
}

func (a *alone) Add(ctx context.Context, passages ...retriever.Passage) error {
	var ids []string
	for _, p := range passages {
		ids = append(ids, p.ID)
	}
	before, _, end := a.change(ids)
	defer end()
	if before {
		return errBoom
	}
	return a.store.Add(ctx, passages...)
}

func (a *alone) Delete(ctx context.Context, ids ...string) error {
	before, after, end := a.change(ids)
	defer end()
	if before {
		return errBoom
	}
	err := a.store.Delete(ctx, ids...)
	if after {
		return errBoom
	}
	return err
}

// Many goroutines change the same few passages at once, over a store that sometimes
// fails. A change fails only for an allowed reason, and in the end store and index
// agree.
func TestManyChanges(t *testing.T) {
	a := &alone{t: t, r: rand.New(rand.NewPCG(1, 2)), store: &store{}, now: map[string]bool{}}
	ix := make1(t, a)
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(w)))
			for i := range 300 {
				id, other := fmt.Sprint("p", r.IntN(5)), fmt.Sprint("p", 5+r.IntN(2))
				text := fmt.Sprintf("sea %d-%d", w, i)
				var err error
				switch r.IntN(4) {
				case 0:
					err = ix.Add(t.Context(), passage(id, text))
				case 1:
					err = ix.Update(t.Context(), passage(other, text), passage(id, text))
				case 2:
					err = ix.Add(t.Context(), passage(other, text), passage(id, text))
				default:
					err = ix.Delete(t.Context(), id, other, id)
				}
				if err != nil && !errors.Is(err, errBoom) && !errors.Is(err, summary.ErrDuplicateID) && !errors.Is(err, summary.ErrUnknownID) {
					t.Error(err)
				}
				res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "sea", K: 9})
				if err != nil {
					t.Error(err)
				}
				for _, h := range res.Hits {
					if h.Passage.Text == "sea" {
						t.Errorf("a summary was found: %+v", h)
					}
				}
			}
		})
	}
	all.Wait()
	a.works = true
	if err := ix.Add(t.Context(), passage("last", "sea last")); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, p := range a.store.passages {
		if text, ok := ix.Summary(p.ID); !ok || text != p.Text {
			t.Errorf("the store has the summary %q of %q, the index %q, %v", p.Text, p.ID, text, ok)
		}
		found++
	}
	if found != ix.Len() {
		t.Errorf("the store has %q, the index %d passages", a.store.ids(), ix.Len())
	}
}
