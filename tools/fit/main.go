// Fit fits the parameters of package generator/extractive, measures them out of fold,
// and writes the parameter file; and it fits the weights of package
// retriever/rerank/learned, which tools/retrievebench measures. The question
// sets are not part of the project; docs/extractive.md describes their formats.
//
//	go -C tools run ./fit -set nq=CORPUS,QUESTIONS -set xquad=CORPUS,QUESTIONS
//	    -answerable FILE -unanswerable FILE [-pairs FILE] [-out parameters.json]
//	    [-rank parameters.json] [-seed 1] [-folds 20] [-json]
//
// Equal files and seed give equal bytes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/goselfrag/goselfrag/internal/atomicfile"
	"github.com/goselfrag/goselfrag/internal/linear"
)

type options struct {
	sets                     []string
	answerable, unanswerable string
	pairs, out, rank         string
	seed                     uint64
	folds                    int
	json                     bool
}

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fit:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("fit", flag.ContinueOnError)
	flags.Func("set", "name=corpus,questions: a corpus and its questions; the models are fitted to all sets, and measured on each with and without the others; sets with the same names of questions are translations of each other", func(s string) error {
		o.sets = append(o.sets, s)
		return nil
	})
	flags.StringVar(&o.answerable, "answerable", "", "questions with a passage of their own and its supporting sentences")
	flags.StringVar(&o.unanswerable, "unanswerable", "", "questions with a passage that does not answer")
	flags.StringVar(&o.pairs, "pairs", "", "supported and unsupported answers, to measure on only")
	flags.StringVar(&o.out, "out", "", "where to write the parameters; nowhere if empty")
	flags.StringVar(&o.rank, "rank", "", "where to write the weights of the reranker; nowhere if empty")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of the made-up claims and of the intervals")
	flags.IntVar(&o.folds, "folds", 20, "folds to measure with; 0 does not measure")
	flags.BoolVar(&o.json, "json", false, "print the figures as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	d, pairs, err := o.readData(ctx)
	if err != nil {
		return err
	}
	if o.out != "" {
		f, err := d.train(part{}, o.provenance(d, "package extractive"))
		if err != nil {
			return err
		}
		if err := write(o.out, f); err != nil {
			return err
		}
	}
	if o.rank != "" {
		f, err := d.trainRank(ctx, o.provenance(d, "package learned"))
		if err != nil {
			return err
		}
		if err := write(o.rank, f); err != nil {
			return err
		}
	}
	if o.folds == 0 {
		return nil
	}
	r, err := measure(ctx, d, pairs, o)
	if err != nil {
		return err
	}
	if o.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.print(out)
}

func (o options) readData(ctx context.Context) (*data, []pair, error) {
	if len(o.sets) == 0 || o.answerable == "" || o.unanswerable == "" || o.folds < 0 || o.folds == 1 {
		return nil, nil, errors.New("want at least one -set, -answerable and -unanswerable, and -folds 0 or at least 2")
	}
	d := &data{seed: o.seed}
	for _, s := range o.sets {
		name, files, _ := strings.Cut(s, "=")
		corpus, questions, ok := strings.Cut(files, ",")
		if !ok {
			return nil, nil, fmt.Errorf("-set %q: want name=corpus,questions", s)
		}
		set, err := newSet(ctx, name, corpus, questions)
		if err != nil {
			return nil, nil, err
		}
		d.sets = append(d.sets, set)
	}
	yes, err := readSupported(o.answerable)
	if err != nil {
		return nil, nil, err
	}
	no, err := readSupported(o.unanswerable)
	if err != nil {
		return nil, nil, err
	}
	d.clap = append(yes, no...)
	if d.decisions, err = fittedDecisions(); err != nil {
		return nil, nil, err
	}
	for _, s := range d.sets {
		for _, q := range s.questions {
			d.decisions = append(d.decisions, decision{text: q.Question, retrieve: true})
		}
	}
	for _, s := range d.clap {
		d.decisions = append(d.decisions, decision{text: s.Question, retrieve: true})
	}
	var pairs []pair
	if o.pairs != "" {
		if pairs, err = readLines[pair](o.pairs, nil); err != nil {
			return nil, nil, err
		}
	}
	return d, pairs, nil
}

// provenance says where the parameters of a model come from.
func (o options) provenance(d *data, model string) map[string]string {
	var names []string
	for _, s := range d.sets {
		names = append(names, fmt.Sprintf("%s (%d questions, %d passages)", s.name, len(s.questions), len(s.corpus)))
	}
	return map[string]string{
		"model":   model,
		"program": "tools/fit",
		"seed":    fmt.Sprint(o.seed),
		"sets":    strings.Join(names, ", "),
		"support": fmt.Sprintf("%d questions with supporting sentences or an unanswerable passage", len(d.clap)),
	}
}

// write writes f under another name until it is complete, so that an interrupted run leaves
// no partial parameter file.
func write(name string, f *linear.File) error {
	return atomicfile.Write(name, func(file *os.File) error { return f.Write(file) })
}
