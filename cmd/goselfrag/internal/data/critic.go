package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/label"
)

func criticCommand() *cli.Command {
	return &cli.Command{
		Name:      "critic",
		Usage:     "Makes data to train a critic on: lets a model judge questions, passages and answers.",
		UsageText: "-seeds S.jsonl -corpus P.jsonl -out C.jsonl [flags]",
		Flags: makeFlags(append(seedFlags(),
			&cli.StringFlag{Name: "records", Usage: "`FILE` of records with their passages, in place of -seeds"},
			&cli.StringFlag{Name: "out", Usage: "write the data to train on to `FILE`"},
			&cli.StringFlag{Name: "dev", Usage: "hold questions back in `FILE`"},
			&cli.IntFlag{Name: "dev-size", Value: label.PublishedDev, Usage: "hold at least `N` records back, with -dev"},
			&cli.StringFlag{Name: "labels", Usage: "write all labels, and rejected replies, to `FILE`"},
			&cli.StringFlag{Name: "agree", Usage: "compare with the labels in `FILE`, as -labels writes it"},
			&cli.StringFlag{Name: "tasks", Usage: "ask about `TASKS`, joined by commas, instead of all"},
			&cli.StringFlag{Name: "most", Usage: "cut classes to a share of their task, as relevance=0.6,utility=0.4: `SHARES`"},
			&cli.FloatFlag{Name: "relevant", Value: 1, Usage: "keep [Relevant] with probability `P`; 0.7 in the paper"},
			&cli.IntFlag{Name: "k", Value: 3, Usage: "judge the first `N` passages of a sentence"},
		)...),
		Action: command.Action(parseCritic, runCritic),
	}
}

type criticConfig struct {
	maker
	seeds                   seeds
	records                 string
	out, dev, labels, agree string
	devSize, k              int
	tasks                   []label.Task
	most                    map[label.Task]float64
	keepsRelevant           float64
}

func parseCritic(cmd *cli.Command) (c criticConfig, err error) {
	if c.maker, err = parseMaker(cmd); err != nil {
		return c, err
	}
	if c.seeds, err = parseSeeds(cmd); err != nil {
		return c, err
	}
	c.records, c.out, c.dev = cmd.String("records"), cmd.String("out"), cmd.String("dev")
	c.labels, c.agree, c.devSize, c.k = cmd.String("labels"), cmd.String("agree"), cmd.Int("dev-size"), cmd.Int("k")
	c.keepsRelevant = cmd.Float("relevant")
	if c.most, err = parseShares(cmd.String("most")); err != nil {
		return c, fmt.Errorf("-most: %w", err)
	}
	if text := cmd.String("tasks"); text != "" {
		for name := range strings.SplitSeq(text, ",") {
			var t label.Task
			if err := t.UnmarshalText([]byte(strings.TrimSpace(name))); err != nil {
				return c, fmt.Errorf("-tasks: %w", err)
			}
			c.tasks = append(c.tasks, t)
		}
	}
	passages := c.docs + c.corpus
	switch {
	case (c.seeds.file == "") == (c.records == ""):
		return c, errors.New("want one of -seeds and -records: name the file with what is to be judged")
	case c.seeds.file != "" && passages == "":
		return c, errors.New("-corpus is missing: name the file of passages, or a folder with -docs")
	case c.records != "" && passages != "":
		return c, errors.New("-records has its passages in it: leave -corpus and -docs out")
	case c.out == "" && !c.plan:
		return c, errors.New("-out is missing: name the file to write")
	case c.devSize < 1:
		return c, fmt.Errorf("-dev-size is %d: want at least 1", c.devSize)
	case c.k < 1:
		return c, fmt.Errorf("-k is %d: want at least 1", c.k)
	case !(c.keepsRelevant >= 0 && c.keepsRelevant <= 1):
		return c, fmt.Errorf("-relevant is %v: want a number from 0 to 1", c.keepsRelevant)
	}
	c.inputs = append(c.inputs, c.seeds.file, c.records, c.agree)
	return c, c.writes(c.out, c.dev, c.labels)
}

// parseShares reads -most.
func parseShares(text string) (map[label.Task]float64, error) {
	shares := map[label.Task]float64{}
	if text == "" {
		return shares, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, number, _ := strings.Cut(strings.TrimSpace(part), "=")
		var t label.Task
		if err := t.UnmarshalText([]byte(name)); err != nil {
			return nil, err
		}
		share, err := strconv.ParseFloat(number, 64)
		if err != nil || !(share > 0 && share <= 1) {
			return nil, fmt.Errorf("the share of %s is %q: want a number above 0 and at most 1, as in %s=0.6", name, number, name)
		}
		shares[t] = share
	}
	return shares, nil
}

