package evalrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/internal/show"
)

func diffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "Compares two runs, question by question.",
		UsageText: "[flags] BASELINE RUN",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "metric", Value: "match", Usage: "compare by `METRICS`, separated by commas"},
			&cli.IntFlag{Name: "questions", Value: 10, Usage: "list `N` questions of each part on which they differ most"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of the intervals"},
			&cli.BoolFlag{Name: "fail-if-worse", Usage: "fail if a part is worse beyond its interval"},
			&cli.StringFlag{Name: "html", Usage: "write a page with both traces of each question to `FILE`"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object instead of a table"},
		},
		Action: command.Action(parseDiff, diff),
	}
}

type diffConfig struct {
	base, now  string
	metrics    []string
	questions  int
	seed       uint64
	fail, json bool
	html       string
}

func parseDiff(cmd *cli.Command) (diffConfig, error) {
	c := diffConfig{
		base: cmd.Args().Get(0), now: cmd.Args().Get(1), questions: cmd.Int("questions"), seed: cmd.Uint64("seed"),
		fail: cmd.Bool("fail-if-worse"), json: cmd.Bool("json"), html: cmd.String("html"),
	}
	for name := range strings.SplitSeq(cmd.String("metric"), ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(metrics, name) {
			return c, fmt.Errorf("-metric: there is no %q: want some of %s", name, strings.Join(metrics, ", "))
		}
		c.metrics = append(c.metrics, name)
	}
	switch {
	case cmd.NArg() != 2:
		return c, errors.New("want two folders of runs, the baseline first")
	case c.questions < 0:
		return c, fmt.Errorf("-questions is %d: want 0 or more", c.questions)
	}
	return c, nil
}

func diff(ctx context.Context, c diffConfig, stdout, stderr io.Writer) (err error) {
	base, err := run.Read(c.base)
	if err != nil {
		return err
	}
	now, err := run.Read(c.now)
	if err != nil {
		return err
	}
	page, err := createPage(c.html, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, page.discard()) }()
	r := &report{Metric: c.metrics[0], Seed: c.seed, facts: []fact{{"baseline", c.base}, {"run", c.now}, {"metric", c.metrics[0]}}}
	if r.Baseline, err = run.Compare(base, now, run.CompareOptions{Metrics: c.metrics, Seed: c.seed}); err != nil {
		return err
	}
	if err := r.differ(now, base); err != nil {
		return err
	}
	if c.json {
		err = encode(stdout, r)
	} else {
		err = r.printDiff(stdout, c.questions)
	}
	if err != nil {
		return err
	}
	if err := page.finish(r, stderr); err != nil {
		return err
	}
	return verdict(r.Baseline, c.fail)
}

// printDiff writes what may be said, and the questions behind it.
func (r *report) printDiff(w io.Writer, most int) error {
	var b strings.Builder
	for _, c := range r.Baseline {
		fmt.Fprintln(&b, show.Clean(c.String()))
		if !c.Claim && c.Detectable > 0 {
			fmt.Fprintf(&b, "  such a set shows a difference of %.3f in four of five cases\n", c.Detectable)
		}
	}
	listed := map[string]int{}
	for _, d := range r.differences {
		if listed[d.part]++; listed[d.part] > most {
			continue
		}
		fmt.Fprintf(&b, "\n%s, question %s: %s\n  %.3f: %s\n  %.3f: %s\n", show.Clean(d.part), show.Clean(d.pair.New.ID), show.Clean(d.pair.New.Question),
			d.base, show.Shorten(d.pair.Base.Answer, 200), d.new, show.Shorten(d.pair.New.Answer, 200))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
