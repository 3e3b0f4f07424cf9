package foldersync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// run is one sync.
type run struct {
	ctx      context.Context
	o        Options
	fsys     fs.FS
	settings string
	replace  func(ctx context.Context, notes map[string][]byte, passages ...retriever.Passage) error
	setNotes func(ctx context.Context, notes map[string][]byte) error

	stored  map[string]stored // the documents below the root whose files were not come upon
	owned   int               // documents of this sync that have passages
	work    []job             // files to read, in the order of their paths
	removed []removal         // in the order of their paths
	report  Report
}

// job is a file to read.
type job struct {
	file  ingest.Entry
	old   stored // empty if there is no document
	known bool   // there is a document, if only of a note
	hash  bool   // the file may be as old.note says
}

// removal is a document to remove.
type removal struct {
	path string
	old  stored
}

// plan compares the folder with the documents.
func (s *run) plan() error {
	list, err := ingest.List(s.ctx, s.fsys, s.o.Ingest)
	switch {
	case err == nil:
	case s.ctx.Err() != nil, errors.Is(err, ingest.ErrOption):
		return fmt.Errorf("foldersync: %w", err)
	default:
		return fmt.Errorf("%w: %w", ErrFolder, err)
	}
	s.report.Ignored, s.report.Excluded = list.Ignored, list.Excluded
	for _, d := range s.stored {
		if d.passages > 0 && !d.foreign {
			s.owned++
		}
	}
	unreadable := map[string]bool{}
	for _, e := range list.Skipped {
		if e.Line > 0 || errors.Is(e, ingest.ErrNotFile) {
			s.report.Skipped = append(s.report.Skipped, e)
			continue
		}
		s.report.Unreadable = append(s.report.Unreadable, e)
		unreadable[e.Path] = true
	}
	for _, f := range list.Files {
		s.planFile(f)
	}
	for path, d := range s.stored {
		if !d.foreign && !within(path, unreadable) {
			s.removed = append(s.removed, removal{path, d})
		}
	}
	slices.SortFunc(s.removed, func(a, b removal) int { return cmp.Compare(a.path, b.path) })
	return nil
}

// planFile says what is to be done with a file.
func (s *run) planFile(f ingest.Entry) {
	if !utf8.ValidString(f.Path) {
		s.skip(f.Path, ingest.ErrNotUTF8)
		return
	}
	old, known := s.stored[f.Path]
	delete(s.stored, f.Path)
	if old.foreign {
		s.unreadable(f.Path, ErrForeign)
		return
	}
	same, maybe := old.note.matches(f, s.settings)
	if known && same {
		s.unchanged(f.Path, old.note)
		return
	}
	s.work = append(s.work, job{file: f, old: old, known: known, hash: known && maybe})
}

// within reports whether a path or a folder above it is in a set.
func within(path string, set map[string]bool) bool {
	for len(set) > 0 {
		if set[path] {
			return true
		}
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			return false
		}
		path = path[:i]
	}
	return false
}

// guard returns a *MassDeletionError if too many documents would be removed.
func (s *run) guard() error {
	lost := 0
	for _, r := range s.removed {
		if r.old.passages > 0 {
			lost++
		}
	}
	if s.o.AllowMassDeletion || lost*2 <= s.owned {
		return nil
	}
	if lost -= s.moved(); lost*2 <= s.owned {
		return nil
	}
	return &MassDeletionError{Removed: lost, Documents: s.owned}
}

// moved counts the documents to be removed whose content is that of a file without a
// document.
func (s *run) moved() int {
	type content struct {
		size int64
		hash string
	}
	gone, sizes := map[content]int{}, map[int64]bool{}
	for _, r := range s.removed {
		if n := r.old.note; r.old.passages > 0 && len(n.Hash) > 0 {
			gone[content{n.Size, string(n.Hash)}]++
			sizes[n.Size] = true
		}
	}
	moved := 0
	for _, j := range s.work {
		if j.known || !sizes[j.file.Size] {
			continue
		}
		hash, err := s.hash(s.ctx, j.file.Path)
		if c := (content{j.file.Size, string(hash)}); err == nil && gone[c] > 0 {
			gone[c]--
			moved++
		}
	}
	return moved
}

// expect reports what apply would do.
func (s *run) expect() error {
	for _, j := range s.work {
		if j.hash {
			hash, err := s.hash(s.ctx, j.file.Path)
			switch {
			case s.ctx.Err() != nil:
				return fmt.Errorf("foldersync: %w", s.ctx.Err())
			case err != nil:
				s.unreadable(j.file.Path, err)
				continue
			case string(hash) == string(j.old.note.Hash):
				s.unchanged(j.file.Path, j.old.note)
				continue
			}
		}
		if j.old.passages > 0 {
			s.report.Changed = append(s.report.Changed, j.file.Path)
		} else {
			s.report.Added = append(s.report.Added, j.file.Path)
		}
	}
	for _, r := range s.removed {
		if r.old.passages > 0 {
			s.report.Removed = append(s.report.Removed, r.path)
		}
	}
	return nil
}

func (s *run) unchanged(path string, n note) {
	s.report.Unchanged++
	if n.Reason != "" {
		s.skip(path, remembered{n.Reason, n.Kind})
	}
}

func (s *run) skip(path string, err error) {
	s.report.Skipped = append(s.report.Skipped, &ingest.FileError{Path: path, Err: err})
}

func (s *run) unreadable(path string, err error) {
	s.report.Unreadable = append(s.report.Unreadable, &ingest.FileError{Path: path, Err: err})
}

// sort puts the report in order.
func (r *Report) sort() {
	slices.Sort(r.Removed)
	for _, list := range [][]*ingest.FileError{r.Unreadable, r.Skipped} {
		slices.SortStableFunc(list, func(a, b *ingest.FileError) int { return cmp.Compare(a.Path, b.Path) })
	}
}
