// Package blockfile reads and writes files of sections whose bytes have checksums.
//
// A file is written whole or not at all. It is read into memory, or mapped: then a block is
// checked when it is first needed, so that opening a large file takes no longer than opening
// a small one.
package blockfile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync/atomic"

	"github.com/edsrzf/mmap-go"
)

// Errors of files, wrapped with what was wrong.
var (
	// ErrKind is about a file of another kind.
	ErrKind = errors.New("not a file of this kind")
	// ErrVersion is about a file of a newer format than this library reads.
	ErrVersion = errors.New("unknown version of the file format")
	// ErrCorrupt is about a file that is too short, does not match its checksums, or has
	// invalid content.
	ErrCorrupt = errors.New("file is damaged")
)

// Format says what kind of file it is.
type Format struct {
	Magic   [8]byte
	Version uint32
}

// A file is a header of one page, the sections, each beginning at a multiple of 64 bytes,
// and a CRC-32C (Castagnoli) for every 64 KiB of them. Numbers are little-endian.
//
// The header is the magic bytes, the version, the number of sections, the place and size of
// each and of the checksums, the checksum of the checksums and, at the end of the page, that
// of the rest of the page.
const (
	pageSize     = 4096
	blockSize    = 64 << 10
	align        = 64
	mostSections = 250 // as many as the header has room for
)

type section struct{ Offset, Size uint64 }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type header struct {
	sections []section
	sums     section
	sumsSum  uint32
}

