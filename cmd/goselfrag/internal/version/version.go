// Package version is the subcommand that says which versions are at work.
package version

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
)

// Command returns the subcommand.
func Command() *cli.Command {
	return &cli.Command{
		Name:   "version",
		Usage:  "Prints the versions of the program, of Go and of the embedded model.",
		Action: action,
	}
}

func action(ctx context.Context, cmd *cli.Command) error {
	if cmd.Args().Present() {
		return command.Usage(errors.New("it takes no arguments"))
	}
	model, err := generator.Describe(ctx, extractive.New())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.Writer, "goselfrag %s\n%s %s/%s\nembedded model %s\n", module(), runtime.Version(), runtime.GOOS, runtime.GOARCH, model.Model)
	return err
}

// module returns the version of the module: that of go install, that of the commit, or
// (devel) where the build does not know it.
func module() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
