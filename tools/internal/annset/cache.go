package annset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/goselfrag/goselfrag/internal/atomicfile"
)

// CachedExact is [Exact] with a file in dir, which is made if it is not there. The name
// of the file is a hash of the vectors, the metric and k, so a file cannot belong to
// another set; one that is damaged is computed anew.
func CachedExact(ctx context.Context, dir string, s *Set, k int) (*Truth, error) {
	path := filepath.Join(dir, "truth-"+key(s, k)+".bin")
	if raw, err := os.ReadFile(path); err == nil {
		if t := decode(raw, s, k); t != nil {
			return t, nil
		}
	}
	t, err := Exact(ctx, s, k)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	return t, write(path, encode(t))
}

func key(s *Set, k int) string {
	h := sha256.New()
	fmt.Fprintf(h, "truth 1 %s %d %d %d %d\n", s.Metric, k, s.Base.Dim, s.Base.Len(), s.Queries.Len())
	for _, v := range []Vectors{s.Base, s.Queries} {
		WriteFvecs(h, v) // writing to a hash cannot fail
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// The file holds the ids as little-endian int32 and a CRC-32 of them.
func encode(t *Truth) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, t.IDs)
	return binary.LittleEndian.AppendUint32(b.Bytes(), crc32.ChecksumIEEE(b.Bytes()))
}

// decode returns nil for a file that is not whole.
func decode(raw []byte, s *Set, k int) *Truth {
	size := 4 * k * s.Queries.Len()
	if len(raw) != size+4 || crc32.ChecksumIEEE(raw[:size]) != binary.LittleEndian.Uint32(raw[size:]) {
		return nil
	}
	t := &Truth{K: k, IDs: make([]int32, size/4)}
	for i := range t.IDs {
		t.IDs[i] = int32(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return t
}

// write puts the file in place whole or not at all.
func write(path string, raw []byte) error {
	return atomicfile.Write(path, func(f *os.File) error {
		_, err := f.Write(raw)
		return err
	})
}
