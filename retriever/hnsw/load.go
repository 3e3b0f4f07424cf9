package hnsw

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/edsrzf/mmap-go"

	"github.com/goselfrag/goselfrag/internal/regular"
)

// Load reads a file that Save wrote into memory and checks all of it. It takes at
// most a little more memory than the file has bytes, for any content. K must be the
// type that the index was saved with, or one that its keys fit. The error wraps
// ErrNotFile, ErrNotIndex, ErrVersion, ErrCorrupt, ErrKeyType, an error of the file
// system or, when ctx is done, ctx.Err().
func Load[K comparable](ctx context.Context, path string) (*Index[K], error) {
	f, err := regular.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("hnsw: load: %w", err)
	}
	defer f.Close()
	x, err := load[K](ctx, f)
	if err != nil {
		return nil, fmt.Errorf("hnsw: load %s: %w", path, err)
	}
	return x, nil
}

func load[K comparable](ctx context.Context, f *os.File) (*Index[K], error) {
	h, sums, err := readStructure(f)
	if err != nil {
		return nil, err
	}
	x, err := fromHeader[K](h)
	if err != nil {
		return nil, err
	}
	r := newFileReader(ctx, f, h, sums)
	v := *x.view.Load()
	v.limit = h.Slots
	v.keys = growKeys[K](nil, h.Slots, v.meta.shift)
	slabs := x.sections(&v, h)
	for sec, s := range slabs {
		if s != nil {
			rows := h.Slots
			if sec == secUpper {
				rows = h.Lists
			}
			*s = s.grow(rows)
			r.slab(sec, s)
		}
	}
	fit, keys := r.bytes(secFit), r.bytes(secKeys)
	if r.err != nil {
		return nil, r.err
	}
	x.finishCodes(&v, h, fit)
	x.view.Store(&v)
	if err := x.checkAll(ctx, h); err != nil {
		return nil, err
	}
	codec, err := fittingCodec[K](h)
	if err != nil {
		return nil, err
	}
	if err := codec.decode(&v, h.Slots, keys); err != nil {
		return nil, err
	}
	return x, x.index(h)
}

