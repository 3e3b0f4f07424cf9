package adapt

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/adapt"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
)

func questionsCommand() *cli.Command {
	return &cli.Command{
		Name:      "questions",
		Usage:     "Lets a model write questions about passages, and its critic choose among them.",
		UsageText: "-docs DIR -generator URL -out Q.jsonl [flags]",
		Flags: flags(docsFlag, corpusFlag, outFlag, generatorFlag,
			&cli.IntFlag{Name: "per-passage", Value: 3, Usage: "ask for `N` questions about each passage"},
			scoresFlag, callsFlag, timeFlag),
		Description: "The model must follow instructions: name one of the family chat.",
		Action:      command.Action(parseData(false), questions),
	}
}

func preferCommand() *cli.Command {
	return &cli.Command{
		Name:      "prefer",
		Usage:     "Asks a model which of the passages that a search finds help it to answer.",
		UsageText: "-corpus P.jsonl -questions Q.jsonl -scores FILE -out X.jsonl [flags]",
		Flags: flags(docsFlag, corpusFlag, questionsFlag, outFlag, generatorFlag, embeddingsFlag, adapterFlag,
			&cli.StringFlag{Name: "retrieval", Usage: connect.RetrievalUsage},
			&cli.IntFlag{Name: "candidates", Value: 20, Usage: "judge the first `N` passages of a question"},
			&cli.IntFlag{Name: "keep", Value: 2, Usage: "prefer at most `N` of them"},
			&cli.StringFlag{Name: "by", Value: "sum", Usage: "go by the gain in the log-probability of the answer (sum), the same per token (mean), or the critic of the model (critic): `HOW`"},
			scoresFlag, callsFlag, timeFlag),
		Action: command.Action(parseData(true), prefer),
	}
}

func triplesCommand() *cli.Command {
	return &cli.Command{
		Name:      "triples",
		Usage:     "Writes questions with right and wrong passages, to train an encoder elsewhere.",
		UsageText: "-corpus P.jsonl -questions Q.jsonl -out T.jsonl [flags]",
		Flags: flags(docsFlag, corpusFlag, questionsFlag, outFlag, embeddingsFlag, adapterFlag, positivesFlag,
			&cli.IntFlag{Name: "negatives", Value: 1, Usage: "write `N` wrong passages for each right one"}),
		Description: "Wrong passages are the first that the search finds and that hold no answer.",
		Action:      command.Action(parseData(true), triples),
	}
}

func posteriorsCommand() *cli.Command {
	return &cli.Command{
		Name:      "posteriors",
		Usage:     "Writes by how much each passage counts, to train a generator elsewhere.",
		UsageText: "-corpus P.jsonl -questions Q.jsonl -adapter FILE -out P.jsonl [flags]",
		Flags: flags(docsFlag, corpusFlag, questionsFlag, outFlag, generatorFlag, embeddingsFlag, adapterFlag,
			&cli.IntFlag{Name: "k", Value: 10, Usage: "retrieve `N` passages"},
			&cli.FloatFlag{Name: "temperature", Usage: "divide scores by `T`; 0 is that of the adapter"},
			scoresFlag, callsFlag, timeFlag),
		Action: command.Action(parseData(true), posteriors),
	}
}

// dataConfig is what the flags of the commands say that write data.
type dataConfig struct {
	config
	model       connect.Model
	env         pipeline.Env
	pipeline    *pipeline.Pipeline
	perPassage  int
	by          string
	prefer      adapt.PreferOptions
	triples     adapt.TripleOptions
	k           int
	temperature float64
}

func parseData(questions bool) func(cmd *cli.Command) (dataConfig, error) {
	return func(cmd *cli.Command) (c dataConfig, err error) {
		if c.config, err = common(cmd, questions); err != nil {
			return c, err
		}
		c.perPassage, c.by, c.k, c.temperature = cmd.Int("per-passage"), cmd.String("by"), cmd.Int("k"), cmd.Float("temperature")
		c.prefer = adapt.PreferOptions{Candidates: cmd.Int("candidates"), Keep: cmd.Int("keep")}
		c.triples = adapt.TripleOptions{Positives: adapt.Positives(cmd.String("positives")), Negatives: cmd.Int("negatives")}
		for _, name := range []string{"per-passage", "candidates", "keep", "negatives", "k"} {
			if has(cmd, name) && cmd.Int(name) < 1 {
				return c, fmt.Errorf("-%s is %d: want at least 1", name, cmd.Int(name))
			}
		}
		if has(cmd, "temperature") && !(c.temperature >= 0) {
			return c, fmt.Errorf("-temperature is %v: want 0 or more", c.temperature)
		}
		if has(cmd, "by") && c.by != "sum" && c.by != "mean" && c.by != "critic" {
			return c, fmt.Errorf("-by is %q: want sum, mean or critic", c.by)
		}
		if has(cmd, "positives") {
			if err := checkPositives(c.triples.Positives); err != nil {
				return c, err
			}
		}
		if c.model, c.env, err = connect.Models(c.generator, c.embeddings, c.ada); err != nil {
			return c, err
		}
		text := "dense" // what triples and posteriors are about
		if has(cmd, "retrieval") {
			text = cmd.String("retrieval")
		}
		if c.pipeline, err = connect.Retrieval(text, c.env); err != nil {
			return c, fmt.Errorf("-retrieval: %w", err)
		}
		return c, connect.CheckAdapter(c.env, connect.Named{Pipeline: c.pipeline})
	}
}

