// Adaptbench measures what query adapters of package adapt win, by signal: labels, what a
// model prefers, the union of both, and the marginal likelihood of RAG-Sequence.
//
//	go -C tools run ./adaptbench -set nq=CORPUS,QUESTIONS -set pubmedqa=FILE
//	    [-embeddings http://HOST:PORT/MODEL] [-rank 64] [-temperature 0.05] [-rate 0.03]
//	    [-epochs 40] [-held-out 0.4] [-candidates 20] [-keep 2] [-seed 1] [-signals union,labeled,preferred,marginal]
//
// A set is a corpus and its questions, in the layouts of package eval/dataset, or one file
// of questions with a passage of their own, {"id","question","long_answer","passage":{…}}.
// Then each question is asked against all those passages. The reader is the embedded model.
//
// A row prints recall at 5 and the mean reciprocal rank of the first 10 before and after, of
// labeled passages, on the questions held out for the test, with the paired differences and
// their 95 % intervals over groups of questions that share no passage; whether training would
// refuse the adapter; and seconds. Equal files and flags give equal figures but for the times.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/goselfrag/goselfrag/adapt"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/dense/openai"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "adaptbench:", err)
		os.Exit(1)
	}
}

type options struct {
	sets       []string
	signals    string
	embeddings string
	adapt      adapt.Options
	prefer     adapt.PreferOptions
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("adaptbench", flag.ContinueOnError)
	flags.Func("set", "name=corpus,questions or name=file: a set to measure on", func(s string) error {
		o.sets = append(o.sets, s)
		return nil
	})
	flags.StringVar(&o.signals, "signals", "union,labeled,preferred,marginal", "what to learn from, separated by commas")
	flags.StringVar(&o.embeddings, "embeddings", "", "URL of an embedding model, instead of package hashed")
	flags.IntVar(&o.adapt.Rank, "rank", 0, "rank of the adapter; 0 is the default of package adapt, as for all below")
	flags.IntVar(&o.adapt.Epochs, "epochs", 0, "greatest number of passes")
	flags.Float64Var(&o.adapt.Temperature, "temperature", 0, "what scores are divided by")
	flags.Float64Var(&o.adapt.Rate, "rate", 0, "length of a step")
	flags.Float64Var(&o.adapt.HeldOut, "held-out", 0, "share of the questions that is held out")
	flags.Uint64Var(&o.adapt.Seed, "seed", 1, "seed of all random choices")
	flags.IntVar(&o.prefer.Candidates, "candidates", 0, "passages that the reader judges, per question")
	flags.IntVar(&o.prefer.Keep, "keep", 0, "passages that it may prefer")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if len(o.sets) == 0 {
		return errors.New("name a set with -set")
	}
	for _, s := range o.sets {
		if err := o.measure(ctx, s, out); err != nil {
			return fmt.Errorf("-set %s: %w", s, err)
		}
	}
	return nil
}

// read reads a set.
func read(files string) (passages []retriever.Passage, questions []dataset.Question, err error) {
	if corpus, file, two := strings.Cut(files, ","); two {
		if passages, err = dataset.Passages(corpus); err == nil {
			questions, err = dataset.Questions(file)
		}
		return passages, questions, err
	}
	f, err := os.Open(files)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	type pair struct {
		ID       string            `json:"id"`
		Question string            `json:"question"`
		Long     string            `json:"long_answer"`
		Passage  retriever.Passage `json:"passage"`
	}
	pairs, err := dataset.Read[pair](f, files, nil)
	for _, p := range pairs {
		q := dataset.Question{ID: p.ID, Question: p.Question, Positive: []string{p.Passage.ID}}
		if p.Long != "" {
			q.Answers = []string{p.Long}
		}
		passages, questions = append(passages, p.Passage), append(questions, q)
	}
	return passages, questions, err
}

// remembered keeps vectors, so that several trainings embed once.
type remembered struct {
	dense.Embedder
	mu        sync.Mutex
	documents map[string][]float32
	queries   map[string][]float32
}

func (r *remembered) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var missing []string
	for _, t := range texts {
		if r.documents[t] == nil {
			missing = append(missing, t)
		}
	}
	if len(missing) > 0 {
		fresh, err := r.Embedder.EmbedDocuments(ctx, missing)
		if err != nil {
			return nil, err
		}
		for i, v := range fresh {
			r.documents[missing[i]] = v
		}
	}
	list := make([][]float32, len(texts))
	for i, t := range texts {
		list[i] = append([]float32(nil), r.documents[t]...)
	}
	return list, nil
}

func (r *remembered) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.queries[text] == nil {
		v, err := r.Embedder.EmbedQuery(ctx, text)
		if err != nil {
			return nil, err
		}
		r.queries[text] = v
	}
	return append([]float32(nil), r.queries[text]...), nil
}

func (o options) embedder(ctx context.Context, passages []retriever.Passage) (*remembered, error) {
	r := &remembered{documents: map[string][]float32{}, queries: map[string][]float32{}}
	var err error
	if o.embeddings == "" {
		r.Embedder, err = hashed.Fit(ctx, dense.Texts(passages), hashed.Options{})
		return r, err
	}
	at := strings.LastIndexByte(o.embeddings, '/')
	if at < 0 {
		return nil, errors.New("-embeddings: want http://HOST:PORT/MODEL")
	}
	r.Embedder, err = openai.New(openai.Config{Server: modelserver.Config{URLs: []string{o.embeddings[:at]}, Model: o.embeddings[at+1:]}})
	return r, err
}

// measure prints the table of a set.
func (o options) measure(ctx context.Context, arg string, out io.Writer) error {
	name, files, ok := strings.Cut(arg, "=")
	if !ok {
		return errors.New("want name=corpus,questions or name=file")
	}
	passages, questions, err := read(files)
	if err != nil {
		return err
	}
	e, err := o.embedder(ctx, passages)
	if err != nil {
		return err
	}
	start := time.Now()
	index, err := dense.New(ctx, e, passages, dense.Options{})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d passages, %d questions, embedded in %.1f s\n", name, len(passages), len(questions), time.Since(start).Seconds())
	reader, err := adapt.NewReader(extractive.New(), "")
	if err != nil {
		return err
	}
	defer reader.Close()
	source, err := adapt.Gains(reader, adapt.Sum)
	if err != nil {
		return err
	}
	start = time.Now()
	examples, err := adapt.Prefer(ctx, index, source, questions, o.prefer)
	if err != nil {
		return err
	}
	overlap := adapt.OverlapOf(examples)
	fmt.Fprintf(out, "preferences in %.1f s: %d questions with labels and preferences, %d labeled, %d preferred, %d both, overlap %.3f\n",
		time.Since(start).Seconds(), overlap.Questions, overlap.Labeled, overlap.Preferred, overlap.Both, overlap.Share)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "signal\ttrain/stop/test\tgroups\trecall@5\tafter minus before\tMRR@10\tafter minus before\tln p(y|x)\tepochs\tadapter\tseconds")
	for signal := range strings.SplitSeq(o.signals, ",") {
		if err := o.row(ctx, table, signal, e, passages, examples, reader); err != nil {
			return fmt.Errorf("%s: %w", signal, err)
		}
	}
	fmt.Fprintln(table)
	return table.Flush()
}

// row trains with a signal and prints what it measured.
func (o options) row(ctx context.Context, w io.Writer, signal string, e dense.Embedder, passages []retriever.Passage, examples []adapt.Example, reader *adapt.Reader) error {
	start := time.Now()
	var result *adapt.Result
	var err error
	if signal == "marginal" {
		result, err = adapt.Marginal(ctx, e, passages, examples, reader, o.adapt)
	} else {
		o.adapt.Positives = adapt.Positives(signal)
		result, err = adapt.Contrastive(ctx, e, passages, examples, o.adapt)
	}
	verdict := "kept"
	if refused := new(adapt.RefusedError); errors.As(err, &refused) {
		result, verdict = refused.Result, "refused"
	} else if err != nil {
		return err
	}
	r := result.Report
	difference := func(i metric.Interval) string { return fmt.Sprintf("%+.4f [%+.4f, %+.4f]", i.Value, i.Low, i.High) }
	likelihood := "-"
	if signal == "marginal" {
		likelihood = fmt.Sprintf("%.3f -> %.3f", r.Before.LogLikelihood, r.After.LogLikelihood)
	}
	_, err = fmt.Fprintf(w, "%s\t%d/%d/%d\t%d\t%.4f -> %.4f\t%s\t%.4f -> %.4f\t%s\t%s\t%d of %d\t%s\t%.1f\n", signal, r.Train, r.Stop, r.Test, r.Groups,
		r.Before.Recall5, r.After.Recall5, difference(r.Recall), r.Before.MRR10, r.After.MRR10, difference(r.Labels), likelihood,
		r.Best, len(r.Epochs), verdict, time.Since(start).Seconds())
	return err
}
