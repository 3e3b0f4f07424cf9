package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/internal/atomicfile"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/interleave"
	"github.com/goselfrag/goselfrag/training/label"
)

func generateCommand() *cli.Command {
	return &cli.Command{
		Name:      "generate",
		Usage:     "Makes data to train a generator on: puts passages and tokens into answers.",
		UsageText: "-seeds S.jsonl -corpus P.jsonl -out G.jsonl [flags]",
		Flags: makeFlags(append(seedFlags(),
			&cli.StringFlag{Name: "out", Usage: "write the records to `FILE`"},
			&cli.StringFlag{Name: "dropped", Usage: "write what was dropped, and labels that are missing, to `FILE`"},
			&cli.StringFlag{Name: "rules", Usage: "depart from the paper by `RULES`, joined by commas, such as released"},
			&cli.StringFlag{Name: "variant", Value: string(interleave.Full), Usage: "make the `VARIANT` full, no-retriever or no-critic"},
			&cli.StringFlag{Name: "mask", Value: string(training.MaskPassages), Usage: "leave passages, marks or, as released, all between the marks without loss: `MASK`"},
			&cli.FloatFlag{Name: "noise", Usage: "redraw each label with probability `P`"},
			&cli.StringFlag{Name: "confusion", Usage: "redraw labels by the matrices of the groups in the JSON `FILE`"},
			&cli.IntFlag{Name: "k", Value: 5, Usage: "judge at most `N` passages of a sentence"},
		)...),
		Action: command.Action(parseGenerate, runGenerate),
	}
}

type generateConfig struct {
	maker
	seeds        seeds
	out, dropped string
	options      interleave.Options
}

func parseGenerate(cmd *cli.Command) (c generateConfig, err error) {
	if c.maker, err = parseMaker(cmd); err != nil {
		return c, err
	}
	if c.seeds, err = parseSeeds(cmd); err != nil {
		return c, err
	}
	c.out, c.dropped = cmd.String("out"), cmd.String("dropped")
	c.options = interleave.Options{K: cmd.Int("k"), Seed: c.seed, Workers: c.workers}
	if err := c.options.Variant.UnmarshalText([]byte(cmd.String("variant"))); err != nil {
		return c, fmt.Errorf("-variant: %w", err)
	}
	if err := c.options.Mask.UnmarshalText([]byte(cmd.String("mask"))); err != nil {
		return c, fmt.Errorf("-mask: %w", err)
	}
	if text := cmd.String("rules"); text != "" {
		for name := range strings.SplitSeq(text, ",") {
			c.options.Rules = append(c.options.Rules, interleave.Rule(strings.TrimSpace(name)))
		}
	}
	switch {
	case c.seeds.file == "":
		return c, errors.New("-seeds is missing: name the file of questions with answers")
	case c.docs+c.corpus == "" && c.options.Variant != interleave.NoRetriever:
		return c, errors.New("-corpus is missing: name the file of passages, or a folder with -docs")
	case c.out == "" && !c.plan:
		return c, errors.New("-out is missing: name the file to write")
	case c.options.K < 1 || c.options.K > 1000:
		return c, fmt.Errorf("-k is %d: want 1 to 1000", c.options.K)
	}
	if err := c.redraw(cmd.Float("noise"), cmd.String("confusion")); err != nil {
		return c, err
	}
	if _, err := interleave.Plan(c.models, retriever.List(), nil, c.options); err != nil {
		return c, err
	}
	c.inputs = append(c.inputs, c.seeds.file, cmd.String("confusion"))
	return c, c.writes(c.out, c.dropped)
}

