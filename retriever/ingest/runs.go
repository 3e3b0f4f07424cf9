package ingest

import (
	"encoding/binary"
	"iter"
	"sort"
)

// run says that the n bytes at offset at of a section's text come from the bytes src to end
// of the original, byte by byte if these are n bytes, too.
type run struct{ at, n, src, end int }

// join makes r longer by next, if both are bytes one by one that follow each other.
func (r *run) join(next run) bool {
	if r.end != next.src || r.end-r.src != r.n || next.end-next.src != next.n {
		return false
	}
	r.n += next.n
	r.end = next.end
	return true
}

// runs are the runs of a text, in order and without gaps in the text. Marked text can
// have one for each of its bytes, so they are coded in few bytes.
type runs struct {
	code    []byte
	marks   []runMark
	count   int
	at, end int // where the coded ones end, in the text and in the original
	last    run // not coded yet; none if n is 0
}

// runMark is where every so many-th run begins.
type runMark struct{ at, src, code int }

const markEvery = 64

// The first byte of a run: a short one, or what follows as numbers.
const (
	runFull  = iota // gap in the original, length, length in the original
	runEqual        // length, which is that in the original; no gap
	runGap          // gap, length, which is that in the original
	runBreak        // gap, and two bytes that are not in the original
	runShort = 0x80 // a length of 1 to 8; the original has 0 to 15 bytes more
)

// add appends a run. Its place in the text follows from the runs before.
func (r *runs) add(n, src, end int) {
	if n == 0 {
		return
	}
	next := run{r.last.at + r.last.n, n, src, end}
	if r.last.n > 0 && r.last.join(next) {
		return
	}
	r.flush()
	r.last = next
}

func (r *runs) flush() {
	l := r.last
	if l.n == 0 {
		return
	}
	if r.count%markEvery == 0 {
		r.marks = append(r.marks, runMark{l.at, r.end, len(r.code)})
	}
	r.count++
	gap, size := l.src-r.end, l.end-l.src
	switch more := size - l.n; {
	case gap == 0 && l.n <= 8 && more >= 0 && more <= 15:
		r.code = append(r.code, runShort|byte(l.n-1)<<4|byte(more))
	case gap == 0 && more == 0:
		r.code = binary.AppendUvarint(append(r.code, runEqual), uint64(l.n))
	case more == 0:
		r.code = binary.AppendUvarint(binary.AppendUvarint(append(r.code, runGap), uint64(gap)), uint64(l.n))
	case l.n == 2 && size == 0:
		r.code = binary.AppendUvarint(append(r.code, runBreak), uint64(gap))
	default:
		r.code = binary.AppendUvarint(append(r.code, runFull), uint64(gap))
		r.code = binary.AppendUvarint(binary.AppendUvarint(r.code, uint64(l.n)), uint64(size))
	}
	r.at, r.end = l.at+l.n, l.end
	r.last.at, r.last.n = r.at, 0
}

// from yields the runs from a mark on.
func (r *runs) from(m int) iter.Seq[run] {
	return func(yield func(run) bool) {
		if m < len(r.marks) {
			mark := r.marks[m]
			code, at, end := r.code[mark.code:], mark.at, mark.src
			number := func() int {
				n, size := binary.Uvarint(code)
				code = code[size:]
				return int(n)
			}
			for len(code) > 0 {
				next := run{at: at, src: end}
				kind := code[0]
				code = code[1:]
				switch {
				case kind&runShort != 0:
					next.n = int(kind>>4&7) + 1
					next.end = next.src + next.n + int(kind&15)
				case kind == runEqual:
					next.n = number()
					next.end = next.src + next.n
				case kind == runGap:
					next.src += number()
					next.n = number()
					next.end = next.src + next.n
				case kind == runBreak:
					next.src += number()
					next.n, next.end = 2, next.src
				default:
					next.src += number()
					next.n = number()
					next.end = next.src + number()
				}
				if !yield(next) {
					return
				}
				at, end = next.at+next.n, next.end
			}
		}
		if r.last.n > 0 {
			yield(r.last)
		}
	}
}

// all yields the runs.
func (r *runs) all() iter.Seq[run] { return r.from(0) }

// between yields the runs that hold the bytes from start to end of the text.
func (r *runs) between(start, end int) iter.Seq[run] {
	return func(yield func(run) bool) {
		m := sort.Search(len(r.marks), func(k int) bool { return r.marks[k].at > start }) - 1
		for x := range r.from(max(m, 0)) {
			if x.at >= end || x.at+x.n > start && !yield(x) {
				return
			}
		}
	}
}

// of returns the run that the byte i of the text is in.
func (r *runs) of(i int) run {
	for x := range r.between(i, i+1) {
		return x
	}
	return r.last
}

// source returns the place in the original of the bytes from start to end of the
// section's text.
func (s *section) source(start, end int) (from, to int) {
	r := s.runs.of(start)
	from = r.src
	if r.end-r.src == r.n {
		from += start - r.at
	}
	r = s.runs.of(end - 1)
	to = r.end
	if r.end-r.src == r.n {
		to = r.src + end - r.at
	}
	return from, to
}
