package embedcache

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// sumBytes is the size of the checksum before a vector.
const sumBytes = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode returns the value of a vector.
func encode(k key, v []float32) []byte {
	value := make([]byte, sumBytes, sumBytes+4*len(v))
	for _, x := range v {
		value = binary.LittleEndian.AppendUint32(value, math.Float32bits(x))
	}
	binary.LittleEndian.PutUint32(value, checksum(k, value))
	return value
}

// decode returns the vector of a value, nil if the value is damaged.
func decode(k key, value []byte) []float32 {
	if len(value) <= sumBytes || len(value)%4 != 0 || binary.LittleEndian.Uint32(value) != checksum(k, value) {
		return nil
	}
	v := make([]float32, len(value)/4-1)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(value[sumBytes+4*i:]))
	}
	return v
}

func checksum(k key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(k[:], castagnoli), castagnoli, value[sumBytes:])
}
