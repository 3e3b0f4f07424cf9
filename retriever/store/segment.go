package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
)

// A segment is a file of vectors: a page that says which, and then rows of the number of the
// passage, a checksum, 4 bytes of nothing, and the components. Rows are only added, in the
// order of their numbers. How many there are is in the manifest; what is behind them was
// never acknowledged.
const (
	segmentMagic = "GOSTVEC1"
	segmentPage  = 4096
	rowHeader    = 16
)

func segmentName(generation uint64, file int) string {
	return fmt.Sprintf("vectors-%d-%d.rows", generation, file)
}

// segment is an open file of vectors. It is closed when nothing uses it.
type segment struct {
	*os.File
	path   string
	dim    int
	stride int
	users  atomic.Int64
	gone   atomic.Bool // to be removed when it is closed
	disk   *disk
}

func (s *segment) hold() *segment {
	s.users.Add(1)
	return s
}

func (s *segment) release() {
	if s.users.Add(-1) > 0 {
		return
	}
	s.Close()
	if s.gone.Load() {
		s.disk.remove(s.path)
	}
}

// header returns the first page of a segment.
func (s *segment) header(generation uint64, file int) []byte {
	b := append(make([]byte, 0, segmentPage), segmentMagic...)
	b = binary.LittleEndian.AppendUint64(b, generation)
	b = binary.LittleEndian.AppendUint64(b, uint64(file))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.dim))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return b[:segmentPage]
}

func newSegment(d *disk, dir string, generation uint64, file, dim int) *segment {
	return &segment{path: filepath.Join(dir, segmentName(generation, file)), dim: dim, stride: rowHeader + 4*dim, disk: d}
}

// createSegment makes a file. What a process that was killed left under its name is gone.
func createSegment(d *disk, dir string, generation uint64, file, dim int) (s *segment, err error) {
	s = newSegment(d, dir, generation, file, dim)
	if err := d.may("create", s.path); err != nil {
		return nil, err
	}
	if s.File, err = os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644); err != nil {
		return nil, err
	}
	if err = d.writeAt(s.File, s.header(generation, file), 0); err == nil {
		err = d.syncDir(dir)
	}
	if err != nil {
		err = errors.Join(err, s.Close())
		d.remove(s.path)
		return nil, err
	}
	return s, nil
}

// openSegment opens a file and cuts off what is behind its rows.
func openSegment(d *disk, dir string, generation uint64, state segmentState, dim int, readOnly bool) (s *segment, err error) {
	s = newSegment(d, dir, generation, state.File, dim)
	flag := os.O_RDWR
	if readOnly {
		flag = os.O_RDONLY
	}
	if s.File, err = os.OpenFile(s.path, flag, 0); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return nil, err
	}
	if err = s.checkSize(generation, state, readOnly); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *segment) checkSize(generation uint64, state segmentState, readOnly bool) error {
	info, err := s.Stat()
	if err != nil {
		return err
	}
	want := s.at(state.Rows)
	if info.Size() < want {
		return damaged("%s has %d bytes: want %d", s.path, info.Size(), want)
	}
	page := make([]byte, segmentPage)
	if _, err := s.ReadAt(page, 0); err != nil {
		return err
	}
	if string(page) != string(s.header(generation, state.File)) {
		return damaged("%s: header", s.path)
	}
	if info.Size() > want && !readOnly {
		return s.Truncate(want)
	}
	return nil
}

// at returns where a row begins.
func (s *segment) at(row int) int64 { return segmentPage + int64(row)*int64(s.stride) }

// appendRow appends a row.
func appendRow(to []byte, number uint64, vector []float32) []byte {
	start := len(to)
	to = binary.LittleEndian.AppendUint64(to, number)
	to = append(to, 0, 0, 0, 0, 0, 0, 0, 0)
	for _, x := range vector {
		to = binary.LittleEndian.AppendUint32(to, math.Float32bits(x))
	}
	binary.LittleEndian.PutUint32(to[start+8:], rowSum(to[start:]))
	return to
}

func rowSum(row []byte) uint32 {
	return crc32.Update(crc32.Checksum(row[:8], castagnoli), castagnoli, row[rowHeader:])
}

// readRow decodes a row into vector and returns its number. The error wraps ErrCorrupt.
func readRow(row []byte, vector []float32) (uint64, error) {
	number := binary.LittleEndian.Uint64(row)
	if binary.LittleEndian.Uint32(row[8:]) != rowSum(row) {
		return number, damaged("checksum of the vector of passage number %d", number)
	}
	for i := range vector {
		vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(row[rowHeader+4*i:]))
	}
	return number, nil
}

// read reads a row by buf, which has room for it.
func (s *segment) read(row int, buf []byte, vector []float32) (uint64, error) {
	if _, err := s.ReadAt(buf[:s.stride], s.at(row)); err != nil {
		return 0, fmt.Errorf("%w: %s: %w", ErrCorrupt, s.path, err)
	}
	n, err := readRow(buf[:s.stride], vector)
	if err != nil {
		return n, fmt.Errorf("%s: %w", s.path, err)
	}
	return n, nil
}

// scan calls f with the rows of a segment, from one on up to another. The vector may be read
// during the call only.
func (s *segment) scan(ctx context.Context, from, to int, f func(row int, number uint64, vector []float32) error) error {
	const most = 1 << 20
	per := max(most/s.stride, 1)
	buf, vector := make([]byte, per*s.stride), make([]float32, s.dim)
	for ; from < to; from += per {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(per, to-from)
		if _, err := s.ReadAt(buf[:n*s.stride], s.at(from)); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrCorrupt, s.path, err)
		}
		for i := range n {
			number, err := readRow(buf[i*s.stride:(i+1)*s.stride], vector)
			if err != nil {
				return fmt.Errorf("%s: %w", s.path, err)
			}
			if err := f(from+i, number, vector); err != nil {
				return err
			}
		}
	}
	return nil
}

// find returns the first of rows whose number is number or above.
func (s *segment) find(state segmentState, number uint64) (int, error) {
	buf, vector := make([]byte, s.stride), make([]float32, s.dim)
	return s.search(state, number, func(row int) (uint64, error) { return s.read(row, buf, vector) })
}

// guess is find without checksums: a damaged number may lead to any row.
func (s *segment) guess(state segmentState, number uint64) (int, error) {
	var buf [8]byte
	return s.search(state, number, func(row int) (uint64, error) {
		if _, err := s.ReadAt(buf[:], s.at(row)); err != nil {
			return 0, fmt.Errorf("%w: %s: %w", ErrCorrupt, s.path, err)
		}
		return binary.LittleEndian.Uint64(buf[:]), nil
	})
}

// search is find with a function that returns the number of a row.
func (s *segment) search(state segmentState, number uint64, at func(row int) (uint64, error)) (int, error) {
	if number <= state.First {
		return 0, nil
	}
	if number > state.Last {
		return state.Rows, nil
	}
	low, high := 0, min(state.Rows, int(min(number-state.First, math.MaxInt32))+1) // numbers rise, so no row is behind that
	if n, err := at(high - 1); err != nil || n == number {
		return high - 1, err
	} else if n < number {
		return high, nil
	}
	for low < high {
		mid := (low + high) / 2
		n, err := at(mid)
		if err != nil {
			return 0, err
		}
		if n < number {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}
