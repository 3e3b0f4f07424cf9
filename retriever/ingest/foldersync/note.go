package foldersync

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// noteFormat is the version of the notes. Files whose notes are of another one are read
// again.
const noteFormat = 1

// racy is how long after a change another one may leave the time of the file as it is: two
// seconds on FAT, less elsewhere.
const racy = 2 * time.Second

// note is what a sync knows of the file of a document.
type note struct {
	Format   int    `json:"foldersync"`
	Root     string `json:"root"`
	Settings string `json:"settings"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // Unix time in ns
	Read     int64  `json:"read"`     // when the reading began, Unix time in ns
	Hash     []byte `json:"hash,omitempty"`
	// Reason says why the file gave no passage, and Kind is the number of the error in
	// verdicts, from 1.
	Reason string `json:"reason,omitempty"`
	Kind   int    `json:"kind,omitempty"`
}

// stored is a document of the store.
type stored struct {
	note     note
	passages int
	foreign  bool // not put in by a sync with this root
}

// settings returns what passages depend on beside the files, as a short text.
func (o Options) settings() (string, error) {
	print, err := o.Ingest.Fingerprint()
	if err != nil {
		return "", fmt.Errorf("foldersync: %w", err)
	}
	sum := sha256.Sum256([]byte(print + "\x00" + o.Version))
	return fmt.Sprintf("%x", sum[:8]), nil
}

// known returns the documents below root, by their paths.
func known[D Document](ctx context.Context, documents Documents[D], root string) (map[string]stored, error) {
	found := map[string]stored{}
	for d, err := range documents.Documents(ctx) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("foldersync: listing the documents of the store: %w", ctxerr.Wrap(ctx, err))
		}
		doc := struct {
			URI      string
			Note     []byte
			Passages int
		}(d)
		path, ok := strings.CutPrefix(doc.URI, root)
		if !ok {
			continue
		}
		s := stored{passages: doc.Passages}
		if json.Unmarshal(doc.Note, &s.note) != nil || s.note.Format < 1 || s.note.Root != root {
			s = stored{foreign: true}
		}
		found[path] = s
	}
	return found, nil
}

// matches reports whether the file is as n says without a look into it, and whether it may be.
func (n note) matches(f ingest.Entry, settings string) (same, maybe bool) {
	if n.Format != noteFormat || n.Settings != settings || n.Size != f.Size {
		return false, false
	}
	same = n.Modified == f.Modified.UnixNano() && n.settled()
	return same, same || len(n.Hash) > 0
}

// settled reports whether a change after the file was read has given it another time.
func (n note) settled() bool { return n.Modified+int64(racy) < n.Read }

func (n note) encode() []byte {
	data, _ := json.Marshal(n) // cannot fail: there are only texts and numbers
	return data
}

// verdicts are the errors that the content of a file causes: reading it again gives the same.
var verdicts = []error{
	ingest.ErrNotUTF8, ingest.ErrTooLarge, ingest.ErrNoText, ingest.ErrFormat,
	ingest.ErrRecord, ingest.ErrBinary, ingest.ErrTooMany,
}

// kind returns the number of an error in verdicts, from 1; 0 if it is none of them.
func kind(err error) int {
	for i, v := range verdicts {
		if errors.Is(err, v) {
			return i + 1
		}
	}
	return 0
}

// remembered is an error that a note has.
type remembered struct {
	text string
	kind int
}

func (e remembered) Error() string { return e.text }

func (e remembered) Unwrap() error {
	if e.kind < 1 || e.kind > len(verdicts) {
		return nil
	}
	return verdicts[e.kind-1]
}
