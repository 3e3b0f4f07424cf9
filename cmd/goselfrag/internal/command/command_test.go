package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v3"
)

// echo returns a command that prints the values of its flags and its arguments.
func echo() *cli.Command {
	return &cli.Command{
		Name: "echo", Usage: "Prints what it is given.", UsageText: "[flags] WORDS",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "docs", Usage: "read `DIR`"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
			&cli.IntFlag{Name: "k", Value: 5, Usage: "retrieve `N` passages"},
			&cli.FloatFlag{Name: "threshold", Value: 0.2, Usage: "above `R`"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED`"},
			&cli.DurationFlag{Name: "timeout", Value: time.Minute, Usage: "wait `TIME`"},
			&cli.StringSliceFlag{Name: "pipeline", Usage: "measure `TEXT`"},
		},
		Description: "More about it.",
		Action: func(_ context.Context, c *cli.Command) error {
			fmt.Fprintf(c.Writer, "docs=%q json=%v k=%d threshold=%v seed=%d timeout=%v pipeline=%q set=%v args=%q\n", c.String("docs"), c.Bool("json"), c.Int("k"),
				c.Float("threshold"), c.Uint64("seed"), c.Duration("timeout"), c.StringSlice("pipeline"), c.IsSet("k"), c.Args().Slice())
			switch c.Args().First() {
			case "fail":
				return errors.New("no luck")
			case "misuse":
				return Usage(errors.New("-docs is missing"))
			}
			return nil
		},
	}
}

func run(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Run(context.Background(), args, &out, &errs, echo())
	return code, out.String(), errs.String()
}

// Scripts write flags as package flag of Go takes them.
func TestFlags(t *testing.T) {
	const rest = `k=5 threshold=0.2 seed=1 timeout=1m0s pipeline=[] set=false`
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"one dash":        {[]string{"-docs", "d", "-json", "a", "b"}, `docs="d" json=true ` + rest + ` args=["a" "b"]`},
		"two dashes":      {[]string{"--docs", "d", "--json", "a"}, `docs="d" json=true ` + rest + ` args=["a"]`},
		"equals sign":     {[]string{"-docs=d", "--json=true"}, `docs="d" json=true ` + rest + ` args=[]`},
		"false":           {[]string{"-json=false"}, `docs="" json=false ` + rest + ` args=[]`},
		"empty value":     {[]string{"-docs", "", "a"}, `docs="" json=false ` + rest + ` args=["a"]`},
		"empty by sign":   {[]string{"-docs=", "a"}, `docs="" json=false ` + rest + ` args=["a"]`},
		"equals in value": {[]string{"-docs", `a="b" = c`, "-docs=x=y"}, `docs="x=y" json=false ` + rest + ` args=[]`},
		"behind":          {[]string{"a", "-docs", "d", "b", "-json"}, `docs="d" json=true ` + rest + ` args=["a" "b"]`},
		"dash dash":       {[]string{"-json", "--", "-docs", "--", "d"}, `docs="" json=true ` + rest + ` args=["-docs" "--" "d"]`},
		"dash value":      {[]string{"-docs", "-json"}, `docs="-json" json=false ` + rest + ` args=[]`},
		"dash":            {[]string{"-"}, `docs="" json=false ` + rest + ` args=["-"]`},
		"white space":     {[]string{" a  b ", "-docs", " d "}, `docs=" d " json=false ` + rest + ` args=[" a  b "]`},
		"command names":   {[]string{"help", "h", "echo"}, `docs="" json=false ` + rest + ` args=["help" "h" "echo"]`},
		"numbers":         {[]string{"-k", "-3", "-threshold", "1e-3", "-seed", "0x10", "-timeout", "1h"}, `docs="" json=false k=-3 threshold=0.001 seed=16 timeout=1h0m0s pipeline=[] set=true args=[]`},
		"last one holds":  {[]string{"-k", "1", "--k=2"}, `docs="" json=false k=2 threshold=0.2 seed=1 timeout=1m0s pipeline=[] set=true args=[]`},
		"list":            {[]string{"-pipeline", "fuse(a, b)", "--pipeline", "c"}, `docs="" json=false k=5 threshold=0.2 seed=1 timeout=1m0s pipeline=["fuse(a, b)" "c"] set=false args=[]`},
	} {
		t.Run(name, func(t *testing.T) {
			if code, out, errs := run(append([]string{"echo"}, c.args...)...); code != 0 || out != c.want+"\n" || errs != "" {
				t.Errorf("exit code %d:\n%swant\n%s\n%s", code, out, c.want, errs)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	const hint = "\nusage: goselfrag echo [flags] WORDS\ngoselfrag echo -h lists the flags\n"
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"failure":          {[]string{"echo", "fail"}, 1, "echo: no luck\n"},
		"usage":            {[]string{"echo", "misuse"}, 2, "echo: -docs is missing\n"},
		"unknown flag":     {[]string{"echo", "-colour", "a"}, 2, "echo: flag provided but not defined: -colour" + hint},
		"with two dashes":  {[]string{"echo", "--colour=red"}, 2, "echo: flag provided but not defined: -colour" + hint},
		"no value":         {[]string{"echo", "-docs"}, 2, "echo: flag needs an argument: -docs" + hint},
		"not a number":     {[]string{"echo", "-k", "many"}, 2, `echo: invalid value "many" for flag -k: want a whole number` + hint},
		"not a boolean":    {[]string{"echo", "-json=perhaps"}, 2, `echo: invalid value "perhaps" for flag -json: want true or false` + hint},
		"not a duration":   {[]string{"echo", "-timeout", "5"}, 2, `echo: invalid value "5" for flag -timeout: want a time such as 90s or 5m` + hint},
		"negative seed":    {[]string{"echo", "-seed", "-1"}, 2, `echo: invalid value "-1" for flag -seed: want a whole number of at least 0` + hint},
		"no command":       {nil, 2, "goselfrag: the command is missing: want one of echo, help, completion; goselfrag help says what they do\n"},
		"unknown command":  {[]string{"aks"}, 2, `goselfrag: there is no command "aks": want one of echo, help, completion; `},
		"flag of root":     {[]string{"-docs", "d"}, 2, "goselfrag: flag provided but not defined: -docs\nusage: goselfrag COMMAND [flags]\ngoselfrag -h lists"},
		"help of nothing":  {[]string{"help", "aks"}, 2, `help: there is no help about "aks": want a command, models, pipelines, systems or layouts`},
		"help of two":      {[]string{"help", "echo", "echo"}, 2, "help: there are too many arguments"},
		"no technique":     {[]string{"help", "pipelines", "rerenk"}, 2, `help: there is no technique "rerenk": want one of lexical, `},
		"no shell":         {[]string{"completion"}, 2, "completion: the shell is missing: want bash, zsh, fish or powershell\n"},
		"unknown shell":    {[]string{"completion", "csh"}, 2, `completion: there is no script for "csh": want bash, `},
		"flag of a script": {[]string{"completion", "bash", "-x"}, 2, "completion bash: flag provided but not defined: -x\nusage: goselfrag completion bash\n"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := run(c.args...)
			if code != c.code || !strings.HasPrefix(errs, c.want) {
				t.Errorf("exit code %d, want %d with %q:\n%s", code, c.code, c.want, errs)
			}
			if out != "" && !strings.HasPrefix(out, "docs=") {
				t.Errorf("standard output: %s", out)
			}
		})
	}
}

// Help goes to standard output, whatever other arguments there are.
func TestHelp(t *testing.T) {
	const want = `usage: goselfrag echo [flags] WORDS

Prints what it is given.

flags, with one dash or two:
  -docs DIR         read DIR
  -json             print JSON
  -k N              retrieve N passages (default 5)
  -threshold R      above R (default 0.2)
  -seed SEED        SEED (default 1)
  -timeout TIME     wait TIME (default 1m0s)
  -pipeline TEXT    measure TEXT
  -help, -h         print this help

More about it.

exit code: 0 done, 1 failed or interrupted, 2 called the wrong way
`
	for _, args := range []string{"echo -h", "echo --help", "echo a -h b", "echo -h -colour", "-h echo", "help echo"} {
		if code, out, errs := run(strings.Fields(args)...); code != 0 || out != want || errs != "" {
			t.Errorf("%s: exit code %d:\n%s%s", args, code, out, errs)
		}
	}
	for args, want := range map[string]string{
		"-h": "\n  echo        Prints what it is given.\n", "help": "\n  completion  ", "help models": "GOSELFRAG_RERANK_KEY", "help pipelines": "\n  rerank        ",
		"help pipelines rerank": "\n  depth=50            ", "help help": "usage: goselfrag help ", "completion -h": "source <(goselfrag completion bash)", "completion zsh -h": "usage: goselfrag completion zsh",
	} {
		if code, out, errs := run(strings.Fields(args)...); code != 0 || !strings.Contains(out, want) || errs != "" {
			t.Errorf("%s: exit code %d: no %q in\n%s%s", args, code, want, out, errs)
		}
	}
}

// What the scripts ask the program for.
func TestCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"":              "echo:Prints what it is given.\nhelp:",
		"echo ":         "",
		"echo -":        "-docs:read DIR\n-json:print JSON\n-k:",
		"echo -d":       "-docs:read DIR\n",
		"echo --j":      "--json:print JSON\n",
		"echo a --th":   "--threshold:above R (default 0.2)\n",
		"echo -docs":    "",
		"echo -- -d":    "",
		"echo -docs d ": "",
		"completion ":   "bash:",
		"help ":         "echo:Prints what it is given.\nhelp:Prints help about a command, models, pipelines, systems or layouts.\ncompletion:Prints a script that lets a shell complete commands and flags.\nmodels:",
		"help -":        "-help:",
	} {
		code, out, errs := run(append(strings.Fields(line), "--generate-shell-completion")...)
		if code != 0 || errs != "" || want == "" && out != "" || !strings.HasPrefix(out, want) {
			t.Errorf("%q: exit code %d: want %q, got\n%s%s", line, code, want, out, errs)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell", "pwsh"} {
		if code, out, _ := run("completion", shell); code != 0 || !strings.Contains(out, "--generate-shell-completion") {
			t.Errorf("%s: exit code %d:\n%s", shell, code, out)
		}
	}
}

// An error with an exit code of its own, such as that of a program that was run, does not
// end this one.
func TestExitCodesOfErrors(t *testing.T) {
	c := echo()
	c.Action = func(context.Context, *cli.Command) error { return cli.Exit("gone", 7) }
	var out, errs bytes.Buffer
	if code := Run(t.Context(), []string{"echo"}, &out, &errs, c); code != 1 || errs.String() != "echo: gone\n" {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}
