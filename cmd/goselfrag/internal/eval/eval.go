// Package eval is the subcommand that measures systems on a question set: how often they
// answer right, how long their answers are, whether they cite the right passage, and what
// it costs. docs/metrics.md explains the figures.
package eval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/chart"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/questionset"
	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/eval/system"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
)

// Command returns the subcommand.
func Command() *cli.Command {
	return &cli.Command{
		Name:      "eval",
		Usage:     "Measures systems on questions: how often they answer right, and at what cost.",
		UsageText: "-docs DIR -questions Q.csv [flags]",
		Flags: append(questionset.Flags(),
			&cli.IntFlag{Name: "k", Value: 5, Usage: "retrieve `N` passages"},
			&cli.IntFlag{Name: "limit", Usage: "ask only the first `N` questions; 0 asks all"},
			&cli.StringFlag{Name: "systems", Value: "selfrag", Usage: "measure `SYSTEMS`, such as selfrag,floor, or all; see goselfrag help systems"},
			&cli.StringFlag{Name: "generator", Usage: connect.GeneratorUsage},
			&cli.StringFlag{Name: "embeddings", Usage: connect.EmbeddingsUsage},
			&cli.StringFlag{Name: "adapter", Usage: connect.AdapterUsage},
			&cli.StringSliceFlag{Name: "retrieval", Usage: "the pipeline `TEXT`, NAME=TEXT, or oracle; give several; see goselfrag help pipelines"},
			&cli.StringFlag{Name: "metric", Value: "match", Usage: "the primary `METRIC`, match or f1: systems are compared by it"},
			&cli.BoolFlag{Name: "sensitivity", Usage: "measure what errors of the critic cost, and where wrong answers come from"},
			&cli.StringFlag{Name: "pairs", Usage: "measure the critic on a `FILE` of labeled pairs, with or without -questions; clapnq=, halueval= or pubmedqa= in front names its layout"},
			&cli.StringFlag{Name: "html", Usage: "write a page with plots to `FILE`"},
			&cli.StringFlag{Name: "out", Usage: "write every answer to `FILE`, as JSON lines"},
			&cli.BoolFlag{Name: "resume", Usage: "keep the answers that the file of -out already holds"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of the random choice and of the intervals"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object instead of a table"},
		),
		Action: command.Action(parse, evaluate),
	}
}

// config is what the flags say.
type config struct {
	source      questionset.Source
	k, limit    int
	systems     []string
	all         bool   // of -systems
	generator   string // its URL
	embeddings  string // the URL of an embedding model
	adapter     string // the file of a query adapter
	pipelines   []connect.Named
	env         pipeline.Env
	model       connect.Model
	metric      string
	sensitivity bool
	pairs       string
	out, html   string
	resume      bool
	seed        uint64
	json        bool

	set *questionset.Set // once it is read
}

func parse(cmd *cli.Command) (config, error) {
	cfg := config{
		source: questionset.FromFlags(cmd), k: cmd.Int("k"), limit: cmd.Int("limit"),
		generator: cmd.String("generator"), embeddings: cmd.String("embeddings"), adapter: cmd.String("adapter"),
		metric: cmd.String("metric"), sensitivity: cmd.Bool("sensitivity"), pairs: cmd.String("pairs"),
		out: cmd.String("out"), html: cmd.String("html"), resume: cmd.Bool("resume"), seed: cmd.Uint64("seed"), json: cmd.Bool("json"),
	}
	err := command.FlagsOnly(cmd)
	if err == nil && cfg.pairsAlone() {
		return cfg, cfg.parsePairsAlone(cmd)
	}
	switch {
	case err != nil:
		return cfg, err
	case cfg.source.Check() != nil:
		return cfg, cfg.source.Check()
	case cfg.k < 1:
		return cfg, fmt.Errorf("-k is %d: want at least 1", cfg.k)
	case cfg.limit < 0:
		return cfg, fmt.Errorf("-limit is %d: want 0 or more", cfg.limit)
	case cfg.resume && cfg.out == "":
		return cfg, errors.New("-resume needs the file to go on with: name it with -out")
	case primary[cfg.metric] == nil:
		return cfg, fmt.Errorf("-metric is %q: want match or f1", cfg.metric)
	}
	if cfg.model, cfg.env, err = connect.Models(cfg.generator, cfg.embeddings, cfg.adapter); err != nil {
		return cfg, err
	}
	if cfg.pipelines, err = pipelines(cmd.StringSlice("retrieval"), cfg.env); err != nil {
		return cfg, fmt.Errorf("-retrieval: %w", err)
	}
	if err := connect.CheckAdapter(cfg.env, cfg.pipelines...); err != nil {
		return cfg, err
	}
	if cfg.source.Docs != "" && cfg.pipelines[len(cfg.pipelines)-1].Pipeline == nil {
		return cfg, errors.New("-retrieval oracle needs to know the right passages, and with -docs questions name files: leave it out")
	}
	cfg.systems, cfg.all, err = chooseSystems(cmd.String("systems"))
	return cfg, err
}

