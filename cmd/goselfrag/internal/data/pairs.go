package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/internal/atomicfile"
	"github.com/goselfrag/goselfrag/selfrag"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/preference"
)

func pairsCommand() *cli.Command {
	return &cli.Command{
		Name:      "pairs",
		Usage:     "Makes pairs of a better and a worse answer from traces, for trainers such as DPO.",
		UsageText: "-out PAIRS.jsonl [flags] TRACES.jsonl",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "write the pairs to `FILE`"},
			&cli.StringFlag{Name: "form", Value: string(preference.Interleaved), Usage: "write passages and tokens (interleaved), or the answers alone (text): `FORM`"},
			&cli.FloatFlag{Name: "least", Usage: "make no pair with a smaller margin than `M`"},
			&cli.IntFlag{Name: "per-point", Value: 1, Usage: "make at most `N` pairs of one point of a search"},
			&cli.StringFlag{Name: "mask", Value: string(training.MaskPassages), Usage: "leave passages, marks or, as released, all between the marks without loss: `MASK`"},
		},
		Description: "TRACES has one trace, or an answer with its trace, on each line, as eval\n-sensitivity -out writes them.",
		Action:      command.Action(parsePairs, runPairs),
	}
}

type pairsConfig struct {
	in, out string
	options preference.Options
}

func parsePairs(cmd *cli.Command) (c pairsConfig, err error) {
	c.in, c.out = cmd.Args().First(), cmd.String("out")
	c.options = preference.Options{Least: cmd.Float("least"), PerPoint: cmd.Int("per-point")}
	if err := c.options.Form.UnmarshalText([]byte(cmd.String("form"))); err != nil {
		return c, fmt.Errorf("-form: %w", err)
	}
	if err := c.options.Mask.UnmarshalText([]byte(cmd.String("mask"))); err != nil {
		return c, fmt.Errorf("-mask: %w", err)
	}
	switch {
	case cmd.NArg() != 1:
		return c, errors.New("want one file of traces")
	case c.out == "" || c.out == c.in:
		return c, errors.New("-out is missing: name the file to write")
	case !(c.options.Least >= 0):
		return c, fmt.Errorf("-least is %v: want 0 or more", c.options.Least)
	case c.options.PerPoint < 1 || c.options.PerPoint > 1000:
		return c, fmt.Errorf("-per-point is %d: want 1 to 1000", c.options.PerPoint)
	}
	return c, nil
}

func runPairs(ctx context.Context, c pairsConfig, stdout, _ io.Writer) error {
	traces, pairs, without := 0, 0, 0
	err := withFile(c.in, func(in io.Reader) error {
		return atomicfile.Write(c.out, func(out *os.File) error {
			w := training.NewWriter(out)
			reader := training.NewReader[traceLine](in, c.in)
			for line, err := range reader.All() {
				switch {
				case ctx.Err() != nil:
					return ctx.Err()
				case err != nil:
					return err
				case line.trace == nil:
					without++
					continue
				}
				traces++
				list, err := preference.Pairs(line.trace, c.options)
				if err != nil {
					return &dataset.LineError{File: c.in, Line: reader.Line(), Err: err}
				}
				for _, p := range list {
					pairs++
					if err := w.Write(p); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%d pairs of %d traces; %d lines have no trace\n", pairs, traces, without)
	return err
}

// traceLine is a trace, or an object that has one.
type traceLine struct{ trace *selfrag.Trace }

// UnmarshalJSON reads a line. One without a trace is no error.
func (l *traceLine) UnmarshalJSON(b []byte) (err error) {
	var outer struct {
		Trace      json.RawMessage `json:"trace"`
		Expansions json.RawMessage `json:"expansions"`
	}
	if err := json.Unmarshal(b, &outer); err != nil {
		return err
	}
	switch {
	case outer.Expansions != nil:
		l.trace, err = selfrag.ParseTrace(b)
	case outer.Trace != nil && string(outer.Trace) != "null":
		l.trace, err = selfrag.ParseTrace(outer.Trace)
	}
	return err
}

// Check implements training.Checked.
func (l traceLine) Check() error { return nil }

func sorted(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }
