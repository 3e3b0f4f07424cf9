// Compare measures retrieval pipelines on a question set: how often they find the right
// passages, how fast they are and how many model calls they make.
//
//	go run ./examples/compare -corpus C.jsonl -questions Q.jsonl -pipeline "words=lexical" -pipeline "…" [-html report.html]
//
// Every pipeline is compared with the first, question by question. With -sweep the passages
// are cut anew into chunks of several sizes, and each size is measured. Run it with -h for
// all flags and all techniques; docs/evaluation.md explains the figures. Progress goes to
// standard error. With -json the last line of standard output is one object.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"

	"github.com/goselfrag/goselfrag/examples/internal/connect"
	"github.com/goselfrag/goselfrag/examples/internal/pipeline"
	"github.com/goselfrag/goselfrag/examples/internal/show"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// config is what the flags say.
type config struct {
	corpus, questions string
	values            []string // of -pipeline
	pipelines         []named
	ks                []int // of recall@k
	limit             int
	generator         string // its URL
	embeddings        string // the URL of an embedding model
	env               pipeline.Env
	html              string
	json              bool
	seed              uint64
	sweep             []int // words of a chunk; empty measures the passages as they are
	overlap           int   // words
	join              string
	words             int // of retrieved text in which an answer counts, with sweep
}

// named is a pipeline with the name that stands for it.
type named struct {
	name, text string
	*pipeline.Pipeline
}

// offline are the pipelines that are measured if none is named.
var offline = []named{
	{name: "lexical", text: "lexical"},
	{name: "pairs", text: "pairs"},
	{name: "dense", text: "dense"},
	{name: "ranks", text: "hybrid method=rank dense=0.8"},
	{name: "scores", text: "hybrid"},
	{name: "rm3", text: "lexical | rm3 hits=5 original=0.8"},
	{name: "reranked", text: "lexical | rerank depth=20"},
	{name: "scores+", text: "hybrid | rerank depth=20"},
}

// errUsage has been reported by the flag package.
var errUsage = errors.New("bad usage")

// run is the program. It returns the exit code: 1 if it failed, 2 if it was called the
// wrong way.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "compare: %s\n", show.Clean(err.Error()))
		return 2
	}
	if err := compare(ctx, cfg, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "compare: %s\n", show.Clean(err.Error()))
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (config, error) {
	var cfg config
	set := flag.NewFlagSet("compare", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprintln(stderr, "usage: compare -corpus C.jsonl -questions Q.jsonl [-pipeline [NAME=]PIPELINE …] [flags]")
		set.PrintDefaults()
	}
	set.StringVar(&cfg.corpus, "corpus", "", `the passages, a line each: {"id","title","text"}`)
	set.StringVar(&cfg.questions, "questions", "", `the questions, a line each: {"id","question","positive"}, with -sweep "answers", too`)
	set.Func("pipeline", "a pipeline to measure, `[NAME=]PIPELINE`; give several, which are compared with the first; some that need no server unless set", func(value string) error {
		cfg.values = append(cfg.values, value)
		return nil
	})
	ks := set.String("k", "1,5,10", "the k of recall@k, parted by commas")
	set.IntVar(&cfg.limit, "limit", 0, "ask only the first so many questions; 0 asks all")
	set.StringVar(&cfg.generator, "generator", "", "the model: "+connect.Usage)
	set.StringVar(&cfg.embeddings, "embeddings", "", connect.EmbeddingsUsage)
	set.StringVar(&cfg.html, "html", "", "write a page with plots to this file")
	set.BoolVar(&cfg.json, "json", false, "print one JSON object instead of tables")
	set.Uint64Var(&cfg.seed, "seed", 1, "of the intervals")
	sweep := set.String("sweep", "", "cut the passages into chunks of so many words and measure each size, such as 25,50,100,200")
	set.IntVar(&cfg.overlap, "overlap", 0, "with -sweep: words that a chunk repeats of the one before")
	set.StringVar(&cfg.join, "join", "", `with -sweep: title makes one document of the passages with the same title; otherwise each passage is one`)
	set.IntVar(&cfg.words, "words", 300, "with -sweep: first words of the retrieved text in which an answer counts")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			usage(stderr)
			return cfg, err
		}
		return cfg, errUsage
	}
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var err error
	switch {
	case set.NArg() > 0:
		return cfg, fmt.Errorf("%q is not a flag: all arguments are flags", set.Arg(0))
	case cfg.corpus == "":
		return cfg, errors.New("-corpus is missing: name the file of passages")
	case cfg.questions == "":
		return cfg, errors.New("-questions is missing: name the file of questions")
	case cfg.limit < 0:
		return cfg, fmt.Errorf("-limit is %d: want 0 or more", cfg.limit)
	}
	if cfg.ks, err = numbers(*ks); err != nil {
		return cfg, fmt.Errorf("-k: %w", err)
	}
	if err := cfg.parseSweep(*sweep, given); err != nil {
		return cfg, err
	}
	return cfg, cfg.connect()
}

