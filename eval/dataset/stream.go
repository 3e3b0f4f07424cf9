package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/regular"
)

// Options say how a file is read as a stream. The zero value is ready to use.
type Options struct {
	// Skip, unless nil, is called for each line or record that cannot be used, and
	// reading goes on behind it: count there. Without it the first one ends the reading.
	// A JSON array ends at its first error of syntax in any case.
	Skip func(*LineError)
}

// maxRecord is how many bytes a line or a record has at most: a stream holds one at a time.
// Only tests change it.
var maxRecord = 64 << 20

// errLong is the error about a longer one.
var errLong = errors.New("longer than 64 MiB")

// record is the text of one JSON object, not yet parsed.
type record struct {
	at   place
	text []byte // the caller's
}

// place is where a record begins: a line, or the number of an element of an array.
type place struct{ line, record int }

func (p place) wrong(name string, err error) *LineError {
	return &LineError{File: name, Line: p.line, Record: p.record, Err: err}
}

// openFile yields what read makes of the file.
func openFile[T any](file string, read func(io.Reader) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		f, err := regular.OpenFile(file, os.O_RDONLY, 0)
		if err != nil {
			yield(*new(T), err)
			return
		}
		defer f.Close()
		read(f)(yield)
	}
}

// stream yields what parse makes of each record: of JSON lines, of a JSON array, or of the
// array under the key data of an object, if wrapped is set.
func stream[T any](r io.Reader, name string, wrapped bool, o Options, parse func(record) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		each(name, o, records(r, name, wrapped), parse, yield)
	}
}

// each yields what parse makes of each of the parts of a file, and heeds Skip. An error that
// is itself a *LineError concerns one part alone.
func each[S, T any](name string, o Options, parts iter.Seq2[S, error], parse func(S) (T, error), yield func(T, error) bool) {
	for part, err := range parts {
		var v T
		if err == nil {
			v, err = parse(part)
		}
		line, one := err.(*LineError)
		switch {
		case err == nil:
			if !yield(v, nil) {
				return
			}
		case one && o.Skip != nil:
			o.Skip(line)
		default:
			yield(*new(T), err)
			return
		}
	}
}

// records yields the JSON objects of r. After an error that is no *LineError nothing
// follows.
func records(r io.Reader, name string, wrapped bool) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		in := bufio.NewReaderSize(r, 1<<16)
		line, first, err := blankLines(in)
		switch {
		case err == io.EOF:
			return
		case err != nil:
			yield(record{}, fmt.Errorf("%s: %w", name, err))
		case first == '[':
			array(in, name, yield)
		case first == '{' && wrapped:
			object(in, name, yield)
		default:
			lines(in, name, line, yield)
		}
	}
}

// blankLines reads a byte order mark and white space. It returns the number of the line of
// the first byte of the rest, and that byte, which is not read.
func blankLines(in *bufio.Reader) (line int, first byte, err error) {
	const mark = "\uFEFF"
	if head, _ := in.Peek(len(mark)); string(head) == mark {
		in.Discard(len(mark))
	}
	for line = 1; ; {
		switch first, err = in.ReadByte(); {
		case err != nil:
			return line, 0, err
		case first == '\n':
			line++
		case first != ' ' && first != '\t' && first != '\r':
			return line, first, in.UnreadByte()
		}
	}
}

// lines yields the lines that are not blank, from that of number n on.
func lines(in *bufio.Reader, name string, n int, yield func(record, error) bool) {
	for ; ; n++ {
		text, err := readLine(in)
		at := place{line: n}
		if err == errLong {
			if !yield(record{}, at.wrong(name, err)) {
				return
			}
			continue
		}
		if err != nil && err != io.EOF {
			yield(record{}, fmt.Errorf("%s: %w", name, err))
			return
		}
		if text = bytes.TrimSpace(text); len(text) > 0 && !yield(record{at, text}, nil) || err == io.EOF {
			return
		}
	}
}

// readLine reads a line, which is the caller's. Of one that is longer than maxRecord it
// reads all and returns errLong.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := in.ReadSlice('\n')
		if long = long || len(line)+len(part) > maxRecord; !long {
			line = append(line, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
		case long && (err == nil || err == io.EOF):
			return nil, errLong // at the end of the file the next line is empty
		default:
			return line, err
		}
	}
}

// limited bounds what a decoder reads ahead for one value.
type limited struct {
	r    io.Reader
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLong
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// array yields the elements of an array.
func array(in io.Reader, name string, yield func(record, error) bool) {
	bound := &limited{in, maxRecord}
	dec := json.NewDecoder(bound)
	number, more, err := elements(dec, bound, name, yield)
	if err == nil && more {
		if _, err = dec.Token(); err == io.EOF {
			return
		} else if err == nil {
			err = errors.New("something follows the array")
		}
	}
	if err != nil {
		yield(record{}, broken(name, number, err))
	}
}

// broken is the error about an array that cannot be read on: it wraps a *LineError, which
// thus cannot be skipped.
func broken(name string, number int, err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	at := place{record: number}
	if number == 0 {
		at = place{line: 1}
	}
	return fmt.Errorf("%w: what follows cannot be read", at.wrong(name, err))
}

// elements reads an array, from its bracket on, and yields its elements. It returns the
// number of the element that was read last, or is wrong, and whether more are wanted.
func elements(dec *json.Decoder, bound *limited, name string, yield func(record, error) bool) (number int, more bool, err error) {
	if begin, err := dec.Token(); err != nil {
		return 0, true, err
	} else if begin != json.Delim('[') {
		return 0, true, fmt.Errorf("got %v: want an array", begin)
	}
	for number = 1; dec.More(); number++ {
		bound.left = maxRecord
		var text json.RawMessage
		if err := dec.Decode(&text); err != nil {
			return number, true, err
		}
		if !yield(record{place{record: number}, text}, nil) {
			return number, false, nil
		}
	}
	_, err = dec.Token()
	return number, true, err
}

// object yields the elements of the array under the key data.
func object(in io.Reader, name string, yield func(record, error) bool) {
	bound := &limited{in, maxRecord}
	dec := json.NewDecoder(bound)
	number, found, err := 0, false, error(nil)
	if _, err = dec.Token(); err == nil {
		for err == nil && dec.More() {
			var key json.Token
			if key, err = dec.Token(); err != nil {
				break
			}
			bound.left = maxRecord
			if key != "data" {
				err = dec.Decode(new(json.RawMessage))
				continue
			}
			found = true
			var more bool
			if number, more, err = elements(dec, bound, name, yield); !more {
				return
			}
		}
	}
	if err == nil && !found {
		err = errors.New(`the object has no key "data": want an array, or an object that holds one as data`)
	}
	if err != nil {
		yield(record{}, broken(name, number, err))
	}
}

// decode is json.Unmarshal for one object in UTF-8.
func decode(text []byte, v any) error {
	if !utf8.Valid(text) { // else encoding/json would put U+FFFD in silence
		return errors.New("not UTF-8")
	}
	if text[0] != '{' { // null would give an empty value
		return errors.New("not a JSON object: want one object a line, or an array of objects")
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("not as expected: %w", err)
	}
	return nil
}
