// Package command runs a command line of goselfrag. It implements the common parts of the
// subcommands: help, messages about wrong usage, exit codes and shell completion.
//
// It uses urfave/cli/v3, which accepts long flags with one dash and with two, as the flag
// package of Go does. Package cli prints only the scripts for completion: its help is wider
// and longer than a screen.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/internal/show"
)

// The exit codes of the program.
const (
	ok         = 0
	failed     = 1 // also if it was interrupted
	wrongUsage = 2
)

// program is the name of the program.
const program = "goselfrag"

// usageError is an error of the caller of the program.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Usage marks err, which must not be nil, as an error about how the program was called:
// its exit code is 2.
func Usage(err error) error { return usageError{err} }

// Action returns the action of a subcommand: run, called with the result of parse. An error
// of parse is one about how the program was called.
func Action[C any](parse func(*cli.Command) (C, error), run func(ctx context.Context, cfg C, stdout, stderr io.Writer) error) cli.ActionFunc {
	return func(ctx context.Context, cmd *cli.Command) error {
		cfg, err := parse(cmd)
		if err != nil {
			return Usage(err)
		}
		return run(ctx, cfg, cmd.Writer, cmd.ErrWriter)
	}
}

// FlagsOnly returns an error if the command line holds more than flags.
func FlagsOnly(cmd *cli.Command) error {
	if cmd.Args().Present() {
		return fmt.Errorf("%q is not a flag: all arguments are flags", cmd.Args().First())
	}
	return nil
}

func init() {
	cli.HelpFlag = nil // every command has a flag for help of its own; see prepare
}

// Run runs the command line of args, without the name of the program, and returns the exit
// code. Each subcommand needs Name; Usage, a sentence; UsageText, the arguments; Action;
// and may have Flags and, for what its help says after the flags, Description. Its Action
// writes to cmd.Writer and cmd.ErrWriter and returns its error, which Run prints.
//
// A Command of package cli keeps the values of its flags: make new ones for each Run.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, subcommands ...*cli.Command) int {
	root := &cli.Command{
		Name:                            program,
		Usage:                           "Answers questions over your own documents by Self-RAG decoding.",
		UsageText:                       "COMMAND [flags]",
		Commands:                        append(subcommands, helpCommand()),
		Writer:                          stdout,
		ErrWriter:                       stderr,
		HideHelpCommand:                 true, // that of package cli
		EnableShellCompletion:           true,
		ConfigureShellCompletionCommand: configureCompletion,
		ExitErrHandler:                  func(context.Context, *cli.Command, error) {}, // the default one ends the program
		Action:                          noCommand,
	}
	prepare(root)
	for _, sub := range root.Commands {
		prepare(sub)
		for _, part := range sub.Commands {
			prepare(part)
		}
	}
	err := root.Run(ctx, append([]string{program}, args...))
	if err == nil {
		return ok
	}
	fmt.Fprintln(stderr, show.Clean(Words(err)))
	if wrong := *new(usageError); errors.As(err, &wrong) {
		return wrongUsage
	}
	return failed
}

// prepare sets the common parts of a command.
func prepare(c *cli.Command) {
	c.Flags = append(c.Flags, &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "print this help"})
	c.DisableSliceFlagSeparator = true // a comma is part of the value
	if c.ShellComplete == nil {
		c.ShellComplete = complete
	}
	action := c.Action
	c.Action = func(ctx context.Context, c *cli.Command) error {
		if c.Bool("help") || c.Root().Bool("help") {
			return printHelp(c.Writer, c)
		}
		if err := action(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", strings.TrimPrefix(c.FullName(), program+" "), err)
		}
		return nil
	}
	c.OnUsageError = func(_ context.Context, c *cli.Command, err error, _ bool) error {
		if c.Bool("help") {
			return printHelp(c.Writer, c)
		}
		return Usage(fmt.Errorf("%s: %w\nusage: %s\n%s -h lists the flags", strings.TrimPrefix(c.FullName(), program+" "), err, usageLine(c), c.FullName()))
	}
}

// noCommand is the action of the program without the name of a known command.
func noCommand(_ context.Context, root *cli.Command) error {
	var names []string
	for _, c := range root.Commands {
		names = append(names, c.Name)
	}
	wanted := "want one of " + strings.Join(names, ", ") + "; " + program + " help says what they do"
	if name := root.Args().First(); name != "" {
		return Usage(fmt.Errorf("there is no command %q: %s", name, wanted))
	}
	return Usage(errors.New("the command is missing: " + wanted))
}

// usageLine returns the command line of a command.
func usageLine(c *cli.Command) string { return strings.TrimSpace(c.FullName() + " " + c.UsageText) }
