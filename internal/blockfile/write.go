package blockfile

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/goselfrag/goselfrag/internal/atomicfile"
)

// Bytes is a section that is in memory.
func Bytes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// Write writes a file of sections, each by a function of its own, in order. It wraps
// ctx.Err() when ctx is done. See package atomicfile.
func Write(ctx context.Context, path string, format Format, sections ...func(io.Writer) error) error {
	if len(sections) > mostSections {
		return fmt.Errorf("%s: %d sections: want %d at most", path, len(sections), mostSections)
	}
	err := atomicfile.Write(path, func(f *os.File) error {
		w := &writer{ctx: ctx, out: bufio.NewWriterSize(f, 1<<20)}
		if _, err := w.out.Write(make([]byte, pageSize)); err != nil { // the header comes last
			return err
		}
		h := &header{}
		for _, part := range sections {
			s := section{Offset: pageSize + w.at}
			if err := part(w); err != nil {
				return err
			}
			s.Size = pageSize + w.at - s.Offset
			h.sections = append(h.sections, s)
			if _, err := w.Write(make([]byte, -s.Size%align)); err != nil {
				return err
			}
		}
		if w.block > 0 {
			w.sums = binary.LittleEndian.AppendUint32(w.sums, w.sum)
		}
		h.sums = section{pageSize + w.at, uint64(len(w.sums))}
		h.sumsSum = crc32.Checksum(w.sums, castagnoli)
		if _, err := w.out.Write(w.sums); err != nil {
			return err
		}
		if err := w.out.Flush(); err != nil {
			return err
		}
		_, err := f.WriteAt(h.marshal(format), 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writer writes the sections and keeps the checksums of their blocks.
type writer struct {
	ctx   context.Context
	out   *bufio.Writer
	at    uint64
	block int // bytes in the block begun
	sum   uint32
	sums  []byte
}

func (w *writer) Write(data []byte) (int, error) {
	for rest := data; len(rest) > 0; {
		n := min(len(rest), blockSize-w.block)
		w.sum = crc32.Update(w.sum, castagnoli, rest[:n])
		rest, w.block = rest[n:], w.block+n
		if w.block == blockSize {
			if err := w.ctx.Err(); err != nil {
				return 0, err
			}
			w.sums = binary.LittleEndian.AppendUint32(w.sums, w.sum)
			w.block, w.sum = 0, 0
		}
	}
	w.at += uint64(len(data))
	return w.out.Write(data)
}
