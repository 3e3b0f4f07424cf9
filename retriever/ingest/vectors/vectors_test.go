package vectors

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// npy writes an array as NumPy's format.py says: a header padded to 64 bytes.
func npy(kind string, rows, dim int, data []byte) []byte {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }", kind, rows, dim)
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	out := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	return append(append(out, header...), data...)
}

func floats(values ...float32) []byte {
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

// saved is what numpy.save of NumPy 1.24 writes for
// np.array([[1, -2.5], [0.5, 65504]], dtype="<f2").
const saved = "\x93NUMPY\x01\x00v\x00{'descr': '<f2', 'fortran_order': False, 'shape': (2, 2), }" +
	"                                                          \n\x00\x3c\x00\xc1\x00\x38\xff\x7b"

func TestRead(t *testing.T) {
	fsys := fstest.MapFS{
		"a.ids": {Data: []byte("\ufeffp1\r\np 2")}, "a.npy": {Data: []byte(saved)},
		"b.ids": {Data: []byte("x\ny\n")}, "b.npy": {Data: npy("<f4", 2, 3, floats(1, 2, 3, -4, 0, 0.25))},
	}
	for shard, want := range map[string]string{"a": "p1[1 -2.5] p 2[0.5 65504]", "b": "x[1 2 3] y[-4 0 0.25]"} {
		var got []string
		for item, err := range Read(t.Context(), fsys, Shard{shard + ".ids", shard + ".npy"}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(item.Key, item.Vector))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("got %s, want %s", s, want)
		}
	}
}

// All numbers of float16, against the definition.
func TestFloat16(t *testing.T) {
	for i := range 1 << 16 {
		e, f := i>>10&0x1f, float64(i&0x3ff)
		want := math.Ldexp(1+f/1024, e-15)
		switch {
		case e == 0:
			want = math.Ldexp(f/1024, -14)
		case e == 31 && f == 0:
			want = math.Inf(1)
		case e == 31:
			want = math.NaN()
		}
		if i>>15 == 1 {
			want = -want
		}
		got := float64(float16(uint16(i)))
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) || math.Signbit(got) != (i>>15 == 1) && !math.IsNaN(got) {
			t.Fatalf("%#x is %v, want %v", i, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	good := npy("<f4", 2, 1, floats(1, 2))
	replace := func(old, new string) []byte { return []byte(strings.Replace(string(good), old, new, 1)) }
	nan := float32(math.NaN())
	for name, tc := range map[string]struct {
		ids  string
		npy  []byte
		want error
		text string
	}{
		"fewer ids":      {"a\n", good, ErrCount, "ingest: i: as many ids as rows are wanted: 1 ids, but v has 2 rows"},
		"more ids":       {"a\nb\nc", good, ErrCount, "ingest: i:3: as many ids"},
		"an empty id":    {"a\n\nb", good, ErrID, "ingest: i:2: bad id: the line is empty"},
		"a bad id":       {"a\n\xff", good, ErrID, "ingest: i:2: bad id: not UTF-8"},
		"a long id":      {strings.Repeat("x", 1<<17), good, ErrID, "longer than 65536 bytes"},
		"no array":       {"a\nb", []byte("PK"), ErrFormat, "does not begin as a .npy"},
		"version":        {"a\nb", replace("\x01\x00", "\x09\x00"), ErrFormat, "version 9"},
		"a cut header":   {"a\nb", good[:30], ErrFormat, "the header is cut off"},
		"a huge header":  {"a\nb", []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), ErrFormat, "a header of 4294967295 bytes"},
		"no shape":       {"a\nb", replace("shape", "shade"), ErrFormat, "lacks descr, fortran_order or shape"},
		"float64":        {"a\nb", replace("<f4", "<f8"), ErrFormat, `elements of the type "<f8"`},
		"Fortran order":  {"a\nb", replace("False", "True "), ErrFormat, "Fortran order"},
		"one dimension":  {"a\nb", replace("(2, 1)", "(2,)  "), ErrFormat, "the shape (2,)"},
		"no components":  {"a\nb", replace("(2, 1)", "(2, 0)"), ErrFormat, "want 1 to 65536 components"},
		"cut off":        {"a\nb", good[:len(good)-1], ErrFormat, "it ends before its 2 rows do"},
		"more behind":    {"a\nb", append(good[:len(good):len(good)], 0), ErrFormat, "it goes on after its 2 rows"},
		"not a number":   {"a\nb", npy("<f4", 2, 1, floats(1, nan)), ErrValue, `row 2, of the id "b"`},
		"an infinite":    {"a\nb", npy("<f2", 2, 1, []byte{0, 0x7c, 0, 0}), ErrValue, `row 1, of the id "a"`},
		"no vector file": {"a\nb", nil, fs.ErrNotExist, "ingest: v:"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := fstest.MapFS{"i": {Data: []byte(tc.ids)}}
			if tc.npy != nil {
				fsys["v"] = &fstest.MapFile{Data: tc.npy}
			}
			var last error
			for _, err := range Read(t.Context(), fsys, Shard{"i", "v"}) {
				last = err
			}
			var file *ingest.FileError
			if !errors.Is(last, tc.want) || !errors.As(last, &file) || !strings.Contains(last.Error(), tc.text) {
				t.Errorf("%v, want %q", last, tc.text)
			}
		})
	}
	for range Read(t.Context(), fstest.MapFS{"i": {Data: []byte("a\nb")}, "v": {Data: good}}, Shard{"i", "v"}) {
		break
	}
}

