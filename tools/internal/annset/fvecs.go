package annset

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// MaxDim is the largest number of dimensions that is read from a file.
const MaxDim = 1 << 16

// FormatError says where a file has a wrong format.
type FormatError struct {
	Row    int   // from 0
	Offset int64 // in bytes, where the row begins
	Reason string
}

// Error implements error.
func (e *FormatError) Error() string {
	return fmt.Sprintf("row %d (byte %d): %s", e.Row, e.Offset, e.Reason)
}

// ReadFvecs reads vectors in .fvecs format: each row is a little-endian int32, the number
// of dimensions, and as many float32 values. It stops after limit rows if limit is
// above 0. A row that is cut short, that has another length than the first, or that
// holds a value which is not finite is a *[FormatError], and so is a file without rows.
// Memory grows with the bytes read, not with the length that a row claims.
func ReadFvecs(r io.Reader, limit int) (Vectors, error) {
	br := bufio.NewReaderSize(r, 1<<20)
	var out Vectors
	var raw []byte
	var offset int64
	for row := 0; limit <= 0 || row < limit; row++ {
		fail := func(format string, args ...any) (Vectors, error) {
			return Vectors{}, &FormatError{Row: row, Offset: offset, Reason: fmt.Sprintf(format, args...)}
		}
		var head [4]byte
		if _, err := io.ReadFull(br, head[:]); err == io.EOF && row > 0 {
			return out, nil
		} else if short(err) {
			return fail("the file ends before the number of dimensions")
		} else if err != nil {
			return Vectors{}, err
		}
		dim := int(int32(binary.LittleEndian.Uint32(head[:])))
		switch {
		case dim < 1 || dim > MaxDim:
			return fail("%d dimensions: want 1 to %d; is this an .fvecs file?", dim, MaxDim)
		case row == 0:
			out.Dim, raw = dim, make([]byte, 4*dim)
		case dim != out.Dim:
			return fail("%d dimensions, but the first row has %d", dim, out.Dim)
		}
		if _, err := io.ReadFull(br, raw); short(err) {
			return fail("the file ends within the row")
		} else if err != nil {
			return Vectors{}, err
		}
		for i := range dim {
			x := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
			if x-x != 0 {
				return fail("value %d is %g: want a finite number", i, x)
			}
			out.Data = append(out.Data, x)
		}
		offset += int64(4 + 4*dim)
	}
	return out, nil
}

func short(err error) bool { return err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) }

// ReadFvecsFile reads a file by [ReadFvecs].
func ReadFvecsFile(path string, limit int) (Vectors, error) {
	f, err := os.Open(path)
	if err != nil {
		return Vectors{}, err
	}
	defer f.Close()
	v, err := ReadFvecs(f, limit)
	if err != nil {
		return Vectors{}, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// WriteFvecs writes v in .fvecs format.
func WriteFvecs(w io.Writer, v Vectors) error {
	raw := make([]byte, 4+4*v.Dim)
	binary.LittleEndian.PutUint32(raw, uint32(v.Dim))
	bw := bufio.NewWriterSize(w, 1<<20)
	for i := range v.Len() {
		for j, x := range v.Row(i) {
			binary.LittleEndian.PutUint32(raw[4+4*j:], math.Float32bits(x))
		}
		if _, err := bw.Write(raw); err != nil {
			return err
		}
	}
	return bw.Flush()
}
