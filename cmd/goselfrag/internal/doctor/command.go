// Package doctor is the subcommand that examines a model server: whether it is reachable
// and its model fits, which features it has, and which settings to change.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
)

// Command returns the subcommand.
func Command() *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Usage:     "Says what a model server can do, and which of its settings to change.",
		UsageText: "-url URL [-timeout TIME]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "url", Usage: connect.GeneratorUsage},
			&cli.DurationFlag{Name: "timeout", Value: 2 * time.Minute, Usage: "give up after `TIME`"},
		},
		Description: "It asks some twenty short questions. The exit code is 1 if the server cannot be\nused.",
		Action:      action,
	}
}

// action is what the command does. It fails if the server cannot be used.
func action(ctx context.Context, cmd *cli.Command) error {
	if err := command.FlagsOnly(cmd); err != nil {
		return command.Usage(err)
	}
	timeout := cmd.Duration("timeout")
	if timeout <= 0 {
		return command.Usage(fmt.Errorf("-timeout is %v: want more than 0", timeout))
	}
	model, err := connect.Generator(cmd.String("url"))
	if err != nil {
		return command.Usage(fmt.Errorf("-url: %w", err))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not done within %v: a bigger -timeout may help", timeout))
	defer cancel()
	d := &doctor{model: model, out: cmd.Writer}
	if err := d.examine(ctx); err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return err
	}
	return nil
}
