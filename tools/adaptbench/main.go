// Adaptbench measures the gain of query adapters of package adapt, by signal: labels, the
// preferences of a model, the union of both, and the marginal likelihood of RAG-Sequence.
//
//	go -C tools run ./adaptbench -set nq=CORPUS,QUESTIONS -set pubmedqa=FILE
//	    [-embeddings http://HOST:PORT/MODEL] [-rank 64] [-temperature 0.05] [-rate 0.03]
//	    [-epochs 40] [-held-out 0.4] [-k 10] [-candidates 20] [-keep 2] [-seed 1] [-signals union,labeled,preferred,marginal]
//	    [-source http://HOST:PORT/MODEL] [-transfer embedded|http://HOST:PORT/MODEL] [-across]
//
// A set is a corpus and its questions, in the layouts of package eval/dataset, or one file
// of questions with a passage of their own, {"id","question","long_answer","passage":{…}}.
// Then each question is asked against all those passages. The reader is the embedded model,
// or with -source a model that tools/scoreserver serves, or SGLang.
//
// A row prints recall at 5 and the mean reciprocal rank of the first 10 before and after, of
// labeled passages, on the questions held out for the test, with the paired differences and
// their 95 % intervals over groups of questions that share no passage; whether training would
// refuse the adapter; and seconds. With -transfer it has the log-likelihood of the right
// answers under another model, too, over -k passages. With -across each adapter is also
// measured on all questions of the other sets. Equal files and flags give
// equal figures except times.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/goselfrag/goselfrag/adapt"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
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
	source     string
	transfer   string
	across     bool
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
	flags.IntVar(&o.adapt.K, "k", 0, "passages that marginal and -transfer sum over")
	flags.StringVar(&o.source, "source", "", "URL of the model whose preferences are learned, instead of the embedded one")
	flags.StringVar(&o.transfer, "transfer", "", "URL of a model to measure with that is not learned from, or \"embedded\"")
	flags.BoolVar(&o.across, "across", false, "measure each adapter on the other sets, too")
	flags.IntVar(&o.prefer.Candidates, "candidates", 0, "passages that the reader judges, per question")
	flags.IntVar(&o.prefer.Keep, "keep", 0, "passages that it may prefer")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if len(o.sets) == 0 {
		return errors.New("name a set with -set")
	}
	sets := make([]set, len(o.sets))
	var all []retriever.Passage
	for i, arg := range o.sets {
		var err error
		if sets[i], err = readSet(arg); err != nil {
			return fmt.Errorf("-set %s: %w", arg, err)
		}
		all = append(all, sets[i].passages...)
	}
	for i, s := range sets {
		if !o.across {
			all = s.passages
		}
		e, err := o.embedder(ctx, all)
		if err == nil {
			err = o.measure(ctx, s, e, slices.Delete(slices.Clone(sets), i, i+1), out)
		}
		if err != nil {
			return fmt.Errorf("-set %s: %w", s.name, err)
		}
	}
	return nil
}

// set is a collection and its questions.
type set struct {
	name      string
	passages  []retriever.Passage
	questions []dataset.Question
}

// readSet reads the set of an argument name=corpus,questions or name=file.
func readSet(arg string) (s set, err error) {
	name, files, ok := strings.Cut(arg, "=")
	if !ok {
		return s, errors.New("want name=corpus,questions or name=file")
	}
	s.name = name
	if corpus, file, two := strings.Cut(files, ","); two {
		if s.passages, err = dataset.Passages(corpus); err == nil {
			s.questions, err = dataset.Questions(file)
		}
		return s, err
	}
	f, err := os.Open(files)
	if err != nil {
		return s, err
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
		s.passages, s.questions = append(s.passages, p.Passage), append(s.questions, q)
	}
	return s, err
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
	server, err := serverOf(o.embeddings)
	if err != nil {
		return nil, fmt.Errorf("-embeddings: %w", err)
	}
	r.Embedder, err = openai.New(openai.Config{Server: server})
	return r, err
}

// measure prints the table of a set.
func (o options) measure(ctx context.Context, s set, e *remembered, others []set, out io.Writer) error {
	start := time.Now()
	index, err := dense.New(ctx, e, s.passages, dense.Options{})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d passages, %d questions, embedded in %.1f s\n", s.name, len(s.passages), len(s.questions), time.Since(start).Seconds())
	reader, err := readerOf(o.source)
	if err != nil {
		return fmt.Errorf("-source: %w", err)
	}
	if o.transfer != "" {
		if o.adapt.Transfer, err = readerOf(o.transfer); err != nil {
			return fmt.Errorf("-transfer: %w", err)
		}
	}
	source, err := adapt.Gains(reader, adapt.Sum)
	if err != nil {
		return err
	}
	start = time.Now()
	examples, err := adapt.Prefer(ctx, index, source, s.questions, o.prefer)
	if err != nil {
		return err
	}
	overlap := adapt.OverlapOf(examples)
	fmt.Fprintf(out, "preferences in %.1f s: %d questions with labels and preferences, %d labeled, %d preferred, %d both, overlap %.3f\n",
		time.Since(start).Seconds(), overlap.Questions, overlap.Labeled, overlap.Preferred, overlap.Both, overlap.Share)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "signal\ttrain/stop/test\tgroups\trecall@5\tafter minus before\tMRR@10\tafter minus before\tln p(y|x)\ttransfer\tepochs\tadapter\tseconds")
	for signal := range strings.SplitSeq(o.signals, ",") {
		a, err := o.row(ctx, table, signal, e, s.passages, examples, reader)
		if err != nil {
			return fmt.Errorf("%s: %w", signal, err)
		}
		if !o.across {
			continue
		}
		for _, other := range others {
			if err := over(ctx, table, signal, a, e, other); err != nil {
				return fmt.Errorf("%s on %s: %w", signal, other.name, err)
			}
		}
	}
	fmt.Fprintln(table)
	return table.Flush()
}

// row trains with a signal and prints what it measured.
func (o options) row(ctx context.Context, w io.Writer, signal string, e dense.Embedder, passages []retriever.Passage, examples []adapt.Example, reader *adapt.Reader) (*adapt.Adapter, error) {
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
		return nil, err
	}
	r := result.Report
	likelihood, transfer := "-", "-"
	if signal == "marginal" {
		likelihood = fmt.Sprintf("%.3f -> %.3f", r.Before.LogLikelihood, r.After.LogLikelihood)
	}
	if x := r.Transfer; x != nil {
		transfer = fmt.Sprintf("%.3f -> %.3f, %s", x.Before, x.After, difference(x.Gain))
	}
	_, err = fmt.Fprintf(w, "%s\t%d/%d/%d\t%d\t%.4f -> %.4f\t%s\t%.4f -> %.4f\t%s\t%s\t%s\t%d of %d\t%s\t%.1f\n", signal, r.Train, r.Stop, r.Test, r.Groups,
		r.Before.Recall5, r.After.Recall5, difference(r.Recall), r.Before.MRR10, r.After.MRR10, difference(r.Labels), likelihood, transfer,
		r.Best, len(r.Epochs), verdict, time.Since(start).Seconds())
	return result.Adapter, err
}

func difference(i metric.Interval) string {
	return fmt.Sprintf("%+.4f [%+.4f, %+.4f]", i.Value, i.Low, i.High)
}
