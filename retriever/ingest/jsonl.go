package ingest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/goselfrag/goselfrag/retriever/filter"
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
			more = s.yieldError(number, ErrTooLarge)
		case len(bytes.TrimSpace(data)) == 0:
		case !utf8.Valid(data):
			more = s.yieldError(number, ErrNotUTF8)
		default:
			rec, bad := s.parseRecord(data, start, number)
			rec.line = number
			if bad != nil {
				more = s.yieldError(number, bad)
				break
			}
			var failed error
			if more, failed = s.yieldRecord(rec); failed != nil {
				return failed
			}
		}
		if !more || err == io.EOF {
			return nil
		}
	}
}

// line appends the next line to buf, at most little more than MaxBytes of it, and returns
// its size with its end. The error is io.EOF after the last line.
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

// parseRecord reads a line that begins at offset start of its file.
func (s *stream) parseRecord(data []byte, start, line int) (record, error) {
	var rec record
	if err := checkJSON(data); err != nil {
		return rec, err
	}
	var names []string
	var values []gjson.Result
	var seen map[string]bool
	twice, left := "", 0
	gjson.ParseBytes(data).ForEach(func(key, value gjson.Result) bool {
		name := key.String()
		if len(names) < maxFields {
			for i := 0; i < len(names) && seen == nil && twice == ""; i++ {
				if names[i] == name {
					twice = name
				}
			}
			if len(names) == 16 {
				seen = map[string]bool{}
				for _, n := range names {
					seen[n] = true
				}
			}
			if seen[name] {
				twice = name
			} else if seen != nil {
				seen[name] = true
			}
			names, values = append(names, name), append(values, value)
		} else {
			left++
		}
		return twice == ""
	})
	if twice != "" {
		return rec, fmt.Errorf("%w: the field %q comes twice", ErrRecord, twice)
	}
	f := s.opts.Fields
	isText := func(i int) bool { return values[i].Type == gjson.String }
	id := find(names, f.ID, idNames, func(i int) bool { return values[i].Type != gjson.Null })
	title := find(names, f.Title, titleNames, isText)
	text := find(names, f.Text, textNames, isText)
	if title < 0 {
		title = find(names, f.Title, titleNames[:1], func(i int) bool { return values[i].Type != gjson.Null })
	}
	if text < 0 {
		text = find(names, f.Text, textNames, func(i int) bool { return values[i].Type != gjson.Null })
	}
	wrong := func(i int, want string) error {
		return fmt.Errorf("%w: the field %q is not %s", ErrRecord, names[i], want)
	}
	for i, v := range values {
		switch {
		case v.Type == gjson.Null && i != text:
		case i == id && v.Type == gjson.String:
			rec.id = strings.Clone(v.String())
		case i == id && v.Type == gjson.Number:
			n, err := strconv.ParseInt(v.Raw, 10, 64)
			if err != nil {
				return rec, wrong(i, "a text or a whole number of 64 bits")
			}
			rec.id = strconv.FormatInt(n, 10)
		case i == id:
			return rec, wrong(i, "a text or a whole number of 64 bits")
		case (i == title || i == text) && !isText(i):
			return rec, wrong(i, "a text")
		case i == title:
			rec.title = strings.Clone(v.String())
		case i == text:
			raw := data[v.Index : v.Index+len(v.Raw)]
			rec.section = jsonText(raw, start+v.Index)
		case len(v.Raw) > maxValue:
			s.notes.add(NoteField, fmt.Sprintf("%q, longer than 64 KiB, left out", names[i][:cutRune(names[i], 100)]), line)
		case names[i] == "metadata":
			var m filter.Metadata
			if err := m.UnmarshalJSON([]byte(v.Raw)); err != nil {
				return rec, fmt.Errorf("%w: %w", ErrRecord, err)
			}
			for _, key := range slices.Sorted(maps.Keys(m)) {
				if err := s.note(&rec, line, key, m[key]); err != nil {
					return rec, err
				}
			}
		default:
			var value filter.Value
			if value.UnmarshalJSON([]byte(v.Raw)) != nil {
				value = filter.String(strings.Clone(v.Raw))
			}
			if err := s.note(&rec, line, s.intern(names[i]), value); err != nil {
				return rec, err
			}
		}
	}
	if left > 0 {
		s.notes.add(NoteField, "of more than 1,000 fields of a record, left out", line)
	}
	if text < 0 {
		if err := f.missing("field"); err != nil {
			return rec, err
		}
		return rec, fmt.Errorf(`%w: no text in a field "text": name the field in Options.Fields`, ErrRecord)
	}
	return rec, nil
}

// intern returns one string for all that are equal to name, as long as there are few.
func (s *stream) intern(name string) string {
	if one, ok := s.names[name]; ok {
		return one
	}
	name = strings.Clone(name)
	if s.names == nil {
		s.names = map[string]string{}
	}
	if len(s.names) < 10*maxFields {
		s.names[name] = name
	}
	return name
}

// checkJSON returns an error if data is not one JSON object.
func checkJSON(data []byte) error {
	head := bytes.TrimLeft(data, " \t\r\n")
	if len(head) == 0 || head[0] != '{' {
		return fmt.Errorf("%w: want a JSON object on one line", ErrRecord)
	}
	if json.Valid(data) {
		return nil
	}
	var none struct{}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&none); err != nil {
		return badJSON(err)
	}
	return fmt.Errorf("%w: more than one JSON value on the line", ErrRecord)
}

func badJSON(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the JSON object does not end on its line", ErrRecord)
	}
	return fmt.Errorf("%w: %w", ErrRecord, err)
}

// note adds metadata to a record.
func (s *stream) note(rec *record, line int, key string, v filter.Value) error {
	v, ok := s.opts.Fields.value(key, v)
	if !ok {
		s.notes.add(NoteField, fmt.Sprintf("%q that is no %v, left out", key, s.opts.Fields.Types[key]), line)
		return nil
	}
	if len(rec.metadata) >= maxFields {
		s.notes.add(NoteField, "of more than 1,000 fields of a record, left out", line)
		return nil
	}
	if err := (filter.Metadata{key: v}).Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if _, ok := rec.metadata[key]; ok {
		return fmt.Errorf("%w: the metadata %q comes twice", ErrRecord, key)
	}
	if rec.metadata == nil {
		rec.metadata = filter.Metadata{}
	}
	rec.metadata[key] = v
	return nil
}

// jsonText decodes raw, a JSON string at offset at.
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
			sec.runs.add(n, at+i, at+i+n)
			i += n
			continue
		}
		size, r := 2, rune('\n')
		if in[i+1] == 'u' {
			size, r = escape(in[i:])
		}
		sec.runs.add(utf8.RuneLen(r), at+i, at+i+size)
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
