package segment

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/goselfrag/goselfrag/internal/blockfile"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// The fields of the metadata are indexed by their values: each value with the
// documents that have it. The section holds, in varints, the number of fields and
// for each, in the order of their names, the name, the length of the rest, and the
// number of values plus one, or 0 if the field has too many values to be indexed. A
// value is written like that of a passage, followed by the number of documents and
// the documents: the gaps between a few, or the length of a bitmap and its bytes.

// fewDocs is the greatest number of documents without a bitmap.
const fewDocs = 16

// mostValues returns how many values of a field are indexed in a segment: a bitmap
// for nearly every document would take more time than testing documents one by one.
func mostValues(docs int) int { return max(1<<16, docs/16) }

// fieldsWriter collects values of fields.
type fieldsWriter map[string]*fieldValues

type fieldValues struct {
	docs map[string][]uint32 // by the bytes of a value
	many bool                // values: the field is not indexed
}

func (w fieldsWriter) field(name string) *fieldValues {
	f := w[name]
	if f == nil {
		f = &fieldValues{docs: map[string][]uint32{}}
		w[name] = f
	}
	return f
}

// add adds the metadata of a document. Documents come in order.
func (w fieldsWriter) add(doc uint32, m filter.Metadata) {
	var buf [64]byte
	for name, v := range m {
		if v.Kind() == filter.KindInvalid {
			continue // counts as missing
		}
		f := w.field(name)
		key := appendValue(buf[:0], v)
		f.docs[string(key)] = append(f.docs[string(key)], doc)
	}
}

// finish returns the section for a segment of docs documents.
func (w fieldsWriter) finish(docs int) ([]byte, error) {
	out := binary.AppendUvarint(nil, uint64(len(w)))
	for _, name := range sortedKeys(w) {
		f := w[name]
		body, err := f.finish(docs)
		if err != nil {
			return nil, err
		}
		out = appendString(out, name)
		out = append(binary.AppendUvarint(out, uint64(len(body))), body...)
	}
	return out, nil
}

func (f *fieldValues) finish(docs int) (out []byte, err error) {
	if f.many || len(f.docs) > mostValues(docs) {
		return []byte{0}, nil
	}
	out = binary.AppendUvarint(nil, uint64(len(f.docs))+1)
	for _, key := range sortedKeys(f.docs) {
		if out, err = appendDocs(append(out, key...), f.docs[key]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func appendDocs(to []byte, docs []uint32) ([]byte, error) {
	to = binary.AppendUvarint(to, uint64(len(docs)))
	if len(docs) <= fewDocs {
		last := uint32(0)
		for _, d := range docs {
			to = binary.AppendUvarint(to, uint64(d-last))
			last = d
		}
		return to, nil
	}
	b := roaring.BitmapOf(docs...)
	b.RunOptimize()
	data, err := b.ToBytes()
	if err != nil {
		return nil, err
	}
	return append(binary.AppendUvarint(to, uint64(len(data))), data...), nil
}

// field is the index of a field.
type field struct {
	many   bool // too many values: it is not indexed
	values []value
	equal  map[string][]int // numbers of values that are equal to a filter: see equalKey
	lists  []int            // numbers of values that are lists
}

// value is a value and the documents that have it, encoded.
type value struct {
	filter.Value
	docs []byte
}

// equalKey returns the same for two values, no lists, that are equal to a filter.
func equalKey(v filter.Value) string {
	if f, ok := v.AsFloat(); ok && f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
		v = filter.Int(int64(f))
	}
	return string(appendValue(nil, v))
}

// readFields returns a function for each field that reads it when it is first called. The
// errors wrap blockfile.ErrCorrupt.
func (s *Segment) readFields() (map[string]func() (*field, error), error) {
	data := s.parts[secFields]
	if err := s.verify(secFields, 0, uint64(len(data))); err != nil {
		return nil, err
	}
	d := &decoder{data: data}
	fields := map[string]func() (*field, error){}
	for range d.length() {
		name := d.string()
		body := d.bytes(d.uvarint())
		fields[name] = sync.OnceValues(func() (*field, error) { return readField(body, mostValues(int(s.docs))) })
	}
	if d.bad || len(d.data) > 0 {
		return nil, errFields
	}
	return fields, nil
}

var errFields = fmt.Errorf("%w: metadata", blockfile.ErrCorrupt)

// readField reads a field with at most most values.
func readField(body []byte, most int) (*field, error) {
	d := &decoder{data: body}
	f := &field{equal: map[string][]int{}}
	n := d.uvarint()
	if n == 0 {
		f.many = true
	} else if n--; n > uint64(most) {
		return nil, errFields
	}
	for i := 0; i < int(n) && !d.bad; i++ {
		v := value{Value: d.value()}
		v.docs = d.docs()
		f.values = append(f.values, v)
		if v.Kind() == filter.KindStrings {
			f.lists = append(f.lists, i)
		} else {
			key := equalKey(v.Value)
			f.equal[key] = append(f.equal[key], i)
		}
	}
	if d.bad || len(d.data) > 0 {
		return nil, errFields
	}
	return f, nil
}

// docs returns the bytes of the documents of a value.
func (d *decoder) docs() []byte {
	all := d.data
	if n := d.uvarint(); n <= fewDocs {
		for range n {
			d.uvarint()
		}
	} else {
		d.bytes(d.uvarint())
	}
	return all[:len(all)-len(d.data)]
}

// each calls f with the documents of a value, in order. They are below docs.
func (v *value) each(docs uint32, f func(doc uint32)) error {
	d := &decoder{data: v.docs}
	n := d.uvarint()
	if n <= fewDocs {
		doc := uint64(0)
		for range n {
			if doc += d.uvarint(); doc >= uint64(docs) {
				return errFields
			}
			f(uint32(doc))
		}
		return nil
	}
	var have roaring.Bitmap
	if _, err := have.FromUnsafeBytes(d.bytes(d.uvarint())); err != nil {
		return fmt.Errorf("%w: %w", blockfile.ErrCorrupt, err)
	}
	if have.IsEmpty() || have.Maximum() >= docs {
		return errFields
	}
	var buf [256]uint32
	it := have.ManyIterator()
	for k := it.NextMany(buf[:]); k > 0; k = it.NextMany(buf[:]) {
		for _, doc := range buf[:k] {
			f(doc)
		}
	}
	return nil
}

// mergeFields returns the section of the fields of the documents of sources with a
// number above 0: the number of the document plus one.
func mergeFields(sources []Source, numbers [][]uint32, docs int) ([]byte, error) {
	w := fieldsWriter{}
	for i, src := range sources {
		fields, err := src.fields()
		if err != nil {
			return nil, err
		}
		for name, read := range fields {
			f, err := read()
			if err != nil {
				return nil, err
			}
			to := w.field(name)
			to.many = to.many || f.many
			for _, v := range f.values {
				key := string(appendValue(nil, v.Value))
				docs := to.docs[key]
				err := v.each(src.docs, func(doc uint32) {
					if n := numbers[i][doc]; n > 0 {
						docs = append(docs, n-1)
					}
				})
				if err != nil {
					return nil, err
				}
				if len(docs) > 0 {
					to.docs[key] = docs
				}
			}
		}
	}
	return w.finish(docs)
}
