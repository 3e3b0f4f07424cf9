// Package langchain makes passages of what the document loaders of langchaingo read:
// PDF, Notion exports, transcripts and others.
//
//	f, err := os.Open("report.pdf")
//	…
//	info, err := f.Stat()
//	…
//	passages, err := langchain.Passages(ctx, "report.pdf", documentloaders.NewPDF(f, info.Size()), ingest.Split{})
//
// A loader gives text without saying where it stood, so that these passages have no
// offsets; read .md, .html, .txt, .csv and .jsonl with package ingest itself.
//
// A loader runs in this process and need not heed its context: that of PDF has been
// seen not to end on a damaged file. Read files that you do not trust in a process
// that can be killed.
package langchain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tmc/langchaingo/schema"

	"github.com/goselfrag/goselfrag/retriever"
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
// ErrPanic, a *retriever.MetadataError or the loader's error; or it wraps
// ingest.ErrOptions; or, when ctx is done, it is ctx.Err().
//
// A passage has:
//
//   - ID: name, "#" and the number of the passage, from 1, through all documents.
//   - Title: the metadata "title" of its document, if it is a text that is not empty,
//     or else the file name without its ending.
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
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !utf8.ValidString(d.PageContent) {
			return nil, bad(ingest.ErrNotUTF8)
		}
		m, err := metadata(name, d.Metadata)
		if err != nil {
			return nil, bad(err)
		}
		title, _ := m["title"].AsString()
		if strings.TrimSpace(title) == "" {
			title = strings.TrimSuffix(path.Base(name), path.Ext(name))
		}
		spans, err := split.Text(d.PageContent)
		if err != nil {
			return nil, err
		}
		for _, s := range spans {
			out = append(out, retriever.Passage{
				ID:       name + "#" + strconv.Itoa(len(out)+1),
				Title:    title,
				Text:     d.PageContent[s.Start:s.End],
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

// load calls the loader and turns a panic into an error: files come from outside.
func load(ctx context.Context, l Loader) (docs []schema.Document, err error) {
	defer func() {
		if r := recover(); r != nil {
			docs, err = nil, fmt.Errorf("%w: %v", ErrPanic, r)
		}
	}()
	return l.Load(ctx)
}

func metadata(name string, from map[string]any) (retriever.Metadata, error) {
	m := retriever.Metadata{"path": retriever.String(name)}
	keys := make([]string, 0, len(from))
	for key := range from {
		keys = append(keys, key)
	}
	slices.Sort(keys) // so that of several errors it is always the same
	for _, key := range keys {
		v := from[key]
		if v == nil {
			continue
		}
		value, err := valueOf(v)
		if err != nil {
			return nil, &retriever.MetadataError{Field: key, Reason: err.Error()}
		}
		m[key] = value
	}
	return m, m.Check()
}

func valueOf(v any) (retriever.Value, error) {
	switch x := v.(type) {
	case string:
		return retriever.String(x), nil
	case time.Time:
		return retriever.Time(x), nil
	case float64:
		return retriever.Float(x), nil // a whole number is a float still
	case float32:
		return retriever.Float(float64(x)), nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return retriever.Value{}, err
	}
	var value retriever.Value
	if value.UnmarshalJSON(text) != nil {
		value = retriever.String(string(text))
	}
	return value, nil
}
