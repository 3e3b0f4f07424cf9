package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/system"
	"github.com/goselfrag/goselfrag/internal/helptext"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
)

// Pages of help that are about no command.
const (
	models    = "models"
	pipelines = "pipelines"
	systems   = "systems"
	layouts   = "layouts"
)

// helpCommand returns the command that prints the help of the others, and further pages.
func helpCommand() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "Prints help about a command, models, pipelines, systems or layouts.",
		UsageText: "[COMMAND | " + models + " | " + pipelines + " [TECHNIQUE] | " + systems + " | " + layouts + "]",
		ShellComplete: func(ctx context.Context, c *cli.Command) {
			if c.NArg() > 0 {
				complete(ctx, c)
				return
			}
			complete(ctx, c.Root())
			fmt.Fprintf(c.Root().Writer, "%s:How models are named.\n%s:How pipelines of retrieval are written.\n%s:What can be compared.\n%s:How files of questions may look.\n", models, pipelines, systems, layouts)
		},
		Action: func(_ context.Context, c *cli.Command) error {
			topic, name := c.Args().Get(0), c.Args().Get(1)
			switch {
			case name != "" && c.NArg() == 2 && subcommand(c, topic, name) != nil:
				return printHelp(c.Writer, subcommand(c, topic, name))
			case c.NArg() > 2, name != "" && topic != pipelines:
				return Usage(errors.New("there are too many arguments: want one command, or " + models + ", or " + systems + ", or " + layouts + ", or " + pipelines + " and a technique"))
			case topic == "":
				return printHelp(c.Writer, c.Root())
			case topic == models:
				return print(c.Writer, connect.Help())
			case topic == systems:
				return print(c.Writer, systemsHelp())
			case topic == layouts:
				return print(c.Writer, layoutsHelp())
			case topic == pipelines && name == "":
				return print(c.Writer, pipeline.Usage()+"\n"+program+" help "+pipelines+" TECHNIQUE lists the options of one.\n")
			case topic == pipelines:
				text, err := pipeline.UsageOf(name)
				if at := new(pipeline.Error); errors.As(err, &at) {
					return Usage(errors.New(at.Reason))
				}
				return print(c.Writer, text)
			}
			if about := c.Root().Command(topic); about != nil {
				return printHelp(c.Writer, about)
			}
			return Usage(fmt.Errorf("there is no help about %q: want a command, %s, %s, %s or %s", topic, models, pipelines, systems, layouts))
		},
	}
}

// subcommand returns the command of a command, or nil.
func subcommand(c *cli.Command, command, name string) *cli.Command {
	if whole := c.Root().Command(command); whole != nil {
		return whole.Command(name)
	}
	return nil
}

// systemsHelp lists the systems of eval. docs/evaluation.md says more of each.
func systemsHelp() string {
	var b strings.Builder
	helptext.Item(&b, 0, "", "Systems that eval compares, each with the first of -systems. None abstains: that would measure the threshold as well.")
	b.WriteByte('\n')
	for _, s := range system.All() {
		helptext.Item(&b, 20, s.Name, s.About)
	}
	return b.String()
}

// layoutsHelp lists the layouts.
func layoutsHelp() string {
	var b strings.Builder
	helptext.Item(&b, 0, "", "Layouts of files, for -layout. Files are UTF-8, JSON lines or a JSON array unless something else is said. docs/layouts.md says more.")
	for _, part := range []struct {
		title string
		text  func(dataset.About) string
	}{
		{"questions", func(a dataset.About) string { return a.Items }},
		{"passages", func(a dataset.About) string { return a.Corpus }},
	} {
		b.WriteString("\n" + part.title + ":\n")
		for _, a := range dataset.Layouts() {
			if text := part.text(a); text != "" {
				helptext.Item(&b, 14, string(a.Layout), text)
			}
		}
	}
	return b.String()
}

func print(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

// printHelp prints the help of a command: at most 40 lines of at most 80 columns, which a
// test checks.
func printHelp(w io.Writer, c *cli.Command) error {
	var b strings.Builder
	helptext.Item(&b, 0, "", "usage: "+usageLine(c))
	b.WriteString("\n")
	helptext.Item(&b, 0, "", c.Usage)
	switch {
	case len(c.Commands) == 0:
	case c.Root() != c && len(c.Flags) > 1: // it also works by itself
		var names []string
		for _, sub := range c.Commands {
			names = append(names, sub.Name)
		}
		b.WriteString("\n")
		helptext.Item(&b, 0, "", "commands: "+strings.Join(names, ", ")+"; "+program+" help "+c.Name+" COMMAND says more")
	default:
		b.WriteString("\ncommands:\n")
		for _, sub := range c.Commands {
			helptext.Item(&b, 14, sub.Name, sub.Usage)
		}
	}
	if c.Root() != c && len(c.Flags) > 0 {
		b.WriteString("\nflags, with one dash or two:\n")
		for _, f := range c.Flags {
			helptext.Item(&b, 20, head(f), about(f))
		}
	}
	if c.Description != "" {
		b.WriteString("\n" + strings.TrimSpace(c.Description) + "\n")
	}
	b.WriteString("\nexit code: 0 done, 1 failed or interrupted, 2 called the wrong way\n")
	return print(w, b.String())
}

// head returns the flag as the user writes it, with the name of its value. The usage text
// holds that name in back quotes, as in package flag.
func head(f cli.Flag) string {
	value, _ := flag.UnquoteUsage(&flag.Flag{Usage: documented(f).GetUsage()})
	if !documented(f).TakesValue() {
		value = ""
	}
	return strings.TrimSpace("-" + strings.Join(f.Names(), ", -") + " " + value)
}

// about returns the meaning of the flag, with its default.
func about(f cli.Flag) string {
	_, text := flag.UnquoteUsage(&flag.Flag{Usage: documented(f).GetUsage()})
	if preset := strings.Trim(documented(f).GetValue(), `"`); preset != "" && preset != "0" && preset != "false" {
		text += " (default " + preset + ")"
	}
	return text
}

// documented returns the interface of package cli for the documentation of a flag. All flags
// of package cli implement it.
func documented(f cli.Flag) cli.DocGenerationFlag { return f.(cli.DocGenerationFlag) }
