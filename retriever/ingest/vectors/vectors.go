package vectors

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// Shard names the two files of a part of the embeddings.
type Shard struct {
	IDs     string // one id on each line, UTF-8, at most 64 KiB long; a byte order mark is passed over
	Vectors string // a .npy array with a row for each id
}

// What is wrong with a shard: an id is empty, longer than 64 KiB or not UTF-8
// (ErrID), ids and rows differ in number (ErrCount), or a component is NaN or
// infinite (ErrValue). ErrFormat is about its array.
var (
	ErrID    = errors.New("bad id")
	ErrCount = errors.New("as many ids as rows are wanted")
	ErrValue = errors.New("a component is not finite")
)

const byteOrderMark = "\ufeff"

// batch is how many vectors an index is given at a time.
const batch = 1024

// Read yields the ids and vectors of a shard in the order of its rows. Its memory does not
// grow with the shard. The first error is the last pair. When ctx is done it is ctx.Err().
// Otherwise it is an *ingest.FileError with the file, and with the line if it is about an
// id or its vector. That wraps ErrID, ErrCount, ErrValue, ErrFormat or an error of the file
// system. Read does not check that ids are unique.
func Read(ctx context.Context, fsys fs.FS, s Shard) iter.Seq2[hnsw.Item[string], error] {
	return func(yield func(hnsw.Item[string], error) bool) {
		stopped := false
		err := readShard(ctx, fsys, s, func(item hnsw.Item[string]) bool {
			stopped = !yield(item, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(hnsw.Item[string]{}, err)
		}
	}
}

func readShard(ctx context.Context, fsys fs.FS, s Shard, emit func(hnsw.Item[string]) bool) error {
	bad := func(name string, line int, err error) error {
		return &ingest.FileError{Path: name, Line: line, Err: err}
	}
	idFile, err := fsys.Open(s.IDs)
	if err != nil {
		return bad(s.IDs, 0, err)
	}
	defer idFile.Close()
	vectorFile, err := fsys.Open(s.Vectors)
	if err != nil {
		return bad(s.Vectors, 0, err)
	}
	defer vectorFile.Close()
	a, err := newArray(vectorFile)
	if err != nil {
		return bad(s.Vectors, 0, err)
	}
	ids := bufio.NewReaderSize(idFile, 1<<16)
	if mark, err := ids.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		ids.Discard(len(byteOrderMark))
	}
	for row := 1; ; row++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		id, err := nextID(ids)
		switch {
		case err == io.EOF && row == a.rows+1:
			if err := a.end(); err != nil {
				return bad(s.Vectors, 0, err)
			}
			return nil
		case err == io.EOF:
			return bad(s.IDs, 0, fmt.Errorf("%w: %d ids, but %s has %d rows", ErrCount, row-1, s.Vectors, a.rows))
		case err != nil:
			return bad(s.IDs, row, err)
		case row > a.rows:
			return bad(s.IDs, row, fmt.Errorf("%w: one id more than the %d rows of %s", ErrCount, a.rows, s.Vectors))
		}
		v, err := a.next()
		if err != nil {
			return bad(s.Vectors, 0, err)
		}
		for _, x := range v {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				return bad(s.Vectors, 0, fmt.Errorf("%w: row %d, of the id %q", ErrValue, row, id))
			}
		}
		if !emit(hnsw.Item[string]{Key: id, Vector: v}) {
			return nil
		}
	}
}

// nextID reads a line. The error is io.EOF after the last.
func nextID(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull:
		return "", fmt.Errorf("%w: longer than %d bytes", ErrID, r.Size())
	case err == io.EOF && len(line) == 0, err != nil && err != io.EOF:
		return "", err
	}
	id := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	switch {
	case len(id) == 0:
		return "", fmt.Errorf("%w: the line is empty", ErrID)
	case !utf8.Valid(id):
		return "", fmt.Errorf("%w: not UTF-8", ErrID)
	}
	return string(id), nil
}

// Load adds the vectors of shards to an index, in their order, and returns their number.
// Of two vectors with the same id the later replaces the earlier. Errors are those of
// [Read] or of the index, such as one about the dimension. After an error the index keeps
// the vectors added so far; the count may miss some of the last 1024.
func Load(ctx context.Context, fsys fs.FS, index hnsw.Writer[string], shards ...Shard) (int, error) {
	n := 0
	items := make([]hnsw.Item[string], 0, batch)
	flush := func() error {
		if len(items) == 0 {
			return nil
		}
		if err := index.Add(ctx, items); err != nil {
			return err
		}
		n += len(items)
		items = items[:0]
		return nil
	}
	for _, s := range shards {
		for item, err := range Read(ctx, fsys, s) {
			if err != nil {
				return n, errors.Join(flush(), err)
			}
			if items = append(items, item); len(items) == batch {
				if err := flush(); err != nil {
					return n, fmt.Errorf("vectors: %s: %w", s.Vectors, err)
				}
			}
		}
		if err := flush(); err != nil {
			return n, fmt.Errorf("vectors: %s: %w", s.Vectors, err)
		}
	}
	return n, nil
}
