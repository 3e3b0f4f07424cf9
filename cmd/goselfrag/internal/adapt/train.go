package adapt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/adapt"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
)

func trainCommand() *cli.Command {
	return &cli.Command{
		Name:      "train",
		Usage:     "Trains a query adapter, and measures it on questions held out.",
		UsageText: "-corpus P.jsonl -questions Q.jsonl -out FILE [flags]",
		Flags: flags(docsFlag, corpusFlag, questionsFlag, outFlag, embeddingsFlag,
			&cli.StringFlag{Name: "signal", Value: "contrastive", Usage: "learn from labels and preferences (contrastive), or from what the model can answer from (marginal) by `SIGNAL`"},
			positivesFlag, generatorFlag, scoresFlag,
			&cli.IntFlag{Name: "rank", Usage: "`RANK` of the adapter; 0 is 64, or all components if there are fewer"},
			&cli.IntFlag{Name: "epochs", Value: 40, Usage: "pass over the questions at most `N` times"},
			&cli.FloatFlag{Name: "temperature", Value: 0.05, Usage: "divide scores by `T`; marginal begins with it"},
			&cli.FloatFlag{Name: "held-out", Value: 0.4, Usage: "do not train on this `SHARE` of the questions"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of all random choices"},
			&cli.StringFlag{Name: "transfer", Usage: "also measure what the adapter does for the model at `URL`, which it is not trained for"},
			callsFlag, timeFlag,
			&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"},
		),
		Description: "The exit code is 1, and no file is written, if the adapter is not better than\nnone on the questions held out.",
		Action:      command.Action(parseTrain, train),
	}
}

type trainConfig struct {
	config
	marginal bool
	json     bool
	model    connect.Model
	embedder dense.Embedder // nil for the built-in one
	other    *connect.Model // of -transfer; nil without it
	o        adapt.Options
}

func parseTrain(cmd *cli.Command) (c trainConfig, err error) {
	if c.config, err = common(cmd, true); err != nil {
		return c, err
	}
	c.json = cmd.Bool("json")
	c.o = adapt.Options{
		Positives: adapt.Positives(cmd.String("positives")), Rank: cmd.Int("rank"), Epochs: cmd.Int("epochs"),
		Temperature: cmd.Float("temperature"), HeldOut: cmd.Float("held-out"), Seed: cmd.Uint64("seed"), Note: c.about(),
	}
	signal, transfer := cmd.String("signal"), cmd.String("transfer")
	switch c.marginal = signal == "marginal"; {
	case signal != "contrastive" && !c.marginal:
		return c, fmt.Errorf("-signal is %q: want contrastive or marginal", signal)
	case !c.marginal && c.generator != "":
		return c, errors.New("-generator has no use with -signal contrastive, which asks no model: leave it out")
	case !c.marginal && transfer == "" && c.scores != "":
		return c, errors.New("-scores has no use with -signal contrastive, which asks no model: leave it out, or name a model to measure with by -transfer")
	case c.marginal && transfer != "":
		return c, errors.New("-transfer goes with -signal contrastive only: leave it out")
	}
	if transfer != "" {
		m, err := connect.Generator(transfer)
		if err != nil {
			return c, fmt.Errorf("-transfer: %w", err)
		}
		c.other = &m
	}
	if err := checkPositives(c.o.Positives); err != nil {
		return c, err
	}
	switch {
	case c.o.Rank < 0:
		return c, fmt.Errorf("-rank is %d: want 0 or more", c.o.Rank)
	case c.o.Epochs < 1:
		return c, fmt.Errorf("-epochs is %d: want at least 1", c.o.Epochs)
	case !(c.o.Temperature > 0):
		return c, fmt.Errorf("-temperature is %v: want a number above 0", c.o.Temperature)
	case !(c.o.HeldOut > 0 && c.o.HeldOut < 1):
		return c, fmt.Errorf("-held-out is %v: want a number between 0 and 1", c.o.HeldOut)
	}
	model, env, err := connect.Models(c.generator, c.embeddings, "")
	c.model, c.embedder = model, env.Embedder
	return c, err
}

func checkPositives(p adapt.Positives) error {
	if p != adapt.Union && p != adapt.Labeled && p != adapt.Preferred {
		return fmt.Errorf("-positives is %q: want union, labeled or preferred", p)
	}
	return nil
}

func train(ctx context.Context, c trainConfig, stdout, stderr io.Writer) error {
	if err := c.checkOut(); err != nil {
		return err
	}
	passages, examples, err := c.readInputs(ctx, stderr)
	if err != nil {
		return err
	}
	start := time.Now()
	var result *adapt.Result
	err = c.within(ctx, func(ctx context.Context) error {
		result, err = c.learn(ctx, passages, examples, stderr)
		return err
	})
	refused := new(adapt.RefusedError)
	if errors.As(err, &refused) {
		result = refused.Result
	} else if err != nil {
		return err
	}
	if wrong := c.print(stdout, &result.Report); wrong != nil {
		return wrong
	}
	fmt.Fprintf(stderr, "trained in %s\n", elapsed(start))
	if err != nil {
		return err
	}
	if err := result.Adapter.Save(ctx, c.out); err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	fmt.Fprintf(stderr, "%s holds the adapter\n", show.Clean(c.out))
	return nil
}

// learn embeds and trains.
func (c trainConfig) learn(ctx context.Context, passages []retriever.Passage, examples []adapt.Example, stderr io.Writer) (_ *adapt.Result, err error) {
	e := c.embedder
	if e == nil {
		if e, err = hashed.Fit(ctx, dense.Texts(passages), hashed.Options{}); err != nil {
			return nil, err
		}
	}
	say, end := progress.Line(stderr)
	defer end()
	say("embedding")
	c.o.Progress = func(e adapt.Epoch) {
		say(fmt.Sprintf("epoch %d of at most %d: loss %.4f, held out %.4f", e.Number, c.o.Epochs, e.Loss, e.Figure))
	}
	if !c.marginal && c.other == nil {
		return adapt.Contrastive(ctx, e, passages, examples, c.o)
	}
	m := c.model
	if c.other != nil {
		m = *c.other
	}
	r, err := c.reader(m)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if c.marginal {
		return adapt.Marginal(ctx, e, passages, examples, r, c.o)
	}
	c.o.Transfer = r
	return adapt.Contrastive(ctx, e, passages, examples, c.o)
}

// print prints the report.
func (c trainConfig) print(w io.Writer, r *adapt.Report) error {
	if c.json {
		return json.NewEncoder(w).Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d passages; %d questions to train on, %d to stop by, %d to test on in %d groups that share no passage\n", r.Passages, r.Train, r.Stop, r.Test, r.Groups)
	if o := r.Overlap; o.Questions > 0 {
		fmt.Fprintf(&b, "%d questions with labels and preferences: %d labeled passages, %d preferred, %d both, overlap %.3f\n", o.Questions, o.Labeled, o.Preferred, o.Both, o.Share)
	}
	if r.Dropped > 0 {
		fmt.Fprintf(&b, "%d right passages were not trained on, because a question held out has them too\n", r.Dropped)
	}
	fmt.Fprintf(&b, "%d epochs, the best was %d\n\n", len(r.Epochs), r.Best)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "on the test questions\tbefore\tafter\tchange, 95 %")
	row := func(name string, before, after float64, i metric.Interval) {
		fmt.Fprintf(t, "%s\t%.4f\t%.4f\t%+.4f [%+.4f, %+.4f]\n", name, before, after, i.Value, i.Low, i.High)
	}
	row("recall@5", r.Before.Recall5, r.After.Recall5, r.Recall)
	row("MRR@10", r.Before.MRR10, r.After.MRR10, r.Labels)
	if c.marginal {
		row("log-likelihood", r.Before.LogLikelihood, r.After.LogLikelihood, r.Gain)
	}
	if x := r.Transfer; x != nil {
		row("log-likelihood, -transfer", x.Before, x.After, x.Gain)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Groups < metric.MinClusters {
		fmt.Fprintf(&b, "with %d groups the intervals are too narrow: want at least %d\n", r.Groups, metric.MinClusters)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
