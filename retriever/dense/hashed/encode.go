package hashed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"slices"
)

// ErrCorrupt is the error about bytes that MarshalBinary did not write.
var ErrCorrupt = errors.New("hashed: not an embedder, or damaged")

// version is of what MarshalBinary makes. It changes with the features, too.
const version = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// fixed is the size of what MarshalBinary writes before the weights.
const fixed = 4 + 4 + 8 + 8 + 8 + 4*len(shares) + 8

// MarshalBinary implements encoding.BinaryMarshaler. It takes 12 bytes for each different
// feature of the texts that Fit was given.
func (e *Embedder) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, fixed+12*len(e.weights)+4)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint32(b, uint32(e.o.Dim))
	b = binary.LittleEndian.AppendUint64(b, e.o.Seed)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(e.mean))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(e.scale))
	for _, w := range e.unseen {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(w))
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(len(e.weights)))
	for _, h := range slices.Sorted(maps.Keys(e.weights)) {
		b = binary.LittleEndian.AppendUint64(b, h)
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(e.weights[h]))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. e must not be in use yet. It then
// embeds as the marshaled Embedder did. The error wraps ErrCorrupt.
func (e *Embedder) UnmarshalBinary(data []byte) error {
	if len(data) < fixed+4 {
		return fmt.Errorf("%w: %d bytes", ErrCorrupt, len(data))
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return fmt.Errorf("%w: checksum", ErrCorrupt)
	}
	le := binary.LittleEndian
	if v := le.Uint32(body); v != version {
		return fmt.Errorf("%w: version %d, this library reads %d: fit it anew", ErrCorrupt, v, version)
	}
	n := le.Uint64(body[fixed-8:])
	dim := int(le.Uint32(body[4:]))
	if n != uint64(len(body)-fixed)/12 || (len(body)-fixed)%12 != 0 || dim < 64 || dim > 1<<16 {
		return fmt.Errorf("%w: %d bytes for %d features, dimension %d", ErrCorrupt, len(data), n, dim)
	}
	*e = Embedder{
		o:       Options{Dim: dim, Seed: le.Uint64(body[8:])},
		mean:    math.Float64frombits(le.Uint64(body[16:])),
		scale:   math.Float64frombits(le.Uint64(body[24:])),
		weights: make(map[uint64]float32, n),
	}
	for i := range e.unseen {
		e.unseen[i] = math.Float32frombits(le.Uint32(body[32+4*i:]))
	}
	for at := fixed; at < len(body); at += 12 {
		e.weights[le.Uint64(body[at:])] = math.Float32frombits(le.Uint32(body[at+8:]))
	}
	return nil
}
