// Package data is the subcommand about Self-RAG training data. docs/training.md walks
// through it.
package data

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
)

// Command returns the subcommand.
func Command() *cli.Command {
	c := &cli.Command{
		Name:        "data",
		Usage:       "Makes and checks data for training Self-RAG models.",
		UsageText:   "COMMAND [flags]",
		Commands:    []*cli.Command{criticCommand(), generateCommand(), pairsCommand(), checkCommand()},
		Description: "docs/training.md walks through an example, docs/training-format.md describes\nthe records.",
	}
	c.Action = func(_ context.Context, cmd *cli.Command) error {
		var names []string
		for _, part := range c.Commands {
			names = append(names, part.Name)
		}
		wanted := "want one of " + strings.Join(names, ", ") + "; goselfrag help data says what they do"
		if name := cmd.Args().First(); name != "" {
			return command.Usage(fmt.Errorf("there is no command %q: %s", name, wanted))
		}
		return command.Usage(errors.New("the command is missing: " + wanted))
	}
	return c
}
