// Package adapt is the subcommand that adapts dense retrieval to a collection and a model:
// it makes questions, asks the model which passages it prefers, trains a query adapter and
// writes data for training elsewhere. docs/adapt.md walks through it.
package adapt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/adapt"
	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/ask"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/questionset"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/atomicfile"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
)

// Command returns the subcommand.
func Command() *cli.Command {
	c := &cli.Command{
		Name:      "adapt",
		Usage:     "Trains search by meaning for a collection and a model.",
		UsageText: "COMMAND [flags]",
		Commands:  []*cli.Command{questionsCommand(), preferCommand(), trainCommand(), triplesCommand(), posteriorsCommand()},
		Description: "A query adapter changes the vectors of questions; passages need not be embedded\n" +
			"anew. ask, eval and compare take it behind -adapter. docs/adapt.md walks through\nan example.",
	}
	c.Action = func(_ context.Context, cmd *cli.Command) error {
		var names []string
		for _, part := range c.Commands {
			names = append(names, part.Name)
		}
		wanted := "want one of " + strings.Join(names, ", ") + "; goselfrag help adapt says what they do"
		if name := cmd.Args().First(); name != "" {
			return command.Usage(fmt.Errorf("there is no command %q: %s", name, wanted))
		}
		return command.Usage(errors.New("the command is missing: " + wanted))
	}
	return c
}

// Flags that several commands have.
var (
	docsFlag       = cli.StringFlag{Name: "docs", Usage: "the passages of the files in `DIR`, as ask reads them"}
	corpusFlag     = cli.StringFlag{Name: "corpus", Usage: "`FILE` of passages: lines {\"id\",\"title\",\"text\"}"}
	questionsFlag  = cli.StringFlag{Name: "questions", Usage: "`FILE` of lines {\"id\",\"question\",\"answers\",\"positive\"}, or with -docs a .csv or .tsv with the columns question, file and answer"}
	outFlag        = cli.StringFlag{Name: "out", Usage: "write to `FILE`"}
	generatorFlag  = cli.StringFlag{Name: "generator", Usage: connect.GeneratorUsage}
	embeddingsFlag = cli.StringFlag{Name: "embeddings", Usage: "the embedding model at `URL` instead of the built-in one"}
	adapterFlag    = cli.StringFlag{Name: "adapter", Usage: "search with the query adapter in `FILE`"}
	scoresFlag     = cli.StringFlag{Name: "scores", Usage: "keep what the model says in `FILE`: a run that was broken off goes on there"}
	callsFlag      = cli.IntFlag{Name: "calls", Usage: "stop after `N` calls of models; 0 is no limit"}
	timeFlag       = cli.DurationFlag{Name: "time", Usage: "stop after `TIME`, such as 30m; 0 is no limit"}
	positivesFlag  = cli.StringFlag{Name: "positives", Value: string(adapt.Union), Usage: "take the `KIND` of passages as right: labeled, preferred or the union of both"}
)

// flags makes new flags, which keep the values of one run.
func flags(list ...any) []cli.Flag {
	var out []cli.Flag
	for _, f := range list {
		switch f := f.(type) {
		case cli.StringFlag:
			out = append(out, &f)
		case cli.IntFlag:
			out = append(out, &f)
		case cli.DurationFlag:
			out = append(out, &f)
		case cli.Flag:
			out = append(out, f)
		}
	}
	return out
}

// config is what the flags say that several commands have.
type config struct {
	docs, corpus, questions    string
	out, scores                string
	generator, embeddings, ada string
	limits                     budget.Limits
}

// common reads them. Commands without questions have no such flag.
func common(cmd *cli.Command, questions bool) (config, error) {
	c := config{
		docs: cmd.String("docs"), corpus: cmd.String("corpus"), questions: cmd.String("questions"), out: cmd.String("out"), scores: cmd.String("scores"),
		generator: cmd.String("generator"), embeddings: cmd.String("embeddings"), ada: cmd.String("adapter"),
		limits: budget.Limits{Calls: cmd.Int("calls"), Time: cmd.Duration("time")},
	}
	table := strings.HasSuffix(c.questions, ".csv") || strings.HasSuffix(c.questions, ".tsv")
	switch err := command.FlagsOnly(cmd); {
	case err != nil:
		return c, err
	case c.docs != "" && c.corpus != "":
		return c, errors.New("-docs and -corpus both name passages: leave one out")
	case c.docs == "" && c.corpus == "":
		return c, errors.New("-corpus is missing: name the file of passages, or a folder with -docs")
	case questions && c.questions == "":
		return c, errors.New("-questions is missing: name the file of questions")
	case table && c.docs == "":
		return c, errors.New("-questions: a table of questions names files: name their folder with -docs")
	case c.out == "":
		return c, errors.New("-out is missing: name the file to write")
	case c.limits.Calls < 0:
		return c, fmt.Errorf("-calls is %d: want 0 or more", c.limits.Calls)
	case c.limits.Time < 0:
		return c, fmt.Errorf("-time is %v: want 0 or more", c.limits.Time)
	}
	for _, f := range []struct{ flag, name string }{{"corpus", c.corpus}, {"questions", c.questions}, {"scores", c.scores}, {"adapter", c.ada}} {
		if f.name != "" && filepath.Clean(f.name) == filepath.Clean(c.out) {
			return c, fmt.Errorf("-out names the file of -%s: name another one", f.flag)
		}
	}
	return c, nil
}

