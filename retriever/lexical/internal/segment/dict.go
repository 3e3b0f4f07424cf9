package segment

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/goselfrag/goselfrag/internal/blockfile"
)

// The dictionary is blocks of 16 terms in the order of their bytes. A block is, in
// varints, the start of the postings of its first term, and for each term
//
//	how many bytes it shares with the term before (absent for the first)
//	the length of the rest, and the rest
//	the number of postings
//	the posting if there is one: document and count; or else the length of the list
const perBlock = 16

// dictReader reads the terms of a block, one after another.
type dictReader struct {
	data []byte
	at   uint64 // of the next list
	term []byte
	bad  bool
	// of the last term read:
	n          uint32
	doc, count uint32
	from, to   uint64
}

func (r *dictReader) number() uint64 {
	n, k := binary.Uvarint(r.data)
	if k <= 0 {
		r.bad = true
		return 0
	}
	r.data = r.data[k:]
	return n
}

// next reads a term.
func (r *dictReader) next(first bool) bool {
	shared := uint64(0)
	if first {
		r.at = r.number()
	} else {
		shared = r.number()
	}
	rest := r.number()
	if shared > uint64(len(r.term)) || rest > uint64(len(r.data)) {
		r.bad = true
	}
	if r.bad {
		return false
	}
	r.term = append(r.term[:shared], r.data[:rest]...)
	r.data = r.data[rest:]
	r.n = uint32(r.number())
	if r.n == 1 {
		r.doc, r.count = uint32(r.number()), uint32(r.number())
	} else {
		r.from = r.at
		r.at += r.number()
		r.to = r.at
	}
	return !r.bad && r.n > 0
}

var errTerms = fmt.Errorf("%w: dictionary", blockfile.ErrCorrupt)

// dictBlock returns the bytes of a block of terms.
func (s *Segment) dictBlock(i int) ([]byte, error) {
	all, index := s.parts[secTerms], s.parts[secBlocks]
	from, to := uint64(binary.LittleEndian.Uint32(index[4*i:])), uint64(len(all))
	if 4*(i+1) < len(index) {
		to = uint64(binary.LittleEndian.Uint32(index[4*(i+1):]))
	}
	if from > to || to > uint64(len(all)) {
		return nil, errTerms
	}
	return all[from:to], s.verify(secTerms, from, to)
}

// Find returns the postings of a term. The error wraps blockfile.ErrCorrupt.
func (s *Segment) Find(term string) (List, error) {
	blocks := len(s.parts[secBlocks]) / 4
	// The last block that does not begin above the term.
	low, high := 0, blocks
	for low < high {
		mid := (low + high) / 2
		data, err := s.dictBlock(mid)
		if err != nil {
			return List{}, err
		}
		_, k := binary.Uvarint(data)
		n, m := binary.Uvarint(data[max(k, 0):])
		if k <= 0 || m <= 0 || n > uint64(len(data)-k-m) {
			return List{}, errTerms
		}
		if string(data[k+m:][:n]) > term {
			high = mid
		} else {
			low = mid + 1
		}
	}
	if low == 0 {
		return List{}, nil
	}
	data, err := s.dictBlock(low - 1)
	if err != nil {
		return List{}, err
	}
	var buf [64]byte
	r := dictReader{data: data, term: buf[:0]}
	for i := range perBlock {
		if len(r.data) == 0 {
			break
		}
		if !r.next(i == 0) {
			return List{}, errTerms
		}
		if string(r.term) == term {
			return s.listOf(&r)
		} else if string(r.term) > term {
			break
		}
	}
	return List{}, nil
}

// listOf returns the list of the last term that r read.
func (s *Segment) listOf(r *dictReader) (List, error) {
	if r.n > 1 {
		return s.readList(r.n, r.from, r.to)
	}
	if r.doc >= s.docs {
		return List{}, errTerms
	}
	return List{N: 1, doc: r.doc, count: r.count, max: Max{r.count, s.Length(r.doc)}}, nil
}

// termsOf reads all terms of a segment in order.
type termsOf struct {
	s     *Segment
	block int
	in    int // terms read of the block
	r     dictReader
	done  bool
}

// next moves to the next term. It returns false after the last.
func (t *termsOf) next() (bool, error) {
	if len(t.r.data) == 0 {
		if t.block == len(t.s.parts[secBlocks])/4 {
			t.done = true
			return false, nil
		}
		data, err := t.s.dictBlock(t.block)
		if err != nil {
			return false, err
		}
		t.r.data = data
		t.block++
		t.in = 0
	}
	if !t.r.next(t.in == 0) {
		return false, errTerms
	}
	t.in++
	return true, nil
}

func (t *termsOf) before(u *termsOf) bool { return bytes.Compare(t.r.term, u.r.term) < 0 }
