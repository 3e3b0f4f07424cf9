// Retrievebench measures how often keyword search, search by meaning and their fusion
// find the passage that answers a question, and how fast they are.
//
//	go -C tools run ./retrievebench -set nq=CORPUS,QUESTIONS -set pubmedqa=FILE
//	    [-weights 0.25,0.5,1,2] [-dim 2048] [-seed 0] [-depth 100] [-pipelines [-parameters FILE] [-rank FILE]]
//	    [-embeddings http://HOST:PORT/MODEL] [-vectors FILE]
//
// Vectors are those of the embedded embedder, or of the model of -embeddings, such as the
// one that tools/embedserver serves. With -vectors nothing is measured. Instead the vectors
// of all sentences of the passages, each once, and then those of the questions are written
// to a file for annbench.
//
// A set is a corpus and its questions, in the layouts of package eval/dataset, or one
// file of questions with a passage of their own, {"id","question","passage":{…}}. Then
// each question is asked against all those passages. A row prints recall at 1 and at
// 5 and the mean reciprocal rank of the first 10 hits, each with its 95 % bootstrap
// interval, and their differences from keyword search, paired.
// Questions with the same first positive passage are drawn together. Equal files and
// flags give equal figures except times.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "retrievebench:", err)
		os.Exit(1)
	}
}

type options struct {
	sets      []string
	weights   []float64
	hashed    hashed.Options
	depth     int
	pipelines bool
	model     *extractive.Model
	rank      []byte         // weights of the scorer of package learned, if not the embedded ones
	server    dense.Embedder // nil for package hashed
	vectors   string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o := options{model: extractive.New(), weights: []float64{0.25, 0.5, 1, 2}}
	flags := flag.NewFlagSet("retrievebench", flag.ContinueOnError)
	flags.Func("set", "name=corpus,questions or name=file: a set to measure on", func(s string) error {
		o.sets = append(o.sets, s)
		return nil
	})
	flags.Func("weights", "weights of the dense part in the fusion, separated by commas; the keywords have 1", func(s string) error {
		o.weights = nil
		for w := range strings.SplitSeq(s, ",") {
			f, err := strconv.ParseFloat(w, 64)
			if err != nil {
				return err
			}
			o.weights = append(o.weights, f)
		}
		return nil
	})
	flags.IntVar(&o.hashed.Dim, "dim", 0, "components of the vectors; 0 is the default of package hashed")
	flags.Uint64Var(&o.hashed.Seed, "seed", 0, "seed of the projection")
	flags.IntVar(&o.depth, "depth", 0, "hits that a part of a fusion is asked for; 0 is the default")
	flags.BoolVar(&o.pipelines, "pipelines", false, "measure the offline techniques of packages rerank and rewrite, too")
	flags.Func("parameters", "file of parameters for the model that reranks, such as fit writes; without it they are the embedded ones", func(file string) error {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		o.model, err = extractive.Load(f)
		return err
	})
	flags.Func("rank", "file of weights for the reranker that needs no model, such as fit writes; without it they are the embedded ones", func(file string) (err error) {
		o.rank, err = os.ReadFile(file)
		return err
	})
	flags.Func("embeddings", "URL of an embedding model, instead of package hashed", func(url string) (err error) {
		o.server, err = embedderAt(url)
		return err
	})
	flags.StringVar(&o.vectors, "vectors", "", "write vectors to this file, and measure nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if len(o.sets) == 0 {
		return errors.New("name a set with -set")
	}
	if o.vectors != "" {
		return o.writeVectors(ctx, out)
	}
	for _, s := range o.sets {
		if err := o.measure(ctx, s, out); err != nil {
			return fmt.Errorf("-set %s: %w", s, err)
		}
	}
	return nil
}

// set is a corpus with its questions.
type set struct {
	passages  []retriever.Passage
	questions []dataset.Question
	groups    []string
}

func read(files string) (s set, err error) {
	if corpus, questions, two := strings.Cut(files, ","); two {
		if s.passages, err = dataset.Passages(corpus); err == nil {
			s.questions, err = dataset.Questions(questions)
		}
	} else {
		s, err = readPairs(files)
	}
	for _, q := range s.questions {
		if len(q.Positive) == 0 {
			return s, fmt.Errorf("question %q names no positive passage", q.ID)
		}
		s.groups = append(s.groups, q.Positive[0])
	}
	return s, err
}

// readPairs reads questions with a passage of their own.
func readPairs(file string) (s set, err error) {
	f, err := os.Open(file)
	if err != nil {
		return s, err
	}
	defer f.Close()
	type pair struct {
		ID       string            `json:"id"`
		Question string            `json:"question"`
		Passage  retriever.Passage `json:"passage"`
	}
	pairs, err := dataset.Read[pair](f, file, nil)
	for _, p := range pairs {
		s.passages = append(s.passages, p.Passage)
		s.questions = append(s.questions, dataset.Question{ID: p.ID, Question: p.Question, Positive: []string{p.Passage.ID}})
	}
	return s, err
}