func TestLoad(t *testing.T) {
	const dim, rows = 8, 1500
	rng := rand.New(rand.NewPCG(1, 1))
	fsys := fstest.MapFS{}
	vectors := map[string][]float32{}
	var passages []retriever.Passage
	var shards []Shard
	for s := range 2 {
		var ids strings.Builder
		var data []byte
		for i := range rows {
			v := make([]float32, dim)
			for k := range v {
				v[k] = float32(rng.NormFloat64()) * float32(s+1) // not normalized
			}
			id := fmt.Sprint(s*rows + i + 1)
			vectors[id] = v
			passages = append(passages, retriever.Passage{ID: id, Text: "text " + id})
			fmt.Fprintln(&ids, id)
			data = append(data, floats(v...)...)
		}
		shard := Shard{fmt.Sprint(s, ".ids"), fmt.Sprint(s, ".npy")}
		fsys[shard.IDs] = &fstest.MapFile{Data: []byte(ids.String())}
		fsys[shard.Vectors] = &fstest.MapFile{Data: npy("<f4", rows, dim, data)}
		shards = append(shards, shard)
	}
	index, err := hnsw.NewFlat[string](dim, hnsw.FlatOptions{Metric: hnsw.InnerProduct})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := Load(t.Context(), fsys, index, shards...); err != nil || n != 2*rows || index.Len() != n {
		t.Fatalf("%d of %d, %v", n, index.Len(), err)
	}
	query := embedder{3, -1, 0, 2, 0.5, 0, 0, 1}
	r, err := dense.Restore(t.Context(), query, passages, dense.Options{Metric: hnsw.InnerProduct, Vectors: index})
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Retrieve(t.Context(), retriever.Query{Text: "q", K: 1})
	if err != nil || len(res.Hits) != 1 || res.Scores != retriever.InnerProduct {
		t.Fatalf("%v, %+v", err, res)
	}
	dot := func(v []float32) (sum float64) {
		for i := range v {
			sum += float64(v[i]) * float64(query[i])
		}
		return sum
	}
	best := ""
	for id, v := range vectors {
		if best == "" || dot(v) > dot(vectors[best]) {
			best = id
		}
	}
	if h := res.Hits[0]; h.Passage.ID != best || math.Abs(h.Score-dot(vectors[best])) > 1e-4 {
		t.Errorf("got %s with %v, want %s with %v", h.Passage.ID, h.Score, best, dot(vectors[best]))
	}

	small, _ := hnsw.NewFlat[string](dim+1, hnsw.FlatOptions{})
	if n, err := Load(t.Context(), fsys, small, shards...); err == nil || n != 0 || !strings.Contains(err.Error(), "0.npy") {
		t.Errorf("another dimension: %d, %v", n, err)
	}
	fsys["1.npy"].Data = fsys["1.npy"].Data[:len(fsys["1.npy"].Data)-4]
	half, _ := hnsw.NewFlat[string](dim, hnsw.FlatOptions{Metric: hnsw.InnerProduct})
	if n, err := Load(t.Context(), fsys, half, shards...); !errors.Is(err, ErrFormat) || n != 2*rows-1 || half.Len() != n {
		t.Errorf("a shard that is cut off: %d of %d, %v", n, half.Len(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := Load(ctx, fsys, half, shards...); !errors.Is(err, context.Canceled) || n != 0 {
		t.Errorf("canceled: %d, %v", n, err)
	}
}

// embedder gives every question the same vector.
type embedder []float32

func (e embedder) EmbedDocuments(context.Context, []string) ([][]float32, error) {
	return nil, errors.New("no document is to be embedded")
}

func (e embedder) EmbedQuery(context.Context, string) ([]float32, error) { return e, nil }

func FuzzRead(f *testing.F) {
	f.Add("a\nb\n", []byte(saved))
	f.Add("a", npy("<f4", 1, 2, floats(1, 2)))
	f.Fuzz(func(t *testing.T, ids string, array []byte) {
		fsys := fstest.MapFS{"i": {Data: []byte(ids)}, "v": {Data: array}}
		dim := 0
		for item, err := range Read(t.Context(), fsys, Shard{"i", "v"}) {
			var file *ingest.FileError
			switch {
			case err != nil && !errors.As(err, &file):
				t.Fatal(err)
			case err == nil && (item.Key == "" || len(item.Vector) == 0 || dim > 0 && len(item.Vector) != dim):
				t.Fatalf("%+v", item)
			}
			dim = max(dim, len(item.Vector))
		}
	})
}
