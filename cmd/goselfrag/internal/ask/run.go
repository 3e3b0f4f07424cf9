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
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
	"github.com/goselfrag/goselfrag/selfrag"
)

// ask reads the folder, answers and prints. With -json it prints one object
// whatever happens after the options were found good.
func ask(ctx context.Context, cfg config, w, stderr io.Writer) (err error) {
	stdout := bufio.NewWriter(w)
	defer func() {
		if flushErr := stdout.Flush(); err == nil {
			err = flushErr
		}
		if wrong := new(selfrag.OptionError); errors.As(err, &wrong) {
			err = command.Usage(err)
		}
	}()
	// Before the folder is read: a wrong option, or a server that is not there,
	// should not cost that time.
	engine, err := selfrag.New(cfg.model, retriever.List(), cfg.options...)
	if err != nil {
		return err
	}
	var docs ingest.Result
	answer := &selfrag.Answer{Question: cfg.question, Stop: selfrag.StopFailed}
	if err = engine.Check(ctx); err != nil && ctx.Err() == nil {
		err = fmt.Errorf("-generator: %w", err)
	}
	if err == nil {
		docs, err = Read(ctx, cfg.docs, stderr)
	}
	if err == nil {
		err = checkFilter(cfg.filter, docs.Passages, stderr)
	}
	if err == nil {
		answer, err = stream(ctx, cfg, docs, stderr)
	}
	switch {
	case cfg.json:
		err = errors.Join(err, printJSON(stdout, answer, docs, err))
	case err == nil || answer.Text != "":
		printText(stdout, answer, cfg.verbose, command.Columns(w))
	}
	return err
}

// stream answers the question over docs, and shows on a terminal what happens meanwhile.
func stream(ctx context.Context, cfg config, docs ingest.Result, stderr io.Writer) (*selfrag.Answer, error) {
	answer := &selfrag.Answer{Question: cfg.question, Stop: selfrag.StopFailed}
	index, err := pipeline.NewCorpus(cfg.env, docs.Passages).Build(ctx, cfg.pipeline)
	if err != nil {
		return answer, err
	}
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
	fmt.Fprintf(stderr, "%s from %s, %d skipped, %d of other formats\n", counted(len(docs.Passages), "passage"), counted(docs.Read, "file"), len(docs.Skipped), docs.Ignored)
	return docs, nil
}