// oracleName is the value of -retrieval that gives the positive passages first.
const oracleName = "oracle"

// pipelines reads the values of -retrieval. The oracle, which has no pipeline, fills up
// with what the first of the others finds.
func pipelines(values []string, env pipeline.Env) ([]connect.Named, error) {
	var list, oracle []connect.Named
	for _, value := range values {
		if strings.TrimSpace(value) == oracleName {
			oracle = append(oracle, connect.Named{Name: oracleName})
			continue
		}
		p := connect.Named{Name: strings.TrimSpace(value)} // empty is the default
		var err error
		if p.Name != "" {
			if p, err = connect.Naming(value); err != nil {
				return nil, err
			}
		}
		if p.Pipeline, err = connect.Retrieval(p.Text, env); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	if len(list) == 0 {
		p, err := connect.Retrieval("", env)
		if err != nil {
			return nil, err
		}
		list = append(list, connect.Named{Name: p.String(), Pipeline: p})
	}
	list = append(list, oracle...)
	for i, p := range list {
		if slices.ContainsFunc(list[:i], func(other connect.Named) bool { return other.Name == p.Name }) {
			return nil, fmt.Errorf("the name %q is given twice", p.Name)
		}
	}
	return list, nil
}

// chooseSystems returns the systems of a list of names, and whether it names all.
func chooseSystems(names string) ([]string, bool, error) {
	if names == "all" {
		return system.Names(), true, nil
	}
	var chosen []string
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(system.Names(), name) {
			return nil, false, fmt.Errorf("-systems: there is no %q: want all, or some of %s", name, strings.Join(system.Names(), ", "))
		}
		if slices.Contains(chosen, name) {
			return nil, false, fmt.Errorf("-systems: %s is given twice", name)
		}
		chosen = append(chosen, name)
	}
	return chosen, false, nil
}

func evaluate(ctx context.Context, cfg config, stdout, stderr io.Writer) (err error) {
	defer func() {
		if err != nil && ctx.Err() != nil && cfg.out != "" {
			err = fmt.Errorf("%w\neval: %s holds what there is: go on with -resume", err, cfg.out)
		}
	}()
	if err := generator.Check(ctx, cfg.model.Generator); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("-generator: %w", err)
	}
	if cfg.pairsAlone() {
		return cfg.evaluatePairs(ctx, stdout, stderr)
	}
	set, err := cfg.source.Read(ctx, true, stderr)
	if err != nil {
		return err
	}
	if cfg.limit > 0 && cfg.limit < len(set.Questions) {
		set.Questions = set.Questions[:cfg.limit]
	}
	if n := len(set.Questions); set.DropUnanswerable() {
		fmt.Fprintf(stderr, "%d unanswerable questions are left out: eval run measures them\n", n-len(set.Questions))
		if len(set.Questions) == 0 {
			return errors.New("-questions: no question is answerable")
		}
	}
	cfg.set = set
	var pairs []critics.Pair
	if cfg.pairs != "" {
		if pairs, err = readPairs(cfg.pairs); err != nil {
			return fmt.Errorf("-pairs: %w", err)
		}
	}
	var page *chart.File // made now: a place where nothing can be written should not cost the run
	if cfg.html != "" {
		if page, err = chart.Create(cfg.html, set.Paths...); err != nil {
			return fmt.Errorf("-html: %w", err)
		}
		defer func() { err = errors.Join(err, page.Discard()) }()
	}
	r, err := cfg.report(ctx, pairs, stderr)
	if err != nil {
		return err
	}
	if cfg.json {
		err = json.NewEncoder(stdout).Encode(r)
	} else {
		err = r.table(stdout)
	}
	if page == nil {
		return err
	}
	if wrong := page.Finish(func(w io.Writer) error { return writePage(w, r) }); wrong != nil {
		return errors.Join(err, fmt.Errorf("-html: %w", wrong))
	}
	fmt.Fprintf(stderr, "%s holds the page\n", show.Clean(cfg.html))
	return err
}

