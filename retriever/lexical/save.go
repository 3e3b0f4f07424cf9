package lexical

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/internal/blockfile"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical/internal/segment"
)

// Save writes the index to a folder, for Load and Open. It makes the folder if
// there is none, and replaces an index in it. The change is complete or not made at
// all: new files get new names, the file that names the others is written last, and
// files of no use any more are removed then. Existing files of segments that did
// not change stay.
//
// Searches and changes continue meanwhile; changes during a save are not saved. An
// index that was loaded or opened reads or maps the new files in place of what it
// had in memory. Only one index should save to a folder at a time. The error wraps
// ErrCorrupt, ErrClosed, ctx.Err() or an error of the file system.
func (ix *Index) Save(ctx context.Context, dir string) error {
	ix.saving.Lock()
	defer ix.saving.Unlock()
	now, err := ix.acquire()
	if err != nil {
		return err
	}
	defer now.release()
	dir = filepath.Clean(dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("lexical: save: %w", err)
	}
	if err := now.guarded(func() error { return ix.save(ctx, now, dir) }); err != nil {
		return fmt.Errorf("lexical: save %s: %w", dir, fileError(err))
	}
	return nil
}

func (ix *Index) save(ctx context.Context, now *snapshot, dir string) (err error) {
	names, _, highest, err := generations(dir)
	if err != nil {
		return err
	}
	generation := highest + 1
	m := manifest{Analysis: keyword.Version, Analyzer: ix.analyzerName(), K1: ix.k1, B: ix.b, Title: ix.title, Fetched: ix.fetch != nil}
	sections := []func(io.Writer) error{nil}
	var written []string
	type moved struct {
		parts []*part
		file  segmentFile
	}
	var moves []moved
	defer func() {
		if err != nil {
			for _, path := range written {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	groups, merged := fileGroups(now.parts, dir)
	for i, group := range groups {
		if p := group[0]; p.in(dir) && i != merged {
			m.Segments = append(m.Segments, segmentFile{filepath.Base(p.file.path), p.Docs()})
			sections = append(sections, blockfile.Bytes(p.alive.Bytes()))
			continue
		}
		file := segmentFile{Name: segmentName(generation, i)}
		path := filepath.Join(dir, file.Name)
		if file.Docs, err = ix.writeSegment(ctx, path, group); err != nil {
			return err
		}
		written = append(written, path)
		m.Segments = append(m.Segments, file)
		sections = append(sections, blockfile.Bytes(nil))
		moves = append(moves, moved{group, file})
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	sections[0] = blockfile.Bytes(text)
	path := filepath.Join(dir, manifestName(generation))
	if err := blockfile.Write(ctx, path, manifestFormat, sections...); err != nil {
		return err
	}
	written = nil // from now on the files belong to the index

	defer removeOthers(dir, names, m, generation) // when they are not mapped any more
	if ix.read == nil {
		return nil
	}
	for _, move := range moves {
		err := ix.remap(move.parts, filepath.Join(dir, move.file.Name), move.file)
		if err != nil {
			return err
		}
	}
	return nil
}

// analyzerName returns the name of the analyzer.
func (ix *Index) analyzerName() string {
	n, ok := ix.analyzer.(named)
	switch {
	case !ok:
		return custom
	case n.auto:
		return keyword.Auto
	}
	return n.language.Name()
}

// in reports whether the file of p is still in a folder.
func (p *part) in(dir string) bool {
	if p.file == nil || filepath.Dir(p.file.path) != dir {
		return false
	}
	info, err := os.Stat(p.file.path)
	return err == nil && os.SameFile(info, p.file.info) && info.Size() == p.file.info.Size() && info.ModTime().Equal(p.file.info.ModTime())
}

// fileGroups returns the parts in groups that each become a file: neighbors that are not
// in a file, and parts that should be merged anyway. merged is the index of the
// latter group, or -1.
func fileGroups(parts []*part, dir string) (groups [][]*part, merged int) {
	from, to := plan(parts)
	merged = -1
	for i := 0; i < len(parts); {
		n := 1
		switch {
		case i == from && to > from:
			n, merged = to-from, len(groups)
		case !parts[i].in(dir):
			for i+n < len(parts) && !parts[i+n].in(dir) && i+n != from {
				n++
			}
		}
		groups = append(groups, parts[i:i+n:i+n])
		i += n
	}
	return groups, merged
}

// writeSegment writes the live passages of parts as one segment, and returns their
// number.
func (ix *Index) writeSegment(ctx context.Context, path string, parts []*part) (docs int, err error) {
	s := parts[0].Segment
	if len(parts) > 1 || parts[0].alive != nil {
		if s, err = segment.Merge(ctx, sourcesOf(parts)); err != nil {
			return 0, err
		}
	}
	var sections []func(io.Writer) error
	for _, b := range s.Parts() {
		sections = append(sections, blockfile.Bytes(b))
	}
	if ix.fetch == nil {
		next := livePassages(parts)
		var ends []byte
		sections[segment.Passages] = func(w io.Writer) (err error) {
			ends, err = segment.WritePassages(w, s.Docs(), func(int) (retriever.Passage, error) { return next() })
			return err
		}
		sections[segment.PassageEnds] = func(w io.Writer) error {
			_, err := io.Copy(w, bytes.NewReader(ends))
			return err
		}
	}
	return s.Docs(), blockfile.Write(ctx, path, segmentFormat, sections...)
}

// livePassages returns a function that returns the live passages of parts, one after another.
func livePassages(parts []*part) func() (retriever.Passage, error) {
	doc := uint32(0)
	return func() (retriever.Passage, error) {
		for !parts[0].alive.Has(doc) || int(doc) >= parts[0].Docs() {
			if doc++; int(doc) >= parts[0].Docs() {
				parts, doc = parts[1:], 0
			}
		}
		p, err := parts[0].passage(doc)
		if doc++; int(doc) >= parts[0].Docs() {
			parts, doc = parts[1:], 0
		}
		return p, err
	}
}

// remap replaces the parts that were written to a file by that file.
func (ix *Index) remap(parts []*part, path string, want segmentFile) error {
	p, err := readPart(path, want, nil, ix.read)
	if err != nil {
		return err
	}
	ix.writing.Lock()
	defer ix.writing.Unlock()
	if !ix.exchange(parts, p) {
		return p.Close()
	}
	return nil
}

// Verify checks all of the files that the index was opened from. The error wraps
// ErrCorrupt, ErrClosed or ctx.Err().
func (ix *Index) Verify(ctx context.Context) error {
	now, err := ix.acquire()
	if err != nil {
		return err
	}
	defer now.release()
	err = now.guarded(func() error {
		for _, p := range now.parts {
			if err := p.Verify(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("lexical: verify: %w", fileError(err))
	}
	return nil
}

// Close ends the use of an index and waits for background merges. Running searches
// finish normally; their files are released when the last of them ends. Later calls
// return ErrClosed, but a second Close does nothing. An index that is only in
// memory need not be closed.
func (ix *Index) Close() error {
	ix.writing.Lock()
	defer ix.writing.Unlock()
	for ix.merging != nil {
		ix.merged.Wait()
	}
	if old := ix.now.Swap(nil); old != nil {
		old.release()
	}
	return nil
}
