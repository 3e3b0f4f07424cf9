package adapt

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/goselfrag/goselfrag/internal/blockfile"
)

// format is that of the file of an adapter: a section of JSON, then A and B as float32 in
// little-endian order.
var format = blockfile.Format{Magic: [8]byte{'g', 's', 'r', 'a', 'd', 'a', 'p', 't'}, Version: 1}

// head is the first section of a file.
type head struct {
	Dim  int  `json:"dim"`
	Rank int  `json:"rank"`
	Card Card `json:"card"`
}

// Save writes the adapter to a file, whole or not at all. The error wraps ctx.Err() or an
// error of the file system.
func (a *Adapter) Save(ctx context.Context, path string) error {
	text, err := json.Marshal(head{a.dim, a.rank, a.card})
	if err != nil {
		return fmt.Errorf("adapt: save: %w", err)
	}
	err = blockfile.Write(ctx, path, format, blockfile.Bytes(text), blockfile.Bytes(floatBytes(a.a)), blockfile.Bytes(floatBytes(a.b)))
	if err != nil {
		return fmt.Errorf("adapt: save: %w", err)
	}
	return nil
}

// Load reads an adapter that Save wrote. The error wraps ErrFile if the file is another
// one, damaged or of a newer version; else it is of the file system or wraps ctx.Err().
func Load(ctx context.Context, path string) (*Adapter, error) {
	f, err := blockfile.Load(ctx, path, format)
	if err != nil {
		for _, kind := range []error{blockfile.ErrKind, blockfile.ErrVersion, blockfile.ErrCorrupt} {
			if errors.Is(err, kind) {
				return nil, fmt.Errorf("%w: %w: name a file that adapt has written", ErrFile, err)
			}
		}
		return nil, fmt.Errorf("adapt: load: %w", err)
	}
	defer f.Close()
	bad := func(reason string) (*Adapter, error) {
		return nil, fmt.Errorf("%w: %s: %s: train the adapter anew", ErrFile, path, reason)
	}
	if f.Sections() != 3 {
		return bad(fmt.Sprintf("it has %d sections, want 3", f.Sections()))
	}
	var h head
	if err := json.Unmarshal(f.Section(0), &h); err != nil {
		return bad(err.Error())
	}
	size := uint64(h.Dim) * uint64(h.Rank) * 4
	if h.Dim < 1 || h.Rank < 1 || h.Dim > mostDim || h.Rank > h.Dim || uint64(len(f.Section(1))) != size || uint64(len(f.Section(2))) != size {
		return bad(fmt.Sprintf("its matrices do not have the dimension %d and the rank %d", h.Dim, h.Rank))
	}
	if len(h.Card.ProbeVector) != h.Dim {
		return bad("its probe has another dimension")
	}
	a := &Adapter{dim: h.Dim, rank: h.Rank, card: h.Card}
	var finite bool
	if a.a, finite = floats(f.Section(1)); !finite {
		return bad("a number is not finite")
	}
	if a.b, finite = floats(f.Section(2)); !finite {
		return bad("a number is not finite")
	}
	return a, nil
}

// mostDim bounds the dimension of an embedder.
const mostDim = 1 << 17

func floatBytes(list []float32) []byte {
	out := make([]byte, 0, 4*len(list))
	for _, x := range list {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
	}
	return out
}

func floats(data []byte) (list []float32, finite bool) {
	list = make([]float32, len(data)/4)
	for i := range list {
		list[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		if x := float64(list[i]); math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, false
		}
	}
	return list, true
}
