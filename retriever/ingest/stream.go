package ingest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

const byteOrderMark = "\ufeff"

// Stream yields the passages of one document while it reads r. The end of its name gives
// its format. For a file of records in UTF-8, only about 200 kB and the current record are
// in memory; other files are read as a whole first.
//
// A pair has a passage or an error. A *[FileError] with a line is about a record that
// gives no passage; the sequence continues with the next record. Any other error is the
// last pair: a *FileError about the file, an error that wraps ErrOption, or, when ctx is
// done, ctx.Err(). Breaking out of the loop stops reading r. The sequence can be used once.
//
// # Records
//
// A .jsonl file has a JSON object on each line that is not blank. A .csv or .tsv
// file is a table whose first row names the columns. Fields are quoted as in RFC 4180. In
// a .tsv file tabs separate them. In a .csv file it is the character in a first line such
// as "sep=;", or else the one of comma, semicolon, tab and bar with which the first rows
// have a text. Both have these fields, under the names in [Fields]. Only the text is
// required:
//
//   - The id: a text or a whole number, the ID of the passage. The ID of a record
//     without one is the name, "#" and its line. Stream does not check that ids are
//     unique; the index does.
//   - The title and the text: texts.
//   - "metadata" (JSON only): an object, the metadata.
//
// Any other field becomes metadata under its name. A value of JSON keeps its kind, or is
// its JSON text if [filter.Value] has no such kind. null and, in a table, the empty text
// are left out. Source is the place of the text in the file, with its escapes, without its
// quotes.
//
// A record is one passage. With Options.SplitRecords it may be cut into several; their IDs
// end in "#1", "#2" and so on.
func Stream(ctx context.Context, name string, r io.Reader, opts Options) iter.Seq2[retriever.Passage, error] {
	return func(yield func(retriever.Passage, error) bool) {
		opts, err := opts.check()
		if err != nil {
			yield(retriever.Passage{}, err)
			return
		}
		s := stream{ctx: ctx, name: name, format: opts.formatOf(name), opts: opts, yield: yield, notes: &notes{}}
		s.readDocument(r)
	}
}

