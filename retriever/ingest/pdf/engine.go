package pdf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klippa-app/go-pdfium"
	pdfiumerrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// engine is PDFium in WebAssembly, compiled at the first use.
type engine struct {
	lock   chan struct{} // holds one while compiling or closing
	pool   pdfium.Pool
	cache  wazero.CompilationCache // nil if none
	cancel context.CancelFunc
	closed bool
}

// start compiles PDFium unless it is. The error wraps ErrClosed, or is ctx.Err(); a start
// that was canceled can be tried again.
func (e *engine) start(ctx context.Context, o Options) error {
	select {
	case e.lock <- struct{}{}:
		defer func() { <-e.lock }()
	case <-ctx.Done():
		return ctx.Err()
	}
	switch {
	case e.closed:
		return ErrClosed
	case e.pool != nil:
		return nil
	}
	dir, full := cacheFolder(o.Cache)
	if !full && o.Preparing != nil {
		o.Preparing()
	}
	err := e.compile(ctx, o, dir)
	if err != nil && ctx.Err() == nil && dir != "" {
		// The cache cannot be used: it is damaged, or its disk is full.
		err = e.compile(ctx, o, "")
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("pdf: PDFium cannot be started: %w", err)
	}
	return nil
}

func (e *engine) compile(ctx context.Context, o Options, dir string) error {
	const wasmPage = 64 << 10
	config := wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(uint32(o.MaxMemory / wasmPage)).
		WithCloseOnContextDone(true)
	if dir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(dir)
		if err != nil {
			return err
		}
		e.cache = cache
		config = config.WithCompilationCache(cache)
	}
	// The pool lives as long as the engine: ctx ends nothing but the compilation.
	lifetime, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	pool, err := webassembly.Init(webassembly.Config{
		Context:       experimental.WithCompilationWorkers(lifetime, 4),
		MaxIdle:       1,
		MaxTotal:      -1, // bounded by Reader.slots
		RuntimeConfig: config,
		FSConfig:      wazero.NewFSConfig(), // no files
		Stdout:        io.Discard,
		Stderr:        io.Discard,
	})
	if stopped := stop(); err == nil && !stopped {
		pool.Close()
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		e.free()
		return err
	}
	e.pool, e.cancel = pool, cancel
	return nil
}

// free drops the compiled code, which the cache holds beyond the life of the pool.
func (e *engine) free() {
	if e.cache != nil {
		e.cache.Close(context.Background()) // of memory alone: it cannot fail
		e.cache = nil
	}
}

func (e *engine) close() error {
	e.lock <- struct{}{}
	defer func() { <-e.lock }()
	e.closed = true
	if e.pool == nil {
		return nil
	}
	err := e.pool.Close()
	e.cancel()
	e.free()
	e.pool = nil
	return err
}

// raw is the data that PDFium returns about a document.
type raw struct {
	title  string
	pages  []page
	failed int // pages that cannot be read
}

// characters returns the characters of a document. When ctx is done it stops PDFium.
func (e *engine) characters(ctx context.Context, data []byte, o Options) (*raw, error) {
	instance, err := e.pool.GetInstanceWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("pdf: PDFium cannot be started: %w", err)
	}
	var end sync.Once
	kill := func() { end.Do(func() { instance.Kill() }) } // an error leaves nothing to do
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { kill(); close(killed) })
	d, err := readDocument(ctx, instance, data, o)
	if !stop() {
		<-killed
	}
	if ctx.Err() != nil {
		kill()
		return nil, ctx.Err()
	}
	// Closing the document frees memory that goes with the instance.
	kill()
	return d, err
}

// maxChars is how many characters a page may have: each takes some 200 bytes for a moment.
const maxChars = 1_000_000

func readDocument(ctx context.Context, p pdfium.Pdfium, data []byte, o Options) (*raw, error) {
	doc, err := p.OpenDocument(&requests.OpenDocument{File: &data})
	switch {
	case errors.Is(err, pdfiumerrors.ErrPassword), errors.Is(err, pdfiumerrors.ErrSecurity):
		return nil, ErrEncrypted
	case errors.Is(err, pdfiumerrors.ErrFormat):
		return nil, ErrDamaged
	case err != nil:
		return nil, fmt.Errorf("%w (%v)", ErrDamaged, err)
	}
	count, err := p.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc.Document})
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", ErrDamaged, err)
	}
	switch n := count.PageCount; {
	case n == 0:
		return nil, fmt.Errorf("%w: it has no pages", ErrDamaged)
	case n > o.MaxPages:
		return nil, fmt.Errorf("%w: it has %d pages: want at most MaxPages, %d", ErrLimit, n, o.MaxPages)
	}
	d := &raw{}
	if meta, err := p.GetMetaData(&requests.GetMetaData{Document: doc.Document, Tags: &[]string{"Title"}}); err == nil && len(meta.Tags) > 0 {
		d.title = meta.Tags[0].Value
	}
	total := 0
	for i := range count.PageCount {
		page := requests.Page{ByIndex: &requests.PageByIndex{Document: doc.Document, Index: i}}
		n, err := countChars(p, page)
		if total += n; total > o.MaxText {
			return nil, fmt.Errorf("%w: its text is longer than MaxText, %d bytes", ErrLimit, o.MaxText)
		}
		if n > maxChars {
			return nil, fmt.Errorf("%w: page %d has %d characters: want at most %d", ErrLimit, i+1, n, maxChars)
		}
		var chars []char
		if err == nil && n > 0 {
			chars, err = readPage(p, page)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			if broken(p, doc.Document) {
				return nil, fmt.Errorf("%w, or it needs more than MaxMemory, %d bytes: page %d: %v", ErrDamaged, o.MaxMemory, i+1, err)
			}
			d.failed++
		}
		d.pages = append(d.pages, piecesOf(chars, pageBox(p, page)))
	}
	return d, nil
}
