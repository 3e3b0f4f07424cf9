package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/internal/regular"
	"github.com/goselfrag/goselfrag/retriever"
)

// Why a file or record gave no passages. A [FileError] wraps one of these or the error
// of the file system.
var (
	ErrNotUTF8  = errors.New("not UTF-8: convert the file to UTF-8")
	ErrTooLarge = errors.New("larger than Options.MaxBytes: raise the limit or split the file")
	ErrNoText   = errors.New("holds no text but headings, if any")
	ErrNotFile  = errors.New("not a file: links to folders, devices and pipes are not read")
	ErrFormat   = errors.New("unknown format: want a name ending in .txt, .text, .md, .markdown, .html, .htm, .jsonl, .ndjson, .csv or .tsv")
	ErrRecord   = errors.New("bad record")
	ErrBinary   = errors.New("not text: a file of this name should hold text")
	ErrPattern  = errors.New("bad pattern: want what a line of a .gitignore file may hold")
	ErrTooMany  = errors.New("its passages take too much memory for its size: cut it into larger passages, or read it with Stream")
)

// ErrNothing is wrapped by the error about a folder that gave no passage at all.
var ErrNothing = errors.New("ingest: nothing to read")

// ErrOption is wrapped by the error about an option out of its range.
var ErrOption = errors.New("ingest: bad options")

// Options changes how documents are read. The zero value is ready to use.
type Options struct {
	// Split is how text is cut: by default into passages of whole sentences, with at
	// most 100 words.
	Split Split
	// SplitRecords cuts the texts of records too. Otherwise every record is one
	// passage, however long.
	SplitRecords bool
	// Children, if set, cuts every passage once more into smaller ones to search
	// for; see [Families].
	Children *Split
	// NFC brings texts and titles into Unicode normalization form C before they
	// are cut, so that texts that look equal are equal. Source still gives the place
	// in the original document.
	NFC bool
	// MaxBytes is the size in bytes above which a file, or a record in a file of
	// records, is skipped, at least 1; 0 means 32 MiB, and 64 MiB for Formats, whose
	// files may hold pictures.
	MaxBytes int64
	// Formats has readers of other formats by the end of a name, in lower case, such as
	// ".pdf"; package pdf below this one has that of PDF.
	Formats map[string]Reader
	// Fields says which fields of records hold what.
	Fields Fields
	// Exclude has patterns of files and folders that are not read. Each is like a line of
	// a .gitignore file in the folder. A file called .goselfragignore adds such lines for
	// its own folder; see [List].
	Exclude []string
	// Note, if set, is called at the end of a document for each kind of change or loss
	// between the document and its passages. It is called by the goroutine that reads
	// the stream, or that called Dir or FS.
	Note func(Note)
	// Progress, if set, is called after each file. Dir and FS call it in their own
	// goroutine and wait for it.
	Progress func(Progress)

	maxForeign int64      // MaxBytes for Formats
	excluded   exclusions // Exclude
}

// Progress is the progress of reading a folder.
type Progress struct {
	Path     string // the file that was just read or skipped
	Done     int    // files read or skipped, Path included
	Total    int    // files to read
	Passages int    // passages made
}

// Result is the result of reading a folder.
type Result struct {
	// Passages are in the order of their files' paths, and within a file in
	// the order of its text.
	Passages []retriever.Passage
	// Read counts the files that gave passages, Bytes their size.
	Read  int
	Bytes int64
	// Skipped has the files of a known format, the folders, the links and the
	// records that could not be read, in the order of their paths and lines. Of more
	// than 1,000 records of a file, the others are counted in one error.
	Skipped []*FileError
	// Notes says what was changed or left out in the files that were read, in the order
	// of their paths.
	Notes []Note
	// Ignored counts the files of other formats and those whose name begins with
	// a dot. Folders whose name begins with a dot are not looked into.
	Ignored int
	// Excluded counts the files and folders that an exclusion matches, not the content
	// of such folders.
	Excluded int

	cost    int64           // of Passages
	size    int64           // of the files that were read, as far as it is known
	records []span          // of one file
	taken   map[string]bool // ids that records gave themselves
	files   map[string]bool // the paths of all files
}

// span is the passages of one record, from an index on.
type span struct {
	from, line int
	id         string
}

// FileError says why a file, or a record in it, gave no passages.
type FileError struct {
	Path string // relative to the folder, with slashes
	Line int    // where the record begins, from 1; 0 if it is about the file
	Err  error
}

