// Eval measures systems on a question set: how often they answer right, how long
// their answers are, whether they cite the right passage, and what it costs.
//
//	go run ./examples/eval -corpus C.jsonl -questions Q.jsonl [-systems selfrag,floor,oracle] [-json]
//
// Run it with -h for all flags; docs/evaluation.md explains the figures. Progress goes
// to standard error. With -json the last line of standard output is one object.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/examples/internal/connect"
	"github.com/goselfrag/goselfrag/examples/internal/pipeline"
	"github.com/goselfrag/goselfrag/examples/internal/show"
	"github.com/goselfrag/goselfrag/generator"
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
	k, limit          int
	systems           []system
	generator         string // its URL
	embeddings        string // the URL of an embedding model
	retrieval         string // its text
	pipeline          *pipeline.Pipeline
	env               pipeline.Env
	model             connect.Model
	out               string
	resume            bool
	seed              uint64
	json              bool
}

// errUsage has been reported by the flag package.
var errUsage = errors.New("bad usage")

// run is the program. It returns the exit code: 1 if it failed, 2 if it was called
// the wrong way.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "eval: %s\n", show.Clean(err.Error()))
		return 2
	}
	if err := evaluate(ctx, cfg, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "eval: %s\n", show.Clean(err.Error()))
		if ctx.Err() != nil && cfg.out != "" {
			fmt.Fprintf(stderr, "eval: %s holds what there is: go on with -resume\n", cfg.out)
		}
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (config, error) {
	var cfg config
	set := flag.NewFlagSet("eval", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprintln(stderr, "usage: eval -corpus C.jsonl -questions Q.jsonl [flags]")
		set.PrintDefaults()
		fmt.Fprintln(stderr, "systems:")
		for _, s := range systems {
			fmt.Fprintf(stderr, "  %-13s %s\n", s.name, s.about)
		}
	}
	set.StringVar(&cfg.corpus, "corpus", "", `the passages, a line each: {"id","title","text"}`)
	set.StringVar(&cfg.questions, "questions", "", `the questions, a line each: {"id","question","answers","positive"}`)
	set.IntVar(&cfg.k, "k", 5, "passages to retrieve")
	set.IntVar(&cfg.limit, "limit", 0, "ask only the first so many questions; 0 asks all")
	names := set.String("systems", "selfrag", "the systems to measure, parted by commas, or all; the others are compared with the first")
	set.StringVar(&cfg.generator, "generator", "", "the model: "+connect.Usage)
	set.StringVar(&cfg.embeddings, "embeddings", "", connect.EmbeddingsUsage)
	set.StringVar(&cfg.retrieval, "retrieval", "", pipeline.FlagUsage)
	set.StringVar(&cfg.out, "out", "", "write every answer to this file of JSON lines")
	set.BoolVar(&cfg.resume, "resume", false, "take over the answers that the file of -out holds already")
	set.Uint64Var(&cfg.seed, "seed", 1, "of the random choice and of the intervals")
	set.BoolVar(&cfg.json, "json", false, "print one JSON object instead of a table")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			pipeline.Usage(stderr)
			return cfg, err
		}
		return cfg, errUsage
	}
	switch {
	case set.NArg() > 0:
		return cfg, fmt.Errorf("%q is not a flag: all arguments are flags", set.Arg(0))
	case cfg.corpus == "":
		return cfg, errors.New("-corpus is missing: name the file of passages")
	case cfg.questions == "":
		return cfg, errors.New("-questions is missing: name the file of questions")
	case cfg.k < 1:
		return cfg, fmt.Errorf("-k is %d: want at least 1", cfg.k)
	case cfg.limit < 0:
		return cfg, fmt.Errorf("-limit is %d: want 0 or more", cfg.limit)
	case cfg.resume && cfg.out == "":
		return cfg, errors.New("-resume needs the file to go on with: name it with -out")
	}
	var err error
	if cfg.model, err = connect.Generator(cfg.generator); err != nil {
		return cfg, fmt.Errorf("-generator: %w", err)
	}
	cfg.env = pipeline.Env{Generator: cfg.model.Generator, Instructed: cfg.model.Family != ""}
	if cfg.embeddings != "" {
		if cfg.env.Embedder, err = connect.Embedder(cfg.embeddings); err != nil {
			return cfg, fmt.Errorf("-embeddings: %w", err)
		}
	}
	if cfg.pipeline, err = pipeline.Choose(cfg.retrieval, cfg.env); err != nil {
		return cfg, fmt.Errorf("-retrieval: %w", err)
	}
	cfg.systems, err = choose(*names)
	return cfg, err
}