// system is a way to find passages.
type system struct {
	name string
	retriever.Retriever
}

func (o options) measure(ctx context.Context, arg string, out io.Writer) error {
	name, files, ok := strings.Cut(arg, "=")
	if !ok {
		return errors.New("want name=corpus,questions or name=file")
	}
	s, err := read(files)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d passages, %d questions\n", name, len(s.passages), len(s.questions))
	systems, err := o.build(ctx, s.passages, out)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\trecall@1\trecall@5\tMRR@10\trecall@1 minus lexical\trecall@5 minus lexical\tMRR@10 minus lexical\tper query")
	var lexical figures
	for i, sys := range systems {
		f, took, err := ask(ctx, sys, s.questions)
		if err != nil {
			return fmt.Errorf("%s: %w", sys.name, err)
		}
		if i == 0 {
			lexical = f
		}
		row, err := f.row(lexical, s.groups)
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "%s\t%s\t%.0f µs\n", sys.name, row, float64(took.Microseconds())/float64(len(s.questions)))
	}
	fmt.Fprintln(table)
	return table.Flush()
}

// build makes the systems, keyword search first.
func (o options) build(ctx context.Context, passages []retriever.Passage, out io.Writer) ([]system, error) {
	words, err := lexical.New(ctx, passages, lexical.Options{})
	if err != nil {
		return nil, err
	}
	start := time.Now()
	embedder, err := o.embedder(ctx, passages)
	if err != nil {
		return nil, err
	}
	fitted := time.Since(start)
	start = time.Now()
	vectors, err := dense.New(ctx, embedder, passages, dense.Options{})
	if err != nil {
		return nil, err
	}
	rate := func(d time.Duration) float64 { return float64(len(passages)) / d.Seconds() }
	if o.server == nil {
		fmt.Fprintf(out, "hashed: fitted %.0f passages/s, ", rate(fitted))
	}
	fmt.Fprintf(out, "embedded and indexed %.0f passages/s\n", rate(time.Since(start)))
	systems := []system{{"lexical", words}, {"dense", vectors}}
	for _, w := range o.weights {
		for _, method := range []retriever.FuseMethod{retriever.RankFusion, retriever.ScoreFusion} {
			fused, err := retriever.Fuse([]retriever.Part{
				{Name: "lexical", Retriever: words},
				{Name: "dense", Retriever: vectors, Weight: w},
			}, retriever.FuseOptions{Method: method, Depth: o.depth})
			if err != nil {
				return nil, err
			}
			systems = append(systems, system{fmt.Sprintf("hybrid by %s 1:%g", method, w), fused})
		}
	}
	if o.pipelines {
		more, err := o.techniques(ctx, passages, words, vectors)
		if err != nil {
			return nil, err
		}
		systems = append(systems, more...)
	}
	return systems, nil
}

// figures holds one value for each question.
type figures struct{ first, five, mrr []float64 }

func ask(ctx context.Context, r retriever.Retriever, questions []dataset.Question) (f figures, took time.Duration, err error) {
	for _, q := range questions {
		start := time.Now()
		res, err := r.Retrieve(ctx, retriever.Query{Text: q.Question, K: 10})
		took += time.Since(start)
		if err != nil {
			return f, took, err
		}
		var ids []string
		for _, h := range res.Hits {
			ids = append(ids, h.Passage.ID)
		}
		f.first = append(f.first, metric.Recall(ids, q.Positive, 1))
		f.five = append(f.five, metric.Recall(ids, q.Positive, 5))
		f.mrr = append(f.mrr, metric.ReciprocalRank(ids, q.Positive, 10))
	}
	return f, took, nil
}

// row writes the figures of a line of the table.
func (f figures) row(base figures, groups []string) (string, error) {
	bootstrap := metric.Bootstrap{Groups: groups}
	var cells []string
	for _, values := range [][]float64{f.first, f.five, f.mrr} {
		i, err := bootstrap.Mean(values)
		if err != nil {
			return "", err
		}
		cells = append(cells, fmt.Sprintf("%.4f [%.3f, %.3f]", i.Value, i.Low, i.High))
	}
	for _, pair := range [][2][]float64{{f.first, base.first}, {f.five, base.five}, {f.mrr, base.mrr}} {
		d, err := bootstrap.Difference(pair[0], pair[1])
		if err != nil {
			return "", err
		}
		cells = append(cells, fmt.Sprintf("%+.4f [%+.4f, %+.4f]", d.Value, d.Low, d.High))
	}
	return strings.Join(cells, "\t"), nil
}
