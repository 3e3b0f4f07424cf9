package dense

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// What an embedder may do wrong; the index is afterwards what it was before.
func TestBadEmbedder(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	down := errors.New("down")
	for _, c := range []struct {
		name string
		do   func(out [][]float32) ([][]float32, error)
		want error
		says string
	}{
		{"fails", func([][]float32) ([][]float32, error) { return nil, down }, down, "passages 1 to 2 of 2"},
		{"too few", func(out [][]float32) ([][]float32, error) { return out[:1], nil }, ErrCount, "gave 1 vectors for passages 1 to 2"},
		{"too many", func(out [][]float32) ([][]float32, error) { return append(out, out[0]), nil }, ErrCount, "gave 3"},
		{"none", func([][]float32) ([][]float32, error) { return nil, nil }, ErrCount, "gave 0"},
		{"NaN", func(out [][]float32) ([][]float32, error) { out[1][1] = nan; return out, nil }, ErrNotFinite, `component 1 is NaN, in the vector of passage "y"`},
		{"infinite", func(out [][]float32) ([][]float32, error) { out[0][0] = inf; return out, nil }, ErrNotFinite, "component 0"},
		{"empty", func(out [][]float32) ([][]float32, error) { return [][]float32{{}, {}}, nil }, ErrDimension, "0 components"},
		{"of two lengths", func(out [][]float32) ([][]float32, error) { out[1] = out[1][:1]; return out, nil }, ErrDimension, `1 components: want 2, in the vector of passage "y"`},
		{"another length", func(out [][]float32) ([][]float32, error) {
			return [][]float32{{1, 2, 3}, {1, 2, 3}}, nil
		}, ErrDimension, "3 components: those of the index have 2"},
		{"too large", func(out [][]float32) ([][]float32, error) { out[0][0] = math.MaxFloat32; return out, nil }, hnsw.ErrNotFinite, "adding vectors"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &fake{vectors: map[string][]float32{"a": {1, 0}, "b": {0, 1}, "x": {1, 1}, "y": {1, 2}}}
			ix := must(New(t.Context(), e, []retriever.Passage{passage("a"), passage("b")}, Options{Metric: hnsw.InnerProduct}))
			e.documents = func(_ context.Context, _ []string, out [][]float32) ([][]float32, error) { return c.do(out) }
			if err := ix.Add(t.Context(), passage("x"), passage("y")); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: want %v that says %q", err, c.want, c.says)
			}
			if got := found(t, ix, "y"); ix.Len() != 2 || got != "b a" {
				t.Errorf("%d passages, %q", ix.Len(), got)
			}
			e.documents = nil
			if err := ix.Add(t.Context(), passage("x"), passage("y")); err != nil {
				t.Errorf("added again: %v", err)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	e := &fake{vectors: map[string][]float32{"a": {1, 0}, "b": {0, 1}}}
	full := must(hnsw.NewFlat[string](2, hnsw.FlatOptions{}))
	if err := full.Add(t.Context(), []hnsw.Item[string]{{Key: "a", Vector: []float32{1, 0}}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		e    Embedder
		ps   []retriever.Passage
		o    Options
		want error
		says string
	}{
		{"nil", nil, nil, Options{}, ErrOption, "embedder is nil"},
		{"nil pointer", (*fake)(nil), nil, Options{}, ErrOption, "embedder is nil"},
		{"metric", e, nil, Options{Metric: hnsw.SquaredL2}, ErrOption, "Metric is squared-l2"},
		{"batch", e, nil, Options{BatchSize: -1}, ErrOption, "BatchSize is -1"},
		{"vectors of another metric", e, nil, Options{Metric: hnsw.InnerProduct, Vectors: full}, ErrOption, "give both the same"},
		{"vectors not empty", e, nil, Options{Vectors: full}, ErrOption, "use Restore"},
		{"no id", e, []retriever.Passage{passage("a"), {Text: "b"}}, Options{}, ErrEmptyID, "passage 2 of 2"},
		{"same id", e, []retriever.Passage{passage("a"), passage("a")}, Options{}, ErrDuplicateID, `"a" is the id of two passages`},
	} {
		ix, err := New(t.Context(), c.e, c.ps, c.o)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || ix != nil {
			t.Errorf("%s: %v, want %v that says %q", c.name, err, c.want, c.says)
		}
	}
	ix := must(New(t.Context(), e, []retriever.Passage{passage("a")}, Options{}))
	if err := ix.Add(t.Context(), passage("b"), passage("a")); !errors.Is(err, ErrDuplicateID) || len(e.batches) != 1 {
		t.Errorf("a second time: %v, batches %q", err, e.batches)
	}
	if err := ix.Delete(t.Context(), "a", "b"); !errors.Is(err, ErrUnknownID) || ix.Len() != 1 {
		t.Errorf("deleting an unknown id: %v", err)
	}
	if err := ix.Delete(t.Context(), "a", "a"); err != nil || ix.Len() != 0 || found(t, ix, "a") != "" {
		t.Errorf("deleting twice at once: %v", err)
	}
}

func TestCanceledWhileEmbedding(t *testing.T) {
	e := &fake{vectors: map[string][]float32{"a": {1, 0}, "b": {0, 1}, "c": {1, 1}}}
	for _, c := range []struct {
		name string
		err  error
		says string
	}{
		{"between batches", nil, "after 1 of 3 passages"},
		{"in a batch", errors.New("line is dead"), "line is dead"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		e.documents = func(_ context.Context, _ []string, out [][]float32) ([][]float32, error) {
			cancel()
			return out, c.err
		}
		ix, err := New(ctx, e, []retriever.Passage{passage("a"), passage("b"), passage("c")}, Options{BatchSize: 1})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), c.says) || ix != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// vectors is a Flat that fails on request.
type vectors struct {
	*hnsw.Flat[string]
	add    func()
	delete error
}

func (v *vectors) Add(ctx context.Context, items []hnsw.Item[string]) error {
	if v.add == nil {
		return v.Flat.Add(ctx, items)
	}
	err := v.Flat.Add(context.WithoutCancel(ctx), items[:1])
	v.add()
	return errors.Join(err, errors.New("disk full"))
}

func (v *vectors) Delete(keys ...string) error {
	if v.delete != nil {
		return v.delete
	}
	return v.Flat.Delete(keys...)
}

// Two additions of one passage at the same time: the second finds the first.
func TestAddedMeanwhile(t *testing.T) {
	e := &fake{vectors: map[string][]float32{"a": {1, 0}, "b": {0, 1}}}
	ix := must(New(t.Context(), e, nil, Options{}))
	e.documents = func(ctx context.Context, _ []string, out [][]float32) ([][]float32, error) {
		e.documents = nil
		return out, ix.Add(ctx, passage("b"))
	}
	if err := ix.Add(t.Context(), passage("a"), passage("b")); !errors.Is(err, ErrDuplicateID) || ix.Len() != 1 || found(t, ix, "a") != "b" {
		t.Errorf("%v, then %d passages", err, ix.Len())
	}
}

// A deletion does not wait for the embedder of an addition, and does not see its passages.
func TestDeleteWhileEmbedding(t *testing.T) {
	e := &fake{vectors: map[string][]float32{"a": {1, 0}, "b": {0, 1}}}
	ix := must(New(t.Context(), e, []retriever.Passage{passage("a")}, Options{}))
	e.documents = func(ctx context.Context, _ []string, out [][]float32) ([][]float32, error) {
		if err := ix.Delete(ctx, "b"); !errors.Is(err, ErrUnknownID) {
			t.Errorf("deleting what is being embedded: %v", err)
		}
		return out, ix.Delete(ctx, "a")
	}
	if err := ix.Add(t.Context(), passage("b")); err != nil || ix.Len() != 1 || found(t, ix, "a") != "b" {
		t.Errorf("%v, then %d passages", err, ix.Len())
	}
}

// What an addition that failed half-way leaves behind is taken out, and is not found
// if it cannot be.
func TestHalfAdded(t *testing.T) {
	for _, stuck := range []error{nil, errors.New("read-only")} {
		e := &fake{vectors: map[string][]float32{"a": {1, 0}, "b": {0, 1}, "c": {1, 1}}}
		v := &vectors{Flat: must(hnsw.NewFlat[string](2, hnsw.FlatOptions{}))}
		ix := must(New(t.Context(), e, []retriever.Passage{passage("a")}, Options{Vectors: v}))
		seen := ""
		v.delete = stuck
		v.add = func() { seen = found(t, ix, "b") }
		if err := ix.Add(t.Context(), passage("b"), passage("c")); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Fatal(err)
		}
		if after := found(t, ix, "b"); seen != "a" || after != "a" || ix.Len() != 1 {
			t.Errorf("found %q while adding, %q after", seen, after)
		}
		v.add = nil
		if err := ix.Add(t.Context(), passage("c")); err != nil {
			t.Fatal(err)
		}
		if got := found(t, ix, "b"); got != "c a" {
			t.Errorf("then %q", got)
		}
		if err := ix.Delete(t.Context(), "c"); !errors.Is(err, stuck) || found(t, ix, "b") != "a" {
			t.Errorf("delete: %v, then %q", err, found(t, ix, "b"))
		}
	}
}

// Who waits to write stops when the context is done.
func TestCanceledWhileWaiting(t *testing.T) {
	for name, write := range map[string]func(context.Context, *Index) error{
		"add":    func(ctx context.Context, ix *Index) error { return ix.Add(ctx, passage("b")) },
		"delete": func(ctx context.Context, ix *Index) error { return ix.Delete(ctx, "a") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ix := must(New(t.Context(), &hashedOnce{}, []retriever.Passage{passage("a")}, Options{}))
				ix.writing <- struct{}{} // somebody writes
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					synctest.Wait()
					cancel()
				}()
				if err := write(ctx, ix); !errors.Is(err, context.Canceled) || ix.Len() != 1 {
					t.Errorf("%v, then %d passages", err, ix.Len())
				}
				<-ix.writing
			})
		})
	}
}

// A deletion whose context is done deletes nothing, also where it need not wait.
func TestCanceledDelete(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ix := must(New(t.Context(), &hashedOnce{}, []retriever.Passage{passage("a")}, Options{}))
	for range 20 { // a select would take either case
		if err := ix.Delete(ctx, "a"); !errors.Is(err, context.Canceled) || ix.Len() != 1 {
			t.Fatalf("%v, then %d passages", err, ix.Len())
		}
	}
}
