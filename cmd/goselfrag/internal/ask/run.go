package ask

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense/embedcache"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
	"github.com/goselfrag/goselfrag/retriever/store"
	"github.com/goselfrag/goselfrag/selfrag"
)

// ask reads the folder or the store, answers and prints. With -json it always prints one
// object, even after an error, once the options are valid.
func ask(ctx context.Context, cfg config, w, stderr io.Writer) (err error) {
	if cfg.store.dryRun {
		return dryRun(ctx, cfg, w, stderr)
	}
	stdout := bufio.NewWriter(w)
	defer func() {
		if flushErr := stdout.Flush(); err == nil {
			err = flushErr
		}
		if wrong := new(selfrag.OptionError); errors.As(err, &wrong) {
			err = command.Usage(err)
		}
	}()
	// Check before reading the folder: a wrong option or an unreachable server should be
	// reported at once.
	engine, err := selfrag.New(cfg.model, retriever.List(), cfg.options...)
	if err != nil {
		return err
	}
	answer := &selfrag.Answer{Question: cfg.question, Stop: selfrag.StopFailed}
	if err = engine.Check(ctx); err != nil && ctx.Err() == nil {
		err = fmt.Errorf("-generator: %w", err)
	}
	var src source
	if err == nil {
		src, err = openSource(ctx, cfg, stderr)
		defer func() { // after the answer is printed, since it may take a while
			err = errors.Join(err, stdout.Flush(), src.close())
		}()
	}
	if err == nil {
		answer, err = stream(ctx, cfg, src.index, stderr)
		err = cfg.store.explain(err)
	}
	switch {
	case cfg.json:
		err = errors.Join(err, printJSON(stdout, answer, src.files, err))
	case err == nil || answer.Text != "":
		printText(stdout, answer, cfg.verbose, command.Columns(w))
	}
	return err
}

// source holds the index from which a question is answered.
type source struct {
	index retriever.Retriever
	files files
	store *store.Store // nil without -store
	cache *embedcache.Cache
}

// openSource reads the folder, or opens the store and syncs it with the folder. Close the source
// even after an error.
func openSource(ctx context.Context, cfg config, stderr io.Writer) (source, error) {
	if cfg.store.dir != "" {
		return openStore(ctx, cfg, stderr)
	}
	docs, err := Read(ctx, cfg.docs, stderr)
	src := source{files: files{Read: docs.Read, Passages: len(docs.Passages), Skipped: paths(docs.Skipped)}}
	if err == nil {
		err = checkFilter(cfg.filter, docs.Passages, stderr)
	}
	if err == nil {
		src.index, err = pipeline.NewCorpus(cfg.env, docs.Passages).Build(ctx, cfg.pipeline)
	}
	return src, err
}

func paths(list []*ingest.FileError) []string {
	names := []string{}
	for _, e := range list {
		names = append(names, e.Path)
	}
	return names
}

// close closes the store, if there is one.
func (s source) close() (err error) {
	if s.store != nil {
		err = s.store.Close()
	}
	if s.cache != nil {
		err = errors.Join(err, s.cache.Close())
	}
	return err
}

// stream answers the question over an index, and shows the progress on a terminal.
func stream(ctx context.Context, cfg config, index retriever.Retriever, stderr io.Writer) (*selfrag.Answer, error) {
	answer := &selfrag.Answer{Question: cfg.question, Stop: selfrag.StopFailed}
	engine, err := selfrag.New(cfg.model, index, cfg.options...)
	if err != nil {
		return answer, err
	}
	say, end := progress.Line(stderr)
	defer end()
	candidates := 0
	for event, eventErr := range engine.Stream(ctx, cfg.question) {
		switch event.Kind {
		case selfrag.EventDecision:
			say(fmt.Sprintf("segment %d: %s", event.Segment, event.Decision.Choice))
		case selfrag.EventCandidate:
			candidates++
			say(fmt.Sprintf("segment %d: %d texts judged", event.Segment, candidates))
		case selfrag.EventAnswer:
			if err = eventErr; event.Answer != nil {
				answer = event.Answer
			}
		}
	}
	return answer, err
}

// Read loads the folder, with progress, and reports on stderr what could not be read.
func Read(ctx context.Context, dir string, stderr io.Writer) (ingest.Result, error) {
	set, end := progress.Bar(stderr, "reading")
	formats, closeFormats := otherFormats(stderr)
	defer closeFormats()
	docs, err := ingest.Dir(ctx, dir, ingest.Options{Progress: func(p ingest.Progress) { set(p.Done, p.Total) }, Formats: formats})
	end()
	for _, s := range docs.Skipped {
		fmt.Fprintf(stderr, "skipped %s\n", show.Clean(s.Path+": "+command.Words(s.Err)))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return docs, fmt.Errorf("there is no folder %s: name an existing one with -docs", dir)
	}
	if err != nil {
		return docs, fmt.Errorf("%s: %w", dir, err)
	}
	fmt.Fprintf(stderr, "%s from %s, %d skipped, %d of other formats%s\n", counted(len(docs.Passages), "passage"), counted(docs.Read, "file"), len(docs.Skipped), docs.Ignored, excluded(docs.Excluded))
	return docs, nil
}

// excluded is what is said of the files and folders that .goselfragignore files exclude; ""
// if there are none.
func excluded(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d excluded", n)
}
