package oracle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// File is the whole content of a GGUF file.
type File struct {
	// Meta holds the metadata: string, bool, float64 for every other number, and
	// []any for arrays.
	Meta map[string]any
	// Tensors holds the matrices by name.
	Tensors map[string]Tensor
}

// Tensor is a matrix: Rows of Width numbers each. A vector has one row.
type Tensor struct {
	Width, Rows int
	Data        []float32
}

// ErrFile is wrapped by errors about what a file holds.
var ErrFile = errors.New("oracle: bad model file")

// Read reads a GGUF file, version 3, with tensors of float32 only.
func Read(b []byte) (f *File, err error) {
	r := &reader{rest: b}
	defer func() {
		if r.err != nil {
			f, err = nil, fmt.Errorf("%w: %w", ErrFile, r.err)
		}
	}()
	if magic := string(r.take(4)); magic != "GGUF" {
		r.fail("it begins with %q, not GGUF", magic)
	}
	if v := r.u32(); v != 3 {
		r.fail("version %d: want 3", v)
	}
	tensors, keys := r.u64(), r.u64()
	f = &File{Meta: map[string]any{}, Tensors: map[string]Tensor{}}
	for i := uint64(0); i < keys && r.err == nil; i++ {
		key := r.text()
		if _, twice := f.Meta[key]; twice {
			r.fail("key %s is duplicated", key)
		}
		f.Meta[key] = r.value(r.u32())
	}
	type info struct {
		name                string
		width, rows, offset uint64
	}
	var infos []info
	for i := uint64(0); i < tensors && r.err == nil; i++ {
		in := info{name: r.text(), rows: 1}
		dims := r.u32()
		if dims < 1 || dims > 2 {
			r.fail("%s has %d dimensions: want 1 or 2", in.name, dims)
			break
		}
		in.width = r.u64()
		if dims == 2 {
			in.rows = r.u64()
		}
		if kind := r.u32(); kind != 0 {
			r.fail("%s has the type %d: want float32 (0)", in.name, kind)
		}
		in.offset = r.u64()
		infos = append(infos, in)
	}
	at := uint64(len(b) - len(r.rest))
	data := b[min(uint64(len(b)), (at+31)/32*32):]
	for _, in := range infos {
		room := (uint64(len(data)) - min(in.offset, uint64(len(data)))) / 4
		if in.width < 1 || in.rows < 1 || in.offset%32 != 0 || in.width > room || in.rows > room/in.width {
			r.fail("%s has the shape %d x %d at %d of %d bytes", in.name, in.width, in.rows, in.offset, len(data))
			break
		}
		t := Tensor{Width: int(in.width), Rows: int(in.rows), Data: make([]float32, in.width*in.rows)}
		if err := binary.Read(bytes.NewReader(data[in.offset:]), binary.LittleEndian, t.Data); err != nil {
			r.fail("%s: %w", in.name, err)
		}
		f.Tensors[in.name] = t
	}
	return f, nil
}

// reader reads little-endian values until the first error.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *reader) take(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.rest)) {
		r.fail("it ends too early")
		return make([]byte, min(n, 8))
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) u32() uint32  { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64  { return binary.LittleEndian.Uint64(r.take(8)) }
func (r *reader) text() string { return string(r.take(r.u64())) }

func (r *reader) value(kind uint32) any {
	switch kind {
	case 4:
		return float64(r.u32())
	case 5:
		return float64(int32(r.u32()))
	case 6:
		return float64(math.Float32frombits(r.u32()))
	case 7:
		return r.take(1)[0] != 0
	case 8:
		return r.text()
	case 9:
		element := r.u32()
		list := []any{}
		for n := r.u64(); n > 0 && r.err == nil; n-- {
			list = append(list, r.value(element))
		}
		return list
	}
	r.fail("value type %d is unknown here", kind)
	return nil
}