// has reports whether a command has a flag.
func has(cmd *cli.Command, name string) bool {
	for _, f := range cmd.Flags {
		if f.Names()[0] == name {
			return true
		}
	}
	return false
}

// begin checks where to write, reads, and builds the search.
func (c dataConfig) begin(ctx context.Context, stderr io.Writer) (passages []retriever.Passage, examples []adapt.Example, search retriever.Retriever, err error) {
	if err = c.checkOut(); err != nil {
		return nil, nil, nil, err
	}
	if passages, examples, err = c.readInputs(ctx, stderr); err != nil {
		return nil, nil, nil, err
	}
	if c.questions != "" {
		search, err = pipeline.NewCorpus(c.env, passages).Build(ctx, c.pipeline)
	}
	return passages, examples, search, err
}

// critic is that of the model.
func (c dataConfig) critic() critique.Critic {
	if c.model.Judge != nil {
		return c.model.Judge
	}
	return critics.Model{Generator: c.model.Generator}
}

// reading runs work with the reader of the model, under the budget.
func (c dataConfig) reading(ctx context.Context, work func(ctx context.Context, r *adapt.Reader) error) error {
	r, err := c.reader(c.model)
	if err != nil {
		return err
	}
	err = c.within(ctx, func(ctx context.Context) error { return work(ctx, r) })
	return errors.Join(err, r.Close())
}

func questions(ctx context.Context, c dataConfig, stdout, stderr io.Writer) error {
	passages, _, _, err := c.begin(ctx, stderr)
	if err != nil {
		return err
	}
	return c.reading(ctx, func(ctx context.Context, r *adapt.Reader) error {
		set, end := progress.Bar(stderr, "questions")
		list, count, err := adapt.Generate(ctx, r, c.critic(), passages, adapt.GenerateOptions{PerPassage: c.perPassage, Progress: set})
		end()
		if errors.Is(err, errors.ErrUnsupported) {
			err = fmt.Errorf("%w: name a model that follows instructions with -generator", err)
		}
		if err != nil {
			return err
		}
		if err := c.write(func(w io.Writer) error { return adapt.WriteExamples(w, list) }); err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "%d passages: %d questions written, %d rejected by the critic, %d repeated, %d kept\n", count.Passages, count.Written, count.Rejected, count.Repeated, count.Kept)
		c.wrote(stderr)
		return err
	})
}

func (c config) wrote(stderr io.Writer) { fmt.Fprintf(stderr, "wrote %s\n", show.Clean(c.out)) }

func prefer(ctx context.Context, c dataConfig, stdout, stderr io.Writer) error {
	_, examples, search, err := c.begin(ctx, stderr)
	if err != nil {
		return err
	}
	return c.reading(ctx, func(ctx context.Context, r *adapt.Reader) error {
		source, err := adapt.Gains(r, adapt.Normal(c.by))
		if c.by == "critic" {
			source, err = adapt.Verdicts(c.critic(), r)
		}
		if err != nil {
			return err
		}
		set, end := progress.Bar(stderr, "preferences")
		o := c.prefer
		o.Progress = set
		asked := make([]dataset.Question, len(examples))
		for i, e := range examples {
			asked[i] = e.Question
		}
		list, err := adapt.Prefer(ctx, search, source, asked, o)
		end()
		if err != nil {
			return err
		}
		if err := c.write(func(w io.Writer) error { return adapt.WriteExamples(w, list) }); err != nil {
			return err
		}
		n, with := 0, 0
		for i := range list {
			if n += len(list[i].Preferred); len(list[i].Preferred) > 0 {
				with++
			}
		}
		text := fmt.Sprintf("%d of %d questions have preferences, %d passages\n", with, len(list), n)
		if o := adapt.OverlapOf(list); o.Questions > 0 {
			text += fmt.Sprintf("%d of them have labels, too: %d labeled passages, %d preferred, %d both, overlap %.3f\n", o.Questions, o.Labeled, o.Preferred, o.Both, o.Share)
		}
		_, err = io.WriteString(stdout, text)
		c.wrote(stderr)
		return err
	})
}

func triples(ctx context.Context, c dataConfig, stdout, stderr io.Writer) error {
	passages, examples, search, err := c.begin(ctx, stderr)
	if err != nil {
		return err
	}
	n := 0
	err = c.write(func(w io.Writer) (err error) {
		n, err = adapt.WriteTriples(ctx, w, search, passages, examples, c.triples)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%d triples of %d questions\n", n, len(examples))
	c.wrote(stderr)
	return err
}

func posteriors(ctx context.Context, c dataConfig, stdout, stderr io.Writer) error {
	if c.temperature == 0 {
		if c.ada == "" {
			return command.Usage(errors.New("-temperature is missing: say what scores are divided by, or name an adapter with -adapter"))
		}
		a, err := adapt.Load(ctx, c.ada)
		if err != nil {
			return fmt.Errorf("-adapter: %w", err)
		}
		c.temperature = a.Card().Temperature
	}
	_, examples, search, err := c.begin(ctx, stderr)
	if err != nil {
		return err
	}
	return c.reading(ctx, func(ctx context.Context, r *adapt.Reader) error {
		n := 0
		err := c.write(func(w io.Writer) (err error) {
			n, err = adapt.WritePosteriors(ctx, w, search, examples, r, c.k, c.temperature)
			return err
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "%d lines of %d questions, temperature %.4f\n", n, len(examples), c.temperature)
		c.wrote(stderr)
		return err
	})
}
