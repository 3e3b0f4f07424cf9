// Package prompts is the subcommand that prints the prompts of the library.
package prompts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/internal/prompts"
)

// Command returns the subcommand.
func Command() *cli.Command {
	return &cli.Command{
		Name:      "prompts",
		Usage:     "Lists the prompts that models are given, or prints one.",
		UsageText: "[-json] [NAME]",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print JSON: with NAME one object, else a list"},
		},
		Description: "The hash of a prompt changes with its text; traces name prompts by it.\ndocs/prompts.md says how to replace one.",
		Action:      action,
	}
}

func action(_ context.Context, cmd *cli.Command) error {
	list := prompts.All()
	name := cmd.Args().First()
	switch {
	case cmd.NArg() > 1:
		return command.Usage(errors.New("there are several names: want one, or none for the list"))
	case name == "" && cmd.Bool("json"):
		out := make([]prompt, len(list))
		for i, p := range list {
			out[i] = promptOf(p)
		}
		return writeJSON(cmd.Writer, out)
	case name == "":
		return table(cmd.Writer, list)
	}
	at := slices.IndexFunc(list, func(p prompts.Prompt) bool { return p.Name == name })
	if at < 0 {
		return command.Usage(fmt.Errorf("there is no prompt %q: goselfrag prompts lists them", name))
	}
	if cmd.Bool("json") {
		return writeJSON(cmd.Writer, promptOf(list[at]))
	}
	return write(cmd.Writer, list[at])
}

func table(w io.Writer, list []prompts.Prompt) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\n", p.Name, p.Hash, short(p.Package))
	}
	return t.Flush()
}

// write prints the whole text of a prompt. Each message has its role in a line before it,
// if it has one.
func write(w io.Writer, p prompts.Prompt) error {
	var b strings.Builder
	for i, m := range p.Messages {
		if i > 0 {
			b.WriteString("\n\n")
		}
		if m.Role != "" {
			b.WriteString(string(m.Role) + ":\n\n")
		}
		b.WriteString(m.Text)
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

func short(path string) string { return strings.TrimPrefix(path, "github.com/goselfrag/goselfrag/") }

// prompt is the form of -json.
type prompt struct {
	Name         string    `json:"name"`
	Hash         string    `json:"hash"`
	Package      string    `json:"package"` // its import path
	Use          string    `json:"use"`     // what is asked, and when
	Replace      string    `json:"replace"` // how another takes its place
	Placeholders []string  `json:"placeholders"`
	Messages     []message `json:"messages"`
}

type message struct {
	Role string `json:"role,omitempty"`
	Text string `json:"text"`
}

func promptOf(p prompts.Prompt) prompt {
	out := prompt{Name: p.Name, Hash: p.Hash, Package: p.Package, Use: p.Use, Replace: p.Replace, Placeholders: p.Placeholders}
	for _, m := range p.Messages {
		out.Messages = append(out.Messages, message{string(m.Role), m.Text})
	}
	return out
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // prompts are full of marks such as <passage>
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
