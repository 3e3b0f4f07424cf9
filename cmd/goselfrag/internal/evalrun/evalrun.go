// Package evalrun holds the subcommands of eval that work with runs in folders: they ask
// what a run file names, compare runs, make question sets, and measure the tasks of the
// paper. docs/runs.md walks through them.
package evalrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/chart"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/internal/show"
)

// Commands returns the subcommands.
func Commands() []*cli.Command {
	return []*cli.Command{runCommand(), diffCommand(), newCommand(), paperCommand()}
}

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "Asks what a run file names, and keeps the results in a folder.",
		UsageText: "-file RUN.yaml -out DIR [flags]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "file", Usage: "the run `FILE`: sets, systems, retrieval, models"},
			&cli.StringFlag{Name: "out", Usage: "keep results in `DIR`"},
			&cli.BoolFlag{Name: "resume", Usage: "go on with the run in the folder of -out"},
			&cli.IntFlag{Name: "estimate", Usage: "ask `N` questions of each part, print what all would cost, and stop"},
			&cli.StringFlag{Name: "baseline", Usage: "compare with the run in `DIR`, question by question"},
			&cli.BoolFlag{Name: "fail-if-worse", Usage: "fail if a part is worse than the baseline beyond its interval"},
			&cli.StringFlag{Name: "html", Usage: "write a page with plots to `FILE`"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object instead of a table"},
		},
		Description: "docs/runs.md has a run file and says what its keys mean.",
		Action:      command.Action(parseRun, runAll),
	}
}

// config is what the flags of run say.
type config struct {
	file                *file
	out, baseline, html string
	resume, fail, json  bool
	estimate            int
}

func parseRun(cmd *cli.Command) (config, error) {
	c := config{
		out: cmd.String("out"), baseline: cmd.String("baseline"), html: cmd.String("html"), estimate: cmd.Int("estimate"),
		resume: cmd.Bool("resume"), fail: cmd.Bool("fail-if-worse"), json: cmd.Bool("json"),
	}
	err := command.FlagsOnly(cmd)
	switch {
	case err != nil:
		return c, err
	case cmd.String("file") == "":
		return c, errors.New("-file is missing: name the run file")
	case c.out == "":
		return c, errors.New("-out is missing: name the folder for the results")
	case c.fail && c.baseline == "":
		return c, errors.New("-fail-if-worse needs a run to compare with: name it with -baseline")
	case c.estimate < 0:
		return c, fmt.Errorf("-estimate is %d: want at least 1", c.estimate)
	}
	if c.file, err = readFile(cmd.String("file")); err != nil {
		return c, fmt.Errorf("-file: %w", err)
	}
	return c, nil
}

// runAll asks, reports and compares.
func runAll(ctx context.Context, c config, stdout, stderr io.Writer) (err error) {
	var before *run.Results
	if c.baseline != "" { // read now: a wrong name should not cost the run
		if before, err = run.Read(c.baseline); err != nil {
			return fmt.Errorf("-baseline: %w", err)
		}
	}
	if _, wrong := run.Read(c.out); wrong == nil && !c.resume && c.estimate == 0 {
		return fmt.Errorf("-out: %s holds a run already: resume that run with -resume, or name another folder", c.out)
	}
	page, err := createPage(c.html, c.file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, page.discard()) }()
	b, err := build(ctx, c.file, c.out, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.checkServers(ctx); err != nil {
		return err
	}
	if c.estimate > 0 {
		return b.estimate(ctx, c.estimate, stdout, stderr)
	}
	results, err := b.runParts(ctx, c, stderr)
	if err != nil {
		return err
	}
	r, err := b.report(ctx, results, before, stderr)
	if err != nil {
		return err
	}
	if err := r.print(stdout, c.json); err != nil {
		return err
	}
	if err := page.finish(r, stderr); err != nil {
		return err
	}
	return verdict(r.Baseline, c.fail)
}

// runParts runs the parts.
func (b *built) runParts(ctx context.Context, c config, stderr io.Writer) (*run.Results, error) {
	if t := b.file.Budget.Time; t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, t, errors.New("the time of the budget is over"))
		defer cancel()
	}
	set, end := progress.Long(stderr, "questions")
	defer end()
	var parts []run.Part
	for _, p := range b.parts {
		parts = append(parts, p.Part)
	}
	results, err := run.Do(ctx, c.out, parts, run.Options{
		Concurrency: b.file.Concurrency, Traces: b.file.Traces || len(b.file.Sweep) > 0 || b.file.Sensitivity,
		Resume: c.resume, Settings: b.settings, Progress: set,
	})
	if err != nil && ctx.Err() != nil {
		if cause := context.Cause(ctx); !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
	}
	if err != nil && !errors.Is(err, run.ErrFile) && !errors.Is(err, run.ErrOption) {
		err = fmt.Errorf("%w\neval run: %s holds what there is: go on with -resume", err, c.out)
	}
	return results, err
}

// verdict is the error of a run that is worse, if that is to be one.
func verdict(list []run.Comparison, fail bool) error {
	var worse []error
	for _, c := range list {
		if c.Worse() && fail {
			worse = append(worse, errors.New(c.String()))
		}
	}
	if worse == nil {
		return nil
	}
	return fmt.Errorf("worse than the baseline: %w", errors.Join(worse...))
}

// pageFile is the file of -html, which is written at the end; nil without one.
type pageFile struct {
	*chart.File
	name string
}

// createPage begins the file now: a place where nothing can be written should not cost the
// run.
func createPage(name string, f *file) (*pageFile, error) {
	if name == "" {
		return nil, nil
	}
	read := []string{}
	if f != nil {
		read = append(read, f.name)
		for _, s := range f.Sets {
			read = append(read, s.Corpus, s.Questions)
		}
	}
	p, err := chart.Create(name, read...)
	if err != nil {
		return nil, fmt.Errorf("-html: %w", err)
	}
	return &pageFile{p, name}, nil
}

func (p *pageFile) discard() error {
	if p == nil {
		return nil
	}
	return p.Discard()
}

func (p *pageFile) finish(r *report, stderr io.Writer) error {
	if p == nil {
		return nil
	}
	if err := p.Finish(func(w io.Writer) error { return writePage(w, r) }); err != nil {
		return fmt.Errorf("-html: %w", err)
	}
	fmt.Fprintf(stderr, "%s holds the page\n", show.Clean(p.name))
	return nil
}

func encode(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }
