// Package journal runs long work part by part, side by side, and keeps the result of each
// part in a file, in the order of the parts: work that was broken off goes on there.
package journal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/internal/regular"
)

// ErrFile is wrapped by the error about a file that is no journal, is one of other work,
// or is damaged.
var ErrFile = errors.New("the journal cannot be used")

// Work is what is to be done. T must come out of JSON as it went in.
type Work[T any] struct {
	// File names the journal, which need not exist. Without one the results are kept in
	// memory. One process at a time uses a file.
	File string
	// Head identifies the work: all that the results depend on. A journal with another
	// head is refused.
	Head any
	// N is the number of parts, Workers how many are worked on at the same time.
	N, Workers int
	// Most returns what a part can cost at most, false if that is not known; see
	// budget.Each.
	Most func(i int) (budget.Cost, bool)
	// Do does part i.
	Do func(ctx context.Context, i int) (T, error)
	// Progress, unless nil, is called with the number of parts done and that of all, by one
	// goroutine at a time, at the start and after each part.
	Progress func(done, total int)
}

// Results are those of all parts. Close them.
type Results[T any] struct {
	file store
	from int64 // where the first result begins
}

// store is a file, or memory.
type store interface {
	io.ReaderAt
	io.Writer
	Truncate(size int64) error
	Close() error
}

// Run does those parts whose results are not in the file. After an error the file holds the
// results of the parts before the one that failed, and the next Run goes on with that one. The error
// wraps ErrFile, or is that of a part or of the file system.
func (w Work[T]) Run(ctx context.Context) (*Results[T], error) {
	head, err := json.Marshal(w.Head)
	if err != nil {
		return nil, err
	}
	head = append(head, '\n')
	var file store = &memory{}
	if w.File != "" {
		if file, err = regular.OpenFile(w.File, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644); err != nil {
			return nil, err
		}
	}
	done, err := w.begin(file, head)
	if err == nil {
		err = w.work(ctx, file, done)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Results[T]{file, int64(len(head))}, nil
}

// begin writes the head, or finds it, and returns how many results follow. A last line
// without its end is cut off: a process that was killed leaves it.
func (w Work[T]) begin(file store, head []byte) (done int, err error) {
	in, size := bufio.NewReader(io.NewSectionReader(file, 0, 1<<62)), int64(0)
	for number := 0; ; number++ {
		line, err := in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return 0, err
		}
		switch {
		case err == io.EOF && number == 0 && !bytes.HasPrefix(head, line):
			return 0, fmt.Errorf("%w: %s is no journal: name another file", ErrFile, w.File)
		case err == io.EOF && number == 0:
			if err := file.Truncate(0); err != nil {
				return 0, err
			}
			_, err := file.Write(head)
			return 0, err
		case err == io.EOF:
			return number - 1, file.Truncate(size)
		case number == 0 && !bytes.Equal(line, head):
			return 0, fmt.Errorf("%w: %s was begun with other data or options, or is no journal: give those again, name another file, or delete it", ErrFile, w.File)
		case number > 0 && (number > w.N || json.Unmarshal(line, new(T)) != nil):
			return 0, fmt.Errorf("%w: line %d of %s is damaged: delete the file", ErrFile, number+1, w.File)
		}
		size += int64(len(line))
	}
}

// work does the parts from done on.
func (w Work[T]) work(ctx context.Context, file store, done int) error {
	n := w.N - done
	report := func() {
		if w.Progress != nil {
			w.Progress(done, w.N)
		}
	}
	report()
	from := done
	each := func(ctx context.Context, start func(context.Context, int) func() error) []error {
		most := func(i int) (budget.Cost, bool) { return w.Most(from + i) }
		return budget.Each(ctx, n, w.Workers, most, fanout.UntilError(n, w.Workers, budget.Exceeded, start))
	}
	part := func(ctx context.Context, i int) func() (T, error) {
		return func() (T, error) {
			if err := ctx.Err(); err != nil {
				return *new(T), err
			}
			return w.Do(ctx, from+i)
		}
	}
	// Results wait for those before them: enough that one slow part holds up no other worker
	// soon, few enough for the memory.
	for v, err := range fanout.Stream(ctx, n, 4*w.Workers, each, part) {
		if err != nil {
			return err
		}
		line, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := file.Write(append(line, '\n')); err != nil {
			return err
		}
		done++
		report()
	}
	return nil
}

// All yields the results in the order of the parts. It can be used several times.
func (r *Results[T]) All() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		in := json.NewDecoder(bufio.NewReader(io.NewSectionReader(r.file, r.from, 1<<62)))
		for {
			var v T
			err := in.Decode(&v)
			if err == io.EOF || !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Close closes the file, which stays.
func (r *Results[T]) Close() error { return r.file.Close() }

// memory is a store without a file.
type memory struct{ bytes []byte }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(m.bytes).ReadAt(p, off)
}

func (m *memory) Write(p []byte) (int, error) {
	m.bytes = append(m.bytes, p...)
	return len(p), nil
}

func (m *memory) Truncate(size int64) error {
	m.bytes = m.bytes[:size]
	return nil
}

func (m *memory) Close() error { return nil }
