// Package langchain makes passages of the documents that loaders of langchaingo read:
// Notion exports, transcripts and others.
//
//	passages, err := langchain.Passages(ctx, "notes", documentloaders.NewNotionDirectory("notes"), ingest.Split{})
//
// A loader does not report where its text came from, so these passages have no offsets.
// Read .md, .html, .txt, .csv and .jsonl with package ingest itself, and PDF with its
// package pdf.
//
// A loader runs in this process and may ignore its context: that of PDF did not end on a
// damaged file. Read untrusted files in a process that can be killed.
package langchain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tmc/langchaingo/schema"

	"github.com/goselfrag/goselfrag/internal/foreign"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// Loader is the part of langchaingo's documentloaders.Loader that is used.
type Loader interface {
	Load(ctx context.Context) ([]schema.Document, error)
}

// ErrPanic is wrapped by the error about a loader that panicked, as that of PDF does
// on some damaged files.
var ErrPanic = errors.New("the loader panicked: the file may be damaged")

// Passages loads documents and cuts the text of each as split says. The error is an
// *ingest.FileError about name, which wraps ingest.ErrNoText, ingest.ErrNotUTF8,
// ErrPanic, a *filter.MetadataError or the loader's error; or it wraps
// ingest.ErrOption; or, when ctx is done, it is ctx.Err().
//
// A passage has:
//
//   - ID: name, "#" and the number of the passage, from 1, through all documents.
//   - Title: the metadata "title" of its document, if it is a text that is not empty,
//     or else the file name without its ending; at most 300 characters of it.
//   - Metadata: that of its document, such as "page" of a PDF, and "path", which is
//     name, unless the document has it. A value of a kind that metadata does not have
//     becomes its JSON text; nil is left out.
//   - Source: the name, without a place.
func Passages(ctx context.Context, name string, l Loader, split ingest.Split) ([]retriever.Passage, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	bad := func(err error) error { return &ingest.FileError{Path: name, Err: err} }
	docs, err := load(ctx, l)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, bad(err)
	}
	var out []retriever.Passage
	for _, d := range docs {
		m, err := metadata(name, d.Metadata)
		if err != nil {
			return nil, bad(err)
		}
		title, _ := m["title"].AsString()
		if strings.TrimSpace(title) == "" {
			title = strings.TrimSuffix(path.Base(name), path.Ext(name))
		}
		title = shorten(title)
		for p, err := range ingest.Stream(ctx, "text.txt", strings.NewReader(d.PageContent), ingest.Options{Split: split, MaxBytes: math.MaxInt64}) {
			var file *ingest.FileError
			switch {
			case errors.Is(err, ingest.ErrNoText): // a blank page
				continue
			case errors.As(err, &file):
				return nil, bad(file.Err)
			case err != nil:
				return nil, err
			}
			out = append(out, retriever.Passage{
				ID:       name + "#" + strconv.Itoa(len(out)+1),
				Title:    title,
				Text:     p.Text,
				Metadata: m,
				Source:   retriever.Source{URI: name},
			})
		}
	}
	if len(out) == 0 {
		return nil, bad(ingest.ErrNoText)
	}
	return out, nil
}

// longestTitle is how many characters a title has at most, as in package ingest.
const longestTitle = 300

// shorten cuts a title that is too long at a space, and puts an ellipsis there.
func shorten(s string) string {
	n := 0
	for i := range s {
		if n++; n == longestTitle && utf8.RuneCountInString(s[i:]) > 1 {
			if k := strings.LastIndexByte(s[:i], ' '); k > i/2 {
				i = k
			}
			return s[:i] + "…"
		}
	}
	return s
}

// load calls the loader and turns a panic into an error: files come from outside.
func load(ctx context.Context, l Loader) (docs []schema.Document, err error) {
	defer func() {
		if r := recover(); r != nil {
			docs, err = nil, fmt.Errorf("%w: %v", ErrPanic, r)
		}
	}()
	return l.Load(ctx)
}

// metadata is that of a document, and the name as its path.
func metadata(name string, from map[string]any) (filter.Metadata, error) {
	m, err := foreign.Metadata(from)
	if err != nil {
		return nil, err
	}
	if _, ok := m["path"]; !ok {
		m["path"] = filter.String(name)
	}
	return m, m.Check()
}
