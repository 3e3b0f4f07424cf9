package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/goselfrag/goselfrag/retriever"
)

const byteOrderMark = "\ufeff"

// Stream yields the passages of one document as it reads it from r; the end of its
// name gives its format. Of a file of records, no more is in memory than some 100 kB
// and the record at hand; other files are read as a whole first.
//
// A pair has a passage or an error. After a *[FileError] about a line, which is a
// record that gives no passage, the loop goes on with the next record; any other
// error is the last pair: a *FileError about the file, an error that wraps
// ErrOptions, or, when ctx is done, ctx.Err(). Whoever breaks off the loop is not
// read for any longer. The sequence can be used once.
//
// # Records
//
// A .jsonl file has a JSON object on each line that is not blank. A .csv or .tsv
// file is a table whose first row names the columns; fields are separated by commas
// or tabs, and quoted as RFC 4180 says. Both have these fields, of which only the
// text must be there:
//
//   - "id", or "_id": a text or a whole number, the ID of the passage. A record
//     without one has the name, "#" and its line. That ids are unique is for the
//     index to check.
//   - "title" and "text": texts.
//   - "metadata" (JSON only): an object, the metadata.
//
// Any other field becomes metadata under its name: in JSON as what it is, or as its
// JSON text if it is none of the kinds of [retriever.Value]; null and, in a table,
// the empty text are left out. Source is the place of the text in the file, with
// the escapes that are in it, without its quotes.
//
// A record is a passage as it is, but with Options.SplitRecords; if that makes
// several of it, their IDs end in "#1", "#2" and so on.
func Stream(ctx context.Context, name string, r io.Reader, opts Options) iter.Seq2[retriever.Passage, error] {
	return func(yield func(retriever.Passage, error) bool) {
		opts, err := opts.check()
		if err != nil {
			yield(retriever.Passage{}, err)
			return
		}
		s := stream{ctx: ctx, name: name, format: formatOf(name), opts: opts, yield: yield}
		switch {
		case s.format == "":
			err = ErrFormat
		case !utf8.ValidString(name):
			err = ErrNotUTF8
		case isRecords(s.format):
			err = s.records(r)
		default:
			err = s.document(r)
		}
		switch {
		case s.stopped, err == nil:
		case errors.Is(err, ErrOptions), ctx.Err() != nil && errors.Is(err, ctx.Err()):
			yield(retriever.Passage{}, err)
		default:
			yield(retriever.Passage{}, fileError(name, err))
		}
	}
}

// fileError returns err as a *FileError about the file, if it is none yet.
func fileError(name string, err error) *FileError {
	if file, ok := err.(*FileError); ok {
		return file
	}
	return &FileError{Path: name, Err: err}
}

// stream is one reading of a document.
type stream struct {
	ctx          context.Context
	name, format string
	opts         Options
	yield        func(retriever.Passage, error) bool
	count        int  // passages and errors yielded
	stopped      bool // the loop was broken off
}

func (s *stream) emit(p retriever.Passage) bool {
	s.count++
	s.stopped = !s.yield(p, nil)
	return !s.stopped
}

// bad yields an error about the record that begins on a line.
func (s *stream) bad(line int, err error) bool {
	s.count++
	s.stopped = !s.yield(retriever.Passage{}, &FileError{Path: s.name, Line: line, Err: err})
	return !s.stopped
}

func (s *stream) document(r io.Reader) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	// One byte more tells whether there is too much.
	limit := s.opts.MaxBytes
	if limit+1 > limit {
		limit++
	}
	data, err := io.ReadAll(io.LimitReader(r, limit))
	switch {
	case err != nil:
		return err
	case int64(len(data)) > s.opts.MaxBytes:
		return ErrTooLarge
	case !utf8.Valid(data):
		return ErrNotUTF8
	}
	w := newWriter(s.ctx, string(data))
	body := len(w.src) - len(strings.TrimPrefix(w.src, byteOrderMark))
	switch s.format {
	case "txt":
		w.plain(body)
	case "md":
		readMarkdown(w, body)
	case "html":
		readHTML(w, body, len(w.src))
	}
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if err := w.finish().passages(s.ctx, s.name, s.format, s.opts, s.emit); err != nil {
		return err
	}
	if s.count == 0 {
		return ErrNoText
	}
	return nil
}

// record is a passage as a file of records has it.
type record struct {
	line      int // where it begins, from 1
	id, title string
	metadata  retriever.Metadata
	section   section // of the text alone
}

func (s *stream) records(r io.Reader) error {
	var err error
	if s.format == "jsonl" {
		err = s.lines(r)
	} else {
		err = s.table(r)
	}
	if err == nil && s.count == 0 {
		return ErrNoText
	}
	return err
}

// take yields the passages of a record. It reports whether more records are wanted.
func (s *stream) take(rec record) (bool, error) {
	sec := &rec.section
	if strings.TrimSpace(sec.text) == "" {
		return s.bad(rec.line, ErrNoText), nil
	}
	if _, ok := rec.metadata[parentKey]; ok && s.opts.Children != nil {
		return s.bad(rec.line, fmt.Errorf("%w: the metadata %q is what Options.Children uses: give it another name", ErrRecord, parentKey)), nil
	}
	if rec.id == "" {
		rec.id = fmt.Sprintf("%s#%d", s.name, rec.line)
	}
	sec.blocks = []block{{end: len(sec.text)}}
	if s.opts.NFC {
		sec.compose()
		rec.title = norm.NFC.String(rec.title)
	}
	units := []unit{{end: len(sec.text)}}
	if s.opts.SplitRecords {
		var err error
		if units, err = s.opts.Split.cut(s.ctx, sec.text, sec.blocks); err != nil {
			return false, err
		}
	}
	for i, u := range units {
		p := sec.passage(s.name, u)
		p.ID, p.Title, p.Metadata = rec.id, rec.title, rec.metadata
		if len(units) > 1 {
			p.ID = fmt.Sprintf("%s#%d", rec.id, i+1)
		}
		if more, err := sec.family(s.ctx, p, u, s.opts, s.emit); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}
