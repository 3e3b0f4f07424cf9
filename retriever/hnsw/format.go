package hnsw

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
)

// Errors of files, wrapped with the details.
var (
	// ErrNotIndex: Save did not write the file.
	ErrNotIndex = errors.New("hnsw: not an index file")
	// ErrVersion: the file has a newer format than this library reads.
	ErrVersion = errors.New("hnsw: unknown version of the file format")
	// ErrCorrupt: the file is shorter than it should be, its bytes do not match
	// their checksums, or they do not form an index.
	ErrCorrupt = errors.New("hnsw: file is damaged")
	// ErrKeyType: keys cannot be written to a file, or cannot be read as the
	// requested type.
	ErrKeyType = errors.New("hnsw: key type does not fit the file")
)

// A file is a header of one page, the sections, each starting on a page of its own,
// and the checksums of the sections: a CRC-32C (Castagnoli) for every block of 64
// KiB. The header has the checksum of those, and one of itself. Numbers are
// little-endian. Deleted vectors are not in the file.
const (
	fileMagic   = "GOHNSW\r\n"
	fileVersion = 1
	pageSize    = 4096
	blockSize   = 64 << 10
)

// The sections.
const (
	secRows  = iota // the vectors, as padded float32; empty if they were dropped
	secCodes        // the vectors in bytes; empty if there are none
	secFit          // the offsets and scales of the codes
	secMeta         // a uint64 per slot
	secLinks        // 2M uint32 per slot
	secInlet        // a uint32 per slot
	secTower        // a uint32 per slot
	secUpper        // M uint32 per list
	secKeys         // see keyCodec
	secCount
)

type section struct{ Offset, Size uint64 }

// header is the first page of a file.
type header struct {
	Magic          [8]byte
	Version        uint32
	Dim            uint32
	Metric         uint8
	Storage        uint8
	KeyKind        uint8
	Turned         uint8 // 1 if the codes are of rotated vectors
	KeySize        uint32
	M              uint32
	EfConstruction uint32
	Ef             uint32
	Seed           uint64
	Slots          uint32 // slots ever used; fewer may be live
	Live           uint32
	Next           uint64 // the number of the next addition
	Entry          uint64
	Hardness       uint64 // as the bits of a float64
	Hops           int64  // of the additions since then; see hardness
	Settled        int64
	Additions      int64
	Lists          uint32 // above layer 0, with the unused list 0
	Fitted         uint32
	Clipped        int64
	Sections       [secCount]section
	Sums           section // the checksums of the blocks
	SumsSum        uint32
	_              uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// marshal returns the header as a page that ends in its own checksum.
func (h *header) marshal() ([]byte, error) {
	var buf bytes.Buffer
	if err := binary.Write(&buf, binary.LittleEndian, h); err != nil {
		return nil, err
	}
	page := make([]byte, pageSize)
	copy(page, buf.Bytes())
	binary.LittleEndian.PutUint32(page[pageSize-4:], crc32.Checksum(page[:pageSize-4], castagnoli))
	return page, nil
}

// readHeader reads and checks the first page of a file of the given size. The
// sections of a valid header are within the file and have the sizes that follow
// from the other fields.
func readHeader(page []byte, size int64) (*header, error) {
	if err := littleEndian(); err != nil {
		return nil, err
	}
	if len(page) < pageSize {
		if len(page) >= len(fileMagic) && string(page[:len(fileMagic)]) == fileMagic {
			return nil, fmt.Errorf("%w: it ends within the header", ErrCorrupt)
		}
		return nil, ErrNotIndex
	}
	h := new(header)
	if _, err := binary.Decode(page, binary.LittleEndian, h); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if string(h.Magic[:]) != fileMagic {
		return nil, ErrNotIndex
	}
	if h.Version > fileVersion {
		return nil, fmt.Errorf("%w: it has version %d, this library reads up to %d: update the library", ErrVersion, h.Version, fileVersion)
	}
	if sum := binary.LittleEndian.Uint32(page[pageSize-4:]); sum != crc32.Checksum(page[:pageSize-4], castagnoli) {
		return nil, fmt.Errorf("%w: checksum of the header", ErrCorrupt)
	}
	return h, h.check(size)
}

// littleEndian rejects processors whose memory cannot be written to a file
// unchanged.
func littleEndian() error {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return fmt.Errorf("hnsw: %w: files are little-endian, this processor is not", errors.ErrUnsupported)
	}
	return nil
}

