// Package ingest makes passages of documents: it loads Markdown, HTML and plain
// text, cleans them, and cuts them into whole sentences, keeping for every passage
// the bytes of the file that it came from.
//
// [Dir] and [FS] read a folder, [Document] one document that is already in
// memory. Text of documents is data: nothing in it is understood but the markup
// of its format, and strings that mean something to a model stay as they are.
//
// # Formats
//
// The end of the name decides, in upper or lower case: .txt and .text; .md and
// .markdown; .html and .htm. All must be UTF-8; a byte order mark is passed over.
//
//   - Plain text is kept byte for byte.
//   - Markdown (CommonMark with tables, strikethrough and task lists): links leave
//     their text, code its text; images, raw tags, link definitions and front
//     matter are dropped, but that a "title:" of the front matter names the document.
//   - HTML: what is not shown as text is dropped (scripts, styles, navigation,
//     templates, form controls and the like), character references are decoded.
//
// In the latter two, white space is collapsed to single spaces but in code blocks,
// a blank line separates paragraphs, list items and table rows, and a tab the
// cells of a row.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/retriever"
)

// Why a file gave no passages. A [FileError] wraps one of these or the error of
// the file system.
var (
	ErrNotUTF8  = errors.New("not UTF-8: convert the file to UTF-8")
	ErrTooLarge = errors.New("larger than Options.MaxBytes: raise the limit or split the file")
	ErrNoText   = errors.New("holds no text but headings, if any")
	ErrNotFile  = errors.New("not a file: links to folders, devices and pipes are not read")
	ErrFormat   = errors.New("unknown format: want a name ending in .txt, .text, .md, .markdown, .html or .htm")
)

// ErrNothing is wrapped by the error about a folder that gave no passage at all.
var ErrNothing = errors.New("ingest: nothing to read")

// ErrOptions is wrapped by the error about an option out of its range.
var ErrOptions = errors.New("ingest: bad options")

// Options changes how documents are read. The zero value is ready to use.
type Options struct {
	// MaxWords is the greatest number of words in a passage, at least 1; 0 means
	// 100. A passage holds whole sentences, of at most 60 words each (longer ones
	// are cut at clauses): one sentence that is longer than MaxWords is a
	// passage of its own. Every character of a script without spaces (Chinese,
	// Japanese) counts as a word.
	MaxWords int
	// MaxBytes is the size in bytes above which a file is skipped, at least 1; 0
	// means 32 MiB.
	MaxBytes int64
	// Progress, if set, is called after each file by the goroutine that called
	// Dir or FS, which waits for it.
	Progress func(Progress)
}

// Progress says how far the reading of a folder has got.
type Progress struct {
	Path     string // the file that was just read or skipped
	Done     int    // files read or skipped, Path included
	Total    int    // files to read
	Passages int    // passages made
}

// Result is what a folder gave.
type Result struct {
	// Passages stand in the order of their files' paths, and within a file in
	// the order of its text.
	Passages []retriever.Passage
	// Read counts the files that gave passages, Bytes their size.
	Read  int
	Bytes int64
	// Skipped has the files of a known format, the folders and the links that
	// could not be read, in the order of their paths.
	Skipped []*FileError
	// Ignored counts the files of other formats and those whose name begins with
	// a dot. Folders whose name begins with a dot are not looked into.
	Ignored int
}

// FileError says why one file gave no passages.
type FileError struct {
	Path string // relative to the folder, with slashes
	Err  error
}

// Error returns the path and the reason.
func (e *FileError) Error() string { return "ingest: " + e.Path + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *FileError) Unwrap() error { return e.Err }

