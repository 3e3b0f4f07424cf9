package ingest

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// table reads a table whose first row names the columns.
func (s *stream) table(r io.Reader) error {
	w := &window{r: r, limit: s.opts.MaxBytes, line: 1}
	// What csv.Reader makes of it must have the offsets of the file.
	in := bufio.NewReaderSize(w, readBuffer)
	head, _ := in.Peek(readBuffer) // an error comes again
	skip, above := 0, 0
	if bytes.HasPrefix(head, []byte(byteOrderMark)) {
		skip = len(byteOrderMark)
	}
	comma, size := separator(head[skip:])
	if size > 0 {
		skip += size
		above = 1
	} else {
		comma = s.delimiter(head[skip:])
	}
	in.Discard(skip)
	w.forget(skip)
	w.base, w.line, w.comma = skip, 1, byte(comma)
	t := csv.NewReader(in)
	t.Comma = comma
	t.FieldsPerRecord = 0
	names, err := t.Read()
	if err != nil {
		return headError(err)
	}
	if !utf8.ValidString(strings.Join(names, "")) {
		return ErrNotUTF8
	}
	cols, err := s.columnsOf(names, 1+above)
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
		line += above
		more := true
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, ErrTooLarge): // an open quote, it may be
			return &FileError{Path: s.name, Line: w.line + above, Err: ErrTooLarge}
		case errors.Is(err, errColumns):
			return &FileError{Path: s.name, Line: w.line + above, Err: err}
		case err != nil && parse == nil:
			return err
		case err != nil:
			more = s.yieldError(line, fmt.Errorf("%w: column %d of line %d: %w%s", ErrRecord, parse.Column, parse.Line+above, parse.Err, hint(parse.Err)))
		case int64(len(raw)) > s.opts.MaxBytes:
			more = s.yieldError(line, ErrTooLarge)
		case !utf8.Valid(raw):
			more = s.yieldError(line, ErrNotUTF8)
		default:
			rec := s.row(cols, fields, line)
			rec.line = line
			atLine, col := t.FieldPos(cols.text)
			rec.section = fieldText(raw, w.start, w.offset(atLine, col), fields[cols.text])
			if more, err = s.yieldRecord(rec); err != nil {
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

// separator reads a first line such as "sep=;", which spreadsheets write, and returns its
// length; 0 if there is none.
func separator(head []byte) (comma rune, size int) {
	line, _, ok := bytes.Cut(head, []byte("\n"))
	if !ok || len(line) > 10 {
		return 0, 0
	}
	text := strings.Trim(string(line), "\r\"")
	if len(text) < 5 || !strings.EqualFold(text[:4], "sep=") {
		return 0, 0
	}
	if text = text[4:]; text == `\t` {
		text = "\t"
	}
	if len(text) != 1 || text[0] >= utf8.RuneSelf || text == `"` || text == "\r" {
		return 0, 0
	}
	return rune(text[0]), len(line) + 1
}

// delimiter returns the separator of fields: of comma, semicolon, tab and bar the one with
// which the first row names a text and most rows have as many fields as the first.
func (s *stream) delimiter(head []byte) rune {
	if s.format == "tsv" {
		return '\t'
	}
	best, most := ',', -1.0
	for _, comma := range ",;\t|" {
		r := csv.NewReader(bytes.NewReader(head))
		r.Comma, r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = comma, -1, true, true
		names, err := r.Read()
		if err != nil || len(names) > 20_000 {
			continue
		}
		n, score := len(names), 0.0
		if find(names, s.opts.Fields.Text, textNames, func(int) bool { return true }) >= 0 {
			score = 4
		}
		if n > 1 {
			score++
		}
		rows, same := 0, 0
		for rows < 20 {
			fields, err := r.Read()
			if err != nil || r.InputOffset() >= readBuffer {
				break // the last one may be cut
			}
			if rows++; len(fields) == n {
				same++
			}
		}
		if rows > 0 {
			score += 2 * float64(same) / float64(rows)
		}
		if score > most {
			best, most = comma, score
		}
	}
	return best
}

// columns says which column holds what; -1 if none.
type columns struct {
	names           []string // "" of those that are left out
	id, title, text int
}

func (s *stream) columnsOf(names []string, line int) (columns, error) {
	f := s.opts.Fields
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	any := func(int) bool { return true }
	c := columns{names: make([]string, len(names))}
	c.id, c.title, c.text = find(names, f.ID, idNames, any), find(names, f.Title, titleNames, any), find(names, f.Text, textNames, any)
	if c.text < 0 {
		if err := f.missing("column"); err != nil {
			return c, err
		}
		return c, fmt.Errorf(`%w: no column "text": the first row must name the columns, such as id, title and text, or Options.Fields the one with the text`, ErrRecord)
	}
	seen := map[string]bool{}
	for i, name := range names {
		if i == c.id || i == c.title || i == c.text {
			continue
		}
		switch {
		case name == "":
			s.notes.add(NoteField, fmt.Sprintf("column %d, which has no name, left out", i+1), line)
			continue
		case len(seen) >= maxFields:
			s.notes.add(NoteField, "of more than 1,000 columns, left out", line)
			continue
		case (filter.Metadata{name: filter.Int(0)}).Check() != nil:
			s.notes.add(NoteField, fmt.Sprintf("column %d, whose name cannot be that of metadata, left out", i+1), line)
			continue
		}
		if own := name; seen[own] {
			for n := 2; seen[name]; n++ {
				name = own + "_" + strconv.Itoa(n)
			}
			s.notes.add(NoteField, fmt.Sprintf("column %d, a second %q, is called %q", i+1, own, name), line)
		}
		seen[name] = true
		c.names[i] = name
	}
	return c, nil
}

// row makes a record of a row, without the place of its text.
func (s *stream) row(c columns, fields []string, line int) record {
	var rec record
	for i, f := range fields {
		switch {
		case i == c.id:
			rec.id = f
		case i == c.title:
			rec.title = f
		case i == c.text, f == "", c.names[i] == "":
		case len(f) > maxValue:
			s.notes.add(NoteField, fmt.Sprintf("%q, longer than 64 KiB, left out", c.names[i]), line)
		default:
			v, ok := s.opts.Fields.typed(c.names[i], f)
			if !ok {
				s.notes.add(NoteField, fmt.Sprintf("%q that is no %v, left out", c.names[i], s.opts.Fields.Types[c.names[i]]), line)
				continue
			}
			if rec.metadata == nil {
				rec.metadata = filter.Metadata{}
			}
			rec.metadata[c.names[i]] = v
		}
	}
	return rec
}

// fieldText returns the text of the field at offset at of the row raw. The row begins at
// offset start.
func fieldText(raw []byte, start, at int, text string) section {
	sec := section{text: text}
	in := raw[at-start:]
	if len(in) == 0 || in[0] != '"' {
		sec.runs.add(len(text), at, at+len(text))
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
			sec.runs.add(n, at+i, at+i+n)
			i, done = i+n, done+n
			continue
		}
		size := 1
		if in[i] == '"' || i+1 < len(in) && in[i+1] == '\n' {
			size = 2
		}
		sec.runs.add(1, at+i, at+i+size)
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
	comma byte
	marks int // number of commas in buf after start
}

// errColumns is the error about a row of so many fields that reading it would take far
// more memory than it has bytes.
var errColumns = fmt.Errorf("%w: a row of more than 20,000 fields", ErrRecord)

func (w *window) Read(p []byte) (int, error) {
	if int64(len(w.buf)-(w.start-w.first)) > w.limit+readBuffer {
		return 0, ErrTooLarge
	}
	if n := len(w.buf) - (w.start - w.first); w.marks > 20_000 && w.marks > n/16 {
		// The buffer may hold rows after the current one, no more than its size.
		if w.marks > 20_000+readBuffer {
			return 0, errColumns
		}
	}
	n, err := w.r.Read(p)
	w.buf = append(w.buf, p[:n]...)
	w.marks += bytes.Count(p[:n], []byte{w.comma})
	return n, err
}

// forget takes the next n bytes as done with.
func (w *window) forget(n int) {
	done := w.buf[w.start-w.first:][:n]
	w.line += bytes.Count(done, []byte{'\n'})
	w.marks -= bytes.Count(done, []byte{w.comma})
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
