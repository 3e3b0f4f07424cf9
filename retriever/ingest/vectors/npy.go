package vectors

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
)

// maxDim is the greatest number of components of a vector.
const maxDim = 1 << 16

// maxHeader is the greatest length of a header in bytes; NumPy writes some 100.
const maxHeader = 1 << 16

// ErrFormat is wrapped by the error about an array that cannot be read.
var ErrFormat = errors.New("not an array that can be read")

var (
	npyType  = regexp.MustCompile(`'descr'\s*:\s*'([^']*)'`)
	npyOrder = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	npyShape = regexp.MustCompile(`'shape'\s*:\s*\(([^)]*)\)`)
	twoSizes = regexp.MustCompile(`^\s*(\d+)\s*,\s*(\d+)\s*,?\s*$`)
)

// array reads the rows of a .npy file; its form is that of NumPy's
// numpy.lib.format, versions 1 to 3. sbinet/npyio is not used, since it panics on damaged
// headers and reads arrays only as a whole.
type array struct {
	r         *bufio.Reader
	rows, dim int
	half      bool // float16
	buf       []byte
}

func newArray(r io.Reader) (*array, error) {
	a := &array{r: bufio.NewReaderSize(r, 1<<18)}
	var start [8]byte
	if _, err := io.ReadFull(a.r, start[:]); err != nil || string(start[:6]) != "\x93NUMPY" {
		return nil, noArray(err, "it does not begin as a .npy file does: write it with numpy.save")
	}
	size := make([]byte, 2)
	if start[6] > 1 {
		size = make([]byte, 4)
	}
	if start[6] < 1 || start[6] > 3 {
		return nil, fmt.Errorf("%w: version %d: want 1 to 3", ErrFormat, start[6])
	}
	if _, err := io.ReadFull(a.r, size); err != nil {
		return nil, noArray(err, "the header is cut off")
	}
	n := uint32(binary.LittleEndian.Uint16(size))
	if len(size) == 4 {
		n = binary.LittleEndian.Uint32(size)
	}
	if n > maxHeader {
		return nil, fmt.Errorf("%w: a header of %d bytes: want at most %d", ErrFormat, n, maxHeader)
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(a.r, header); err != nil {
		return nil, noArray(err, "the header is cut off")
	}
	return a, a.parse(string(header))
}

// noArray makes the error about a file that ends too soon or cannot be read.
func noArray(err error, reason string) error {
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	return fmt.Errorf("%w: %s", ErrFormat, reason)
}

func (a *array) parse(header string) error {
	kind, order, shape := npyType.FindStringSubmatch(header), npyOrder.FindStringSubmatch(header), npyShape.FindStringSubmatch(header)
	if kind == nil || order == nil || shape == nil {
		return fmt.Errorf("%w: the header %.100q lacks descr, fortran_order or shape", ErrFormat, header)
	}
	switch kind[1] {
	case "<f4":
	case "<f2":
		a.half = true
	default:
		return fmt.Errorf(`%w: elements of the type %q: want "<f4" or "<f2", as array.astype("<f4") gives`, ErrFormat, kind[1])
	}
	if order[1] == "True" {
		return fmt.Errorf("%w: Fortran order: want C order, as numpy.ascontiguousarray gives", ErrFormat)
	}
	sizes := twoSizes.FindStringSubmatch(shape[1])
	if sizes == nil {
		return fmt.Errorf("%w: the shape (%s): want (rows, components)", ErrFormat, shape[1])
	}
	var errs [2]error
	a.rows, errs[0] = strconv.Atoi(sizes[1])
	a.dim, errs[1] = strconv.Atoi(sizes[2])
	if errors.Join(errs[:]...) != nil || a.dim < 1 || a.dim > maxDim {
		return fmt.Errorf("%w: the shape (%s): want 1 to %d components", ErrFormat, shape[1], maxDim)
	}
	a.buf = make([]byte, a.dim*a.width())
	return nil
}

func (a *array) width() int {
	if a.half {
		return 2
	}
	return 4
}

// next returns the next row.
func (a *array) next() ([]float32, error) {
	if _, err := io.ReadFull(a.r, a.buf); err != nil {
		return nil, noArray(err, fmt.Sprintf("it ends before its %d rows do", a.rows))
	}
	v := make([]float32, a.dim)
	for i := range v {
		if a.half {
			v[i] = float16(binary.LittleEndian.Uint16(a.buf[2*i:]))
		} else {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(a.buf[4*i:]))
		}
	}
	return v, nil
}

// end returns an error if there are bytes after the last row.
func (a *array) end() error {
	switch _, err := a.r.ReadByte(); err {
	case io.EOF:
		return nil
	case nil:
		return fmt.Errorf("%w: it goes on after its %d rows", ErrFormat, a.rows)
	default:
		return err
	}
}

// float16 returns the number of IEEE 754 binary16 with the bits b.
func float16(b uint16) float32 {
	sign := uint32(b>>15) << 31
	exponent, fraction := uint32(b>>10&0x1f), uint32(b&0x3ff)
	switch exponent {
	case 0: // a multiple of 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 0x1f: // infinite or not a number
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
