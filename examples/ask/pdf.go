package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"strings"
	"time"

	"github.com/tmc/langchaingo/documentloaders"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/ingest/langchain"
)

const (
	// longestRead is how long a PDF may take. The reader has been seen not to end on a
	// damaged file, and cannot be stopped; it is left behind, and ends with the program.
	longestRead = time.Minute
	largestPDF  = 64 << 20
)

// addPDFs adds the .pdf files of a folder to what package ingest read there, which knows
// the other formats, in the order of their paths.
func addPDFs(ctx context.Context, dir string, docs *ingest.Result) error {
	folder := os.DirFS(dir)
	return fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return nil // package ingest has said so
		case name != "." && strings.HasPrefix(path.Base(name), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular() || !strings.EqualFold(path.Ext(name), ".pdf"):
			return nil
		}
		docs.Ignored--
		passages, err := readPDF(ctx, folder, name)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if file := new(ingest.FileError); errors.As(err, &file) {
				err = file.Err
			}
			docs.Skipped = append(docs.Skipped, &ingest.FileError{Path: name, Err: err})
			return nil
		}
		for i := range passages {
			m := maps.Clone(passages[i].Metadata)
			m["format"] = retriever.String("pdf") // as package ingest does
			passages[i].Metadata = m
		}
		docs.Passages = append(docs.Passages, passages...)
		docs.Read++
		return nil
	})
}

func readPDF(ctx context.Context, folder fs.FS, name string) ([]retriever.Passage, error) {
	info, err := fs.Stat(folder, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > largestPDF {
		return nil, fmt.Errorf("it has %d MiB: want at most %d", info.Size()>>20, largestPDF>>20)
	}
	data, err := fs.ReadFile(folder, name)
	if err != nil {
		return nil, err
	}
	type result struct {
		passages []retriever.Passage
		err      error
	}
	done := make(chan result, 1)
	go func() {
		loader := documentloaders.NewPDF(bytes.NewReader(data), int64(len(data)))
		var r result
		r.passages, r.err = langchain.Passages(ctx, name, loader, ingest.Split{})
		done <- r
	}()
	select {
	case r := <-done:
		return r.passages, r.err
	case <-time.After(longestRead):
		return nil, fmt.Errorf("it was not read within %v: it may be damaged", longestRead)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
