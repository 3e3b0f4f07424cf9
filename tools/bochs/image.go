package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Where boot.asm, and the BIOS, put things.
const (
	sector          = 512
	heads           = 16
	sectorsPerTrack = 63
	cylinder        = heads * sectorsPerTrack * sector
	piece           = 64 * sector // what boot.asm reads at a time
	piecesAt        = 508         // their number, in the boot sector
	imageStart      = 0x10000
	imageEnd        = 0x98000
	resultsStart    = imageStart + 64
	resultsSize     = 32 << 10
	resultsEnd      = resultsStart + resultsSize
)

// unwritten fills the memory of the results.
const unwritten = 42

// image is the memory of the machine from imageStart on: a header, the results, and
// all that the kernels need.
type image struct {
	data    []byte // from resultsEnd on
	calls   []call
	results uint64 // bytes of them
}

// call is a call of a kernel, for boot.asm.
type call struct{ function, batch, n uint64 }

// batch has the layout of kernel.Batch, with addresses in the machine.
type batch struct {
	Table, Query, IDs, Out            uint64
	Shift, Mask, Stride, Blocks, Norm uint64
	Scale, Base                       float32
}

// place puts a value into memory and returns its address. The bytes after it are NaN as
// float32 and −1 as integers, so that a kernel that reads too far gives a wrong result.
func (m *image) place(value any) uint64 {
	m.data = append(m.data, bytes.Repeat([]byte{0xff}, 64+(-len(m.data))&63)...)
	at := resultsEnd + len(m.data)
	var err error
	if m.data, err = binary.Append(m.data, binary.LittleEndian, value); err != nil {
		panic(err) // a type without a fixed size
	}
	return uint64(at)
}

// run adds a call of a kernel for n ids. The results are followed by one that must
// stay unwritten.
func (m *image) run(function uint64, b batch, n int) {
	b.Out = resultsStart + m.results
	m.results += 4 * uint64(n+1)
	m.calls = append(m.calls, call{function, m.place(b), uint64(n)})
}

// disk returns the boot sector followed by the image, in whole cylinders.
func (m *image) disk(boot []byte) ([]byte, error) {
	calls := m.place(append(m.calls, call{}))
	size := resultsEnd - imageStart + len(m.data)
	if size > imageEnd-imageStart || m.results > resultsSize {
		return nil, fmt.Errorf("the image takes %d bytes and %d of results: there is room for %d and %d",
			size, m.results, imageEnd-imageStart, resultsSize)
	}
	pieces := (size + piece - 1) / piece
	disk := make([]byte, (sector+pieces*piece+cylinder-1)/cylinder*cylinder)
	copy(disk, boot)
	binary.LittleEndian.PutUint16(disk[piecesAt:], uint16(pieces))
	image := disk[sector:]
	for i, v := range []uint64{resultsStart, m.results, calls} {
		binary.LittleEndian.PutUint64(image[8*i:], v)
	}
	results := image[resultsStart-imageStart : resultsEnd-imageStart]
	for i := 0; i < len(results); i += 4 {
		binary.Encode(results[i:], binary.LittleEndian, float32(unwritten))
	}
	copy(image[resultsEnd-imageStart:], m.data)
	return disk, nil
}