// readInputs reads the passages and, if there are to be some, the questions.
func (c config) readInputs(ctx context.Context, stderr io.Writer) (passages []retriever.Passage, examples []adapt.Example, err error) {
	if strings.HasSuffix(c.questions, ".csv") || strings.HasSuffix(c.questions, ".tsv") {
		set, err := questionset.Source{Docs: c.docs, Questions: c.questions}.Read(ctx, false, stderr)
		if err != nil {
			return nil, nil, err
		}
		return set.Passages, fromFiles(set, stderr), nil
	}
	if c.docs != "" {
		docs, err := ask.Read(ctx, c.docs, stderr)
		if err != nil {
			return nil, nil, fmt.Errorf("-docs: %w", err)
		}
		passages = docs.Passages
	} else if passages, err = dataset.Passages(c.corpus); err != nil {
		return nil, nil, fmt.Errorf("-corpus: %w", err)
	}
	if c.questions != "" {
		if examples, err = adapt.ReadExamples(c.questions); err != nil {
			return nil, nil, fmt.Errorf("-questions: %w", err)
		}
	}
	return passages, examples, nil
}

// fromFiles labels passages where questions name files: those passages of the file that
// hold an answer or, of a file with a single passage, this one.
func fromFiles(set *questionset.Set, stderr io.Writer) []adapt.Example {
	of := map[string][]retriever.Passage{}
	for _, p := range set.Passages {
		of[set.Name(p.ID)] = append(of[set.Name(p.ID)], p)
	}
	examples, without := adapt.Examples(set.Questions), 0
	for i := range examples {
		e := &examples[i]
		var labeled []string
		for _, file := range e.Positive {
			for _, p := range of[file] {
				if len(of[file]) == 1 || metric.MatchFold(dense.Text(p), e.Answers) {
					labeled = append(labeled, p.ID)
				}
			}
		}
		if e.Positive = labeled; len(labeled) == 0 {
			without++
		}
	}
	if without > 0 {
		fmt.Fprintf(stderr, "warning: of %d of %d questions no passage of their files holds the answer: they have no label\n", without, len(examples))
	}
	return examples
}

// write replaces the file of -out by what f writes, or leaves it as it was.
func (c config) write(f func(io.Writer) error) error {
	if err := atomicfile.Write(c.out, func(out *os.File) error { return f(out) }); err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	return nil
}

// checkOut finds out, before long work, whether the file of -out can be written.
func (c config) checkOut() error {
	f, err := atomicfile.Create(c.out)
	if err == nil {
		err = f.Discard()
	}
	if err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	return nil
}

// within runs work under the budget of the flags. If that, or an interrupt, ends it, the
// error says how to go on.
func (c config) within(ctx context.Context, work func(ctx context.Context) error) error {
	inner, b := budget.Open(ctx, "adapt", c.limits)
	defer b.Close()
	err := work(inner)
	if err != nil && c.scores != "" && (ctx.Err() != nil || b.Exceeded(err)) {
		return fmt.Errorf("%w\n%s holds what there is: give the same command again to go on", err, show.Clean(c.scores))
	}
	return err
}

// reader opens the reader of the model.
func (c config) reader(m connect.Model) (*adapt.Reader, error) {
	r, err := adapt.NewReader(m.Generator, c.scores)
	if err != nil {
		return nil, fmt.Errorf("-scores: %w", err)
	}
	return r, nil
}

// about names the models that a result depends on.
func (c config) about() string {
	list := []string{"embeddings " + modelName(c.embeddings)}
	if c.generator != "" {
		list = append(list, "generator "+c.generator)
	}
	return strings.Join(list, ", ")
}

func modelName(url string) string {
	if url == "" {
		return "built-in"
	}
	return url
}

// elapsed is the time since a start, for people.
func elapsed(start time.Time) string { return time.Since(start).Round(10 * time.Millisecond).String() }
