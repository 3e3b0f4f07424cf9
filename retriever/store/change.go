package store

import (
	"encoding/binary"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// change is an entry of the log: the numbers that were added, which follow each other, and
// those that were removed.
type change struct {
	first, count uint64
	removed      []uint64
}

func (c change) encode() []byte {
	b := make([]byte, 4, 32+3*len(c.removed))
	b = binary.AppendUvarint(binary.AppendUvarint(b, c.first), c.count)
	b = binary.AppendUvarint(b, uint64(len(c.removed)))
	last := uint64(0)
	for _, n := range slices.Sorted(slices.Values(c.removed)) {
		b = binary.AppendUvarint(b, n-last)
		last = n
	}
	return sealed(b)
}

func readChange(tx *bolt.Tx, seq uint64) (c change, err error) {
	record := tx.Bucket(bucketChanges).Get(numberKey(seq))
	if record == nil {
		return c, damaged("change %d is missing", seq)
	}
	body, err := opened(record)
	if err != nil {
		return c, err
	}
	d := decoder{data: body}
	c.first, c.count = d.uvarint(), d.uvarint()
	last := uint64(0)
	for range d.length() {
		last += d.uvarint()
		c.removed = append(c.removed, last)
	}
	return c, d.end()
}

// forgetChanges removes the changes up to seq from the log.
func forgetChanges(tx *bolt.Tx, seq uint64) error {
	c := tx.Bucket(bucketChanges).Cursor()
	for k, _ := c.First(); len(k) == 8 && binary.BigEndian.Uint64(k) <= seq; k, _ = c.First() {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

// docRecord is what is known of a document beside its passages.
type docRecord struct {
	passages int
	note     []byte // nil if none was given
}

func (r docRecord) encode() []byte {
	b := binary.AppendUvarint(make([]byte, 4, 16+len(r.note)), uint64(r.passages))
	if r.note == nil {
		return sealed(append(b, 0))
	}
	return sealed(append(append(b, 1), r.note...))
}

func decodeDocument(record []byte) (r docRecord, err error) {
	if record == nil {
		return r, nil
	}
	body, err := opened(record)
	if err != nil {
		return r, err
	}
	d := decoder{data: body}
	r.passages = int(d.uvarint())
	if has := d.bytes(1); !d.bad && has[0] == 1 {
		r.note = append([]byte{}, d.data...)
		d.data = nil
	}
	return r, d.end()
}
