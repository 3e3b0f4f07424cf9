// Package boltfile checks the structure of database files of bbolt.
//
// bbolt maps its file. A page that is not there, or an inner page that leads back to itself,
// would end the process or keep it busy for good. [Check] reads the file, before bbolt does:
// its size, the headers, the list of free pages and the inner pages of all trees, and that no
// page is used twice; in files up to [Small] also the leaves. What else is damaged makes bbolt
// panic or fault at most, which its callers can recover (see
// [runtime/debug.SetPanicOnFault]), or miss entries: keys and values have no checksums.
package boltfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// ErrCorrupt is about a file whose structure is damaged, or that is no database.
var ErrCorrupt = errors.New("the database file is damaged")

const (
	metaMagic   = 0xED0CDAED
	metaBytes   = 64 // up to the checksum of a header, with the 16 bytes of a page before it
	pageHeader  = 16
	elementSize = 16
	flagBranch  = 1
	flagLeaf    = 2
	flagFree    = 16
	flagBucket  = 1 // of an element of a leaf
)

// Small is the size in bytes of a file up to which [Check] reads all of it.
const Small = 16 << 20

// meta is what a header says, in pages.
type meta struct {
	pageSize, root, free, end, tx uint64
}

// Check returns an error that wraps ErrCorrupt if the structure of a file is damaged. An empty
// file is, too. Nobody may write to the file meanwhile. Trees have buckets only at the top.
func Check(path string) error { return checkFile(path, Small) }

