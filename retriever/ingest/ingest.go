package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

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
)

// ErrNothing is wrapped by the error about a folder that gave no passage at all.
var ErrNothing = errors.New("ingest: nothing to read")

// ErrOptions is wrapped by the error about an option out of its range.
var ErrOptions = errors.New("ingest: bad options")

// Options changes how documents are read. The zero value is ready to use.
type Options struct {
	// Split is how text is cut: by default into whole sentences of together at
	// most 100 words.
	Split Split
	// SplitRecords cuts the texts of records too. Otherwise every record is one
	// passage, however long.
	SplitRecords bool
	// Children, if set, cuts every passage once more into smaller ones to search
	// for; see [Families].
	Children *Split
	// NFC brings texts and titles into Unicode normalisation form C before they
	// are cut, so that what looks alike is alike. Source still says where the text
	// stands in the document as it is.
	NFC bool
	// MaxBytes is the size in bytes above which a file, or a record in a file of
	// records, is skipped, at least 1; 0 means 32 MiB.
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
	// Skipped has the files of a known format, the folders, the links and the
	// records that could not be read, in the order of their paths and lines.
	Skipped []*FileError
	// Ignored counts the files of other formats and those whose name begins with
	// a dot. Folders whose name begins with a dot are not looked into.
	Ignored int
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
	if o.MaxBytes < 0 {
		return o, fmt.Errorf("%w: MaxBytes is %d: want at least 1, or 0 for 32 MiB", ErrOptions, o.MaxBytes)
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
// A file or record that cannot be read is skipped and reported, not an error. If no
// file gives a passage, the error wraps ErrNothing and counts what was skipped. When
// ctx is done, FS stops before the next file or record with an error that wraps
// ctx.Err(). With an error the Result says what was read until then.
//
// All passages are kept in memory: a large file of records is for [Stream].
//
// Several files are read at the same time, so fsys must allow that, unless tokens are
// counted. The result depends on nothing but the names and the contents of the files and
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
	i := 0
	for file, err := range readFiles(ctx, fsys, names, opts) {
		if err == nil && ctx.Err() != nil { // since the file was read
			file, err = Result{}, ctx.Err()
		}
		res.add(file)
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
		err = fmt.Errorf("%w: %d files or records skipped, %d of other formats: want .txt, .md, .html, .jsonl, .csv or .tsv files", ErrNothing, len(res.Skipped), res.Ignored)
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

// add puts what was read of the next file behind the others.
func (r *Result) add(file Result) {
	r.Passages = append(r.Passages, file.Passages...)
	r.Skipped = append(r.Skipped, file.Skipped...)
	r.Read += file.Read
	r.Bytes += file.Bytes
}

// readFiles reads files, as many at a time as there are processors, and yields what
// they hold in their order, up to the first error.
func readFiles(ctx context.Context, fsys fs.FS, names []string, opts Options) iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		type reading struct {
			res   Result
			err   error
			panic any
		}
		workers := runtime.GOMAXPROCS(0)
		if opts.Split.Count != nil || opts.Children != nil && opts.Children.Count != nil {
			workers = 1 // nobody says that the function may be called from several goroutines
		}
		ctx, cancel := context.WithCancel(ctx)
		// Its length bounds how far reading is ahead.
		pending := make(chan chan reading, workers-1)
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		all.Go(func() {
			defer close(pending)
			for _, name := range names {
				done := make(chan reading, 1)
				select {
				case pending <- done:
				case <-ctx.Done():
					return
				}
				all.Go(func() {
					var r reading
					defer func() {
						if v := recover(); v != nil {
							r.panic = fmt.Sprintf("%v\n\n%s", v, debug.Stack())
						}
						done <- r
					}()
					if r.err = ctx.Err(); r.err == nil {
						r.err = r.res.readFile(ctx, fsys, name, opts)
					}
				})
			}
		})
		read := 0
		for done := range pending {
			read++
			r := <-done
			if r.panic != nil {
				panic(r.panic) // here the caller can recover from it
			}
			if !yield(r.res, r.err) || r.err != nil {
				return
			}
		}
		if read < len(names) {
			yield(Result{}, ctx.Err())
		}
	}
}

// readFile adds the passages of a file, or skips it. An error means that ctx is done
// or that opts do not fit the text.
func (r *Result) readFile(ctx context.Context, fsys fs.FS, name string, opts Options) error {
	f, err := fsys.Open(name)
	if err != nil {
		r.skip(name, err)
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !isRecords(formatOf(name)) && info.Size() > opts.MaxBytes {
		r.skip(name, ErrTooLarge)
		return nil
	}
	before := len(r.Passages)
	counted := &counter{r: f}
	for p, err := range Stream(ctx, name, counted, opts) {
		var file *FileError
		switch {
		case err == nil:
			r.Passages = append(r.Passages, p)
		case errors.As(err, &file):
			r.Skipped = append(r.Skipped, file)
		default:
			return err
		}
	}
	if len(r.Passages) > before {
		r.Read++
		r.Bytes += counted.n
	}
	return nil
}

// counter counts the bytes that are read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// Document makes passages of one document, whose format the end of its name
// gives. The error is a *[FileError], or wraps ErrOptions; of records, it is about
// the first bad one.
//
// Each passage has:
//
//   - ID: name, "#" and the number of the passage in the document, from 1.
//   - Title: the document's title and the headings above the passage, joined by
//     " > ". The title of a document without one is its first heading of level 1, or
//     else its file name without the ending. No passage goes across a heading; the
//     text of headings stands in titles only. A heading of more than 1,000 bytes is a
//     paragraph, and a title that long is none.
//   - Metadata: "path" (name), "format" ("txt", "md" or "html"), "document" (the
//     title of the document) and "number" (that in ID, an int).
//   - Source: the name, and the place of the text in data.
//
// Passages of records have what the record says; see [Stream].
func Document(name string, data []byte, opts Options) ([]retriever.Passage, error) {
	var out []retriever.Passage
	for p, err := range Stream(context.Background(), name, bytes.NewReader(data), opts) {
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
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
	case ".jsonl", ".ndjson":
		return "jsonl"
	case ".csv":
		return "csv"
	case ".tsv":
		return "tsv"
	}
	return ""
}

func isRecords(format string) bool { return format == "jsonl" || format == "csv" || format == "tsv" }