// Error returns the path, the line and the reason.
func (e *FileError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("ingest: %s:%d: %v", e.Path, e.Line, e.Err)
	}
	return "ingest: " + e.Path + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *FileError) Unwrap() error { return e.Err }

func (o Options) check() (Options, error) {
	var err error
	if o.Split, err = o.Split.check(); err != nil {
		return o, err
	}
	if o.Children != nil {
		c, err := o.Children.check()
		if err != nil {
			return o, fmt.Errorf("%w (of Children)", err)
		}
		o.Children = &c
	}
	if err := o.Fields.check(); err != nil {
		return o, err
	}
	if err := o.checkFormats(); err != nil {
		return o, err
	}
	for _, line := range o.Exclude {
		if err := o.excluded.add(line); err != nil {
			return o, fmt.Errorf("%w: Exclude has %q: %w", ErrOption, line, err)
		}
	}
	if o.MaxBytes < 0 {
		return o, fmt.Errorf("%w: MaxBytes is %d: want at least 1, or 0 for 32 MiB", ErrOption, o.MaxBytes)
	}
	o.maxForeign = o.MaxBytes
	if o.MaxBytes == 0 {
		o.MaxBytes, o.maxForeign = 32<<20, 64<<20
	}
	return o, nil
}

// Dir reads the documents of a folder and the folders below it, as [FS] does.
// Links to files are followed as long as they stay within dir.
//
// If dir cannot be opened, the error wraps that of the file system: fs.ErrNotExist
// if there is no such folder.
func Dir(ctx context.Context, dir string, opts Options) (Result, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Result{}, fmt.Errorf("ingest: %w: name an existing folder", err)
	}
	defer root.Close()
	return FS(ctx, regular.FS(root), opts)
}

// FS reads the documents of a file system.
//
// A file or record that cannot be read is skipped and reported, not an error. If no
// file gives a passage, the error wraps ErrNothing and counts what was skipped. When
// ctx is done, FS stops before the next file or record with an error that wraps
// ctx.Err(). The Result is also valid with an error: it has what was read so far.
//
// All passages are kept in memory. Use [Stream] for a large file of records.
//
// The id field of a record may conflict with the id of another passage, or with one that a
// section of a file could have. Then the path, "#" and the line of the record replace it,
// and a note says so.
//
// Several files are read at the same time, so fsys must be safe for concurrent use.
// If Split or Children has a Count, files are read one after another. The result
// depends only on the names and contents of the files and on opts.
func FS(ctx context.Context, fsys fs.FS, opts Options) (res Result, err error) {
	opts, err = opts.check()
	if err != nil {
		return res, err
	}
	list, err := List(ctx, fsys, opts)
	res.Skipped, res.Ignored, res.Excluded = list.Skipped, list.Ignored, list.Excluded
	if err != nil {
		return res, err
	}
	names := list.paths()
	res.taken, res.files = map[string]bool{}, make(map[string]bool, len(names))
	for _, name := range names {
		res.files[name] = true
	}
	defer func() { res.taken, res.files = nil, nil }()
	i := 0
	for file, err := range readFiles(ctx, fsys, names, opts) {
		if err == nil && ctx.Err() != nil { // since the file was read
			file, err = Result{}, ctx.Err()
		}
		if i < len(names) {
			res.add(names[i], file)
		}
		for _, n := range file.Notes {
			if opts.Note != nil {
				opts.Note(n)
			}
		}
		switch {
		case err != nil && ctx.Err() != nil:
			return res, fmt.Errorf("ingest: stopped after %d of %d files: %w", i, len(names), ctx.Err())
		case err != nil:
			return res, err
		}
		i++
		if opts.Progress != nil {
			opts.Progress(Progress{Path: names[i-1], Done: i, Total: len(names), Passages: len(res.Passages)})
		}
	}
	slices.SortStableFunc(res.Skipped, func(a, b *FileError) int { return strings.Compare(a.Path, b.Path) })
	if res.Read == 0 {
		err = fmt.Errorf("%w: %d files or records skipped, %d of other formats: want %s files", ErrNothing, len(res.Skipped), res.Ignored, opts.endings())
		if len(res.Skipped) > 0 {
			err = fmt.Errorf("%w; the first: %w", err, res.Skipped[0])
		}
		return res, err
	}
	return res, nil
}

func (r *Result) skip(name string, err error) {
	r.Skipped = append(r.Skipped, &FileError{Path: name, Err: err})
}

