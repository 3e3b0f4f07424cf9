package record

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/goselfrag/goselfrag/internal/regular"
)

// ErrFile is wrapped by errors about a file that is not a recording, or is damaged.
var ErrFile = errors.New("record: bad file")

// ErrMissing is wrapped by the error about a call that is not in the recording, with
// Options.ReplayOnly.
var ErrMissing = errors.New("record: the call was not recorded")

// Options are the options of [Open]. The zero value replays what is known and records the
// rest.
type Options struct {
	// ReplayOnly never asks a model: a call that was not recorded is an error that wraps
	// ErrMissing. The file must exist and is not changed.
	ReplayOnly bool
}

// Counts says how many calls were answered from the file and by models. What describes a model
// or its tokens is not counted.
type Counts struct {
	Replayed, Asked int
}

// Tape is an open recording. It is safe for concurrent use.
type Tape struct {
	options Options

	mu     sync.Mutex
	file   *os.File
	at     map[key]place
	end    int64
	counts Counts
	failed error // of a write: the file may end in a part of a line
}

type key [sha256.Size]byte

// place is where the value of a key stands in the file.
type place struct {
	offset int64
	length int
}

// head is the first line.
const head = `{"goselfrag":"recorded model calls","version":1}` + "\n"

// A line is prefix, the key in hexadecimal digits, middle, the value, and suffix.
const prefix, middle, suffix = `{"k":"`, `","v":`, "}\n"

// Open opens a recording, and makes the file if it does not exist. The caller closes the
// tape. The error wraps [ErrFile] or is that of the file system.
func Open(name string, o Options) (*Tape, error) {
	flags := os.O_RDWR | os.O_CREATE
	if o.ReplayOnly {
		flags = os.O_RDONLY
	}
	f, err := regular.OpenFile(name, flags, 0o644)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	t := &Tape{options: o, file: f, at: map[key]place{}}
	if err := t.load(name); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

// load finds the places of all values.
func (t *Tape) load(name string) error {
	r := bufio.NewReaderSize(t.file, 1<<16)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		switch {
		case err == io.EOF && n == 1 && bytes.HasPrefix([]byte(head), line):
			return t.begin(name)
		case err == io.EOF && n > 1:
			return t.cut()
		case err != nil && err != io.EOF:
			return fmt.Errorf("record: %w", err)
		case n == 1 && string(line) != head:
			return fmt.Errorf("%w: %s is not a recording of this version: name another file", ErrFile, name)
		case n > 1:
			k, ok := keyOf(line)
			if !ok {
				return fmt.Errorf("%w: %s:%d is not a recorded call: delete the line, or the file", ErrFile, name, n)
			}
			start := len(prefix) + hex.EncodedLen(len(k)) + len(middle)
			t.at[k] = place{t.end + int64(start), len(line) - start - len(suffix)}
		}
		t.end += int64(len(line))
	}
}

// keyOf returns the key of a line, and whether the line has the right form.
func keyOf(line []byte) (k key, ok bool) {
	digits := hex.EncodedLen(len(k))
	rest, ok := bytes.CutPrefix(line, []byte(prefix))
	if !ok || len(rest) < digits || !bytes.HasPrefix(rest[digits:], []byte(middle)) || !bytes.HasSuffix(line, []byte(suffix)) {
		return k, false
	}
	_, err := hex.Decode(k[:], rest[:digits])
	return k, err == nil && len(rest) > digits+len(middle)+len(suffix)
}

// begin writes the head of a new file.
func (t *Tape) begin(name string) error {
	if t.options.ReplayOnly {
		return fmt.Errorf("%w: %s is empty", ErrFile, name)
	}
	if _, err := t.file.WriteAt([]byte(head), 0); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	t.end = int64(len(head))
	return nil
}

// cut takes away a last line that is not whole.
func (t *Tape) cut() error {
	if t.options.ReplayOnly {
		return nil
	}
	if err := t.file.Truncate(t.end); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// Len returns the number of recorded calls.
func (t *Tape) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.at)
}

// Counts returns what was replayed and asked since [Open].
func (t *Tape) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// Close writes the file to disk and closes it. Calls after it fail.
func (t *Tape) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	if !t.options.ReplayOnly {
		err = t.file.Sync()
	}
	return errors.Join(t.failed, err, t.file.Close())
}

// get reads a value into v, and reports whether there is one.
func (t *Tape) get(k key, v any, counts bool) (bool, error) {
	t.mu.Lock()
	p, ok := t.at[k]
	if ok && counts {
		t.counts.Replayed++
	}
	t.mu.Unlock()
	if !ok {
		if t.options.ReplayOnly {
			return false, fmt.Errorf("%w: record it with the model first", ErrMissing)
		}
		return false, nil
	}
	text := make([]byte, p.length)
	if _, err := t.file.ReadAt(text, p.offset); err != nil {
		return true, fmt.Errorf("record: %w", err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return true, fmt.Errorf("%w: at byte %d: %w", ErrFile, p.offset, err)
	}
	return true, nil
}

// put appends a value. Of two calls with one key that run at the same time the first that
// ends is kept.
func (t *Tape) put(k key, v any, counts bool) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	line := append(hex.AppendEncode([]byte(prefix), k[:]), middle...)
	start := len(line)
	line = append(append(line, text...), suffix...)
	t.mu.Lock()
	defer t.mu.Unlock()
	if counts {
		t.counts.Asked++
	}
	if _, ok := t.at[k]; ok || t.failed != nil {
		return t.failed
	}
	if _, err := t.file.WriteAt(line, t.end); err != nil {
		t.failed = fmt.Errorf("record: %w", err)
		return t.failed
	}
	t.at[k] = place{t.end + int64(start), len(text)}
	t.end += int64(len(line))
	return nil
}
