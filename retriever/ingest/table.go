package ingest

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/retriever"
)

// table reads a table whose first row names the columns.
func (s *stream) table(r io.Reader) error {
	w := &window{r: r, limit: s.opts.MaxBytes, line: 1}
	// What csv.Reader makes of it must have the offsets of the file.
	in := bufio.NewReaderSize(w, readBuffer)
	if mark, err := in.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		in.Discard(len(byteOrderMark))
		w.forget(len(byteOrderMark))
		w.base = len(byteOrderMark)
	}
	t := csv.NewReader(in)
	if s.format == "tsv" {
		t.Comma = '\t'
	}
	names, err := t.Read()
	if err != nil {
		return headError(err)
	}
	if !utf8.ValidString(strings.Join(names, "")) {
		return ErrNotUTF8
	}
	cols, err := columnsOf(names)
	if err != nil {
		return err
	}
	for {
		w.forget(w.base + int(t.InputOffset()) - w.start)
		if err := s.ctx.Err(); err != nil {
			return err
		}
		fields, err := t.Read()
		raw := w.buf[w.start-w.first:][:w.base+int(t.InputOffset())-w.start]
		line := w.line
		var parse *csv.ParseError
		if err == nil {
			line, _ = t.FieldPos(0)
		} else if errors.As(err, &parse) {
			line = parse.StartLine
		}
		more := true
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, ErrTooLarge): // an open quote, it may be
			return &FileError{Path: s.name, Line: w.line, Err: ErrTooLarge}
		case err != nil && parse == nil:
			return err
		case err != nil:
			more = s.bad(line, fmt.Errorf("%w: column %d of line %d: %w%s", ErrRecord, parse.Column, parse.Line, parse.Err, hint(parse.Err)))
		case int64(len(raw)) > s.opts.MaxBytes:
			more = s.bad(line, ErrTooLarge)
		case !utf8.Valid(raw):
			more = s.bad(line, ErrNotUTF8)
		default:
			rec := cols.record(fields)
			rec.line = line
			atLine, col := t.FieldPos(cols.text)
			rec.section = fieldText(raw, w.start, w.offset(atLine, col), fields[cols.text])
			if more, err = s.take(rec); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// headError makes the error about a first row that cannot be read.
func headError(err error) error {
	var parse *csv.ParseError
	switch {
	case err == io.EOF:
		return ErrNoText
	case errors.As(err, &parse):
		return fmt.Errorf("%w: line %d: %w%s", ErrRecord, parse.Line, parse.Err, hint(parse.Err))
	}
	return err
}

// hint says what to do about a row that cannot be read.
func hint(err error) string {
	if errors.Is(err, csv.ErrFieldCount) {
		return ": want as many fields as the first row names"
	}
	return `: put a field with quotes in it in quotes, and write each of its own as two`
}

// columns says which column holds what; -1 if none.
type columns struct {
	names           []string
	id, title, text int
}

func columnsOf(names []string) (columns, error) {
	c := columns{names: names, id: -1, title: -1, text: -1}
	seen := map[string]bool{}
	for i, name := range names {
		var at *int
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "id", "_id":
			at = &c.id
		case "title":
			at = &c.title
		case "text":
			at = &c.text
		case "":
			return c, fmt.Errorf("%w: the name of column %d is empty", ErrRecord, i+1)
		}
		if at != nil && *at >= 0 || seen[name] {
			return c, fmt.Errorf("%w: two columns %q", ErrRecord, name)
		}
		seen[name] = true
		if at != nil {
			*at = i
		} else if err := (retriever.Metadata{name: retriever.Int(0)}).Check(); err != nil {
			return c, fmt.Errorf("%w: %w", ErrRecord, err)
		}
	}
	if c.text < 0 {
		return c, fmt.Errorf(`%w: no column "text": the first row must name the columns, such as id, title and text`, ErrRecord)
	}
	return c, nil
}

// record makes a record of a row, but for the place of its text.
func (c columns) record(fields []string) record {
	var rec record
	for i, f := range fields {
		switch {
		case i == c.id:
			rec.id = f
		case i == c.title:
			rec.title = f
		case i == c.text, f == "":
		default:
			if rec.metadata == nil {
				rec.metadata = retriever.Metadata{}
			}
			rec.metadata[c.names[i]] = retriever.String(f)
		}
	}
	return rec
}

// fieldText returns the text of a field that stands at offset at, in the row raw,
// which begins at offset start.
func fieldText(raw []byte, start, at int, text string) section {
	sec := section{text: text}
	in := raw[at-start:]
	if len(in) == 0 || in[0] != '"' {
		sec.stretch(len(text), at, at+len(text))
		return sec
	}
	in = in[1:]
	at++
	for i, done := 0, 0; done < len(text); {
		// A quote is written as two, and CR LF is read as LF.
		n := min(len(text)-done, len(in)-i)
		if k := bytes.IndexAny(in[i:i+n], "\"\r"); k >= 0 {
			n = k
		}
		if n > 0 {
			sec.stretch(n, at+i, at+i+n)
			i, done = i+n, done+n
			continue
		}
		size := 1
		if in[i] == '"' || i+1 < len(in) && in[i+1] == '\n' {
			size = 2
		}
		sec.stretch(1, at+i, at+i+size)
		i, done = i+size, done+1
	}
	return sec
}

// window reads through and keeps what was read since the record at hand began.
type window struct {
	r     io.Reader
	limit int64 // the greatest size of a record in bytes
	base  int   // how far the offsets of csv.Reader lag behind those of the file
	buf   []byte
	first int // the offset of buf[0] in the file
	start int // where the record begins
	line  int // its line
}

func (w *window) Read(p []byte) (int, error) {
	if int64(len(w.buf)-(w.start-w.first)) > w.limit+readBuffer {
		return 0, ErrTooLarge
	}
	n, err := w.r.Read(p)
	w.buf = append(w.buf, p[:n]...)
	return n, err
}

// forget takes the next n bytes as done with.
func (w *window) forget(n int) {
	done := w.buf[w.start-w.first:][:n]
	w.line += bytes.Count(done, []byte{'\n'})
	w.start += n
	if k := w.start - w.first; k > readBuffer {
		w.buf = append(w.buf[:0], w.buf[k:]...)
		w.first = w.start
	}
}

// offset returns the place in the file of a column, from 1, of a line.
func (w *window) offset(line, column int) int {
	at := w.start
	for range line - w.line {
		at += bytes.IndexByte(w.buf[at-w.first:], '\n') + 1
	}
	return at + column - 1
}