func checkFile(path string, deepSize uint64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	c := &checker{f: f, size: uint64(info.Size())}
	c.deep = c.size <= deepSize
	if err := c.run(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

type checker struct {
	f    io.ReaderAt
	size uint64
	meta meta
	deep bool
	// taken has a bit for each page that is free or was come upon.
	taken []uint64
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

func (c *checker) run() error {
	found := false
	for _, at := range c.places() {
		if m, ok := c.readMeta(at); ok && (!found || m.tx > c.meta.tx) {
			c.meta, found = m, true
		}
	}
	if !found {
		return damaged("no valid header in %d bytes", c.size)
	}
	if c.meta.end > c.size/c.meta.pageSize {
		return damaged("it has %d bytes: want %d pages of %d", c.size, c.meta.end, c.meta.pageSize)
	}
	c.taken = make([]uint64, (c.meta.end+63)/64)
	if err := c.checkFree(); err != nil {
		return err
	}
	return c.checkTree(c.meta.root, true)
}

// claimPages returns an error if one of some pages was taken before: bbolt would write to a page
// in use, or go in circles.
func (c *checker) claimPages(id, pages uint64) error {
	for ; pages > 0; id, pages = id+1, pages-1 {
		if id < 2 || id >= c.meta.end || c.taken[id/64]>>(id%64)&1 == 1 {
			return damaged("page %d is used twice, or free, or none of %d", id, c.meta.end)
		}
		c.taken[id/64] |= 1 << (id % 64)
	}
	return nil
}

// places returns where headers may be.
func (c *checker) places() []uint64 {
	list := []uint64{0}
	for size := uint64(1 << 10); size <= 64<<10; size <<= 1 {
		list = append(list, size)
	}
	return list
}

// readMeta returns the header at a place.
func (c *checker) readMeta(at uint64) (m meta, ok bool) {
	b := make([]byte, pageHeader+metaBytes)
	if _, err := c.f.ReadAt(b, int64(at)); err != nil {
		return m, false
	}
	b = b[pageHeader:]
	le := binary.LittleEndian
	h := fnv.New64a()
	h.Write(b[:56])
	if le.Uint32(b) != metaMagic || le.Uint64(b[56:]) != h.Sum64() {
		return m, false
	}
	m = meta{pageSize: uint64(le.Uint32(b[8:])), root: le.Uint64(b[16:]), free: le.Uint64(b[32:]), end: le.Uint64(b[40:]), tx: le.Uint64(b[48:])}
	ok = m.pageSize >= 512 && m.pageSize <= 1<<16 && (at == 0 || at == m.pageSize) && m.root < m.end && m.root > 1 && (m.free < m.end || m.free == ^uint64(0))
	return m, ok
}

// page reads the first bytes of a page, all of those that it covers if whole.
func (c *checker) page(id uint64, whole bool) (b []byte, flags, count uint64, err error) {
	if id < 2 || id >= c.meta.end {
		return nil, 0, 0, damaged("page %d of %d", id, c.meta.end)
	}
	b = make([]byte, pageHeader)
	if _, err := c.f.ReadAt(b, int64(id*c.meta.pageSize)); err != nil {
		return nil, 0, 0, damaged("page %d: %v", id, err)
	}
	le := binary.LittleEndian
	flags, count = uint64(le.Uint16(b[8:])), uint64(le.Uint16(b[10:]))
	over := uint64(le.Uint32(b[12:]))
	if le.Uint64(b) != id || over >= c.meta.end-id {
		return nil, 0, 0, damaged("page %d says that it is page %d with %d more", id, le.Uint64(b), over)
	}
	if whole {
		b = make([]byte, (over+1)*c.meta.pageSize)
		if _, err := c.f.ReadAt(b, int64(id*c.meta.pageSize)); err != nil {
			return nil, 0, 0, damaged("page %d: %v", id, err)
		}
	}
	return b, flags, count, nil
}

// checkFree checks the list of free pages.
func (c *checker) checkFree() error {
	if c.meta.free == ^uint64(0) {
		return nil
	}
	b, flags, count, err := c.page(c.meta.free, true)
	if err != nil {
		return err
	}
	ids := b[pageHeader:]
	if flags != flagFree {
		return damaged("page %d is not the list of free pages", c.meta.free)
	}
	if count == 0xFFFF {
		count, ids = binary.LittleEndian.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return damaged("%d free pages in %d bytes", count, len(ids))
	}
	if err := c.claimPages(c.meta.free, uint64(len(b))/c.meta.pageSize); err != nil {
		return err
	}
	for i := range count {
		if err := c.claimPages(binary.LittleEndian.Uint64(ids[8*i:]), 1); err != nil {
			return err
		}
	}
	return nil
}

// checkTree checks a tree. The leaves of the top one have the buckets.
func (c *checker) checkTree(root uint64, top bool) error {
	for level := []uint64{root}; len(level) > 0; {
		var below []uint64
		for i, id := range level {
			b, flags, _, err := c.page(id, false)
			if err != nil {
				return err
			}
			if flags == flagLeaf && !top && !c.deep && i == 0 {
				return c.leaves(level)
			}
			if err := c.claimPages(id, 1+uint64(binary.LittleEndian.Uint32(b[12:]))); err != nil {
				return err
			}
			if flags == flagLeaf {
				if err := c.checkLeaf(id, top); err != nil {
					return err
				}
				continue
			}
			if flags != flagBranch {
				return damaged("page %d has flags %d", id, flags)
			}
			if below, err = c.branch(below, id); err != nil {
				return err
			}
		}
		level = below
	}
	return nil
}

// leaves checks the level of the leaves without reading it.
func (c *checker) leaves(level []uint64) error {
	for _, id := range level {
		if err := c.claimPages(id, 1); err != nil {
			return err
		}
	}
	return nil
}

// branch appends the pages that an inner page leads to.
func (c *checker) branch(to []uint64, id uint64) ([]uint64, error) {
	b, _, count, err := c.page(id, true)
	if err != nil {
		return nil, err
	}
	if count == 0 || pageHeader+count*elementSize > uint64(len(b)) {
		return nil, damaged("inner page %d has %d elements", id, count)
	}
	le := binary.LittleEndian
	for i := range count {
		at := pageHeader + i*elementSize
		pos, key := uint64(le.Uint32(b[at:])), uint64(le.Uint32(b[at+4:]))
		if at+pos+key > uint64(len(b)) {
			return nil, damaged("key %d of inner page %d", i, id)
		}
		to = append(to, le.Uint64(b[at+8:]))
	}
	return to, nil
}

// checkLeaf checks a leaf, and the buckets in it if it is one of the top tree.
func (c *checker) checkLeaf(id uint64, top bool) error {
	b, _, count, err := c.page(id, true)
	if err != nil {
		return err
	}
	if pageHeader+count*elementSize > uint64(len(b)) {
		return damaged("leaf %d has %d elements", id, count)
	}
	le := binary.LittleEndian
	for i := range count {
		at := pageHeader + i*elementSize
		flags, pos := le.Uint32(b[at:]), uint64(le.Uint32(b[at+4:]))
		key, value := uint64(le.Uint32(b[at+8:])), uint64(le.Uint32(b[at+12:]))
		if at+pos+key+value > uint64(len(b)) || flags > flagBucket || top != (flags == flagBucket) {
			return damaged("element %d of leaf %d", i, id)
		}
		if !top {
			continue
		}
		if value < 16 {
			return damaged("bucket %d of leaf %d", i, id)
		}
		root := le.Uint64(b[at+pos+key:])
		if root == 0 {
			if err := c.inline(b[at+pos+key+16 : at+pos+key+value]); err != nil {
				return err
			}
			continue
		}
		if err := c.checkTree(root, false); err != nil {
			return err
		}
	}
	return nil
}

// inline checks a bucket that is a part of the page of its parent.
func (c *checker) inline(b []byte) error {
	le := binary.LittleEndian
	if len(b) < pageHeader || le.Uint16(b[8:]) != flagLeaf {
		return damaged("a small bucket")
	}
	count := uint64(le.Uint16(b[10:]))
	if pageHeader+count*elementSize > uint64(len(b)) {
		return damaged("a small bucket of %d elements", count)
	}
	for i := range count {
		at := pageHeader + i*elementSize
		if end := at + uint64(le.Uint32(b[at+4:])) + uint64(le.Uint32(b[at+8:])) + uint64(le.Uint32(b[at+12:])); end > uint64(len(b)) {
			return damaged("element %d of a small bucket", i)
		}
	}
	return nil
}
