package segment

import (
	"encoding/binary"
	"math/bits"
)

// padding is the greatest number of bytes that are read beyond packed numbers.
const padding = 8

// bitsOf returns the number of bits of the largest of the numbers.
func bitsOf(numbers []uint32) uint {
	all := uint32(0)
	for _, n := range numbers {
		all |= n
	}
	return uint(bits.Len32(all))
}

// packedSize returns the size in bytes of n numbers of width bits each.
func packedSize(n int, width uint) int { return (n*int(width) + 7) / 8 }

// pack appends numbers in width bits each.
func pack(to []byte, numbers []uint32, width uint) []byte {
	word, have := uint64(0), uint(0)
	for _, n := range numbers {
		word |= uint64(n) << have
		have += width
		for have >= 8 {
			to = append(to, byte(word))
			word >>= 8
			have -= 8
		}
	}
	if have > 0 {
		to = append(to, byte(word))
	}
	return to
}

// packed returns number i of those in from. It may read some bytes after them.
func packed(from []byte, i int, width uint) uint32 {
	at := uint(i) * width
	return uint32(binary.LittleEndian.Uint64(from[at>>3:]) >> (at & 7) & (1<<width - 1))
}

// unpackGaps decodes documents, each stored as the gap to the previous one. The
// first is next or higher. It returns the document after the last, above 2^32 if a
// number is too large.
func unpackGaps(to []uint32, from []byte, width uint, next uint64) uint64 {
	mask := uint64(1)<<width - 1
	at := uint(0)
	for i := range to {
		next += binary.LittleEndian.Uint64(from[at>>3:]) >> (at & 7) & mask
		to[i] = uint32(next)
		next++
		at += width
	}
	return next
}
