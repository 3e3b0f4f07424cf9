package eval

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/eval/dataset"
	results "github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/eval/system"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// subject is a system over a pipeline.
type subject struct {
	name   string // of the row
	system string
	bench  *system.Bench
}

// subjects are the systems of the command line over each of its pipelines.
func (c config) subjects(ctx context.Context, passages []retriever.Passage, questions []dataset.Question) ([]subject, error) {
	var list []subject
	corpus := pipeline.NewCorpus(c.env, passages)
	var first retriever.Retriever
	for _, p := range c.pipelines {
		index := first
		if p.Pipeline != nil {
			var err error
			if index, err = corpus.Build(ctx, p.Pipeline); err != nil {
				return nil, err
			}
			if first == nil {
				first = index
			}
		} else {
			index = system.Gold(passages, questions, first)
		}
		b, err := system.NewBench(system.Config{
			Model: c.model.Generator, Options: c.model.Options, Instructed: c.model.Family != "",
			Retriever: index, Passages: passages, K: c.k, Seed: c.seed,
		})
		if err != nil {
			return nil, err
		}
		for _, s := range c.systems {
			name := s
			if len(c.pipelines) > 1 {
				name += " / " + p.Name
			}
			list = append(list, subject{name, s, b})
		}
	}
	return list, nil
}

// record is one answer of one system, a line of the file of -out.
type record struct {
	System   string   `json:"system"`
	Question string   `json:"question"` // its id
	Answer   string   `json:"answer"`
	Cited    []string `json:"cited,omitempty"` // ids of passages
	// Confidence is the greatest relevance among the segments, nil if none was judged.
	Confidence   *float64       `json:"confidence,omitempty"`
	Retrieved    bool           `json:"retrieved,omitempty"`
	Calls        int            `json:"calls,omitempty"`
	PromptTokens int            `json:"prompt_tokens,omitempty"`
	Tokens       int            `json:"tokens,omitempty"` // generated
	Seconds      float64        `json:"seconds"`
	Trace        *selfrag.Trace `json:"trace,omitempty"` // with -sensitivity
}

func recordOf(a *selfrag.Answer) record {
	r := record{Answer: a.Text, Calls: a.Usage.Calls, Tokens: a.Usage.GeneratedTokens, PromptTokens: a.Usage.PromptTokens}
	r.Cited, r.Retrieved = results.Cited(a), results.Retrieved(a)
	for _, s := range a.Segments {
		if t := s.Terms.Relevance; t.Kind == scoring.KindExact && len(s.Citations) > 0 && (r.Confidence == nil || t.Value > *r.Confidence) {
			r.Confidence = &t.Value
		}
	}
	return r
}

// answerRest has a system answer the questions that the store does not hold yet. Its error wraps
// errors.ErrUnsupported if the model cannot do what the system needs.
func answerRest(ctx context.Context, s subject, questions []dataset.Question, answers *store, stderr io.Writer) ([]record, error) {
	answer, err := s.bench.Open(ctx, s.system)
	if err != nil {
		return nil, err
	}
	return askAll(ctx, s.name, answer, questions, answers, stderr)
}

func askAll(ctx context.Context, name string, answer system.Answerer, questions []dataset.Question, answers *store, stderr io.Writer) ([]record, error) {
	set, end := progress.Bar(stderr, name)
	defer end()
	records := make([]record, len(questions))
	for i, q := range questions {
		r, known := answers.get(name, q.ID)
		if !known {
			start := time.Now()
			a, err := answer(ctx, q)
			if err != nil {
				return nil, fmt.Errorf("%s, question %q, after %d of %d: %w", name, q.ID, i, len(questions), err)
			}
			r = recordOf(a)
			r.System, r.Question, r.Seconds = name, q.ID, time.Since(start).Seconds()
			if a.Trace != nil && a.Trace.Settings.Full {
				r.Trace = a.Trace
			}
			if err := answers.add(r); err != nil {
				return nil, fmt.Errorf("-out: %w", err)
			}
		}
		records[i] = r
		set(i+1, len(questions))
	}
	return records, nil
}

// run asks every subject. A system that the model cannot do is left out and told, if all
// systems were asked for; one that was named is an error.
func (c config) run(ctx context.Context, subjects []subject, questions []dataset.Question, answers *store, stderr io.Writer) ([]measured, error) {
	var runs []measured
	for _, s := range subjects {
		records, err := answerRest(ctx, s, questions, answers, stderr)
		if c.all && errors.Is(err, errors.ErrUnsupported) {
			fmt.Fprintf(stderr, "%s is left out: %s\n", s.name, show.Clean(command.Words(err)))
			continue
		}
		if err != nil {
			return nil, err
		}
		runs = append(runs, measure(s.name, questions, records, c.set))
	}
	if len(runs) == 0 {
		return nil, errors.New("the model can do none of the systems: name another one with -generator")
	}
	return runs, nil
}
