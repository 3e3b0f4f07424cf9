package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/internal/regular"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/check"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "Says what a file of training data holds, and what is wrong with it.",
		UsageText: "[flags] FILE",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "against", Usage: "report questions that are in the evaluation set in `FILE`, too"},
			&cli.FloatFlag{Name: "near", Usage: "report records whose question and answer resemble those of an earlier one by `S` or more, from 0.5 to 1; needs memory for all texts"},
			&cli.IntFlag{Name: "length", Usage: "count what is lost if records are cut behind `N` characters"},
			&cli.IntFlag{Name: "places", Value: 20, Usage: "list the first `N` places of each finding"},
			&cli.BoolFlag{Name: "critic", Usage: "FILE holds data of a critic, not of a generator"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		},
		Description: "FILE has JSON lines or a JSON array. The exit code is 1 if a line is no record,\nan output is malformed, or a mask covers the wrong text.",
		Action:      command.Action(parseCheck, runCheck),
	}
}

type checkConfig struct {
	file, against string
	options       check.Options
	critic, json  bool
}

func parseCheck(cmd *cli.Command) (checkConfig, error) {
	c := checkConfig{
		file: cmd.Args().First(), against: cmd.String("against"), critic: cmd.Bool("critic"), json: cmd.Bool("json"),
		options: check.Options{NearDuplicate: cmd.Float("near"), Length: cmd.Int("length"), Places: cmd.Int("places")},
	}
	switch o := c.options; {
	case cmd.NArg() != 1:
		return c, errors.New("want one FILE of training data")
	case c.critic && (c.against != "" || o.NearDuplicate != 0 || o.Length != 0):
		return c, errors.New("-critic goes without -against, -near and -length")
	case o.NearDuplicate != 0 && !(o.NearDuplicate >= 0.5 && o.NearDuplicate <= 1):
		return c, fmt.Errorf("-near is %v: want 0.5 to 1, or 0 to look for none", o.NearDuplicate)
	case o.Length < 0:
		return c, fmt.Errorf("-length is %d: want a number of characters, or 0 for no limit", o.Length)
	case o.Places < 1 || o.Places > 100_000:
		return c, fmt.Errorf("-places is %d: want 1 to 100000", o.Places)
	}
	return c, nil
}

func runCheck(ctx context.Context, c checkConfig, stdout, _ io.Writer) error {
	if c.against != "" {
		err := withFile(c.against, func(f io.Reader) (err error) {
			c.options.Against, err = check.ReadQuestions(f, c.against)
			return err
		})
		if err != nil {
			return fmt.Errorf("-against: %w", err)
		}
	}
	var report *check.Report
	err := withFile(c.file, func(f io.Reader) (err error) {
		if c.critic {
			report, err = check.RunCritic(ctx, training.NewReader[training.CriticRecord](f, c.file), c.options)
		} else {
			report, err = check.Run(ctx, training.NewReader[training.Record](f, c.file), c.options)
		}
		return err
	})
	if err != nil {
		return err
	}
	write := writeReport
	if c.json {
		write = writeJSON
	}
	if err := write(stdout, report); err != nil {
		return err
	}
	switch {
	case c.critic && report.Broken():
		return fmt.Errorf("%s: lines that are no record: %d", c.file, report.Count(check.NoRecord))
	case report.Broken():
		return fmt.Errorf("%s: lines that are no record: %d, malformed outputs: %d, wrong masks: %d",
			c.file, report.Count(check.NoRecord), report.Count(check.Malformed), report.Count(check.WrongMask))
	}
	return nil
}

func withFile(name string, read func(io.Reader) error) error {
	f, err := regular.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}

func writeJSON(w io.Writer, report *check.Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(report)
}

// writeReport prints the tables of a report. Names and reasons come from the file.
func writeReport(w io.Writer, r *check.Report) error {
	var b strings.Builder
	writeCounts(&b, r)
	writeLosses(&b, r)
	writeFindings(&b, r)
	_, err := io.WriteString(w, show.Clean(b.String()))
	return err
}