// report asks all systems and makes the report.
func (c config) report(ctx context.Context, pairs []critics.Pair, stderr io.Writer) (r report, err error) {
	passages, questions := c.set.Passages, c.set.Questions
	subjects, err := c.subjects(ctx, passages, questions)
	if err != nil {
		return r, err
	}
	warnOfWeakSet(stderr, c.set, c.source.Units(), questions)
	fmt.Fprintf(stderr, "%d passages, %d questions\n", len(passages), len(questions))
	answers, err := c.open()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, answers.close()) }()
	runs, err := c.run(ctx, subjects, questions, answers, stderr)
	if err != nil {
		return r, err
	}
	if r, err = newReport(c, runs, questions); err != nil {
		return r, err
	}
	r.Passages = len(passages)
	if c.sensitivity {
		if r.Sensitivity, err = c.analyze(ctx, subjects[0].bench, questions, answers, stderr); err != nil {
			return r, err
		}
	}
	if len(pairs) > 0 {
		r.Critic, err = c.measureCritic(ctx, pairs, stderr)
	}
	return r, err
}

// open opens the file of -out, if there is to be one.
func (c config) open() (*store, error) {
	if c.out == "" {
		return &store{}, nil
	}
	this := settings{Format: 2, Generator: c.generator, Embeddings: c.embeddings, K: c.k, Seed: c.seed, Traces: c.sensitivity}
	var texts []string
	for _, p := range c.pipelines {
		text := oracleName
		if p.Pipeline != nil {
			text = p.String()
		}
		if len(c.pipelines) > 1 {
			text = p.Name + "=" + text
		}
		texts = append(texts, text)
	}
	this.Retrieval = strings.Join(texts, ", ")
	var err error
	if c.adapter != "" {
		if this.Adapter, err = digest(c.adapter); err != nil {
			return nil, err
		}
	}
	if c.source.Docs != "" {
		this.Corpus, err = digestOf(c.set.Passages)
	} else {
		this.Corpus, err = digest(c.source.Corpus)
	}
	if err != nil {
		return nil, err
	}
	if c.source.Layout != "" || c.source.Judgments != "" || c.source.SkipBad { // which change what the file says
		this.Questions, err = digestOf(c.set.Questions)
	} else {
		this.Questions, err = digest(c.source.Questions)
	}
	if err != nil {
		return nil, err
	}
	answers, err := openStore(c.out, this, c.resume)
	if err != nil {
		return nil, fmt.Errorf("-out: %w", err)
	}
	return answers, nil
}

// warnOfWeakSet says which gold passages cannot be found, because the corpus lacks them, and that
// there are too few questions.
func warnOfWeakSet(stderr io.Writer, set *questionset.Set, units string, questions []dataset.Question) {
	known := map[string]bool{}
	for _, p := range set.Passages {
		known[set.Name(p.ID)] = true
	}
	lacking, example := 0, ""
	for _, q := range questions {
		for _, id := range q.Positive {
			if !known[id] {
				lacking++
				example = id
			}
		}
	}
	if lacking > 0 {
		fmt.Fprintf(stderr, "warning: the corpus lacks %d passages that questions name as positive, such as %q\n", lacking, example)
	}
	if n := clusters(questions); n < metric.MinClusters {
		fmt.Fprintf(stderr, "warning: only %d different %s are asked about: intervals are too narrow\n", n, units)
	}
}

// clusters is the number of different passages that are asked about.
func clusters(questions []dataset.Question) int {
	return len(slices.Compact(slices.Sorted(slices.Values(groups(questions)))))
}
