// Package compare is the subcommand that measures retrieval pipelines on a question set:
// how often they find the right passages, how fast they are and how many model calls they
// make. Every pipeline is compared with the first, question by question. It can also cut
// the passages anew into chunks of several sizes and measure each size.
// docs/comparing-retrieval.md explains the figures.
package compare

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/questionset"
	"github.com/goselfrag/goselfrag/internal/helptext"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
)

// Command returns the subcommand.
func Command() *cli.Command {
	return &cli.Command{
		Name:      "compare",
		Usage:     "Measures retrieval pipelines on questions, and compares them with the first.",
		UsageText: "-docs DIR -questions Q.csv [flags]",
		Flags: append(questionset.Flags(),
			&cli.StringSliceFlag{Name: "pipeline", Usage: "measure the pipeline `TEXT`, or NAME=TEXT; give several; see goselfrag help pipelines"},
			&cli.StringFlag{Name: "k", Value: "1,5,10", Usage: "`NUMBERS` k of recall@k, separated by commas"},
			&cli.IntFlag{Name: "limit", Usage: "ask only the first `N` questions; 0 asks all"},
			&cli.StringFlag{Name: "generator", Usage: connect.GeneratorUsage},
			&cli.StringFlag{Name: "embeddings", Usage: connect.EmbeddingsUsage},
			&cli.StringFlag{Name: "adapter", Usage: connect.AdapterUsage},
			&cli.StringFlag{Name: "html", Usage: "write a page with plots to `FILE`"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object instead of tables"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of the intervals"},
			&cli.StringFlag{Name: "sweep", Usage: "measure chunks of `SIZES` words, such as 25,50,100"},
			&cli.IntFlag{Name: "overlap", Usage: "with -sweep: a chunk repeats `N` words of the one before"},
			&cli.StringFlag{Name: "join", Usage: "with -sweep: `title` joins all passages of one title"},
			&cli.IntFlag{Name: "words", Value: 300, Usage: "with -sweep: look for an answer in the first `N` words"},
		),
		Description: help(),
		Action:      command.Action(parse, compare),
	}
}

// help lists what is measured without -pipeline. docs/comparing-retrieval.md explains the figures.
func help() string {
	var b strings.Builder
	b.WriteString("pipelines unless -pipeline is set:\n")
	for _, p := range offline {
		helptext.Item(&b, 14, p.Name, p.Text)
	}
	return b.String()
}

// config holds the values of the flags.
type config struct {
	source     questionset.Source
	values     []string // of -pipeline
	pipelines  []connect.Named
	ks         []int // of recall@k
	limit      int
	generator  string // its URL
	embeddings string // the URL of an embedding model
	adapter    string // the file of a query adapter
	env        pipeline.Env
	html       string
	json       bool
	seed       uint64
	sweep      []int // words of a chunk; empty measures the passages as they are
	overlap    int   // words
	join       string
	words      int // of retrieved text in which an answer counts, with sweep
}

// offline are the pipelines that are measured if none is named.
var offline = []connect.Named{
	{Name: "lexical", Text: "lexical"},
	{Name: "dense", Text: "dense"},
	{Name: "ranks", Text: "hybrid method=rank dense=0.8"},
	{Name: "scores", Text: "hybrid"},
	{Name: "reranked", Text: "lexical | rerank depth=20"},
	{Name: "scores+", Text: "hybrid | rerank depth=20"},
}

func parse(cmd *cli.Command) (config, error) {
	cfg := config{
		source: questionset.FromFlags(cmd), values: cmd.StringSlice("pipeline"), limit: cmd.Int("limit"),
		generator: cmd.String("generator"), embeddings: cmd.String("embeddings"), adapter: cmd.String("adapter"), html: cmd.String("html"), json: cmd.Bool("json"),
		seed: cmd.Uint64("seed"), overlap: cmd.Int("overlap"), join: cmd.String("join"), words: cmd.Int("words"),
	}
	err := command.FlagsOnly(cmd)
	switch {
	case err != nil:
		return cfg, err
	case cfg.source.Check() != nil:
		return cfg, cfg.source.Check()
	case cfg.limit < 0:
		return cfg, fmt.Errorf("-limit is %d: want 0 or more", cfg.limit)
	}
	if cfg.ks, err = numbers(cmd.String("k")); err != nil {
		return cfg, fmt.Errorf("-k: %w", err)
	}
	if err := cfg.parseSweep(cmd); err != nil {
		return cfg, err
	}
	return cfg, cfg.connect()
}

// numbers reads different whole numbers above 0, and sorts them.
func numbers(text string) ([]int, error) {
	var list []int
	for one := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(one))
		if err != nil || n < 1 || n > 1e6 || slices.Contains(list, n) {
			return nil, fmt.Errorf("%q: want different whole numbers from 1 to 1000000, separated by commas", text)
		}
		list = append(list, n)
	}
	slices.Sort(list)
	return list, nil
}

func (c *config) parseSweep(cmd *cli.Command) error {
	sizes := cmd.String("sweep")
	if sizes == "" {
		for _, name := range []string{"overlap", "join", "words"} {
			if cmd.IsSet(name) {
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
	var err error
	if _, c.env, err = connect.Models(c.generator, c.embeddings, c.adapter); err != nil {
		return err
	}
	for _, value := range c.values {
		p, err := connect.Naming(value)
		if err != nil {
			return fmt.Errorf("-pipeline: %w", err)
		}
		if slices.ContainsFunc(c.pipelines, func(other connect.Named) bool { return other.Name == p.Name }) {
			return fmt.Errorf("-pipeline: the name %q is given twice", p.Name)
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
		if c.pipelines[i].Pipeline, err = connect.Retrieval(p.Text, c.env); err != nil {
			return fmt.Errorf("-pipeline: %q: %w", p.Name, err)
		}
	}
	return connect.CheckAdapter(c.env, c.pipelines...)
}
