package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"
)

// configureCompletion changes the command of package cli that prints the scripts for
// completion: it is in the list of commands, and has help and errors as all have.
func configureCompletion(c *cli.Command) {
	c.Hidden = false
	c.Usage = "Prints a script that lets a shell complete commands and flags."
	c.UsageText = "bash | zsh | fish | powershell"
	c.Description = `bash, in ~/.bashrc, with the package bash-completion:
  source <(goselfrag completion bash)
zsh, in ~/.zshrc, after compinit:
  source <(goselfrag completion zsh)
fish:
  goselfrag completion fish >~/.config/fish/completions/goselfrag.fish
powershell, to be run under this name in the profile:
  goselfrag completion powershell >goselfrag.ps1`
	c.Action = func(_ context.Context, c *cli.Command) error {
		if shell := c.Args().First(); shell != "" {
			return Usage(fmt.Errorf("there is no script for %q: want bash, zsh, fish or powershell", shell))
		}
		return Usage(errors.New("the shell is missing: want bash, zsh, fish or powershell"))
	}
	prepare(c)
	for _, shell := range c.Commands {
		if shell.Name == "pwsh" {
			shell.Name, shell.Aliases = "powershell", []string{"pwsh"}
		}
		prepare(shell)
	}
}

// complete prints the candidates for the last argument, one a line, each with its meaning
// after a colon. They are flags if the argument begins with a dash, with as many dashes,
// else commands. The function of package cli supports long flags with two dashes only.
func complete(_ context.Context, c *cli.Command) {
	last := ""
	if n := c.NArg(); n > 0 {
		last = c.Args().Get(n - 1)
	}
	name := strings.TrimLeft(last, "-")
	if name == last {
		for _, sub := range c.Commands {
			fmt.Fprintf(c.Root().Writer, "%s:%s\n", sub.Name, sub.Usage)
		}
		return
	}
	dashes := last[:min(2, len(last)-len(name))]
	for _, f := range c.Flags {
		if flag := f.Names()[0]; strings.HasPrefix(flag, name) && flag != name {
			fmt.Fprintf(c.Root().Writer, "%s%s:%s\n", dashes, flag, about(f))
		}
	}
}