// redraw makes the critic worse.
func (c *generateConfig) redraw(noise float64, confusion string) (err error) {
	var p sensitivity.Perturbation
	switch {
	case noise == 0 && confusion == "":
		return nil
	case noise != 0 && confusion != "":
		return errors.New("-noise and -confusion both redraw labels: leave one out")
	case !(noise >= 0 && noise <= 1):
		return fmt.Errorf("-noise is %v: want a number from 0 to 1", noise)
	case noise > 0:
		rates := sensitivity.Noise{}
		for _, g := range reflection.Groups() {
			rates[g] = noise
		}
		p = rates
	default:
		matrices := sensitivity.Confusion{}
		err := withFile(confusion, func(f io.Reader) error { return json.NewDecoder(f).Decode(&matrices) })
		if err != nil {
			return fmt.Errorf("-confusion: %w", err)
		}
		p = matrices
	}
	if _, err = label.Redrawn(c.models, p, c.seed); err != nil {
		return fmt.Errorf("-confusion: %w", err)
	}
	c.wrong = p
	return nil
}

func runGenerate(ctx context.Context, c generateConfig, stdout, stderr io.Writer) (err error) {
	if err := c.checkOutputs(); err != nil {
		return err
	}
	seeds, err := c.seeds.read(stderr)
	if err != nil {
		return err
	}
	var search retriever.Retriever
	if c.options.Variant != interleave.NoRetriever {
		if search, err = c.retriever(ctx, stderr); err != nil {
			return err
		}
	}
	source, closed, err := c.source()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closed()) }()
	plan, err := interleave.Plan(source, search, seeds, c.options)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%d seeds, %d sentences: at most %d retrievals and %d labels by %s, about %d prompt tokens\n",
		plan.Seeds, plan.Sentences, plan.Retrievals, plan.Labels, atMost(plan.MostCalls, "calls"), plan.PromptTokens)
	if c.plan {
		return nil
	}
	bar, end := progress.Bar(stderr, "records")
	defer end()
	c.options.Progress = bar
	return c.within(ctx, func(ctx context.Context) error {
		return c.write(interleave.Make(ctx, source, search, seeds, c.options), seeds, stdout)
	})
}

// dropped is a line of -dropped.
type dropped struct {
	ID      training.ID          `json:"id"`
	Dropped string               `json:"dropped,omitempty"`
	Missing []interleave.Missing `json:"missing,omitempty"`
}

func (dropped) Check() error { return nil }

// write writes both files and says what was made.
func (c *generateConfig) write(made iter.Seq2[interleave.Result, error], seeds []training.Record, stdout io.Writer) error {
	var rest []dropped
	records, bytes := 0, 0
	reasons, missing := map[string]int{}, map[reflection.Group]int{}
	err := atomicfile.Write(c.out, func(f *os.File) error {
		w := training.NewWriter(f)
		i := 0
		for r, err := range made {
			if err != nil {
				return err
			}
			if r.Record != nil {
				records++
				bytes += len(r.Record.Output)
				if err := w.Write(r.Record); err != nil {
					return err
				}
			}
			if r.Dropped != "" {
				reasons[reason(r.Dropped)]++
			}
			for _, m := range r.Missing {
				missing[m.Group]++
			}
			if r.Dropped != "" || len(r.Missing) > 0 {
				rest = append(rest, dropped{seeds[i].ID, r.Dropped, r.Missing})
			}
			i++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := lines(c.dropped, rest); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d seeds, %d records with %d bytes each in the mean\n", len(seeds), records, bytes/max(records, 1))
	t := table(&b)
	for _, text := range sorted(reasons) {
		fmt.Fprintf(t, "dropped\t%s\t%d\n", text, reasons[text])
	}
	for _, g := range reflection.Groups() {
		if missing[g] > 0 {
			fmt.Fprintf(t, "labels missing\t%v\t%d\n", g, missing[g])
		}
	}
	t.Flush()
	if records == 0 && missing[reflection.IsUSE] > 0 {
		b.WriteString("\nNo utility was judged: name a model that follows instructions by -generator, or give -utility N.\n")
	}
	_, err = io.WriteString(stdout, b.String())
	return err
}

// reason is why a seed was dropped, without the number of the sentence.
func reason(text string) string {
	if _, rest, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(text, "sentence ") {
		return rest
	}
	return text
}
