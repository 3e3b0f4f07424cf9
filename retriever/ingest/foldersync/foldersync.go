package foldersync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/internal/regular"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// Documents is the part of a store that a sync needs. D is what it says of a document: the
// URI, the note, and the number of passages.
type Documents[D Document] interface {
	// ReplaceDocuments replaces documents, or puts them in, in one step: with an error
	// nothing has changed. The keys of notes are their URIs, its values their notes, and
	// passages has all of their passages, each with the URI of its document as Source.URI. A
	// document without passages but with a note stays with the note alone, if the store can
	// do that. One without passages and with a nil note is removed; one that is not there is
	// no error.
	ReplaceDocuments(ctx context.Context, notes map[string][]byte, passages ...retriever.Passage) error
	// SetNotes replaces the notes of documents, by their URIs, in one step. Those that are
	// not there any more are left out.
	SetNotes(ctx context.Context, notes map[string][]byte) error
	// Documents yields all documents in any order. An error is the last pair. The loop
	// changes nothing meanwhile, and keeps no note without copying it.
	Documents(ctx context.Context) iter.Seq2[D, error]
}

// Document is what a store says of a document.
type Document interface {
	~struct {
		URI      string
		Note     []byte
		Passages int
	}
}

// Options changes how a folder is synced. The zero value is ready to use.
type Options struct {
	// Root is what the URIs of documents begin with, before the path of the file: "", or a
	// text that ends with a slash, such as "docs/". The ids of passages and their
	// metadata "path" begin with it, too.
	Root string
	// Ingest is how files are read and cut. Its Progress is not called. Its Note is, by the
	// goroutine that called Sync, for the files that are read.
	Ingest ingest.Options
	// Version names what passages depend on beside Ingest: the function in Split.Count and
	// the readers in Formats. With another Version every file is read again.
	Version string
	// AllowMassDeletion lets a sync remove more than half of the documents.
	AllowMassDeletion bool
	// DryRun changes nothing, and reports what would change. It reads no file but those
	// that have to be hashed: one that holds no text counts as added.
	DryRun bool
	// Progress, if set, is called for each file that was read and each document that was
	// removed, when the store has it, by the goroutine that called Sync, which waits for it.
	Progress func(Progress)

	now        func() time.Time // time.Now, but in tests
	firstBatch int              // minBatch, but in tests
}

// Progress says how far a sync has got. Files that have not changed are not counted.
type Progress struct {
	Path              string // the file that was read, or whose document was removed
	Done, Total       int    // files to read and documents to remove
	Bytes, TotalBytes int64  // the sizes of these files
	// Rate is how many bytes of files were read in a second so far, and Left how long the
	// rest takes at this rate; 0 as long as that is not known.
	Rate float64
	Left time.Duration
}

// Report says what a sync did, by the paths of files, relative to the folder, with slashes.
type Report struct {
	// Added, Changed and Removed have the files whose documents were put in, replaced
	// and removed, in the order of their paths. A document whose file holds no text any
	// more is among the removed.
	Added, Changed, Removed []string
	// Unchanged counts the files that did not have to be read, or whose content turned out
	// to be the same.
	Unchanged int
	// Passages counts those that were given to the store.
	Passages int
	// Unreadable has the files and folders that could not be read, whose documents were
	// kept, and the files whose documents are not those of this sync.
	Unreadable []*ingest.FileError
	// Skipped has the files that hold nothing that can be read, and what else
	// [ingest.Listing] skips. It names records only if their file was read by this sync.
	Skipped []*ingest.FileError
	// Ignored and Excluded are those of [ingest.Result].
	Ignored, Excluded int
}

// Errors that an error of Sync or of a file may wrap.
var (
	// ErrFolder: the folder is not there or cannot be listed. Nothing was changed.
	ErrFolder = errors.New("foldersync: the folder cannot be read, so nothing was changed: name an existing folder")
	// ErrOption: an option is out of its range.
	ErrOption = errors.New("foldersync: bad options")
	// ErrForeign: something else has put a document with the URI of a file into the store.
	ErrForeign = errors.New("its document is not of this sync: remove the document, or choose another Options.Root")
)

// MassDeletionError is about a sync that would remove more than half of its documents.
// Nothing was changed.
type MassDeletionError struct {
	Removed   int // documents that would be removed, and whose content is in no other file
	Documents int // documents of this sync in the store
}

// Error says what to do.
func (e *MassDeletionError) Error() string {
	return fmt.Sprintf("foldersync: %d of %d documents would be removed, so nothing was changed: check the folder and its exclusions, or set Options.AllowMassDeletion", e.Removed, e.Documents)
}

// Sync makes the documents of a store those of the files in a folder, as [ingest.Dir] reads
// them. It does so in the order of the paths; the documents whose files are gone are removed
// last. Files are read side by side, not more of them than twice the processors. The store is
// asked for one thing after the other: it replaces many documents in a step, up to a mebibyte
// of text, fewer if a step takes more than a second. A store that refuses a step is asked for
// each of its documents, so that the error names one, and those before it are in.
//
// The passages are those of [ingest.File]; its name is Options.Root and the path.
//
// The error wraps ErrFolder, ErrOption, ingest.ErrOption, ctx.Err() or the error of the
// store, or is a *[MassDeletionError]. What the report says was done before the error stays
// so, and the next sync does the rest.
//
// Two syncs of one root at the same time do no harm but do the work twice.
func Sync[D Document](ctx context.Context, documents Documents[D], dir string, o Options) (Report, error) {
	if isnil.Value(documents) {
		return Report{}, fmt.Errorf("%w: the store is nil", ErrOption)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	defer root.Close()
	return syncFS(ctx, documents, regular.FS(root), o)
}

// syncFS is Sync of a file system.
func syncFS[D Document](ctx context.Context, documents Documents[D], fsys fs.FS, o Options) (Report, error) {
	if o.Root != "" && !strings.HasSuffix(o.Root, "/") || !utf8.ValidString(o.Root) {
		return Report{}, fmt.Errorf("%w: Root is %q: want a text in UTF-8 that ends with a slash, or none", ErrOption, o.Root)
	}
	o.Ingest.Progress = nil
	if o.now == nil {
		o.now = time.Now
	}
	if o.firstBatch == 0 {
		o.firstBatch = minBatch
	}
	settings, err := o.settings()
	if err != nil {
		return Report{}, err
	}
	s := &run{ctx: ctx, o: o, fsys: fsys, settings: settings, replace: documents.ReplaceDocuments, setNotes: documents.SetNotes}
	if s.stored, err = known(ctx, documents, o.Root); err != nil {
		return Report{}, err
	}
	if err := s.plan(); err != nil {
		return s.report, err
	}
	tooMany := s.guard()
	switch {
	case o.DryRun:
		err = errors.Join(s.expect(), tooMany)
	case tooMany != nil:
		err = tooMany
	default:
		err = s.apply()
	}
	s.report.sort()
	return s.report, err
}
