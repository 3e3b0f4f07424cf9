package ingest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// File reads one document as [FS] reads a file, for indexes to which documents are added
// one by one. The end of its name gives the format. If r has a method Len, as
// *bytes.Reader has, it must return the number of bytes to read.
//
// The passages depend only on the name, the bytes and opts. Documents with different names
// share no ids: the ID of a record with an id field is name, "#id:" and that id. If a file
// has a second record with the same id, its ID has the line instead, and a note says so.
//
// A document that gives no passage is not an error: Result.Skipped has the reason. The
// error wraps ErrOption, or is ctx.Err(). Options.Progress is not called.
func File(ctx context.Context, name string, r io.Reader, opts Options) (Result, error) {
	opts, err := opts.check()
	if err != nil {
		return Result{}, err
	}
	var res Result
	counted := &counter{r: r}
	if sized, ok := r.(interface{ Len() int }); ok {
		counted.size = int64(sized.Len())
	}
	note := opts.Note
	if err := res.readStream(ctx, name, counted, opts); err != nil {
		return Result{}, err
	}
	res.nameRecords(name)
	for _, n := range res.Notes {
		if note != nil {
			note(n)
		}
	}
	return res, nil
}

// nameRecords puts the name of the document before the ids of records.
func (r *Result) nameRecords(name string) {
	seen := map[string]bool{}
	renamed := Note{Path: name, Kind: NoteID, Text: "taken by another passage: the record is named after its line"}
	for i, s := range r.records {
		if s.id == "" {
			continue
		}
		to := len(r.Passages)
		if i+1 < len(r.records) {
			to = r.records[i+1].from
		}
		id := name + "#id:" + s.id
		if seen[s.id] {
			id = fmt.Sprintf("%s#%d", name, s.line)
			if renamed.Count == 0 {
				renamed.Line = s.line
			}
			renamed.Count++
		}
		seen[s.id] = true
		s.giveID(id, r.Passages[s.from:to])
	}
	if renamed.Count > 0 {
		r.Notes = append(r.Notes, renamed)
	}
	r.records = nil
}

// giveID replaces the id of the record at the beginning of its passages' ids.
func (s span) giveID(id string, passages []retriever.Passage) {
	for i := range passages {
		p := &passages[i]
		p.ID = id + strings.TrimPrefix(p.ID, s.id)
		if parent, ok := p.Metadata[parentKey].AsString(); ok && strings.HasPrefix(parent, s.id) {
			p.Metadata = maps.Clone(p.Metadata)
			p.Metadata[parentKey] = filter.String(id + strings.TrimPrefix(parent, s.id))
		}
	}
}

// edition is increased by every change of this package after which the same file and
// options give other passages.
const edition = 1

// Fingerprint returns a short text that changes when the same file gives other passages:
// after a change of an option, or of the way in which this package reads files. It does
// not notice changes of Split.Count and of readers in Formats. It ignores Exclude. The
// error wraps ErrOption.
func (o Options) Fingerprint() (string, error) {
	o, err := o.check()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %v %v %d %d", edition, o.NFC, o.SplitRecords, o.MaxBytes, o.maxForeign)
	splits := []Split{o.Split}
	if o.Children != nil {
		splits = append(splits, *o.Children)
	}
	for _, s := range splits {
		fmt.Fprintf(h, " split %d %d %d %d", s.Unit, s.Size, s.Overlap, s.Whole)
	}
	// Package fmt prints maps in the order of their keys.
	fmt.Fprintf(h, " fields %q %q %q %q", o.Fields.ID, o.Fields.Title, o.Fields.Text, fmt.Sprintf("%#v", o.Fields.Types))
	return fmt.Sprintf("%x", h.Sum(nil)[:16]), nil
}