// options returns the options of the saved index.
func (h *header) options() Options {
	return Options{
		Metric: Metric(h.Metric), M: int(h.M), EfConstruction: int(h.EfConstruction), Ef: int(h.Ef),
		Storage: Storage(h.Storage), Seed: h.Seed,
	}
}

// corrupt returns an error about a wrong header.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

func (h *header) check(size int64) error {
	o := h.options()
	if h.M == 0 || h.EfConstruction == 0 || h.Ef == 0 {
		return corrupt("options of 0")
	}
	if err := o.fill(); err != nil {
		return corrupt("%v", err)
	}
	if h.Dim < 1 || h.Dim > maxDim {
		return corrupt("dimension %d", h.Dim)
	}
	if h.Slots > maxSlots || h.Live > h.Slots || h.Lists < 1 || h.Next > math.MaxUint64>>stateBits {
		return corrupt("%d slots, %d of them live, %d lists", h.Slots, h.Live, h.Lists)
	}
	if (h.Entry == noEntry) != (h.Live == 0) {
		return corrupt("%d vectors, entry %#x", h.Live, h.Entry)
	}
	if h.Live > 0 && (uint32(h.Entry) >= h.Slots || h.Entry>>32 > maxLevel) {
		return corrupt("entry %#x of %d slots", h.Entry, h.Slots)
	}
	if v := math.Float64frombits(h.Hardness); !(v >= 0 && v <= 1) || h.Settled < 0 || h.Hops < h.Settled || h.Additions < 0 || h.Additions > h.Hops {
		return corrupt("hardness %v, %d of %d hops in %d additions", v, h.Settled, h.Hops, h.Additions)
	}
	return h.checkSections(size)
}

// checkSections checks that the sections have the sizes that follow from the other
// fields, and that they and the checksums fill the file.
func (h *header) checkSections(size int64) error {
	slots := uint64(h.Slots)
	padded := uint64(h.Dim+15) / 16 * 16
	want := map[int]uint64{
		secMeta: 8 * slots, secLinks: 8 * uint64(h.M) * slots, secInlet: 4 * slots, secTower: 4 * slots,
		secUpper: 4 * uint64(h.M) * uint64(h.Lists),
	}
	rows, codes := uint64(h.Dim+7)/8*32*slots, padded*slots
	if Metric(h.Metric) == SquaredL2 {
		codes += 16 * slots
	}
	coded := h.Sections[secFit].Size > 0
	if coded {
		want[secFit], want[secCodes] = 8*padded, codes
	}
	if !coded || Storage(h.Storage) == Int8 {
		want[secRows] = rows
	}
	if h.Turned > 1 || h.Turned == 1 && !coded {
		return corrupt("rotation %d", h.Turned)
	}
	if coded && Storage(h.Storage) == Float32 {
		return corrupt("codes in an index of float32")
	}
	end := uint64(pageSize)
	blocks := uint64(0)
	for i, s := range append(h.Sections[:], h.Sums) {
		if s.Offset != end || s.Size > uint64(size) {
			return corrupt("section %d has %d bytes at %d: want it at %d", i, s.Size, s.Offset, end)
		}
		if w := want[i]; i != secKeys && i < secCount && s.Size != w {
			return corrupt("section %d has %d bytes: want %d", i, s.Size, w)
		}
		if i < secCount {
			blocks += (s.Size + blockSize - 1) / blockSize
		}
		end += (s.Size + pageSize - 1) / pageSize * pageSize
	}
	if h.Sums.Size != 4*blocks {
		return corrupt("%d bytes of checksums: want %d", h.Sums.Size, 4*blocks)
	}
	if got := h.Sums.Offset + h.Sums.Size; got != uint64(size) {
		return corrupt("the file has %d bytes: want %d", size, got)
	}
	return nil
}

// leadingBlocks returns the number of the first block of each section.
func (h *header) leadingBlocks() (first [secCount + 1]int) {
	for i, s := range h.Sections {
		first[i+1] = first[i] + int((s.Size+blockSize-1)/blockSize)
	}
	return first
}

// checkRef checks a reference to a tower.
func (h *header) checkRef(slot, ref uint32) error {
	if ref == 0 {
		return nil
	}
	first, height := ref>>heightBits, ref&heightMask
	if _, carry := bits.Add32(first, height, 0); height == 0 || first == 0 || carry != 0 || first+height > h.Lists {
		return fmt.Errorf("%w: slot %d has tower %#x of %d lists", ErrCorrupt, slot, ref, h.Lists)
	}
	return nil
}
