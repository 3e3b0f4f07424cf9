package coder

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// export writes values in the format of coder/hnsw v0.6.1, by hand.
func export(values ...any) []byte {
	var b []byte
	for _, v := range values {
		switch v := v.(type) {
		case int:
			b = binary.AppendVarint(b, int64(v))
		case string:
			b = append(binary.AppendVarint(b, int64(len(v))), v...)
		case float64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		case []float32:
			b = binary.AppendVarint(b, int64(len(v)))
			for _, x := range v {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
			}
		case []byte:
			b = append(b, v...)
		}
	}
	return b
}

func header(distance string) []byte { return export(1, 16, 0.25, 20, distance) }

// three has the keys 7, -300 and 4 in two layers.
var three = export(header("euclidean"), 2,
	3, 7, []float32{1, 2}, 2, -300, 4, -300, []float32{3, 4}, 2, 7, 4, 4, []float32{-1, 0}, 0,
	1, 4, []float32{-1, 0}, 0)

func TestRead(t *testing.T) {
	for _, r := range []io.Reader{bytes.NewReader(three), iotest.OneByteReader(bytes.NewReader(three)), iotest.DataErrReader(bytes.NewReader(three))} {
		x, err := Read[int](t.Context(), r, hnsw.Options{M: 5, Metric: hnsw.Cosine})
		if err != nil {
			t.Fatal(err)
		}
		if x.Len() != 3 || x.Dim() != 2 || x.Metric() != hnsw.SquaredL2 || x.Options().M != 5 {
			t.Errorf("%d vectors of %d dimensions, %v, M %d; want 3 of 2, squared-l2, 5", x.Len(), x.Dim(), x.Metric(), x.Options().M)
		}
		got, err := x.Search(t.Context(), nil, []float32{3, 4}, hnsw.Query[int]{K: 3})
		want := []hnsw.Neighbor[int]{{Key: -300, Distance: 0}, {Key: 7, Distance: 8}, {Key: 4, Distance: 32}}
		if err != nil || len(got) != 3 || [3]hnsw.Neighbor[int](got) != [3]hnsw.Neighbor[int](want) {
			t.Errorf("found %v, error %v; want %v", got, err, want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	long := append(bytes.Repeat([]byte{0x80}, 9), 2) // a varint of 65 bits
	nan := float32(math.NaN())
	for _, tt := range []struct {
		name string
		data []byte
		want error // in the chain, if not nil
		text string
	}{
		{"other version", export(2), nil, "version 2: want 1"},
		{"not an export", []byte("{}"), nil, "version"},
		{"other distance", header("manhattan"), nil, `distance "manhattan": want cosine or euclidean`},
		{"negative length", export(1, 16, 0.25, 20, -1), nil, "length of a name of the distance is -1"},
		{"negative layers", export(header("cosine"), -1), nil, "number of layers is -1"},
		{"negative nodes", export(header("cosine"), 1, -5), nil, "number of nodes is -5"},
		{"no layers", export(header("cosine"), 0), hnsw.ErrEmpty, "hnsw.New"},
		{"no nodes", export(header("cosine"), 1, 0), hnsw.ErrEmpty, "hnsw.New"},
		{"no dimensions", export(header("cosine"), 1, 1, 5, []float32{}), nil, "number of dimensions is 0"},
		{"too many dimensions", export(header("cosine"), 1, 1, 5, 1<<16+1), nil, "number of dimensions is 65537"},
		{"other dimensions", export(header("cosine"), 1, 2, 5, []float32{1}, 0, 6, []float32{1, 2}), nil, "key 6 has 2 dimensions"},
		{"other dimensions above", export(header("cosine"), 2, 1, 5, []float32{1}, 0, 1, 5, []float32{1, 2}), nil, "key 5 has 2 dimensions"},
		{"negative neighbors", export(header("cosine"), 1, 1, 5, []float32{1}, -1), nil, "number of neighbors is -1"},
		{"number too long", export(header("cosine"), long), nil, "above 64 bits"},
		{"twice", export(header("cosine"), 1, 2, 5, []float32{1}, 0, 5, []float32{1}, 0), nil, "is duplicated"},
		{"behind it", append(bytes.Clone(three), 0), nil, "something follows"},
		{"zero vector", export(header("cosine"), 1, 1, 5, []float32{0}, 0), hnsw.ErrZeroVector, "key 5"},
		{"NaN", export(header("euclidean"), 1, 1, 5, []float32{nan}, 0), hnsw.ErrNotFinite, "key 5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, err := Read[int](t.Context(), bytes.NewReader(tt.data), hnsw.Options{})
			if x != nil || err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("index %v, error %v: want %q", x, err, tt.text)
			}
			var fe *FormatError
			if tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && !errors.As(err, &fe) {
				t.Errorf("error %v: want %v, or a FormatError", err, tt.want)
			}
		})
	}
	if _, err := Read[int](t.Context(), bytes.NewReader(three), hnsw.Options{M: 1}); !errors.Is(err, hnsw.ErrOption) {
		t.Errorf("M 1: error %v", err)
	}
	broken := errors.New("broken")
	if _, err := Read[int](t.Context(), io.MultiReader(bytes.NewReader(three[:20]), iotest.ErrReader(broken)), hnsw.Options{}); !errors.Is(err, broken) {
		t.Errorf("an error of the reader became %v", err)
	}
}

func TestReadCutShort(t *testing.T) {
	for n := range three {
		_, err := Read[int](t.Context(), bytes.NewReader(three[:n]), hnsw.Options{})
		var fe *FormatError
		if !errors.As(err, &fe) || !errors.Is(err, io.ErrUnexpectedEOF) || fe.Offset != int64(n) {
			t.Errorf("the first %d bytes: error %v", n, err)
		}
	}
}

// What an export claims to hold takes no memory.
func TestReadHugeClaims(t *testing.T) {
	for name, data := range map[string][]byte{
		"layers":     export(header("cosine"), math.MaxInt),
		"nodes":      export(header("cosine"), 1, math.MaxInt),
		"key":        export(header("cosine"), 1, 1, math.MaxInt),
		"vector":     export(header("cosine"), 1, 1, "k", math.MaxInt),
		"long key":   export(header("cosine"), 1, 1, maxKey, "k"),
		"dimensions": export(header("cosine"), 1, 1, "k", maxDim, 1),
		"neighbors":  export(header("cosine"), 1, 1, "k", []float32{1}, math.MaxInt, "n"),
		"distance":   export(1, 16, 0.25, 20, math.MaxInt),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Read[string](t.Context(), bytes.NewReader(data), hnsw.Options{})
			runtime.ReadMemStats(&after)
			var fe *FormatError
			if !errors.As(err, &fe) {
				t.Errorf("error %v: want a FormatError", err)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 2<<20 {
				t.Errorf("took %d bytes to read %d", took, len(data))
			}
		})
	}
}

// endless gives zeros after its data, and cancels after some reads.
type endless struct {
	data   []byte
	reads  int
	cancel func()
}

func (e *endless) Read(p []byte) (int, error) {
	if e.reads++; e.reads == 10 {
		e.cancel()
	}
	clear(p)
	n := copy(p, e.data)
	e.data = e.data[n:]
	return len(p), nil
}

func TestReadIsCanceled(t *testing.T) {
	for name, data := range map[string][]byte{
		"layers":    export(header("cosine"), math.MaxInt),
		"neighbors": export(header("cosine"), 1, 1, 5, []float32{1}, math.MaxInt),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if _, err := Read[int](ctx, &endless{data: data, cancel: cancel}, hnsw.Options{}); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v: want that of the context", err)
			}
		})
	}
}
