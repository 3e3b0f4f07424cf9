//go:build unix

package kernel

import (
	"fmt"
	"syscall"
	"testing"
	"unsafe"
)

// fence returns n bytes that end where memory that can be neither read nor written
// begins.
func fence(t *testing.T, n int) unsafe.Pointer {
	t.Helper()
	page := syscall.Getpagesize()
	size := (n + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(m) })
	if err := syscall.Mprotect(m[size:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return unsafe.Pointer(&m[size-n])
}

// A kernel reads no byte behind the query, the ids or the last row, and writes none
// behind the results: it would crash here.
func TestFences(t *testing.T) {
	const rows = 3
	ids, out := unsafe.Slice((*uint32)(fence(t, rows*4)), rows), fence(t, rows*4)
	for i := range ids {
		ids[i] = uint32(rows - 1 - i)
	}
	for blocks := 1; blocks <= 18; blocks++ {
		table := make([]unsafe.Pointer, rows) // one row in each chunk
		for i := range table {
			table[i] = fence(t, blocks*32)
		}
		floats := Batch{
			Table: unsafe.Pointer(&table[0]), Query: fence(t, blocks*32), IDs: &ids[0], Out: (*float32)(out),
			Stride: uint64(blocks * 32), Blocks: uint64(blocks),
		}
		// Codes that are followed by their norm, and codes that are followed by nothing.
		codes, bare := floats, floats
		codes.Norm, codes.Stride = uint64(blocks*16), uint64(blocks*16+4)
		bare.Stride = uint64(blocks * 16)
		codeTable, bareTable := make([]unsafe.Pointer, rows), make([]unsafe.Pointer, rows)
		for i, p := range table {
			codeTable[i] = unsafe.Add(p, blocks*32-int(codes.Stride))
			bareTable[i] = unsafe.Add(p, blocks*32-int(bare.Stride))
		}
		codes.Table, bare.Table = unsafe.Pointer(&codeTable[0]), unsafe.Pointer(&bareTable[0])
		for _, set := range Available() {
			t.Run(fmt.Sprintf("%s/%d", set.Name, blocks), func(t *testing.T) {
				set.Dot(&floats, rows)
				set.L2(&floats, rows)
				set.Code(&codes, rows)
				set.Code(&bare, rows)
			})
		}
	}
}