// readStructure reads the header and the checksums of the blocks.
func readStructure(f *os.File) (*header, []uint32, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	page := make([]byte, pageSize)
	n, err := f.ReadAt(page, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	h, err := readHeader(page[:n], info.Size())
	if err != nil {
		return nil, nil, err
	}
	raw := make([]byte, h.Sums.Size)
	if _, err := f.ReadAt(raw, int64(h.Sums.Offset)); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if crc32.Checksum(raw, castagnoli) != h.SumsSum {
		return nil, nil, fmt.Errorf("%w: checksum of the checksums", ErrCorrupt)
	}
	sums := make([]uint32, len(raw)/4)
	for i := range sums {
		sums[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	return h, sums, nil
}

// fromHeader returns an empty index with the options of a file.
func fromHeader[K comparable](h *header) (*Index[K], error) {
	x, err := New[K](int(h.Dim), h.options())
	if err != nil {
		return nil, err
	}
	x.used, x.towers.used = h.Slots, h.Lists
	x.next.Store(h.Next)
	x.entry.Store(h.Entry)
	x.hardness.value.Store(h.Hardness)
	x.hardness.hops.Store(h.Hops)
	x.hardness.settled.Store(h.Settled)
	x.hardness.count.Store(h.Additions)
	x.store.live.Store(int64(h.Live))
	return x, nil
}

// sections returns where the sections of a file go in a view, nil for those that
// are absent or are no slabs.
func (x *Index[K]) sections(v *view[K], h *header) [secCount]*slab {
	slabs := [secCount]*slab{secMeta: &v.meta, secLinks: &v.links, secInlet: &v.inlet, secTower: &v.tower, secUpper: &v.upper}
	if h.Sections[secFit].Size > 0 {
		var spin *rotation
		if h.Turned == 1 {
			spin = newRotation(x.dim, x.o.Seed)
		}
		v.codes = newCodes(newRanges(x.dim), spin, x.metric, v.meta.shift)
		v.guide = v.codes
		slabs[secCodes] = &v.codes.slab
	}
	if h.Sections[secRows].Size > 0 || h.Sections[secFit].Size == 0 {
		slabs[secRows] = &v.rows
	} else {
		v.rows = slab{}
	}
	return slabs
}

// finishCodes fills in the fields of a view's codes other than their rows.
func (x *Index[K]) finishCodes(v *view[K], h *header, fit []byte) {
	if v.codes == nil {
		return
	}
	n := len(v.codes.offset)
	for i := range n {
		v.codes.offset[i] = math.Float32frombits(binary.LittleEndian.Uint32(fit[4*i:]))
		v.codes.scale[i] = math.Float32frombits(binary.LittleEndian.Uint32(fit[4*(n+i):]))
	}
	v.codes.fitted, v.codes.seen.clipped = h.Fitted, h.Clipped
}

// checkAll checks that the read data forms an index: the states of the slots, the
// links and the components.
func (x *Index[K]) checkAll(ctx context.Context, h *header) error {
	v := x.view.Load()
	bad := func(slot uint32, format string, args ...any) error {
		return fmt.Errorf("%w: slot %d: %s", ErrCorrupt, slot, fmt.Sprintf(format, args...))
	}
	count := uint32(0)
	for slot := range h.Slots {
		if slot%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		switch word := v.metaWord(slot).Load(); {
		case word&stateMask == free:
			continue
		case word&stateMask != live || word>>stateBits >= h.Next:
			return bad(slot, "meta word %#x", word)
		}
		count++
		if err := h.checkRef(slot, atomic.LoadUint32(v.towerRef(slot))); err != nil {
			return err
		}
		for level := 0; level <= v.height(slot); level++ {
			for _, id := range v.listAt(slot, level) {
				if id != none && (id >= h.Slots || v.state(id) != live || v.height(id) < level) {
					return bad(slot, "link to %d on level %d", id, level)
				}
			}
		}
		if v.rows.stride > 0 {
			for i, f := range v.row(slot) {
				if f-f != 0 {
					return bad(slot, "component %d is %v", i, f)
				}
			}
		}
	}
	if count != h.Live {
		return fmt.Errorf("%w: %d live vectors: want %d", ErrCorrupt, count, h.Live)
	}
	if h.Entry != noEntry && (v.state(uint32(h.Entry)) != live || v.height(uint32(h.Entry)) < int(h.Entry>>32)) {
		return fmt.Errorf("%w: entry %#x", ErrCorrupt, h.Entry)
	}
	if c := v.codes; c != nil {
		for i := range c.offset {
			if c.offset[i]-c.offset[i] != 0 || c.scale[i]-c.scale[i] != 0 {
				return fmt.Errorf("%w: range of component %d", ErrCorrupt, i)
			}
		}
	}
	return nil
}

// index makes the table of keys and the list of free slots.
func (x *Index[K]) index(h *header) error {
	v := x.view.Load()
	x.keys.Lock()
	defer x.keys.Unlock()
	x.table.reserve(int(h.Live), x.keyOf)
	for slot := range h.Slots {
		if v.state(slot) != live {
			x.spare = append(x.spare, slot)
			continue
		}
		key := *v.key(slot)
		if _, found := x.table.get(key, x.keyOf); found || key != key {
			return fmt.Errorf("%w: slot %d: key %v is duplicated", ErrCorrupt, slot, key)
		}
		x.table.set(key, slot, x.keyOf)
	}
	return nil
}

// fileReader reads sections and checks their blocks. After an error it reads nothing.
type fileReader struct {
	ctx   context.Context
	f     *os.File
	h     *header
	sums  []uint32
	first [secCount + 1]int
	buf   []byte
	err   error
}

func newFileReader(ctx context.Context, f *os.File, h *header, sums []uint32) *fileReader {
	return &fileReader{ctx: ctx, f: f, h: h, sums: sums, first: h.leadingBlocks(), buf: make([]byte, blockSize)}
}

// section calls take with every block of a section.
func (r *fileReader) section(sec int, take func(at uint64, data []byte)) {
	s := r.h.Sections[sec]
	for at := uint64(0); at < s.Size && r.err == nil; at += blockSize {
		data := r.buf[:min(blockSize, s.Size-at)]
		if _, err := r.f.ReadAt(data, int64(s.Offset+at)); err != nil {
			r.err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		} else if block := int(at / blockSize); crc32.Checksum(data, castagnoli) != r.sums[r.first[sec]+block] {
			r.err = fmt.Errorf("%w: checksum of block %d of section %d", ErrCorrupt, block, sec)
		} else if r.err = r.ctx.Err(); r.err == nil {
			take(at, data)
		}
	}
}

func (r *fileReader) bytes(sec int) []byte {
	all := make([]byte, 0, r.h.Sections[sec].Size)
	r.section(sec, func(_ uint64, data []byte) { all = append(all, data...) })
	return all
}

// slab reads a section into a slab, which has room for it.
func (r *fileReader) slab(sec int, s *slab) {
	chunk := uint64(s.stride) << s.shift
	r.section(sec, func(at uint64, data []byte) {
		for len(data) > 0 {
			within := at % chunk
			n := min(uint64(len(data)), chunk-within)
			to := unsafe.Add(s.table[at/chunk], uintptr(within))
			copy(unsafe.Slice((*byte)(to), n), data)
			at, data = at+n, data[n:]
		}
	})
}

// Open opens a file that Save wrote by mapping it into memory. It reads only the
// header and the checksums, whatever the size of the index. The rest is read, and
// checked, when a search first needs it: a search that finds damage returns
// ErrCorrupt. Verify checks everything at once. The first search reads all keys;
// the first Add, Delete or Save verifies the rest.
//
// Changes are in memory only, until they are saved. The file must not be truncated
// or overwritten in place while it is open. A call that reads a part that was
// truncated, or that the disk cannot read, returns ErrLost, and so do all later
// calls except Close. An overwritten part may go unnoticed. Save replaces files, so
// it may save to the path of the open file, except on Windows. Call Close when
// done. The errors of Open are those of [Load].
func Open[K comparable](path string) (*Index[K], error) {
	f, err := regular.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("hnsw: open: %w", err)
	}
	defer f.Close() // a mapping outlives its file
	x, err := open[K](f)
	if err != nil {
		return nil, fmt.Errorf("hnsw: open %s: %w", path, err)
	}
	return x, nil
}

func open[K comparable](f *os.File) (*Index[K], error) {
	h, sums, err := readStructure(f)
	if err != nil {
		return nil, err
	}
	x, err := fromHeader[K](h)
	if err != nil {
		return nil, err
	}
	data, err := mmap.Map(f, mmap.COPY, 0)
	if err != nil {
		return nil, err
	}
	if uint64(len(data)) != h.Sums.Offset+h.Sums.Size {
		return nil, errors.Join(fmt.Errorf("%w: it changed while it was opened", ErrCorrupt), data.Unmap())
	}
	v := *x.view.Load()
	v.limit = h.Slots
	for sec, s := range x.sections(&v, h) {
		if s == nil {
			continue
		}
		at, chunk := h.Sections[sec].Offset, uint64(s.stride)<<s.shift
		for end := at + h.Sections[sec].Size; at < end; at += chunk {
			s.table = append(s.table, unsafe.Pointer(&data[at]))
		}
		s.rows = uint32(h.Sections[sec].Size / uint64(s.stride))
	}
	x.mapped = newMapped(h, sums, data)
	// Reading this through the mapping would also load the pages around it.
	r := newFileReader(context.Background(), f, h, sums)
	fit := r.bytes(secFit)
	if r.err != nil {
		return nil, errors.Join(r.err, data.Unmap())
	}
	x.finishCodes(&v, h, fit)
	v.guard = x.mapped
	x.view.Store(&v)
	return x, nil
}
