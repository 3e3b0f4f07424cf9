package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/goselfrag/goselfrag/internal/atomicfile"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/dense/openai"
	"github.com/goselfrag/goselfrag/tools/internal/annset"
)

// embedderAt returns the embedding model at http://HOST:PORT/MODEL.
func embedderAt(url string) (dense.Embedder, error) {
	at := strings.LastIndexByte(url, '/')
	if at < 0 {
		return nil, errors.New("want http://HOST:PORT/MODEL")
	}
	return openai.New(openai.Config{Server: modelserver.Config{URLs: []string{url[:at]}, Model: url[at+1:]}})
}

func (o options) embedder(ctx context.Context, passages []retriever.Passage) (dense.Embedder, error) {
	if o.server != nil {
		return &remembered{Embedder: o.server, known: map[string][]float32{}}, nil
	}
	return hashed.Fit(ctx, dense.Texts(passages), o.hashed)
}

// remembered embeds each question once, since many systems need its vector.
type remembered struct {
	dense.Embedder
	mu    sync.Mutex
	known map[string][]float32
}

func (r *remembered) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[text] == nil {
		v, err := r.Embedder.EmbedQuery(ctx, text)
		if err != nil {
			return nil, err
		}
		r.known[text] = v
	}
	return slices.Clone(r.known[text]), nil
}

// writeVectors writes the vectors of the sentences of all sets, and of their questions.
func (o options) writeVectors(ctx context.Context, out io.Writer) error {
	var passages []retriever.Passage
	var sentences, questions []string
	seen := map[string]bool{}
	add := func(list *[]string, text string) {
		if text = strings.TrimSpace(text); text != "" && !seen[text] {
			seen[text] = true
			*list = append(*list, text)
		}
	}
	for _, arg := range o.sets {
		_, files, _ := strings.Cut(arg, "=")
		s, err := read(files)
		if err != nil {
			return fmt.Errorf("-set %s: %w", arg, err)
		}
		for _, p := range s.passages {
			for _, span := range sentence.Split(p.Text) {
				add(&sentences, p.Text[span.Start:span.End])
			}
		}
		for _, q := range s.questions {
			add(&questions, q.Question)
		}
		passages = append(passages, s.passages...)
	}
	e, err := o.embedder(ctx, passages)
	if err != nil {
		return err
	}
	var v annset.Vectors
	for part := range slices.Chunk(slices.Concat(sentences, questions), 64) {
		list, err := e.EmbedDocuments(ctx, part)
		if err != nil {
			return err
		}
		v.Dim, v.Data = len(list[0]), append(v.Data, slices.Concat(list...)...)
	}
	fmt.Fprintf(out, "%d sentences, %d questions, %d components\n", len(sentences), len(questions), v.Dim)
	return atomicfile.Write(o.vectors, func(f *os.File) error { return annset.WriteFvecs(f, v) })
}
