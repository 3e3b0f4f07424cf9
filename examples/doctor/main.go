// Doctor looks at a model server: whether it is there and its model fits, what it
// gives and what not, and which of its settings to change.
//
//	go run ./examples/doctor -url vllm+http://localhost:8000/selfrag/selfrag_llama2_7b
//
// It asks some twenty short questions. The exit code is 1 if the server cannot be
// used.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/goselfrag/goselfrag/examples/internal/connect"
	"github.com/goselfrag/goselfrag/examples/internal/show"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program. It returns the exit code: 1 if the server cannot be used, 2 if
// the program was called the wrong way.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("doctor", flag.ContinueOnError)
	set.SetOutput(stderr)
	url := set.String("url", "", "the model: "+connect.Usage)
	timeout := set.Duration("timeout", 2*time.Minute, "how long to wait for all of it")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if set.NArg() > 0 {
		fmt.Fprintf(stderr, "doctor: %q is not a flag: all arguments are flags\n", set.Arg(0))
		return 2
	}
	if *timeout <= 0 {
		fmt.Fprintf(stderr, "doctor: -timeout is %v: want more than 0\n", *timeout)
		return 2
	}
	model, err := connect.Generator(*url)
	if err != nil {
		fmt.Fprintf(stderr, "doctor: -url: %v\n", err)
		return 2
	}
	ctx, cancel := context.WithTimeoutCause(ctx, *timeout, fmt.Errorf("not done within %v: a bigger -timeout may help", *timeout))
	defer cancel()
	d := &doctor{model: model, out: stdout}
	if err := d.examine(ctx); err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		fmt.Fprintf(stderr, "doctor: %s\n", show.Clean(err.Error()))
		return 1
	}
	return 0
}
