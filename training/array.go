package training

import (
	"fmt"
	"io"
)

// element reads the next element of a JSON array, from behind the opening bracket or a
// comma. It only looks for the end of the element; decoding finds out whether it is JSON.
func (r *Reader[T]) element() error {
	b, err := r.space()
	r.record, r.begun = r.record[:0], r.line
	if err == nil && b == ']' && !r.comma {
		return r.end()
	}
	depth, quoted, escaped := 0, false, false
	for ; err == nil; b, err = r.in.ReadByte() {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped = b == '\\'
			quoted = b != '"'
		case b == '"':
			quoted = true
		case depth == 0 && b == ']':
			if err := r.in.UnreadByte(); err != nil { // the next call reads it
				return err
			}
			return r.whole(false)
		case depth == 0 && b == ',':
			return r.whole(true)
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth--
		}
		if b == '\n' {
			r.line++
		}
		if len(r.record) == r.most {
			return fmt.Errorf("%w, and the array cannot be read on", errTooLarge)
		}
		r.record = append(r.record, b)
	}
	if err == io.EOF {
		return fmt.Errorf("%w: the array has no end", ErrRecord)
	}
	return err
}

// whole checks that there is an element, behind which is a comma or the end.
func (r *Reader[T]) whole(comma bool) error {
	r.comma = comma
	if len(r.record) == 0 {
		return fmt.Errorf("%w: an element of the array is missing", ErrRecord)
	}
	return nil
}

// end reads what follows the array.
func (r *Reader[T]) end() error {
	_, err := r.space()
	if r.begun = r.line; err == nil {
		err = fmt.Errorf("%w: text follows the array", ErrRecord)
	}
	return err
}
