// Toymodel writes the model of package toymodel to a file, for a real server.
//
//	go -C tools run ./toymodel -o toy.gguf [-kind user|control]
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/goselfrag/goselfrag/internal/atomicfile"
	"github.com/goselfrag/goselfrag/tools/internal/toymodel"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run is the program. It returns the exit code: 1 if it failed, 2 if it was called
// the wrong way.
func run(args []string, stderr io.Writer) int {
	set := flag.NewFlagSet("toymodel", flag.ContinueOnError)
	set.SetOutput(stderr)
	out := set.String("o", "", "the file to write")
	kind := set.String("kind", "user", "the type of the tokens of reflection: user (shown by servers) or control")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	kinds := map[string]toymodel.Kind{"user": toymodel.UserDefined, "control": toymodel.Control}
	k, ok := kinds[*kind]
	switch {
	case *out == "":
		fmt.Fprintln(stderr, "toymodel: -o is missing: name the file to write")
		return 2
	case !ok:
		fmt.Fprintf(stderr, "toymodel: -kind is %q: want user or control\n", *kind)
		return 2
	case set.NArg() > 0:
		fmt.Fprintf(stderr, "toymodel: %q is not a flag: all arguments are flags\n", set.Arg(0))
		return 2
	}
	if err := write(*out, k); err != nil {
		fmt.Fprintf(stderr, "toymodel: %v\n", err)
		return 1
	}
	return 0
}

// write writes the file whole or not at all.
func write(path string, kind toymodel.Kind) error {
	return atomicfile.Write(path, func(f *os.File) error { return toymodel.Write(f, kind) })
}
