// Goselfrag answers questions over a folder of documents and measures how well.
//
//	go install github.com/goselfrag/goselfrag/cmd/goselfrag@latest
//	goselfrag ask -docs DIR "question"
//
// Its commands are ask, eval, compare, adapt, data, doctor, prompts, version and completion. Flags may
// have one dash or two. goselfrag help COMMAND says more of each, and goselfrag help models,
// help pipelines, help systems and help layouts say how models, pipelines of retrieval and
// files of questions are written and what can be compared. The exit code is 0 if all went
// well, 1 if something failed or the command was interrupted, and 2 if it was called the
// wrong way.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/adapt"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/ask"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/compare"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/data"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/doctor"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/eval"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/evalrun"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/prompts"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	measure := eval.Command()
	measure.Commands = evalrun.Commands()
	return command.Run(ctx, args, stdout, stderr,
		ask.Command(), measure, compare.Command(), adapt.Command(), data.Command(), doctor.Command(), prompts.Command(), version.Command())
}
