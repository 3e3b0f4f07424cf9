package hnsw

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"unsafe"

	"github.com/goselfrag/goselfrag/internal/atomicfile"
)

// Save writes the index to a file, for Load and Open. The file is written
// completely or not at all: it is written under another name in the same directory,
// synced, and renamed over the old file, whose permissions it gets. A new file is
// readable by all. If path is a symbolic link, its target is replaced. A folder, a
// device, a pipe and a link that leads nowhere give ErrNotFile. Deleted vectors are
// swept first and are not in the file.
//
// If a process was killed while it saved to path, its temporary file is removed by
// the next Save to path. Load and Open change nothing.
//
// Keys may be integers, strings, arrays of bytes or types that marshal themselves
// to binary. Others give ErrKeyType, and so does a key that would not be read back
// as itself, such as a time.Time with a monotonic clock reading. Searches continue
// meanwhile; writers wait.
func (x *Index[K]) Save(ctx context.Context, path string) error {
	return x.save(ctx, path, false)
}

// SaveCodes is Save without the float32 components: Load and Open give the file the
// storage Int8Only. An index of Int8 is built several times faster than one of
// Int8Only, and its links are better. An index with Float32, or to which fewer than
// 1,024 vectors were added, has no codes: then SaveCodes does what Save does.
func (x *Index[K]) SaveCodes(ctx context.Context, path string) error {
	return x.save(ctx, path, true)
}

func (x *Index[K]) save(ctx context.Context, path string, bare bool) error {
	codec, err := newKeyCodec[K]()
	if err = errors.Join(err, littleEndian()); err != nil {
		return err
	}
	return x.exclusively(func() error {
		if err := x.ready(ctx); err != nil {
			return err
		}
		if err := x.sweep(); err != nil {
			return err
		}
		err := atomicfile.Write(path, func(f *os.File) error {
			return x.write(&fileWriter{ctx: ctx, f: f, out: bufio.NewWriterSize(f, 1<<20)}, codec, bare)
		})
		if err != nil {
			return fmt.Errorf("hnsw: save %s: %w", path, err)
		}
		return nil
	})
}

// write writes the whole file, without the rows if bare.
func (x *Index[K]) write(w *fileWriter, codec *keyCodec[K], bare bool) error {
	v := x.view.Load()
	storage := x.o.Storage
	if bare = bare && v.codes != nil; bare {
		storage = Int8Only
	}
	keys, err := codec.encode(v, x.used)
	if err != nil {
		return err
	}
	h := &header{
		Version: fileVersion, Dim: uint32(x.dim), Metric: uint8(x.metric), Storage: uint8(storage),
		KeyKind: codec.kind, KeySize: codec.size,
		M: uint32(x.o.M), EfConstruction: uint32(x.o.EfConstruction), Ef: uint32(x.o.Ef), Seed: x.o.Seed,
		Slots: x.used, Live: uint32(x.Len()), Next: x.next.Load(), Entry: x.entry.Load(), Hardness: x.hardness.value.Load(),
		Hops: x.hardness.hops.Load(), Settled: x.hardness.settled.Load(), Additions: x.hardness.count.Load(),
	}
	copy(h.Magic[:], fileMagic)
	w.write(make([]byte, pageSize)) // the header is written last

	empty := make([]byte, max(v.rows.stride, v.links.stride, uintptr(x.dim+32)))
	bySlot := func(s *slab) func() {
		return func() {
			if s.stride == 0 {
				return
			}
			for slot := range x.used {
				// A free slot may still hold a deleted vector until it is reused.
				if v.state(slot) == live {
					w.write(unsafe.Slice((*byte)(s.at(slot)), s.stride))
				} else {
					w.write(empty[:s.stride])
				}
			}
		}
	}
	parts := [secCount]func(){
		secRows: bySlot(&v.rows), secMeta: bySlot(&v.meta), secInlet: bySlot(&v.inlet),
		secLinks: bySlot(&v.links), secKeys: func() { w.write(keys) },
	}
	if bare {
		parts[secRows] = func() {}
	}
	if c := v.codes; c != nil {
		h.Fitted, h.Clipped = c.fitted, c.seen.clipped
		if c.spin != nil {
			h.Turned = 1
		}
		parts[secCodes] = bySlot(&c.slab)
		parts[secFit] = func() { w.floats(c.offset); w.floats(c.scale) }
	}
	parts[secTower] = func() { x.writeTowers(w, v, &h.Lists) }
	parts[secUpper] = func() {
		w.write(empty[:v.upper.stride]) // list 0
		x.writeUpper(w, v)
	}
	for i, part := range parts {
		h.Sections[i] = w.section(part)
	}
	sums := make([]byte, 0, 4*len(w.sums))
	for _, sum := range w.sums {
		sums = binary.LittleEndian.AppendUint32(sums, sum)
	}
	h.SumsSum = crc32.Checksum(sums, castagnoli)
	h.Sums = section{Offset: w.at, Size: uint64(len(sums))}
	w.write(sums)
	page, err := h.marshal()
	if err := errors.Join(w.err, err, w.out.Flush()); err != nil {
		return err
	}
	_, err = w.f.WriteAt(page, 0)
	return err
}

// writeTowers writes the references to towers. It renumbers them, so that no unused
// list is written.
func (x *Index[K]) writeTowers(w *fileWriter, v *view[K], lists *uint32) {
	*lists = 1
	for slot := range x.used {
		ref := uint32(0)
		if height := uint32(v.height(slot)); height > 0 && v.state(slot) == live {
			ref = *lists<<heightBits | height
			*lists += height
		}
		w.write(binary.LittleEndian.AppendUint32(nil, ref))
	}
}

// writeUpper writes the lists of the towers.
func (x *Index[K]) writeUpper(w *fileWriter, v *view[K]) {
	for slot := range x.used {
		if v.state(slot) != live {
			continue
		}
		for level := 1; level <= v.height(slot); level++ {
			list := v.listAt(slot, level)
			w.write(unsafe.Slice((*byte)(unsafe.Pointer(&list[0])), v.upper.stride))
		}
	}
}

// fileWriter writes sections and computes the checksums of their blocks. After an
// error it writes nothing more.
type fileWriter struct {
	ctx   context.Context
	f     *os.File
	out   *bufio.Writer
	at    uint64
	err   error
	block int // bytes in the current block
	sum   uint32
	sums  []uint32
}

func (w *fileWriter) write(data []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(data)
	}
	w.at += uint64(len(data))
	for len(data) > 0 {
		n := min(len(data), blockSize-w.block)
		w.sum = crc32.Update(w.sum, castagnoli, data[:n])
		data, w.block = data[n:], w.block+n
		if w.block == blockSize {
			w.endBlock()
		}
	}
}

func (w *fileWriter) endBlock() {
	w.sums = append(w.sums, w.sum)
	w.block, w.sum = 0, 0
	if w.err == nil {
		w.err = w.ctx.Err()
	}
}

// section writes the output of part, and fills its last page.
func (w *fileWriter) section(part func()) section {
	s := section{Offset: w.at}
	w.block, w.sum = 0, 0
	if part != nil {
		part()
	}
	if w.block > 0 {
		w.endBlock()
	}
	s.Size = w.at - s.Offset
	blocks := w.sums
	w.write(make([]byte, -s.Size%pageSize))
	w.sums, w.block, w.sum = blocks, 0, 0
	return s
}

func (w *fileWriter) floats(values []float32) {
	for _, f := range values {
		w.write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(f)))
	}
}
