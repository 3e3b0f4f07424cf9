package training

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/eval/dataset"
)

// maxRecord bounds the bytes of a record, so that a file of something else cannot fill the
// memory.
const maxRecord = 16 << 20

// Checked is what [Reader] and [Writer] take: [Record], [CriticRecord], [JudgeRecord], or a
// type of one's own.
type Checked interface{ Check() error }

// Reader streams the records of a file: JSON lines, or one JSON array. It keeps one record
// at a time, of at most 16 MiB. It is not safe for concurrent use.
type Reader[T Checked] struct {
	name   string
	in     *bufio.Reader
	record []byte
	line   int  // that is read from, from 1
	begun  int  // the line on which the record begins
	most   int  // bytes of a record
	comma  bool // an element of an array was read, and the comma behind it
}

// NewReader returns a reader of r; name is that of the file in errors.
func NewReader[T Checked](r io.Reader, name string) *Reader[T] {
	return &Reader[T]{name: name, in: bufio.NewReaderSize(r, 64<<10), line: 1, most: maxRecord}
}

// Line returns the line, from 1, on which the record begins that was yielded last, or to
// which the last error belongs.
func (r *Reader[T]) Line() int { return r.begun }

// All yields the records in their order, once. With a record that is not as T has it, or
// that fails its Check, it yields what there is of it and a *[dataset.LineError]; the next
// records follow, unless the array itself is not JSON. An error of reading is the last.
// Blank lines are passed over.
func (r *Reader[T]) All() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		next, err := r.start()
		for err == nil {
			var v T
			err = next()
			last := err != nil && err != errTooLarge
			if last && !errors.Is(err, ErrRecord) {
				break
			}
			if err == nil {
				v, err = decode[T](r.record)
			}
			if err != nil {
				err = &dataset.LineError{File: r.name, Line: r.begun, Err: err}
			}
			if !yield(v, err) || last {
				return
			}
			err = nil
		}
		if err != io.EOF {
			var none T
			r.begun = r.line
			yield(none, fmt.Errorf("%s:%d: %w", r.name, r.line, err))
		}
	}
}

func decode[T Checked](b []byte) (v T, err error) {
	if !utf8.Valid(b) { // else encoding/json would put U+FFFD in silence
		return v, fmt.Errorf("%w: not UTF-8", ErrRecord)
	}
	if b[0] != '{' { // null would give an empty value
		return v, fmt.Errorf("%w: not a JSON object", ErrRecord)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return v, v.Check()
}

var errTooLarge = fmt.Errorf("%w: it has more than %d MiB", ErrRecord, maxRecord>>20)

// start returns the function that reads the next record, by the first byte of the file.
func (r *Reader[T]) start() (next func() error, err error) {
	if mark, _ := r.in.Peek(3); string(mark) == "\uFEFF" {
		r.in.Discard(3)
	}
	first, err := r.space()
	if err != nil {
		return nil, err
	}
	if first == '[' {
		return r.element, nil
	}
	return r.nextLine, r.in.UnreadByte()
}

// space returns the first byte that is not white space.
func (r *Reader[T]) space() (byte, error) {
	for {
		b, err := r.in.ReadByte()
		switch {
		case err != nil:
			return 0, err
		case b == '\n':
			r.line++
		case b != ' ' && b != '\t' && b != '\r':
			return b, nil
		}
	}
}

// nextLine reads a line that is not blank. One that is too large is passed over.
func (r *Reader[T]) nextLine() error {
	for {
		r.record, r.begun = r.record[:0], r.line
		large := false
		for {
			part, err := r.in.ReadSlice('\n')
			if large = large || len(r.record)+len(part) > r.most; !large {
				r.record = append(r.record, part...)
			}
			if err == nil {
				r.line++
				break
			}
			if err == io.EOF && (large || len(r.record) > 0) {
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return err
			}
		}
		if large {
			return errTooLarge
		}
		if r.record = bytes.TrimSpace(r.record); len(r.record) > 0 {
			return nil
		}
	}
}
