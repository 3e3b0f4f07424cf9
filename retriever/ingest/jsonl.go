package ingest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/retriever"
)

// readBuffer is the size of the buffers in bytes that files of records are read
// through.
const readBuffer = 64 << 10

// lines reads a file with a JSON object on each line.
func (s *stream) lines(r io.Reader) error {
	in := bufio.NewReaderSize(r, readBuffer)
	var buf []byte
	for at, number := 0, 1; ; number++ {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		data, size, err := s.line(in, buf[:0])
		if err != nil && err != io.EOF {
			return err
		}
		buf = data
		start := at
		at += size
		if number == 1 && bytes.HasPrefix(data, []byte(byteOrderMark)) {
			data, start = data[len(byteOrderMark):], start+len(byteOrderMark)
		}
		more := true
		switch {
		case int64(size) > s.opts.MaxBytes:
			more = s.bad(number, ErrTooLarge)
		case len(bytes.TrimSpace(data)) == 0:
		case !utf8.Valid(data):
			more = s.bad(number, ErrNotUTF8)
		default:
			rec, bad := parseRecord(data, start)
			rec.line = number
			if bad != nil {
				more = s.bad(number, bad)
				break
			}
			var failed error
			if more, failed = s.take(rec); failed != nil {
				return failed
			}
		}
		if !more || err == io.EOF {
			return nil
		}
	}
}

// line appends the next line to buf, no more of it than MaxBytes and a bit, and
// returns its size with its end. The error is io.EOF behind the last line.
func (s *stream) line(in *bufio.Reader, buf []byte) ([]byte, int, error) {
	size := 0
	for {
		part, err := in.ReadSlice('\n')
		size += len(part)
		if int64(size) <= s.opts.MaxBytes {
			buf = append(buf, part...)
		}
		if err != bufio.ErrBufferFull {
			return buf, size, err
		}
		if err := s.ctx.Err(); err != nil {
			return buf, size, err
		}
	}
}

// parseRecord reads a line that stands at offset start of its file.
func parseRecord(data []byte, start int) (record, error) {
	var rec record
	seen := map[string]bool{}
	hasText := false
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return rec, fmt.Errorf("%w: want a JSON object on one line", ErrRecord)
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return rec, badJSON(err)
		}
		name := t.(string)
		if name == "_id" {
			name = "id"
		}
		if seen[name] {
			return rec, fmt.Errorf("%w: the field %q comes twice", ErrRecord, name)
		}
		seen[name] = true
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return rec, badJSON(err)
		}
		if name == "text" && raw[0] == '"' {
			hasText = true
			end := int(d.InputOffset())
			rec.section = jsonText(raw, start+end-len(raw))
			continue
		}
		if err := rec.set(name, raw); err != nil {
			return rec, err
		}
	}
	if _, err := d.Token(); err != nil {
		return rec, badJSON(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return rec, fmt.Errorf("%w: more than one JSON value on the line", ErrRecord)
	}
	if !hasText {
		return rec, fmt.Errorf(`%w: no text in a field "text"`, ErrRecord)
	}
	return rec, nil
}

func badJSON(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the JSON object does not end on its line", ErrRecord)
	}
	return fmt.Errorf("%w: %w", ErrRecord, err)
}

// set sets a field other than the text.
func (rec *record) set(name string, raw json.RawMessage) error {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return badJSON(err)
	}
	wrong := func(want string) error {
		return fmt.Errorf("%w: the field %q is not %s", ErrRecord, name, want)
	}
	switch x := v.(type) {
	case nil:
		return nil
	case string:
		switch name {
		case "id":
			rec.id = x
			return nil
		case "title":
			rec.title = x
			return nil
		}
	case json.Number:
		if name == "id" {
			n, err := strconv.ParseInt(x.String(), 10, 64)
			if err != nil {
				return wrong("a text or a whole number of 64 bits")
			}
			rec.id = strconv.FormatInt(n, 10)
			return nil
		}
	}
	switch name {
	case "id":
		return wrong("a text or a whole number of 64 bits")
	case "title", "text":
		return wrong("a text")
	case "metadata":
		var m retriever.Metadata
		if err := m.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("%w: %w", ErrRecord, err)
		}
		for key, v := range m {
			if err := rec.note(key, v); err != nil {
				return err
			}
		}
		return nil
	}
	var value retriever.Value
	if value.UnmarshalJSON(raw) != nil {
		value = retriever.String(string(raw))
	}
	return rec.note(name, value)
}

// note adds metadata.
func (rec *record) note(key string, v retriever.Value) error {
	if err := (retriever.Metadata{key: v}).Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if _, ok := rec.metadata[key]; ok {
		return fmt.Errorf("%w: the metadata %q comes twice", ErrRecord, key)
	}
	if rec.metadata == nil {
		rec.metadata = retriever.Metadata{}
	}
	rec.metadata[key] = v
	return nil
}

// jsonText returns the text that raw, a JSON string at offset at, stands for.
func jsonText(raw json.RawMessage, at int) section {
	var sec section
	// It was read as JSON before, so it is a string.
	_ = json.Unmarshal(raw, &sec.text)
	in := raw[1 : len(raw)-1]
	at++
	for i := 0; i < len(in); {
		n := bytes.IndexByte(in[i:], '\\')
		if n < 0 {
			n = len(in) - i
		}
		if n > 0 {
			sec.stretch(n, at+i, at+i+n)
			i += n
			continue
		}
		size, r := 2, rune('\n')
		if in[i+1] == 'u' {
			size, r = escape(in[i:])
		}
		sec.stretch(utf8.RuneLen(r), at+i, at+i+size)
		i += size
	}
	return sec
}

// escape decodes the \u escape, or the two of a surrogate pair, that in begins with.
func escape(in []byte) (int, rune) {
	hex := func(b []byte) rune {
		n, _ := strconv.ParseUint(string(b), 16, 16)
		return rune(n)
	}
	r := hex(in[2:6])
	if !utf16.IsSurrogate(r) {
		return 6, r
	}
	if len(in) >= 12 && in[6] == '\\' && in[7] == 'u' {
		if pair := utf16.DecodeRune(r, hex(in[8:12])); pair != utf8.RuneError {
			return 12, pair
		}
	}
	return 6, utf8.RuneError
}

// stretch says that the next n bytes of the text come from the bytes src to end.
func (s *section) stretch(n, src, end int) {
	at := 0
	if k := len(s.runs) - 1; k >= 0 {
		last := &s.runs[k]
		at = last.at + last.n
		if last.end == src && last.end-last.src == last.n && end-src == n {
			last.n += n
			last.end = end
			return
		}
	}
	s.runs = append(s.runs, run{at, n, src, end})
}
