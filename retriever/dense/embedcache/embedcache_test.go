package embedcache

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/retriever/dense"
)

// model embeds texts, and counts them.
type model struct {
	dim int
	mu  sync.Mutex
	got map[string]int
	err error
}

func (m *model) vector(text string) []float32 {
	h := uint64(len(text))
	for _, c := range text {
		h = h*31 + uint64(c)
	}
	r := rand.New(rand.NewPCG(h, 1))
	v := make([]float32, m.dim)
	for i := range v {
		v[i] = r.Float32()
	}
	return v
}

func (m *model) EmbedDocuments(_ context.Context, texts []string) ([][]float32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	var out [][]float32
	for _, text := range texts {
		if m.got == nil {
			m.got = map[string]int{}
		}
		m.got[text]++
		out = append(out, m.vector(text))
	}
	return out, nil
}

func (m *model) EmbedQuery(_ context.Context, text string) ([]float32, error) {
	return m.vector("query: " + text), m.err
}

func (m *model) count() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.got {
		n += k
	}
	m.got = nil
	return n
}

func open(t *testing.T, path string, o Options) *Cache {
	t.Helper()
	c, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func wrap(t *testing.T, c *Cache, name string, m dense.Embedder) dense.Embedder {
	t.Helper()
	e, err := c.Embedder(name, m)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// embed embeds texts and checks the vectors against those of the model itself.
func embed(t *testing.T, e dense.Embedder, m *model, texts ...string) {
	t.Helper()
	got, err := e.EmbedDocuments(t.Context(), texts)
	if err != nil || len(got) != len(texts) {
		t.Fatalf("%d vectors, %v", len(got), err)
	}
	for i, text := range texts {
		if !reflect.DeepEqual(got[i], m.vector(text)) {
			t.Fatalf("the vector of %q is %v", text, got[i])
		}
		clear(got[i]) // it is the caller's
	}
}

func TestCache(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	c := open(t, path, Options{})
	m := &model{dim: 3}
	e := wrap(t, c, "m", m)
	embed(t, e, m, "a", "b", "a", "")
	if n := m.count(); n != 3 {
		t.Errorf("%d texts were embedded", n)
	}
	embed(t, e, m, "b", "c", "a", "a")
	if n := m.count(); n != 1 {
		t.Errorf("%d texts were embedded", n)
	}
	embed(t, e, m)
	if s := c.Stats(); s.Hits != 4 || s.Misses != 4 || s.Bytes == 0 || s.Failed != 0 || s.Err != nil {
		t.Errorf("%+v", s)
	}
	other := &model{dim: 2} // has the same texts
	embed(t, wrap(t, c, "other", other), other, "a")
	if v, err := e.EmbedQuery(t.Context(), "a"); err != nil || reflect.DeepEqual(v, m.vector("a")) {
		t.Errorf("a question has the vector of a text: %v, %v", v, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	embed(t, e, m, "a") // without the cache
	if n := m.count(); n != 1 {
		t.Errorf("%d texts were embedded", n)
	}
	c = open(t, path, Options{})
	embed(t, wrap(t, c, "m", m), m, "a", "b", "c", "")
	if n := m.count(); n != 0 {
		t.Errorf("after opening again %d texts were embedded", n)
	}
}

// A model whose dimension changes under its name is asked anew.
func TestOtherDimension(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "cache"), Options{})
	m := &model{dim: 3}
	e := wrap(t, c, "m", m)
	embed(t, e, m, "a")
	m.dim = 4
	embed(t, e, m, "a", "b")
	m.count()
	embed(t, e, m, "a", "b")
	if n := m.count(); n != 0 {
		t.Errorf("%d texts were embedded", n)
	}
}

// fixed gives the same vectors for every text.
type fixed [][]float32

func (f fixed) EmbedDocuments(context.Context, []string) ([][]float32, error) { return f, nil }
func (f fixed) EmbedQuery(context.Context, string) ([]float32, error)         { return nil, nil }

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	c := open(t, filepath.Join(dir, "cache"), Options{})
	if _, err := Open(filepath.Join(dir, "cache"), Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second time: %v", err)
	}
	for _, o := range []Options{{MaxBytes: -1}, {MaxBytes: 1000}} {
		if _, err := Open(filepath.Join(dir, "other"), o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, path := range []string{dir, filepath.Join(dir, "none", "cache")} {
		if _, err := Open(path, Options{}); err == nil {
			t.Errorf("%s was opened", path)
		}
	}
	if _, err := c.Embedder("", &model{}); !errors.Is(err, ErrOption) {
		t.Errorf("without a name: %v", err)
	}
	if _, err := c.Embedder("m", nil); !errors.Is(err, ErrOption) {
		t.Errorf("without an embedder: %v", err)
	}
	m := &model{err: errors.New("down")}
	if _, err := wrap(t, c, "m", m).EmbedDocuments(t.Context(), []string{"a"}); !errors.Is(err, m.err) {
		t.Errorf("%v", err)
	}
	if _, err := wrap(t, c, "m", fixed{{1}}).EmbedDocuments(t.Context(), []string{"a", "b"}); !errors.Is(err, dense.ErrCount) {
		t.Errorf("%v", err)
	}
	nan := float32(math.NaN())
	if _, err := wrap(t, c, "m", fixed{{nan}, {1}}).EmbedDocuments(t.Context(), []string{"a", "b"}); err != nil {
		t.Errorf("%v", err)
	}
	b := &model{dim: 1}
	if embed(t, wrap(t, c, "m", b), b, "a"); b.count() != 1 {
		t.Error("a vector that is not finite was kept")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := wrap(t, c, "m", m).EmbedDocuments(ctx, []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// The file stays within its bound, the oldest embeddings go first, and the newest are there.
func TestBound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	const limit = 8 << 20
	c := open(t, path, Options{MaxBytes: limit})
	for _, size := range [][2]int{{384, 60}, {3000, 12}, {10, 30}} {
		dim, rounds := size[0], size[1]
		m := &model{dim: dim}
		e := wrap(t, c, fmt.Sprint(dim), m)
		rounds *= testsize.Of(1, 3)
		text := func(round, i int) string { return fmt.Sprintf("%d %d", round, i) }
		for round := range rounds {
			texts := make([]string, 64)
			for i := range texts {
				texts[i] = text(round, i)
			}
			embed(t, e, m, texts...)
			if s := c.Stats(); s.Bytes > limit || s.Failed > 0 {
				t.Fatalf("dim %d, round %d: %+v", dim, round, s)
			}
		}
		m.count()
		embed(t, e, m, text(rounds-1, 5))
		if m.count() != 0 {
			t.Errorf("dim %d: the newest is gone: %+v", dim, c.Stats())
		}
		if embed(t, e, m, text(0, 5)); dim > 10 && m.count() != 1 {
			t.Errorf("dim %d: the oldest is there", dim)
		}
		size := int64(0)
		for _, name := range []string{path, path + ".old"} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			size += info.Size()
		}
		if s := c.Stats(); s.Bytes != size {
			t.Errorf("%d bytes: %+v", size, s)
		}
		// Of the latest texts, at least a sixth of the bound has the vectors.
		kept := limit / 6 / (4 * dim)
		if dim == 10 {
			kept = 1000
		}
		for i := range kept {
			embed(t, e, m, text(rounds-1-i/64, i%64))
		}
		if n := m.count(); dim < 1000 && n > 0 {
			t.Errorf("dim %d: %d of the latest %d texts are gone", dim, n, kept)
		}
	}
}

// A cache that is larger than it may be now begins anew.
func TestSmaller(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	m := &model{dim: 3000}
	fill := func(o Options) Stats {
		c := open(t, path, o)
		e := wrap(t, c, "m", m)
		for i := range 20 {
			texts := make([]string, 50)
			for k := range texts {
				texts[k] = fmt.Sprint(i, k)
			}
			embed(t, e, m, texts...)
		}
		s := c.Stats()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := fill(Options{}); s.Bytes < 12<<20 {
		t.Fatalf("%+v", s)
	}
	s := fill(Options{MaxBytes: 8 << 20})
	if s.Bytes > 8<<20 || s.Replaced != 1 {
		t.Errorf("%+v", s)
	}
	if _, err := os.Stat(path + ".damaged"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it counts as damaged: %v", err)
	}
}

func TestGoroutines(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "cache"), Options{MaxBytes: 8 << 20})
	m := &model{dim: 6000} // so that the files change their places several times
	e := wrap(t, c, "m", m)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 30 {
				texts := []string{fmt.Sprint(i), fmt.Sprint(g, i), fmt.Sprint(g)}
				got, err := e.EmbedDocuments(t.Context(), texts)
				if err != nil {
					t.Error(err)
					return
				}
				for k, text := range texts {
					if !reflect.DeepEqual(got[k], m.vector(text)) {
						t.Errorf("%q has another vector", text)
					}
				}
			}
		})
	}
	all.Wait()
	if s := c.Stats(); s.Failed > 0 || s.Err != nil {
		t.Errorf("%+v", s)
	}
}