// readDocument reads the document and yields its passages.
func (s *stream) readDocument(r io.Reader) {
	var err error
	switch {
	case s.format == "":
		err = ErrFormat
	case !utf8.ValidString(s.name):
		err = ErrNotUTF8
	case isRecords(s.format):
		err = s.records(r)
	case s.opts.reader(s.format) != nil:
		err = s.foreign(r, s.opts.reader(s.format))
	default:
		err = s.document(r)
	}
	if s.opts.Note != nil {
		for _, n := range s.notes.list {
			n.Path = s.name
			s.opts.Note(n)
		}
	}
	switch {
	case s.stopped, err == nil:
	case errors.Is(err, ErrOption), s.ctx.Err() != nil && errors.Is(err, s.ctx.Err()):
		s.yield(retriever.Passage{}, err)
	default:
		s.yield(retriever.Passage{}, fileError(s.name, err))
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
	began        func(rec record) // if set, called before the passages of a record
	notes        *notes
	names        map[string]string // of fields
	offsets      *offsets          // of a file that was converted
	pages        Text              // of a file that another reader read
	count        int               // passages and errors yielded
	stopped      bool              // the loop was stopped
}

func (s *stream) emit(p retriever.Passage) bool {
	s.count++
	if s.offsets != nil {
		p.Source.Start, p.Source.End = s.offsets.source(p.Source.Start), s.offsets.source(p.Source.End)
	}
	if len(s.pages.Pages) > 0 {
		p.Source.Page, p.Source.LastPage = s.pages.Page(p.Source.Start), s.pages.Page(p.Source.End-1)
		p.Metadata["page"] = filter.Int(int64(p.Source.Page))
	}
	s.stopped = !s.yield(p, nil)
	return !s.stopped
}

// yieldError yields an error about the record that begins on a line.
func (s *stream) yieldError(line int, err error) bool {
	s.count++
	s.stopped = !s.yield(retriever.Passage{}, &FileError{Path: s.name, Line: line, Err: err})
	return !s.stopped
}

// readAll reads all of r, which has at most Options.MaxBytes, as text.
func (s *stream) readAll(r io.Reader) (string, error) {
	most := s.opts.maxBytes(s.format)
	// One byte more shows whether the limit is exceeded.
	limit := most
	if limit+1 > limit {
		limit++
	}
	var b strings.Builder
	if sized, ok := r.(interface{ Len() int }); ok {
		b.Grow(int(min(int64(sized.Len()), limit)))
	}
	buf := make([]byte, readBuffer)
	for r = io.LimitReader(r, limit); ; {
		if err := s.ctx.Err(); err != nil {
			return "", err
		}
		n, err := r.Read(buf)
		b.Write(buf[:n])
		switch {
		case int64(b.Len()) > most:
			return "", ErrTooLarge
		case err == io.EOF:
			return b.String(), nil
		case err != nil:
			return "", err
		}
	}
}

// utf8 returns src as UTF-8, and how long the byte order mark before it is.
func (s *stream) utf8(src string) (text string, body int, err error) {
	cs, err := detect(src, s.format, true)
	if err != nil || cs.name == "" {
		return src, cs.mark, err
	}
	text, offsets, bad := cs.decode(src)
	if bad*100 > len(offsets.sizes) {
		return "", 0, ErrNotUTF8
	}
	s.offsets = offsets
	what := cs.name
	if bad > 0 {
		what = fmt.Sprintf("%s, %d characters that cannot be read", what, bad)
	}
	s.notes.add(NoteEncoding, what, 0)
	return text, 0, nil
}

func (s *stream) document(r io.Reader) error {
	src, err := s.readAll(r)
	if err != nil {
		return err
	}
	src, body, err := s.utf8(src)
	if err != nil {
		return err
	}
	w := newWriter(s.ctx, src)
	w.notes = s.notes
	switch s.format {
	case "txt":
		w.plain(body)
	case "md":
		readMarkdown(w, body)
	case "html":
		readHTML(w, body)
	}
	if err := s.ctx.Err(); err != nil {
		return err
	}
	return s.passages(w.finish())
}

// passages yields those of a document.
func (s *stream) passages(d *document) error {
	if err := d.passages(s.ctx, s.name, s.format, s.opts, s.notes, s.emit); err != nil {
		return err
	}
	if s.count == 0 {
		return ErrNoText
	}
	return nil
}

// record is a passage as a file of records has it.
type record struct {
	line      int  // where it begins, from 1
	named     bool // it says its id itself
	id, title string
	metadata  filter.Metadata
	section   section // of the text alone
}

func (s *stream) records(r io.Reader) error {
	in := bufio.NewReaderSize(r, guess)
	head, _ := in.Peek(guess) // an error comes again
	r = in
	cs, err := detect(string(head), s.format, len(head) < guess)
	if err == nil && cs.name != "" {
		src, err := s.readAll(r)
		if err != nil {
			return err
		}
		if src, _, err = s.utf8(src); err != nil {
			return err
		}
		r = strings.NewReader(src)
	} else if errors.Is(err, ErrBinary) {
		return err
	}
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

// maxID is how many bytes the id of a record has at most: all its passages hold it.
const maxID = 1000

// yieldRecord yields the passages of a record. It reports whether to continue.
func (s *stream) yieldRecord(rec record) (bool, error) {
	sec := &rec.section
	if strings.TrimSpace(sec.text) == "" {
		return s.yieldError(rec.line, ErrNoText), nil
	}
	if _, ok := rec.metadata[parentKey]; ok && s.opts.Children != nil {
		return s.yieldError(rec.line, fmt.Errorf("%w: the metadata %q is what Options.Children uses: give it another name", ErrRecord, parentKey)), nil
	}
	if len(rec.id) > maxID {
		return s.yieldError(rec.line, fmt.Errorf("%w: the id has %d bytes: want at most %d", ErrRecord, len(rec.id), maxID)), nil
	}
	rec.named = rec.id != ""
	if !rec.named {
		rec.id = fmt.Sprintf("%s#%d", s.name, rec.line)
	}
	rec.title = s.notes.shorten(rec.title)
	if s.began != nil {
		s.began(rec)
	}
	sec.one = true
	if s.opts.NFC {
		sec.compose()
		rec.title = norm.NFC.String(rec.title)
	}
	part := 0
	more, failed := true, error(nil)
	each := func(u unit) bool {
		p := sec.passage(s.name, u)
		p.ID, p.Title, p.Metadata = rec.id, rec.title, rec.metadata
		if part++; s.opts.SplitRecords && (part > 1 || u.end < len(strings.TrimRightFunc(sec.text, unicode.IsSpace))) {
			p.ID = fmt.Sprintf("%s#%d", rec.id, part)
		}
		more, failed = sec.family(s.ctx, p, u, s.opts, s.emit)
		return more && failed == nil
	}
	if !s.opts.SplitRecords {
		each(unit{end: len(sec.text)})
		return more, failed
	}
	if err := s.opts.Split.cut(s.ctx, sec.text, sec.blocks(), each); err != nil {
		return false, err
	}
	return more, failed
}
