package foldersync

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/goselfrag/goselfrag/internal/regular"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// outcome is what the reading of a file gave.
type outcome struct {
	unreadable error // if set, there is nothing else
	same       bool  // the content is the one that is known; note has the new time
	note       note
	passages   []retriever.Passage
	skipped    []*ingest.FileError
	notes      []ingest.Note
}

// readFile reads the file of a job, unless its hash is the one that is known. The error wraps
// that of ctx or ingest.ErrOption.
func (s *run) readFile(ctx context.Context, j job) (outcome, error) {
	if j.hash {
		in, err := s.open(ctx, j.file.Path)
		if err != nil {
			return failed(ctx, err)
		}
		defer in.f.Close()
		sum, err := in.sum()
		if err != nil {
			return failed(ctx, err)
		}
		if bytes.Equal(sum, j.old.note.Hash) {
			n := j.old.note
			n.Modified, n.Read = in.modified.UnixNano(), in.began.UnixNano()
			return outcome{same: true, note: n}, nil
		}
	}
	in, err := s.open(ctx, j.file.Path)
	if err != nil {
		return failed(ctx, err)
	}
	defer in.f.Close()
	o := s.o.Ingest
	o.Note = nil
	res, err := ingest.File(ctx, s.o.Root+j.file.Path, in, o)
	if err != nil {
		return outcome{}, err
	}
	out := outcome{passages: res.Passages, skipped: res.Skipped, notes: res.Notes, note: note{
		Format: noteFormat, Root: s.o.Root, Settings: s.settings,
		Size: in.size, Modified: in.modified.UnixNano(), Read: in.began.UnixNano(),
	}}
	if in.err != nil {
		return failed(ctx, in.err)
	}
	tooLarge := false
	for _, e := range res.Skipped {
		if e.Line == 0 && kind(e) == 0 {
			return failed(ctx, e.Err)
		}
		tooLarge = tooLarge || e.Line == 0 && errors.Is(e, ingest.ErrTooLarge)
	}
	if len(res.Passages) == 0 && len(res.Skipped) > 0 {
		first := res.Skipped[0]
		out.note.Reason, out.note.Kind = first.Err.Error(), kind(first)
	}
	if !tooLarge { // a file that is too large is not worth hashing
		if out.note.Hash, err = in.sum(); err != nil {
			return failed(ctx, err)
		}
	}
	return out, nil
}

// failed returns the outcome of a file that cannot be read, or the error of ctx.
func failed(ctx context.Context, err error) (outcome, error) {
	if ctx.Err() != nil {
		return outcome{}, ctx.Err()
	}
	return outcome{unreadable: err}, nil
}

// hash returns that of the content of a file.
func (s *run) hash(ctx context.Context, path string) ([]byte, error) {
	in, err := s.open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer in.f.Close()
	return in.sum()
}

// input is a file that is hashed while it is read.
type input struct {
	ctx      context.Context
	f        fs.File
	began    time.Time // before the file was opened
	size     int64     // when it was opened
	modified time.Time // likewise
	n        int64     // bytes read
	hash     hash.Hash
	err      error // of reading
}

func (s *run) open(ctx context.Context, path string) (*input, error) {
	in := &input{ctx: ctx, began: s.o.now(), hash: sha256.New()}
	var err error
	if in.f, err = regular.OpenFS(s.fsys, path); err != nil {
		return nil, err
	}
	info, err := in.f.Stat()
	if err != nil {
		in.f.Close()
		return nil, err
	}
	in.size, in.modified = info.Size(), info.ModTime()
	return in, nil
}

// Len returns how many bytes there are to read.
func (in *input) Len() int { return int(max(in.size-in.n, 0)) }

func (in *input) Read(p []byte) (int, error) {
	if err := in.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := in.f.Read(p)
	in.n += int64(n)
	in.hash.Write(p[:n])
	if err != nil && err != io.EOF {
		in.err = err
	}
	return n, err
}

// sum reads to the end and returns the hash of all that was read.
func (in *input) sum() ([]byte, error) {
	if _, err := io.Copy(io.Discard, in); err != nil {
		return nil, err
	}
	return in.hash.Sum(nil), in.err
}

// relative returns an error about a document as one about its file.
func (s *run) relative(e *ingest.FileError) *ingest.FileError {
	return &ingest.FileError{Path: strings.TrimPrefix(e.Path, s.o.Root), Line: e.Line, Err: e.Err}
}

// stopped says where a sync ended.
func (s *run) stopped(path string, err error) error {
	return fmt.Errorf("foldersync: at %s: %w", path, err)
}
