package segment

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/goselfrag/goselfrag/internal/blockfile"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// A passage is its title, text and URI, each a length and bytes; its source range,
// two varints; the metadata: the number of fields plus one, 0 for none at all, and
// for each, in the order of their names, name and value; and its pages, two
// varints, which files of version 1 do not have. A value is its kind and then a
// string, a varint, eight bytes, or a number of strings. The id is in another
// section.

// WritePassages writes the passages of docs documents and returns where each ends,
// as the section secPassageEnds.
func WritePassages(w io.Writer, docs int, passage func(doc int) (retriever.Passage, error)) (ends []byte, err error) {
	var buf []byte
	at := uint64(0)
	for doc := range docs {
		p, err := passage(doc)
		if err != nil {
			return nil, err
		}
		buf = appendPassage(buf[:0], p)
		if _, err := w.Write(buf); err != nil {
			return nil, err
		}
		at += uint64(len(buf))
		ends = binary.LittleEndian.AppendUint64(ends, at)
	}
	return ends, nil
}

func appendString(to []byte, s string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(s))), s...)
}

func appendPassage(to []byte, p retriever.Passage) []byte {
	for _, s := range []string{p.Title, p.Text, p.Source.URI} {
		to = appendString(to, s)
	}
	to = binary.AppendVarint(to, int64(p.Source.Start))
	to = binary.AppendVarint(to, int64(p.Source.End))
	to = appendMetadata(to, p.Metadata)
	to = binary.AppendVarint(to, int64(p.Source.Page))
	return binary.AppendVarint(to, int64(p.Source.LastPage))
}

func appendMetadata(to []byte, m filter.Metadata) []byte {
	if m == nil {
		return append(to, 0)
	}
	to = binary.AppendUvarint(to, uint64(len(m))+1)
	for _, name := range sortedKeys(m) {
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
		b, _ := v.AsBool()
		if b {
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

// HasPassages reports whether the segment holds the passages of its documents.
func (s *Segment) HasPassages() bool { return len(s.parts[secPassageEnds]) > 0 }

// Passage returns the passage of a document. The error wraps blockfile.ErrCorrupt.
func (s *Segment) Passage(doc uint32) (p retriever.Passage, err error) {
	if p.ID, err = s.ID(doc); err != nil {
		return p, err
	}
	ends, at := s.parts[secPassageEnds], 8*uint64(doc)
	if err := s.verify(secPassageEnds, max(at, 8)-8, at+8); err != nil {
		return p, err
	}
	from, to := uint64(0), binary.LittleEndian.Uint64(ends[at:])
	if doc > 0 {
		from = binary.LittleEndian.Uint64(ends[at-8:])
	}
	all := s.parts[secPassages]
	if from > to || to > uint64(len(all)) {
		return p, fmt.Errorf("%w: passage %d at %d to %d of %d", blockfile.ErrCorrupt, doc, from, to, len(all))
	}
	if err := s.verify(secPassages, from, to); err != nil {
		return p, err
	}
	d := decoder{data: all[from:to]}
	p.Title, p.Text, p.Source.URI = d.string(), d.string(), d.string()
	p.Source.Start, p.Source.End = int(d.varint()), int(d.varint())
	p.Metadata = d.metadata()
	if len(d.data) > 0 {
		p.Source.Page, p.Source.LastPage = int(d.varint()), int(d.varint())
	}
	if d.bad || len(d.data) > 0 {
		return retriever.Passage{}, fmt.Errorf("%w: passage %d", blockfile.ErrCorrupt, doc)
	}
	return p, nil
}

// decoder reads the output of appendPassage. After an error it reads zeros.
type decoder struct {
	data []byte
	bad  bool
}

func (d *decoder) uvarint() uint64 {
	n, k := binary.Uvarint(d.data)
	if k <= 0 {
		d.bad, d.data = true, nil
		return 0
	}
	d.data = d.data[k:]
	return n
}

func (d *decoder) varint() int64 {
	n, k := binary.Varint(d.data)
	if k <= 0 {
		d.bad, d.data = true, nil
		return 0
	}
	d.data = d.data[k:]
	return n
}

// bytes returns the next n bytes.
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

// length reads the number of elements that follow, of at least a byte each.
func (d *decoder) length() int {
	n := d.uvarint()
	if n > uint64(len(d.data)) {
		d.bad = true
		return 0
	}
	return int(n)
}

func (d *decoder) metadata() filter.Metadata {
	n := d.uvarint()
	if n == 0 {
		return nil
	}
	if n--; n > uint64(len(d.data)) {
		d.bad = true
		return nil
	}
	m := make(filter.Metadata, n)
	for range n {
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
	case filter.KindInvalid:
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
		d.bad = true
	}
	return filter.Value{}
}
