package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"runtime"

	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/internal/regular"
	"github.com/goselfrag/goselfrag/retriever"
)

// readFiles reads files, as many at a time as there are processors, and yields their
// contents in order. Once ctx is done, files yield its error.
func readFiles(ctx context.Context, fsys fs.FS, names []string, opts Options) iter.Seq2[Result, error] {
	workers := runtime.GOMAXPROCS(0)
	if opts.Split.Count != nil || opts.Children != nil && opts.Children.Count != nil {
		workers = 1 // Split.Count need not be safe for concurrent use
	}
	each := func(ctx context.Context, start func(context.Context, int) func() error) []error {
		return fanout.Each(len(names), workers, func(i int) func() error { return start(ctx, i) })
	}
	return fanout.Stream(ctx, len(names), workers-1, each, func(ctx context.Context, i int) func() (Result, error) {
		return func() (r Result, err error) {
			if err := ctx.Err(); err != nil {
				return r, err
			}
			err = r.readFile(ctx, fsys, names[i], opts)
			return r, err
		}
	})
}

// readFile adds the passages of a file, or skips it. An error means that ctx is done
// or that opts do not fit the text.
func (r *Result) readFile(ctx context.Context, fsys fs.FS, name string, opts Options) error {
	f, err := open(fsys, name)
	if err != nil {
		r.skip(name, err)
		return nil
	}
	defer f.Close()
	counted := &counter{r: f}
	if info, err := f.Stat(); err == nil {
		counted.size = info.Size()
	}
	return r.readStream(ctx, name, counted, opts)
}

// readStream adds the passages of the document that counted reads, or skips it. The error
// is that of readFile.
func (r *Result) readStream(ctx context.Context, name string, counted *counter, opts Options) error {
	format := opts.formatOf(name)
	records := isRecords(format)
	if !records && counted.size > opts.maxBytes(format) {
		r.skip(name, ErrTooLarge)
		return nil
	}
	before := len(r.Passages)
	opts.Note = func(n Note) { r.Notes = append(r.Notes, n) }
	s := stream{ctx: ctx, name: name, format: format, opts: opts, notes: &notes{}}
	s.began = func(rec record) {
		if rec.named {
			r.records = append(r.records, span{len(r.Passages), rec.line, rec.id})
		} else if len(r.records) > 0 { // ends the one before
			r.records = append(r.records, span{len(r.Passages), rec.line, ""})
		}
	}
	var failed error
	bad := 0
	s.yield = func(p retriever.Passage, err error) bool {
		var file *FileError
		switch {
		case err == nil:
			cost := costOf(p, records || opts.reader(format) != nil)
			if r.size = max(counted.n, counted.size); r.cost+cost > allowed(1, r.size) {
				r.skip(name, ErrTooMany)
				return false
			}
			r.cost += cost
			r.Passages = append(r.Passages, p)
		case errors.As(err, &file) && file.Line > 0 && bad >= maxBad:
			bad++
		case errors.As(err, &file):
			r.Skipped = append(r.Skipped, file)
			bad++
		default:
			failed = err
			return false
		}
		return true
	}
	s.readDocument(counted)
	if bad > maxBad {
		r.skip(name, fmt.Errorf("%w: %d more are bad", ErrRecord, bad-maxBad))
	}
	if failed != nil {
		return failed
	}
	if len(r.Passages) > before {
		r.Read++
		r.Bytes += counted.n
	}
	return nil
}

// open opens a file that is neither a folder nor a device or a pipe.
func open(fsys fs.FS, name string) (fs.File, error) {
	f, err := regular.OpenFS(fsys, name)
	if errors.Is(err, regular.ErrNotFile) {
		return nil, ErrNotFile
	}
	return f, err
}

// counter counts the bytes that are read through it.
type counter struct {
	r    io.Reader
	n    int64
	size int64 // of the file, 0 if it is not known
}

// Len returns how much there is to read, as far as it is known.
func (c *counter) Len() int { return int(max(c.size-c.n, 0)) }

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
