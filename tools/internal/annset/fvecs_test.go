package annset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func fvecs(rows ...any) []byte {
	var b bytes.Buffer
	for _, r := range rows {
		binary.Write(&b, binary.LittleEndian, r)
	}
	return b.Bytes()
}

// The bytes are written out by hand: int32 2, then 1 and -2 as IEEE 754.
var twoRows = []byte{2, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x3f}

func TestReadFvecs(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit int
		want  Vectors
	}{
		{"all", 0, Vectors{2, []float32{1, -2, 0, 1}}},
		{"limit", 1, Vectors{2, []float32{1, -2}}},
		{"limit above", 9, Vectors{2, []float32{1, -2, 0, 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadFvecs(iotest.OneByteReader(bytes.NewReader(twoRows)), tt.limit)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	var b bytes.Buffer
	if err := WriteFvecs(&b, Vectors{2, []float32{1, -2, 0, 1}}); err != nil || !bytes.Equal(b.Bytes(), twoRows) {
		t.Errorf("wrote %v, error %v; want %v", b.Bytes(), err, twoRows)
	}
}

func TestReadFvecsErrors(t *testing.T) {
	one := fvecs(int32(1), float32(1))
	for _, tt := range []struct {
		name   string
		data   []byte
		row    int
		offset int64
		reason string
	}{
		{"empty", nil, 0, 0, "ends before"},
		{"half a head", append(one[:8:8], 1, 0), 1, 8, "ends before"},
		{"half a row", fvecs(int32(1), float32(1), int32(1), uint16(0)), 1, 8, "ends within"},
		{"no values", fvecs(int32(1)), 0, 0, "ends within"},
		{"no dimensions", fvecs(int32(0)), 0, 0, "0 dimensions"},
		{"negative", fvecs(int32(-1)), 0, 0, "-1 dimensions"},
		{"too many", fvecs(int32(MaxDim + 1)), 0, 0, "65537 dimensions"},
		{"other length", fvecs(int32(1), float32(1), int32(2), float32(1), float32(1)), 1, 8, "2 dimensions, but the first row has 1"},
		{"not a number", fvecs(int32(2), float32(1), float32(math.NaN())), 0, 0, "value 1 is NaN"},
		{"infinite", fvecs(int32(1), float32(math.Inf(-1))), 0, 0, "value 0 is -Inf"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadFvecs(bytes.NewReader(tt.data), 0)
			var fe *FormatError
			if !errors.As(err, &fe) || fe.Row != tt.row || fe.Offset != tt.offset || !strings.Contains(fe.Reason, tt.reason) {
				t.Errorf("got %#v, want row %d, byte %d, %q", err, tt.row, tt.offset, tt.reason)
			}
		})
	}
	broken := errors.New("broken")
	if _, err := ReadFvecs(iotest.ErrReader(broken), 0); !errors.Is(err, broken) {
		t.Errorf("an error of the reader became %v", err)
	}
}

func TestReadFvecsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.fvecs")
	if _, err := ReadFvecsFile(path, 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: error %v", err)
	}
	if err := os.WriteFile(path, twoRows[:5], 0o666); err != nil {
		t.Fatal(err)
	}
	var fe *FormatError
	if _, err := ReadFvecsFile(path, 0); !errors.As(err, &fe) || !strings.Contains(err.Error(), path) {
		t.Errorf("half a file: error %v", err)
	}
}

// What is read is written back as the same bytes.
func FuzzReadFvecs(f *testing.F) {
	f.Add(twoRows)
	f.Add(fvecs(int32(MaxDim), float32(1)))
	f.Add(fvecs(int32(1), float32(1), int32(2)))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := ReadFvecs(bytes.NewReader(data), 0)
		if err != nil {
			var fe *FormatError
			if !errors.As(err, &fe) {
				t.Fatalf("error %v, want a FormatError", err)
			}
			return
		}
		var b bytes.Buffer
		if err := WriteFvecs(&b, v); err != nil || !bytes.Equal(b.Bytes(), data) {
			t.Fatalf("read %v and wrote %v, error %v", data, b.Bytes(), err)
		}
	})
}
