package ask

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense/embedcache"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
	"github.com/goselfrag/goselfrag/retriever/store"
)

// storeConfig has the flags about a store.
type storeConfig struct {
	dir                  string // empty if there is none
	model                string // the name of the model of -embeddings, empty without
	massDeletion, dryRun bool
}

func parseStore(cmd *cli.Command) (storeConfig, error) {
	c := storeConfig{dir: cmd.String("store"), massDeletion: cmd.Bool("mass-deletion"), dryRun: cmd.Bool("dry-run")}
	for _, name := range []string{"mass-deletion", "dry-run"} {
		if cmd.Bool(name) && (c.dir == "" || cmd.String("docs") == "") {
			return c, fmt.Errorf("-%s needs -docs and -store: name both", name)
		}
	}
	text := cmd.String("embeddings")
	if c.dir == "" || text == "" {
		return c, nil
	}
	var err error
	if c.model, err = connect.EmbeddingsModel(text); err != nil {
		return c, fmt.Errorf("-embeddings: %w", err)
	}
	return c, nil
}

// openStore opens the store, syncs it with the folder if one is named, and returns a source
// over it. Close the source even after an error.
func openStore(ctx context.Context, cfg config, stderr io.Writer) (src source, err error) {
	src, env, err := openFiles(ctx, cfg)
	if err != nil {
		return src, cfg.store.explain(err)
	}
	stats, err := src.store.Stats(ctx)
	if err != nil {
		return src, err
	}
	if cfg.docs != "" {
		report, err := syncStore(ctx, src.store, cfg.docs, cfg.store, stderr)
		src.files.Read, src.files.Skipped = len(report.Added)+len(report.Changed), paths(report.Skipped)
		if err != nil {
			return src, cfg.store.explain(err)
		}
	} else if stats.Embedder != "" && cfg.store.model == "" {
		fmt.Fprintf(stderr, "the store has vectors of the model %q: without -embeddings only words are searched\n", show.Clean(stats.Embedder))
	}
	src.files.Passages = src.store.Len()
	if src.files.Passages == 0 {
		return src, fmt.Errorf("%s: %w: name a folder with documents with -docs", cfg.store.dir, ingest.ErrNothing)
	}
	var passages []retriever.Passage
	if cfg.filter != nil {
		if passages, err = readAll(ctx, src.store); err != nil {
			return src, err
		}
	}
	if err := checkFilter(cfg.filter, passages, stderr); err != nil {
		return src, err
	}
	switch {
	case cfg.pipeline != nil:
		src.index, err = buildOverStore(ctx, cfg, env, src.store)
	case cfg.store.model != "":
		src.index = src.store
	default: // as without a store
		src.index = src.store.Words()
	}
	return src, err
}

func readAll(ctx context.Context, s *store.Store) (list []retriever.Passage, err error) {
	for p, err := range s.All(ctx) {
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// fewPassages is up to how many passages indexes that the store does not have are made in
// memory, which takes some seconds. The built-in embedder of a store needs as many.
const fewPassages = 10_000

// buildOverStore builds the pipeline over the indexes of the store.
func buildOverStore(ctx context.Context, cfg config, env pipeline.Env, s *store.Store) (retriever.Retriever, error) {
	stats, err := s.Stats(ctx)
	if err != nil {
		return nil, err
	}
	var index retriever.Retriever
	if env.Adapt != nil && cfg.store.model == "" { // the adapter is of an embedder that is fitted to all passages
		err = fmt.Errorf("-adapter with -store needs -embeddings, since the store has another embedder: name the model, or leave out -store: %w", pipeline.ErrStore)
	} else if err = checkAdapter(ctx, env); err == nil {
		index, err = pipeline.OverStore(env, sides{s, stats.Embedder != ""}).Build(ctx, cfg.pipeline)
	}
	if !errors.Is(err, pipeline.ErrStore) || cfg.store.model != "" || s.Len() > fewPassages {
		return index, err
	}
	passages, err := readAll(ctx, s)
	if err != nil {
		return nil, err
	}
	return pipeline.NewCorpus(env, passages).Build(ctx, cfg.pipeline)
}

// checkAdapter returns an error if the adapter is of another model.
func checkAdapter(ctx context.Context, env pipeline.Env) error {
	if env.Adapt == nil {
		return nil
	}
	if c, ok := env.Adapt(env.Embedder).(interface{ Check(context.Context) error }); ok {
		return c.Check(ctx)
	}
	return nil
}

// sides is a store that may have no vectors yet.
type sides struct {
	*store.Store
	embeds bool
}

func (s sides) Vectors() retriever.Retriever {
	if !s.embeds {
		return nil
	}
	return s.Store.Vectors()
}

// openFiles opens the store and, with an embedding model, the cache of embeddings beside it.
// Without -docs the store is only read, so that several processes can do so.
func openFiles(ctx context.Context, cfg config) (src source, env pipeline.Env, err error) {
	env = cfg.env
	o := store.Options{ReadOnly: cfg.docs == "" || cfg.store.dryRun}
	if o.ReadOnly && !holdsStore(cfg.store.dir) {
		return src, env, fmt.Errorf("there is no store %s: make one with -docs, or name another", cfg.store.dir)
	}
	if cfg.store.model != "" {
		if !o.ReadOnly {
			path := filepath.Clean(cfg.store.dir) + ".embeddings"
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return src, env, err
			}
			if src.cache, err = embedcache.Open(path, embedcache.Options{}); err != nil {
				return src, env, err
			}
			if env.Embedder, err = src.cache.Embedder(cfg.store.model, env.Embedder); err != nil {
				return src, env, err
			}
		}
		o.Embedding = store.Embedding{Name: cfg.store.model, Embedder: env.Embedder}
		if env.Adapt != nil {
			o.Embedding.Embedder = env.Adapt(env.Embedder)
		}
	}
	src.store, err = store.Open(ctx, cfg.store.dir, o)
	return src, env, err
}

// holdsStore reports whether a folder holds a store.
func holdsStore(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "store.db"))
	return err == nil
}

// explain returns an error of the store as one about flags.
func (c storeConfig) explain(err error) error {
	switch {
	case errors.Is(err, store.ErrEmbedder):
		return fmt.Errorf("the vectors in %s are of another embedding model: name the one that the store was made with by -embeddings, or another folder with -store", c.dir)
	case errors.Is(err, store.ErrLocked), errors.Is(err, embedcache.ErrLocked):
		return fmt.Errorf("the store %s is in use by another process: wait until that is done, or name another folder with -store", c.dir)
	case errors.Is(err, store.ErrCorrupt):
		return fmt.Errorf("%w: remove the folder %s, and make it again with -docs", err, c.dir)
	}
	return err
}

// dryRun prints what a sync would change.
func dryRun(ctx context.Context, cfg config, stdout, stderr io.Writer) error {
	var s *store.Store
	var err error
	if holdsStore(cfg.store.dir) {
		s, err = store.Open(ctx, cfg.store.dir, store.Options{ReadOnly: true})
	} else {
		s, err = store.InMemory(ctx, store.Options{})
	}
	if err != nil {
		return cfg.store.explain(err)
	}
	report, err := syncStore(ctx, s, cfg.docs, cfg.store, stderr)
	var b strings.Builder
	for _, part := range []struct {
		what  string
		paths []string
	}{{"add", report.Added}, {"change", report.Changed}, {"remove", report.Removed}} {
		for _, path := range part.paths {
			fmt.Fprintf(&b, "%s %s\n", part.what, show.Clean(path))
		}
	}
	_, writeErr := io.WriteString(stdout, b.String())
	return errors.Join(err, writeErr, s.Close())
}
