package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// Reader reads documents of a format that this package does not read itself, such as
// PDF; see [Options].Formats.
type Reader interface {
	// Read returns the text of the document whose bytes are data. It must not
	// change or keep data. When ctx is done, Read stops and returns ctx.Err(). It must
	// be safe for concurrent use. The error ErrNoText means that these bytes hold no text;
	// after other errors another try may succeed.
	Read(ctx context.Context, data []byte) (Text, error)
}

// Text is the result of a [Reader].
type Text struct {
	// Title is the title that the document gives itself, "" if none.
	Title string
	// Body is the text, in UTF-8, in reading order. Paragraphs, list items and rows of
	// tables are separated by blank lines.
	Body string
	// Pages has the offset in Body at which each page begins, for documents that have
	// pages: as many as pages, from 0 to len(Body), none less than the one before.
	Pages []int
	// Notes says what was left out. Path is filled in.
	Notes []Note
}

// Page returns the number of the page, from 1, that holds the byte of Body at an offset;
// 0 if the document has no pages.
func (t Text) Page(offset int) int {
	return sort.Search(len(t.Pages), func(i int) bool { return t.Pages[i] > offset })
}

// errText is wrapped by the error about a Text that breaks the contract of Reader.
var errText = errors.New("the reader of this format returned a bad text")

func (t Text) check() error {
	at := 0
	for i, p := range t.Pages {
		if p < at || p > len(t.Body) || i == 0 && p > 0 {
			return fmt.Errorf("%w: page %d begins at byte %d", errText, i+1, p)
		}
		at = p
	}
	if !utf8.ValidString(t.Body) || !utf8.ValidString(t.Title) {
		return fmt.Errorf("%w: not UTF-8", errText)
	}
	return nil
}

// builtin has the formats that this package reads, by the ends of names.
var builtin = map[string]string{
	".txt": "txt", ".text": "txt",
	".md": "md", ".markdown": "md",
	".html": "html", ".htm": "html",
	".jsonl": "jsonl", ".ndjson": "jsonl",
	".csv": "csv", ".tsv": "tsv",
}

// formatOf returns the format by the end of a name, "" if it is unknown.
func (o Options) formatOf(name string) string {
	ext := strings.ToLower(path.Ext(name))
	if o.Formats[ext] != nil {
		return ext[1:]
	}
	return builtin[ext]
}

// reader returns the reader of a format, nil if this package reads it itself.
func (o Options) reader(format string) Reader { return o.Formats["."+format] }

// maxBytes returns the greatest size of a file of a format.
func (o Options) maxBytes(format string) int64 {
	if o.reader(format) != nil {
		return o.maxForeign
	}
	return o.MaxBytes
}

// endings lists ends of names that can be read.
func (o Options) endings() string {
	if len(o.Formats) == 0 {
		return ".txt, .md, .html, .jsonl, .csv or .tsv"
	}
	more := slices.Sorted(maps.Keys(o.Formats))
	return ".txt, .md, .html, .jsonl, .csv, .tsv, " + strings.Join(more, ", ")
}

func (o Options) checkFormats() error {
	for ext, r := range o.Formats {
		switch {
		case len(ext) < 2 || ext[0] != '.' || strings.ContainsAny(ext[1:], "./") || ext != strings.ToLower(ext):
			return fmt.Errorf("%w: Formats has %q: want the end of a name in lower case, such as .pdf", ErrOption, ext)
		case r == nil:
			return fmt.Errorf("%w: Formats has no Reader for %s", ErrOption, ext)
		case builtin[ext] != "":
			return fmt.Errorf("%w: Formats has %s, which this package reads itself", ErrOption, ext)
		}
	}
	return nil
}

func isRecords(format string) bool { return format == "jsonl" || format == "csv" || format == "tsv" }

// foreign yields the passages of a document that reader reads.
func (s *stream) foreign(in io.Reader, reader Reader) error {
	src, err := s.readAll(in)
	if err != nil {
		return err
	}
	text, err := reader.Read(s.ctx, []byte(src))
	if err != nil {
		return err
	}
	if err := text.check(); err != nil {
		return err
	}
	s.notes.list = append(s.notes.list, text.Notes...)
	s.pages = text
	d := document{title: s.notes.shorten(strings.Join(strings.Fields(text.Title), " "))}
	for part := range text.parts() {
		sec := section{text: part.of(text.Body)}
		sec.runs.add(len(sec.text), part.Start, part.End)
		sec.runs.flush()
		d.sections = append(d.sections, sec)
	}
	return s.passages(&d)
}

// parts yields pieces of Body. No passage crosses their boundaries. A piece is a page with
// the end of its last paragraph, so that a passage is on one page if possible.
func (t Text) parts() iter.Seq[TextRange] {
	return func(yield func(TextRange) bool) {
		at := 0
		cut := func(end int) bool {
			ok := end <= at || yield(TextRange{at, end})
			at = max(at, end)
			return ok
		}
		for _, end := range append(slices.Clone(t.Pages), len(t.Body)) {
			if end <= at {
				continue
			}
			if n := strings.Index(t.Body[max(end-2, 0):], "\n\n"); n >= 0 {
				end = max(end-2, 0) + n + 2
			} else {
				end = len(t.Body)
			}
			for end-at > maxSection {
				n := cutRune(t.Body[at:end], maxSection)
				if k := strings.LastIndex(t.Body[at:at+n], "\n\n"); k > 0 {
					n = k + 2
				}
				if !cut(at + n) {
					return
				}
			}
			if !cut(end) {
				return
			}
		}
	}
}