func (o Options) check() (Options, error) {
	if o.MaxWords < 0 {
		return o, fmt.Errorf("%w: MaxWords is %d: want at least 1, or 0 for 100", ErrOptions, o.MaxWords)
	}
	if o.MaxBytes < 0 {
		return o, fmt.Errorf("%w: MaxBytes is %d: want at least 1, or 0 for 32 MiB", ErrOptions, o.MaxBytes)
	}
	if o.MaxWords == 0 {
		o.MaxWords = 100
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 32 << 20
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
	return FS(ctx, root.FS(), opts)
}

// FS reads the documents of a file system.
//
// A file that cannot be read is skipped and reported, not an error. If no file
// gives a passage, the error wraps ErrNothing and counts what was skipped. When
// ctx is done, FS stops before the next file with an error that wraps ctx.Err().
// With an error the Result says what was read until then.
//
// The result depends on nothing but the names and the contents of the files and
// on opts.
func FS(ctx context.Context, fsys fs.FS, opts Options) (Result, error) {
	var res Result
	opts, err := opts.check()
	if err != nil {
		return res, err
	}
	names, err := res.list(ctx, fsys)
	if err != nil {
		return res, err
	}
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return res, fmt.Errorf("ingest: stopped after %d of %d files: %w", i, len(names), err)
		}
		passages, size, err := readFile(fsys, name, opts)
		if err != nil {
			res.skip(name, err)
		} else {
			res.Passages = append(res.Passages, passages...)
			res.Read++
			res.Bytes += size
		}
		if opts.Progress != nil {
			opts.Progress(Progress{Path: name, Done: i + 1, Total: len(names), Passages: len(res.Passages)})
		}
	}
	slices.SortStableFunc(res.Skipped, func(a, b *FileError) int { return strings.Compare(a.Path, b.Path) })
	if res.Read == 0 {
		err = fmt.Errorf("%w: %d files skipped, %d of other formats: want .txt, .md or .html files", ErrNothing, len(res.Skipped), res.Ignored)
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

// list returns the names of the documents in order. Links to folders are not
// followed, so that no loop of links can hold it up.
func (r *Result) list(ctx context.Context, fsys fs.FS) ([]string, error) {
	var names []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return fmt.Errorf("ingest: stopped while listing files: %w", ctx.Err())
		}
		if err != nil {
			if name == "." {
				return fmt.Errorf("ingest: %w", err)
			}
			r.skip(name, err)
			return nil
		}
		dotted := strings.HasPrefix(d.Name(), ".") && name != "."
		switch {
		case d.IsDir() && dotted:
			return fs.SkipDir
		case d.IsDir():
			return nil
		case dotted:
			r.Ignored++
			return nil
		}
		mode := d.Type()
		if mode&fs.ModeSymlink != 0 {
			info, err := fs.Stat(fsys, name)
			if err != nil {
				r.skip(name, err)
				return nil
			}
			mode = info.Mode()
		}
		switch {
		case mode.IsDir(), !mode.IsRegular() && formatOf(name) != "":
			r.skip(name, ErrNotFile)
		case formatOf(name) == "":
			r.Ignored++
		default:
			names = append(names, name)
		}
		return nil
	})
	// The walk gives a/b.md before a.md.
	slices.Sort(names)
	return names, err
}

func readFile(fsys fs.FS, name string, opts Options) ([]retriever.Passage, int64, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > opts.MaxBytes {
		return nil, 0, ErrTooLarge
	}
	// The size may have been wrong, or have changed.
	data, err := io.ReadAll(io.LimitReader(f, opts.MaxBytes+1))
	if err != nil {
		return nil, 0, err
	}
	passages, err := parse(name, data, opts)
	return passages, int64(len(data)), err
}

// Document makes passages of one document, whose format the end of its name
// gives. The error is a *[FileError], or wraps ErrOptions.
//
// Each passage has:
//
//   - ID: name, "#" and the number of the passage in the document, from 1.
//   - Title: the document's title and the headings above the passage, joined by
//     " > ". The title of a document without one is its first heading of level 1, or
//     else its file name without the ending. No passage goes across a heading; the
//     text of headings stands in titles only.
//   - Metadata: "path" (name), "format" ("txt", "md" or "html"), "document" (the
//     title of the document) and "number" (that in ID, an int).
//   - Source: the name, and the place of the text in data.
func Document(name string, data []byte, opts Options) ([]retriever.Passage, error) {
	opts, err := opts.check()
	if err != nil {
		return nil, err
	}
	passages, err := parse(name, data, opts)
	if err != nil {
		return nil, &FileError{Path: name, Err: err}
	}
	return passages, nil
}

// formatOf returns the format that the end of a name stands for, "" if none.
func formatOf(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".txt", ".text":
		return "txt"
	case ".md", ".markdown":
		return "md"
	case ".html", ".htm":
		return "html"
	}
	return ""
}

const byteOrderMark = "\ufeff"

func parse(name string, data []byte, opts Options) ([]retriever.Passage, error) {
	format := formatOf(name)
	switch {
	case format == "":
		return nil, ErrFormat
	case int64(len(data)) > opts.MaxBytes:
		return nil, ErrTooLarge
	case !utf8.Valid(data), !utf8.ValidString(name):
		return nil, ErrNotUTF8
	}
	w := newWriter(string(data))
	body := len(w.src) - len(strings.TrimPrefix(w.src, byteOrderMark))
	switch format {
	case "txt":
		w.plain(body)
	case "md":
		readMarkdown(w, body)
	case "html":
		readHTML(w, body, len(w.src))
	}
	passages := w.finish().passages(name, format, opts.MaxWords)
	if len(passages) == 0 {
		return nil, ErrNoText
	}
	return passages, nil
}
