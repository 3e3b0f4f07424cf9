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

// File reads one document as [FS] reads a file, for indexes in which documents come and go
// one by one. The end of its name gives the format. If r has a method Len, as a
// *bytes.Reader has, this is how many bytes there are to read.
//
// The passages depend on nothing but the name, the bytes and opts, and documents with
// different names share no ids: the ID of a record that gives itself one is name, "#id:" and
// that id. The second record of a file with the same id is named after its line, which is
// noted.
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

// nameRecords makes the ids that records give themselves those of a document.
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

// giveID replaces the id of the record, with which those of its passages begin.
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

// edition is raised when the same file and the same options give other passages than
// before.
const edition = 1

// Fingerprint returns a short text that changes when the same file gives other passages:
// because an option is another one, or because this package reads files in another way. It
// does not know what the functions in Split.Count and Formats do. Exclude has no part in it.
// The error wraps ErrOption.
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