// usage prints what -h prints behind the flags.
func usage(w io.Writer) {
	fmt.Fprintln(w, "pipelines unless -pipeline is set:")
	for _, p := range offline {
		fmt.Fprintf(w, "  %-13s %s\n", p.name, p.text)
	}
	pipeline.Usage(w)
}

// naming reads a value of -pipeline: a pipeline, which is then its own name, or a name,
// "=" and a pipeline.
func naming(value string) (named, error) {
	_, err := pipeline.Parse(value)
	if err == nil {
		return named{name: strings.TrimSpace(value), text: value}, nil
	}
	name, text, ok := strings.Cut(value, "=")
	if !ok {
		return named{}, err
	}
	if name = strings.TrimSpace(name); name == "" {
		return named{}, errors.New("the name in front of = is blank")
	}
	if _, second := pipeline.Parse(text); second != nil {
		// Which of the two was meant? A pipeline without a name has a good base in front of
		// what is wrong, and its first "=", if that is of an option, has no base behind it.
		whole, behind := new(pipeline.Error), new(pipeline.Error)
		if errors.As(err, &whole) && errors.As(second, &behind) &&
			(whole.Offset > len(name) || whole.Offset > 0 && whole.Offset < len(name) && behind.Offset == 0) {
			return named{}, err
		}
		return named{}, fmt.Errorf("%q: %w", name, second)
	}
	return named{name: name, text: text}, nil
}

// numbers reads different whole numbers above 0, and sorts them.
func numbers(text string) ([]int, error) {
	var list []int
	for one := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(one))
		if err != nil || n < 1 || n > 1e6 || slices.Contains(list, n) {
			return nil, fmt.Errorf("%q: want different whole numbers from 1 to 1000000, parted by commas", text)
		}
		list = append(list, n)
	}
	slices.Sort(list)
	return list, nil
}

func (c *config) parseSweep(sizes string, given map[string]bool) error {
	if sizes == "" {
		for _, name := range []string{"overlap", "join", "words"} {
			if given[name] {
				return fmt.Errorf("-%s is of -sweep: name sizes with -sweep, or leave it out", name)
			}
		}
		return nil
	}
	var err error
	if c.sweep, err = numbers(sizes); err != nil {
		return fmt.Errorf("-sweep: %w", err)
	}
	switch {
	case c.overlap < 0 || c.overlap >= c.sweep[0]:
		return fmt.Errorf("-overlap is %d: want at least 0 and less than the smallest size, %d", c.overlap, c.sweep[0])
	case c.join != "" && c.join != "title":
		return fmt.Errorf("-join is %q: want title, or leave it out", c.join)
	case c.words < 1:
		return fmt.Errorf("-words is %d: want at least 1", c.words)
	}
	return nil
}

// connect makes the models and reads the pipelines.
func (c *config) connect() error {
	model, err := connect.Generator(c.generator)
	if err != nil {
		return fmt.Errorf("-generator: %w", err)
	}
	c.env = pipeline.Env{Generator: model.Generator, Instructed: model.Family != ""}
	if c.embeddings != "" {
		if c.env.Embedder, err = connect.Embedder(c.embeddings); err != nil {
			return fmt.Errorf("-embeddings: %w", err)
		}
	}
	for _, value := range c.values {
		p, err := naming(value)
		if err != nil {
			return fmt.Errorf("-pipeline: %w", err)
		}
		if slices.ContainsFunc(c.pipelines, func(other named) bool { return other.name == p.name }) {
			return fmt.Errorf("-pipeline: the name %q stands there twice", p.name)
		}
		c.pipelines = append(c.pipelines, p)
	}
	switch {
	case len(c.pipelines) > 0:
	case len(c.sweep) > 0:
		c.pipelines = slices.Clone(offline[:1])
	default:
		c.pipelines = slices.Clone(offline)
	}
	for i, p := range c.pipelines {
		if c.pipelines[i].Pipeline, err = pipeline.Choose(p.text, c.env); err != nil {
			return fmt.Errorf("-pipeline: %q: %w", p.name, err)
		}
	}
	return nil
}
