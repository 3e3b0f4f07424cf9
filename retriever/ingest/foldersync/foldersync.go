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
	// ReplaceDocuments adds or replaces documents in one step: if it returns an error,
	// nothing has changed. The keys of notes are the URIs of the documents, its values their
	// notes. passages has all passages of these documents, each with the URI of its document
	// as Source.URI. A document without passages but with a note is kept with the note
	// alone, if the store can do that. A document without passages and with a nil note is
	// removed; it is no error if there is none.
	ReplaceDocuments(ctx context.Context, notes map[string][]byte, passages ...retriever.Passage) error
	// SetNotes replaces the notes of documents, by their URIs, in one step. It ignores
	// URIs of documents that do not exist any more.
	SetNotes(ctx context.Context, notes map[string][]byte) error
	// Documents yields all documents in any order. An error is the last pair. The
	// caller must not change the store within the loop, and must copy a note to keep
	// it.
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
	// Version is any text that names what a sync cannot compare: the function in
	// Split.Count and the readers in Formats. Change it when they change: then every file
	// is read again.
	Version string
	// AllowMassDeletion lets a sync remove more than half of the documents.
	AllowMassDeletion bool
	// DryRun changes nothing, and reports what would change. It reads no file but those
	// that have to be hashed: one that holds no text counts as added.
	DryRun bool
	// Progress, if set, is called for each file that was read and each document that was
	// removed, once the store has the change. The goroutine that called Sync calls it and
	// waits for it.
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
	// Skipped has the files without readable text, and what [ingest.Listing] skips. It
	// names records only if their file was read by this sync.
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

// MassDeletionError is the error of a sync that would remove more than half of its
// documents. Nothing was changed.
type MassDeletionError struct {
	Removed   int // documents that would be removed, and whose content is in no other file
	Documents int // documents of this sync in the store
}

// Error says what to do.
func (e *MassDeletionError) Error() string {
	return fmt.Sprintf("foldersync: %d of %d documents would be removed, so nothing was changed: check the folder and its exclusions, or set Options.AllowMassDeletion", e.Removed, e.Documents)
}

// Sync makes the documents of a store those of the files in a folder, as [ingest.Dir] reads
// them. It works in the order of the paths and removes the documents whose files are gone
// last. Files are read concurrently, at most twice as many as processors. Calls of the store
// are made one after another. Each replaces up to a mebibyte of text, less if a call takes
// more than a second. If such a call fails, Sync gives the store its documents one by one, so
// that the error names one, and those before it are stored.
//
// The passages are those of [ingest.File]; its name is Options.Root and the path.
//
// The error wraps ErrFolder, ErrOption, ingest.ErrOption, ctx.Err() or the error of the
// store, or is a *[MassDeletionError]. With an error the report says what was done before
// it. The next sync does the rest.
//
// Two concurrent syncs of one root are safe, but do the work twice.
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