// Besides their texts, passages may take at most keptBytes, three times the bytes of their
// files, and fileBytes for each file.
const (
	keptBytes = 64 << 20
	fileBytes = 2 << 10
)

// maxBad is how many bad records of a file are reported one by one.
const maxBad = 1000

// allowed returns how many bytes the passages of files may take, given the number of
// files and their total size.
func allowed(files int, bytes int64) int64 {
	return keptBytes + 3*bytes + fileBytes*int64(files)
}

// costOf estimates the bytes that a passage takes, without those that it shares with
// others of its file. With texts set, its texts count, too, since they may not be parts of
// the file's bytes.
func costOf(p retriever.Passage, texts bool) int64 {
	n := 208 + len(p.ID) // twice itself, since lists grow by copying
	if k := len(p.Metadata); k > 0 {
		slots := 8
		for slots*7/8 < k && k > 8 || slots < k {
			slots *= 2
		}
		n += 48 + 80*slots
	}
	if texts {
		n += len(p.Text) + len(p.Title)
		for _, v := range p.Metadata {
			text, _ := v.AsString()
			n += len(text)
			list, _ := v.AsStrings()
			for _, text := range list {
				n += 16 + len(text)
			}
		}
	}
	return int64(n)
}

// add appends the result of the next file.
func (r *Result) add(name string, file Result) {
	r.Notes = append(r.Notes, file.Notes...)
	r.Skipped = append(r.Skipped, file.Skipped...)
	if r.cost+file.cost > allowed(r.Read+1, r.size+file.size) {
		r.skip(name, ErrTooMany)
		return
	}
	from := len(r.Passages)
	if from == 0 {
		r.Passages = file.Passages
	} else {
		r.Passages = append(r.Passages, file.Passages...)
	}
	r.cost += file.cost
	r.size += file.size
	r.Read += file.Read
	r.Bytes += file.Bytes
	renamed := Note{Path: name, Kind: NoteID, Text: "taken by another passage: the record is named after its line"}
	for i, s := range file.records {
		to := len(file.Passages)
		if i+1 < len(file.records) {
			to = file.records[i+1].from
		}
		if s.id != "" && r.rename(name, s, r.Passages[from+s.from:from+to]) {
			if renamed.Count == 0 {
				renamed.Line = s.line
			}
			renamed.Count++
		}
	}
	if renamed.Count > 0 {
		r.Notes = append(r.Notes, renamed)
	}
}

// rename replaces the ids of a record's passages if one of them is taken, or could be the
// id of a section or of a record without an id. It reports whether it did.
func (r *Result) rename(name string, s span, passages []retriever.Passage) bool {
	free := true
	for i := 0; i < len(s.id) && free; i++ {
		free = s.id[i] != '#' || !r.files[s.id[:i]]
	}
	for _, p := range passages {
		free = free && !r.taken[p.ID]
	}
	if free {
		for _, p := range passages {
			r.taken[p.ID] = true
		}
		return false
	}
	s.giveID(fmt.Sprintf("%s#%d", name, s.line), passages)
	return true
}

// Document makes passages of one document. The end of its name gives its format. The error
// is a *[FileError], or wraps ErrOption. For a file of records it is about the first bad
// record.
//
// Each passage has:
//
//   - ID: name, "#" and the number of the passage in the document, from 1.
//   - Title: the document's title and the headings above the passage, joined by
//     " > ". The title of a document without one is its first heading of level 1, or
//     else its file name without the ending. No passage crosses a heading; the
//     text of headings is in titles only. A title has at most 300 characters: the
//     longest parts of longer ones are cut, with an ellipsis. A heading of more than
//     300 characters is a paragraph.
//   - Metadata: the front matter of Markdown, "path" (name), "format" ("txt", "md",
//     "html" or the key in Options.Formats without its dot), "document" (the title of
//     the document) and "number" (the number in ID, an int); with pages also "page" (an
//     int).
//   - Source: the name, and the place of the text in data. With Options.Formats it is the
//     place in Text.Body, and the pages.
//
// For passages of records see [Stream].
func Document(name string, data []byte, opts Options) ([]retriever.Passage, error) {
	var out []retriever.Passage
	var cost int64
	format := opts.formatOf(name)
	for p, err := range Stream(context.Background(), name, bytes.NewReader(data), opts) {
		if err != nil {
			return nil, err
		}
		if cost += costOf(p, isRecords(format) || opts.reader(format) != nil); cost > allowed(1, int64(len(data))) {
			return nil, fileError(name, ErrTooMany)
		}
		out = append(out, p)
	}
	return out, nil
}