func runCritic(ctx context.Context, c criticConfig, stdout, stderr io.Writer) (err error) {
	if err := c.checkOutputs(); err != nil {
		return err
	}
	var people []label.Labeled
	if c.agree != "" {
		if people, err = label.Read(c.agree); err != nil {
			return fmt.Errorf("-agree: %w", err)
		}
	}
	records, err := c.readRecords(ctx, stderr)
	if err != nil {
		return err
	}
	bar, end := progress.Bar(stderr, "labels")
	o := label.Options{Tasks: c.tasks, Workers: c.workers, Progress: bar}
	source, closed, err := c.source()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closed()) }()
	plan, err := label.Plan(source, records, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%d records, %d labels: %s, about %d prompt tokens\n", len(records), plan.Labels, atMost(plan.MostCalls, "calls"), plan.PromptTokens)
	if c.plan {
		return nil
	}
	var labels []label.Labeled
	err = c.within(ctx, func(ctx context.Context) (err error) {
		defer end()
		labels, err = label.Run(ctx, source, records, o)
		return err
	})
	if err != nil {
		return err
	}
	return c.finish(labels, people, stdout)
}

// readRecords returns what is to be judged.
func (c *criticConfig) readRecords(ctx context.Context, stderr io.Writer) (list []training.JudgeRecord, err error) {
	if c.seeds.file != "" {
		seeds, err := c.seeds.read(stderr)
		if err != nil {
			return nil, err
		}
		search, err := c.retriever(ctx, stderr)
		if err != nil {
			return nil, err
		}
		return label.Records(ctx, search, seeds, c.k)
	}
	err = withFile(c.records, func(f io.Reader) error {
		for r, err := range training.NewReader[training.JudgeRecord](f, c.records).All() {
			if err != nil {
				return fmt.Errorf("-records: %w", err)
			}
			list = append(list, r)
		}
		return nil
	})
	return list, err
}

// finish balances, splits and writes.
func (c *criticConfig) finish(labels, people []label.Labeled, stdout io.Writer) error {
	if err := lines(c.labels, labels); err != nil {
		return err
	}
	kept, err := label.Keep(labels, reflection.Relevant, c.keepsRelevant, c.seed)
	if err != nil {
		return err
	}
	if kept, err = label.Balance(kept, c.most, c.seed); err != nil {
		return err
	}
	size := 0
	if c.dev != "" {
		size = c.devSize
	}
	train, dev := label.Split(kept, size, c.seed)
	for name, part := range map[string][]label.Labeled{c.out: train, c.dev: dev} {
		list := make([]training.CriticRecord, len(part))
		for i, l := range part {
			list[i] = l.Critic()
		}
		if err := lines(name, list); err != nil {
			return err
		}
	}
	var b strings.Builder
	writeLabelCounts(&b, labels, kept)
	fmt.Fprintf(&b, "\n%d records to train on, %d held back\n", len(train), len(dev))
	if c.agree != "" {
		agreements, err := label.Agree(labels, people, c.seed)
		if err != nil {
			return fmt.Errorf("-agree: %w", err)
		}
		writeAgreements(&b, agreements)
	}
	_, err = io.WriteString(stdout, b.String())
	return err
}

// writeLabelCounts prints how many labels there are and how many are left.
func writeLabelCounts(w io.Writer, labels, kept []label.Labeled) {
	left := map[label.Task]label.Count{}
	for _, c := range label.Counts(kept) {
		left[c.Task] = c
	}
	t := table(w)
	fmt.Fprintf(t, "task\tlabel\tlabels\tshare\tkept\tshare\n")
	share := func(part, all int) string { return fmt.Sprintf("%.3f", float64(part)/float64(max(all, 1))) }
	for _, c := range label.Counts(labels) {
		k := left[c.Task]
		for _, token := range c.Task.Group().Tokens() {
			fmt.Fprintf(t, "%s\t%v\t%d\t%s\t%d\t%s\n", c.Task, token, c.Classes[token], share(c.Classes[token], c.Labeled), k.Classes[token], share(k.Classes[token], k.Labeled))
		}
		fmt.Fprintf(t, "%s\t(rejected)\t%d\t-\t-\t-\n", c.Task, c.Rejected)
	}
	t.Flush()
}

func writeAgreements(w io.Writer, list []label.Agreement) {
	t := table(w)
	fmt.Fprintf(t, "\nagreement\trecords\tagreed\tkappa\t95 %%\n")
	for _, a := range list {
		kappa, interval := "-", ""
		if a.Kappa != nil {
			kappa, interval = fmt.Sprintf("%.3f", a.Kappa.Value), fmt.Sprintf("%.3f to %.3f", a.Kappa.Low, a.Kappa.High)
		}
		fmt.Fprintf(t, "%v\t%d\t%d\t%s\t%s\n", a.Group, a.Records, a.Agreed, kappa, interval)
	}
	t.Flush()
}
