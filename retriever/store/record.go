package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// A record in the database is a checksum of what follows and then that: the database has no
// checksums of its own. Numbers are varints, strings a length and bytes. A passage is its
// metadata, so that a filter need not read on, id, title, text and source.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealed puts the checksum in front of a record, which begins with 4 bytes for it.
func sealed(record []byte) []byte {
	binary.LittleEndian.PutUint32(record, crc32.Checksum(record[4:], castagnoli))
	return record
}

// opened returns what is behind the checksum of a record.
func opened(record []byte) ([]byte, error) {
	if len(record) < 4 || binary.LittleEndian.Uint32(record) != crc32.Checksum(record[4:], castagnoli) {
		return nil, fmt.Errorf("%w: checksum of a record", ErrCorrupt)
	}
	return record[4:], nil
}

func appendString(to []byte, s string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(s))), s...)
}

func encodePassage(p retriever.Passage) []byte {
	b := appendMetadata(make([]byte, 4, 64+len(p.Title)+len(p.Text)), p.Metadata)
	for _, s := range []string{p.ID, p.Title, p.Text, p.Source.URI} {
		b = appendString(b, s)
	}
	for _, n := range []int{p.Source.Start, p.Source.End, p.Source.Page, p.Source.LastPage} {
		b = binary.AppendVarint(b, int64(n))
	}
	return sealed(b)
}

func decodePassage(record []byte) (p retriever.Passage, err error) {
	body, err := opened(record)
	if err != nil {
		return p, err
	}
	d := decoder{data: body}
	p.Metadata = d.metadata()
	p.ID, p.Title, p.Text, p.Source.URI = d.string(), d.string(), d.string(), d.string()
	for _, n := range []*int{&p.Source.Start, &p.Source.End, &p.Source.Page, &p.Source.LastPage} {
		*n = int(d.varint())
	}
	return p, d.end()
}

// decodeMetadata returns the metadata of a passage.
func decodeMetadata(record []byte) (filter.Metadata, error) {
	body, err := opened(record)
	if err != nil {
		return nil, err
	}
	d := decoder{data: body}
	m := d.metadata()
	if d.bad {
		return nil, d.end()
	}
	return m, nil
}

// appendMetadata appends the number of fields plus one, 0 for nil, and the fields by name.
func appendMetadata(to []byte, m filter.Metadata) []byte {
	if m == nil {
		return append(to, 0)
	}
	to = binary.AppendUvarint(to, uint64(len(m))+1)
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		to = appendValue(appendString(to, name), m[name])
	}
	return to
}

func appendValue(to []byte, v filter.Value) []byte {
	to = append(to, byte(v.Kind()))
	switch v.Kind() {
	case filter.KindString:
		s, _ := v.AsString()
		return appendString(to, s)
	case filter.KindInt:
		n, _ := v.AsInt()
		return binary.AppendVarint(to, n)
	case filter.KindFloat:
		f, _ := v.AsFloat()
		return binary.LittleEndian.AppendUint64(to, math.Float64bits(f))
	case filter.KindBool:
		if b, _ := v.AsBool(); b {
			return append(to, 1)
		}
		return append(to, 0)
	case filter.KindTime:
		t, _ := v.AsTime()
		return binary.AppendVarint(binary.AppendVarint(to, t.Unix()), int64(t.Nanosecond()))
	case filter.KindStrings:
		list, _ := v.AsStrings()
		to = binary.AppendUvarint(to, uint64(len(list)))
		for _, s := range list {
			to = appendString(to, s)
		}
	}
	return to
}

// decoder reads records. After an error it reads zeros.
type decoder struct {
	data []byte
	bad  bool
}

// end returns an error unless all was read.
func (d *decoder) end() error {
	if d.bad || len(d.data) > 0 {
		return fmt.Errorf("%w: a record that cannot be read", ErrCorrupt)
	}
	return nil
}

// took returns what binary.Uvarint or Varint read, in k bytes.
func took[N any](d *decoder, n N, k int) (out N) {
	if k <= 0 {
		d.bad, d.data = true, nil
		return out
	}
	d.data = d.data[k:]
	return n
}

func (d *decoder) uvarint() uint64 {
	n, k := binary.Uvarint(d.data)
	return took(d, n, k)
}

func (d *decoder) varint() int64 {
	n, k := binary.Varint(d.data)
	return took(d, n, k)
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.data)) {
		d.bad, d.data = true, nil
		return nil
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b
}

func (d *decoder) string() string { return string(d.bytes(d.uvarint())) }

// length returns a number of things of at least a byte that follow.
func (d *decoder) length() int {
	n := d.uvarint()
	if n > uint64(len(d.data)) {
		d.bad, d.data = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) metadata() filter.Metadata {
	n := d.length()
	if n == 0 {
		return nil
	}
	m := make(filter.Metadata, n-1)
	for range n - 1 {
		name := d.string()
		m[name] = d.value()
	}
	return m
}

func (d *decoder) value() filter.Value {
	kind := d.bytes(1)
	if d.bad {
		return filter.Value{}
	}
	switch filter.Kind(kind[0]) {
	case filter.KindString:
		return filter.String(d.string())
	case filter.KindInt:
		return filter.Int(d.varint())
	case filter.KindFloat:
		if b := d.bytes(8); !d.bad {
			return filter.Float(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	case filter.KindBool:
		if b := d.bytes(1); !d.bad {
			return filter.Bool(b[0] == 1)
		}
	case filter.KindTime:
		seconds, nanos := d.varint(), d.varint()
		return filter.Time(time.Unix(seconds, nanos))
	case filter.KindStrings:
		list := make([]string, d.length())
		for i := range list {
			list[i] = d.string()
		}
		return filter.Strings(list...)
	default:
		d.bad, d.data = true, nil
	}
	return filter.Value{}
}