func (h *header) marshal(f Format) []byte {
	page := append(make([]byte, 0, pageSize), f.Magic[:]...)
	page = binary.LittleEndian.AppendUint32(page, f.Version)
	page = binary.LittleEndian.AppendUint32(page, uint32(len(h.sections)))
	for _, s := range append(h.sections[:len(h.sections):len(h.sections)], h.sums) {
		page = binary.LittleEndian.AppendUint64(page, s.Offset)
		page = binary.LittleEndian.AppendUint64(page, s.Size)
	}
	page = binary.LittleEndian.AppendUint32(page, h.sumsSum)
	page = page[:pageSize]
	binary.LittleEndian.PutUint32(page[pageSize-4:], crc32.Checksum(page[:pageSize-4], castagnoli))
	return page
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// readHeader reads and checks the first page of a file of the given size. It accepts only
// sections within the file.
func readHeader(page []byte, f Format, size int64) (*header, error) {
	if len(page) < len(f.Magic) || [8]byte(page) != f.Magic {
		return nil, ErrKind
	}
	if len(page) < pageSize {
		return nil, corrupt("it ends within the header")
	}
	if v := binary.LittleEndian.Uint32(page[8:]); v > f.Version {
		return nil, fmt.Errorf("%w: it has version %d, this library reads up to %d: update the library", ErrVersion, v, f.Version)
	}
	if crc32.Checksum(page[:pageSize-4], castagnoli) != binary.LittleEndian.Uint32(page[pageSize-4:]) {
		return nil, corrupt("checksum of the header")
	}
	n := binary.LittleEndian.Uint32(page[12:])
	if n > mostSections {
		return nil, corrupt("%d sections", n)
	}
	at := 16
	next := func() section {
		s := section{binary.LittleEndian.Uint64(page[at:]), binary.LittleEndian.Uint64(page[at+8:])}
		at += 16
		return s
	}
	h := &header{}
	end := uint64(pageSize)
	for i := range n + 1 {
		s := next()
		if s.Offset != end || s.Size > uint64(size) || s.Offset > uint64(size)-s.Size {
			return nil, corrupt("section %d has %d bytes at %d of %d", i, s.Size, s.Offset, size)
		}
		if i == n {
			h.sums = s
			break
		}
		h.sections = append(h.sections, s)
		end += s.Size + -s.Size%align
	}
	h.sumsSum = binary.LittleEndian.Uint32(page[at:])
	if blocks := (end - pageSize + blockSize - 1) / blockSize; h.sums.Size != 4*blocks || h.sums.Offset+h.sums.Size != uint64(size) {
		return nil, corrupt("%d bytes with %d of checksums: want checksums of %d blocks at the end", size, h.sums.Size, blocks)
	}
	return h, nil
}

// File is a file that was read or mapped. It may be used by several goroutines.
type File struct {
	h       *header
	sums    []uint32
	data    []byte // all of the file
	mapping mmap.MMap
	checked []atomic.Uint64 // by block, as bits
}

// Load reads a file into memory and checks all of it.
func Load(ctx context.Context, path string, format Format) (*File, error) {
	return open(path, format, func(f *os.File, file *File, size int64) error {
		file.data = make([]byte, size)
		for at := int64(0); at < size; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := f.ReadAt(file.data[at:min(at+16<<20, size)], at)
			if at += int64(n); err != nil && (err != io.EOF || at < size) {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
		}
		return file.Verify(ctx)
	})
}

// Open maps a file. It reads and checks the header and the checksums.
func Open(path string, format Format) (*File, error) {
	return open(path, format, func(f *os.File, file *File, size int64) (err error) {
		if file.mapping, err = mmap.Map(f, mmap.RDONLY, 0); err != nil {
			return err
		}
		if file.data = file.mapping; int64(len(file.data)) != size {
			return errors.Join(corrupt("it changed while it was opened"), file.mapping.Unmap())
		}
		return nil
	})
}

func open(path string, format Format, content func(*os.File, *File, int64) error) (file *File, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // a mapping outlives its file
	defer func() {
		if err != nil {
			file, err = nil, fmt.Errorf("%s: %w", path, err)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, ErrKind
	}
	page := make([]byte, pageSize)
	n, err := f.ReadAt(page, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	h, err := readHeader(page[:n], format, info.Size())
	if err != nil {
		return nil, err
	}
	raw := make([]byte, h.sums.Size)
	if _, err := f.ReadAt(raw, int64(h.sums.Offset)); err != nil && err != io.EOF {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if crc32.Checksum(raw, castagnoli) != h.sumsSum {
		return nil, corrupt("checksum of the checksums")
	}
	file = &File{h: h, sums: make([]uint32, len(raw)/4)}
	for i := range file.sums {
		file.sums[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	file.checked = make([]atomic.Uint64, (len(file.sums)+63)/64)
	return file, content(f, file, info.Size())
}

// Sections returns the number of sections.
func (f *File) Sections() int { return len(f.h.sections) }

// Section returns the bytes of a section. They are unchecked if the file is mapped. They
// must not be changed, nor read after Close.
func (f *File) Section(i int) []byte {
	s := f.h.sections[i]
	return f.data[s.Offset : s.Offset+s.Size : s.Offset+s.Size]
}

// Mapped reports whether the file is mapped.
func (f *File) Mapped() bool { return f.mapping != nil }

// Check checks the bytes from from up to to of a section, as far as they were not checked
// before. The error wraps ErrCorrupt.
func (f *File) Check(sec int, from, to uint64) error {
	s := f.h.sections[sec]
	if from > to || to > s.Size {
		return corrupt("bytes %d to %d of section %d, which has %d", from, to, sec, s.Size)
	}
	return f.verify(s.Offset+from-pageSize, s.Offset+to-pageSize)
}

// verify checks bytes that are counted from the end of the header.
func (f *File) verify(from, to uint64) error {
	body := f.data[pageSize:f.h.sums.Offset]
	for b := from / blockSize; b*blockSize < to; b++ {
		word, bit := &f.checked[b/64], uint64(1)<<(b%64)
		if word.Load()&bit != 0 {
			continue
		}
		if crc32.Checksum(body[b*blockSize:min((b+1)*blockSize, uint64(len(body)))], castagnoli) != f.sums[b] {
			return corrupt("checksum of block %d", b)
		}
		word.Or(bit)
	}
	return nil
}

// Verify checks all of the file. The error wraps ErrCorrupt or ctx.Err().
func (f *File) Verify(ctx context.Context) error {
	const step = 16 << 20
	size := f.h.sums.Offset - pageSize
	for from := uint64(0); from < size; from += step {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.verify(from, min(from+step, size)); err != nil {
			return err
		}
	}
	return nil
}

// Close gives a mapping back.
func (f *File) Close() error {
	if f.mapping == nil {
		return nil
	}
	return f.mapping.Unmap()
}
