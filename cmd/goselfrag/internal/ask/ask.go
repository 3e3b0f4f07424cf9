// Package ask is the subcommand that answers a question over a folder of files, .md, .txt,
// .html and .pdf documents, and .jsonl, .csv and .tsv records, or over a store of them.
package ask

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Command returns the subcommand.
func Command() *cli.Command {
	return &cli.Command{
		Name:      "ask",
		Usage:     "Answers a question over a folder of documents.",
		UsageText: `-docs DIR [flags] "question"`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "docs", Usage: "read .md, .txt, .html, .pdf, .jsonl, .csv, .tsv files in `DIR`"},
			&cli.StringFlag{Name: "store", Usage: "keep what was read in `DIR`: later, only files that changed are read; without -docs, answer from there"},
			&cli.BoolFlag{Name: "dry-run", Usage: "print what -docs would change in -store, change nothing and answer nothing"},
			&cli.BoolFlag{Name: "mass-deletion", Usage: "let -docs remove more than half of the documents in -store"},
			&cli.BoolFlag{Name: "v", Usage: "print the decisions and the table of candidates, too"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object"},
			&cli.StringFlag{Name: "generator", Usage: connect.GeneratorUsage},
			&cli.StringFlag{Name: "embeddings", Usage: connect.EmbeddingsUsage},
			&cli.StringFlag{Name: "adapter", Usage: connect.AdapterUsage},
			&cli.StringFlag{Name: "retrieval", Usage: connect.RetrievalUsage},
			&cli.StringFlag{Name: "mode", Value: "adaptive", Usage: "retrieve by `MODE`: adaptive, always, never or hard"},
			&cli.FloatFlag{Name: "threshold", Value: 0.2, Usage: "adaptive mode retrieves above the ratio `R`, 0 to 1"},
			&cli.StringFlag{Name: "weights", Value: "1,1,0.5", Usage: "`WEIGHTS` of IsREL, IsSUP, IsUSE and, as a fourth, of the sequence term"},
			&cli.IntFlag{Name: "k", Value: 5, Usage: "retrieve `N` passages"},
			&cli.StringFlag{Name: "filter", Usage: "only passages for which `FILTER` holds, such as format = \"md\" and path prefix \"guide/\""},
			&cli.BoolFlag{Name: "long", Usage: "answer in several segments"},
			&cli.FloatFlag{Name: "abstain", Usage: fmt.Sprintf("do not answer if every passage has a relevance below `R`, 0 to 1; 0 always answers (default %v with the embedded model, 0 with others)", extractive.AbstainBelow)},
		},
		Description: "Flags may come before and after the question. Write -- before a question that\nbegins with a dash. Progress goes to standard error, the answer to standard\noutput.",
		Action:      command.Action(parse, ask),
	}
}

// config holds the values of the flags.
type config struct {
	docs     string
	store    storeConfig
	json     bool
	verbose  bool
	question string
	pipeline *pipeline.Pipeline // nil with a store that is searched as it is
	env      pipeline.Env
	model    generator.Generator
	filter   filter.Expr
	options  []selfrag.Option
}

func parse(cmd *cli.Command) (config, error) {
	cfg := config{docs: cmd.String("docs"), json: cmd.Bool("json"), verbose: cmd.Bool("v"), question: strings.Join(cmd.Args().Slice(), " ")}
	var err error
	if cfg.store, err = parseStore(cmd); err != nil {
		return cfg, err
	}
	if cfg.docs == "" && cfg.store.dir == "" {
		return cfg, errors.New("-docs is missing: name the folder to answer from, or -store")
	}
	if strings.TrimSpace(cfg.question) == "" && !cfg.store.dryRun {
		return cfg, errors.New("the question is missing: put it in quotes after the flags")
	}
	model, env, err := connect.Models(cmd.String("generator"), cmd.String("embeddings"), cmd.String("adapter"))
	if err != nil {
		return cfg, err
	}
	cfg.model, cfg.env = model.Generator, env
	if cfg.store.dir == "" || cmd.IsSet("retrieval") || cmd.IsSet("adapter") {
		if cfg.pipeline, err = connect.Retrieval(cmd.String("retrieval"), cfg.env); err != nil {
			return cfg, fmt.Errorf("-retrieval: %w", err)
		}
		if err := connect.CheckAdapter(cfg.env, connect.Named{Pipeline: cfg.pipeline}); err != nil {
			return cfg, err
		}
	}
	var m selfrag.Mode
	if err := m.UnmarshalText([]byte(cmd.String("mode"))); err != nil {
		return cfg, fmt.Errorf("-mode: %w", err)
	}
	if err := refuseUseless(cmd, m); err != nil {
		return cfg, err
	}
	w, err := parseWeights(cmd.String("weights"))
	if err != nil {
		return cfg, fmt.Errorf("-weights: %w", err)
	}
	cfg.options = append(model.Options,
		selfrag.WithMode(m), selfrag.WithThreshold(cmd.Float("threshold")), selfrag.WithWeights(w), selfrag.WithK(cmd.Int("k")))
	if text := cmd.String("filter"); text != "" {
		f, err := filter.Parse(text)
		if err != nil {
			return cfg, fmt.Errorf("-filter: %w", err)
		}
		cfg.filter = f
		cfg.options = append(cfg.options, selfrag.WithFilter(f))
	}
	if cmd.Bool("long") {
		cfg.options = append(cfg.options, selfrag.WithLongForm(2, 7))
	}
	if cmd.IsSet("abstain") {
		cfg.options = append(cfg.options, selfrag.WithAbstention(cmd.Float("abstain"), ""))
	}
	return cfg, nil
}

// refuseUseless returns an error if a flag was given that has no use in a mode.
func refuseUseless(cmd *cli.Command, m selfrag.Mode) error {
	var useless []string
	if m == selfrag.Never {
		useless = []string{"adapter", "embeddings", "filter", "k", "retrieval"}
	}
	if m != selfrag.Adaptive {
		useless = append(useless, "threshold")
	}
	for _, name := range useless {
		if cmd.IsSet(name) {
			return fmt.Errorf("-%s has no use with -mode %v: leave it out", name, m)
		}
	}
	return nil
}

func parseWeights(s string) (scoring.Weights, error) {
	w := scoring.DefaultWeights()
	fields := []*float64{&w.Relevance, &w.Support, &w.Utility, &w.Sequence}
	parts := strings.Split(s, ",")
	if len(parts) < 3 || len(parts) > len(fields) {
		return w, fmt.Errorf("%q has %d numbers: want 3 or 4, such as 1,1,0.5", s, len(parts))
	}
	for i, p := range parts {
		v, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil {
			return w, fmt.Errorf("%q is not a number: want 3 or 4, such as 1,1,0.5", p)
		}
		*fields[i] = v
	}
	return w, nil
}