// choose returns the systems of a list of names.
func choose(names string) ([]system, error) {
	if names == "all" {
		return systems, nil
	}
	var chosen []system
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		at := slices.IndexFunc(systems, func(s system) bool { return s.name == name })
		if at < 0 {
			var known []string
			for _, s := range systems {
				known = append(known, s.name)
			}
			return nil, fmt.Errorf("-systems: there is no %q: want all, or some of %s", name, strings.Join(known, ", "))
		}
		if slices.ContainsFunc(chosen, func(s system) bool { return s.name == name }) {
			return nil, fmt.Errorf("-systems: %s stands there twice", name)
		}
		chosen = append(chosen, systems[at])
	}
	return chosen, nil
}

func evaluate(ctx context.Context, cfg config, stdout, stderr io.Writer) (err error) {
	if err := generator.Check(ctx, cfg.model.Generator); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("-generator: %w", err)
	}
	passages, err := dataset.Passages(cfg.corpus)
	if err != nil {
		return fmt.Errorf("-corpus: %w", err)
	}
	questions, err := dataset.Questions(cfg.questions)
	if err != nil {
		return fmt.Errorf("-questions: %w", err)
	}
	b, err := newBench(ctx, cfg, passages)
	if err != nil {
		return err
	}
	if cfg.limit > 0 && cfg.limit < len(questions) {
		questions = questions[:cfg.limit]
	}
	warn(stderr, b, questions)
	fmt.Fprintf(stderr, "%d passages, %d questions\n", len(passages), len(questions))

	answers := &store{}
	if cfg.out != "" {
		this := settings{Format: 1, Generator: cfg.generator, Embeddings: cfg.embeddings, K: cfg.k, Seed: cfg.seed}
		if cfg.retrieval != "" {
			this.Retrieval = cfg.pipeline.String()
		}
		if this.Corpus, err = digest(cfg.corpus); err != nil {
			return err
		}
		if this.Questions, err = digest(cfg.questions); err != nil {
			return err
		}
		if answers, err = openStore(cfg.out, this, cfg.resume); err != nil {
			return fmt.Errorf("-out: %w", err)
		}
		defer func() { err = errors.Join(err, answers.file.Close()) }()
	}

	runs := make([]measured, len(cfg.systems))
	for i, s := range cfg.systems {
		records, err := ask(ctx, s, b, questions, answers, stderr)
		if err != nil {
			return err
		}
		runs[i] = measure(s.name, questions, records)
	}
	rows, err := summarise(runs, questions, cfg.seed)
	if err != nil {
		return err
	}
	if !cfg.json {
		return table(stdout, rows)
	}
	return json.NewEncoder(stdout).Encode(newReport(cfg, rows))
}

// few is the number of independent questions below which a bootstrap interval should not
// be taken at its word; of one it has no width at all.
const few = 20

// warn says which gold passages cannot be found, because the corpus lacks them, and that
// there are too few questions.
func warn(stderr io.Writer, b *bench, questions []dataset.Question) {
	lacking, example := 0, ""
	for _, q := range questions {
		for _, id := range q.Positive {
			if _, ok := b.passages[id]; !ok {
				lacking++
				example = id
			}
		}
	}
	if lacking > 0 {
		fmt.Fprintf(stderr, "warning: the corpus lacks %d passages that questions name as positive, such as %q\n", lacking, example)
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(groups(questions))))); n < few {
		fmt.Fprintf(stderr, "warning: only %d different passages are asked about: intervals are too narrow\n", n)
	}
}

// ask has a system answer the questions that the store does not hold yet.
func ask(ctx context.Context, s system, b *bench, questions []dataset.Question, answers *store, stderr io.Writer) ([]record, error) {
	answer, err := s.make(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	done := show.Progress(stderr, s.name, len(questions))
	records := make([]record, len(questions))
	for i, q := range questions {
		r, known := answers.get(s.name, q.ID)
		if !known {
			start := time.Now()
			r, err = answer(ctx, q)
			if err != nil {
				return nil, fmt.Errorf("%s, question %q, after %d of %d: %w", s.name, q.ID, i, len(questions), err)
			}
			r.System, r.Question, r.Seconds = s.name, q.ID, time.Since(start).Seconds()
			if err := answers.add(r); err != nil {
				return nil, fmt.Errorf("-out: %w", err)
			}
		}
		records[i] = r
		done(i + 1)
	}
	return records, nil
}
