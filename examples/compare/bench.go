package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/examples/internal/pipeline"
	"github.com/goselfrag/goselfrag/examples/internal/show"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever"
)

// cut is how far MRR and nDCG look.
const cut = 10

// subject is something that is measured: a pipeline over passages or chunks.
type subject struct {
	named
	words    int // of a chunk; 0 for passages as they are
	passages int // or chunks
	build    func(context.Context) (retriever.Retriever, error)
	// judge returns what stands at each place of a ranking, in the names of the positive
	// passages of the question, and whether the retrieved text holds an answer.
	judge func(q dataset.Question, hits []retriever.Hit) (ranked []string, holds bool)
}

// title tells subjects apart.
func (s subject) title() string {
	if s.words > 0 {
		return fmt.Sprintf("%s, %d words", s.name, s.words)
	}
	return s.name
}

// asked is what a subject did, question by question.
type asked struct {
	subject
	ranked  [][]string
	holds   []float64 // 1 where the retrieved text holds an answer; of a sweep
	millis  []float64
	calls   []float64
	missing int // questions for which a part was missing
}

func compare(ctx context.Context, cfg config, stdout, stderr io.Writer) (err error) {
	if err := generator.Check(ctx, cfg.env.Generator); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("-generator: %w", err)
	}
	passages, err := dataset.Passages(cfg.corpus)
	if err != nil {
		return fmt.Errorf("-corpus: %w", err)
	}
	questions, err := readQuestions(cfg, passages, stderr)
	if err != nil {
		return fmt.Errorf("-questions: %w", err)
	}
	var out *file // made now: a place where nothing can be written should not cost the run
	if cfg.html != "" {
		if out, err = create(cfg.html, cfg.corpus, cfg.questions); err != nil {
			return fmt.Errorf("-html: %w", err)
		}
		defer func() { err = errors.Join(err, out.discard()) }()
	}
	subjects, k, err := cfg.subjects(passages)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%d passages, %d questions, %d hits for each\n", len(passages), len(questions), k)
	var all []asked
	var failed error
	for i, s := range subjects {
		var a asked
		if a, failed = ask(ctx, s, questions, k, stderr); failed != nil {
			failed = fmt.Errorf("%s: %w", s.title(), failed)
			break
		}
		subjects[i], a.build, a.judge = subject{}, nil, nil // their indexes can go
		all = append(all, a)
	}
	if len(all) == 0 {
		return failed
	}
	r, err := newReport(cfg, len(passages), questions, all)
	if err != nil {
		return err
	}
	if failed != nil { // what there is may have been dear
		r.Failed = show.Clean(failed.Error())
	}
	if cfg.json {
		err = json.NewEncoder(stdout).Encode(r)
	} else {
		err = r.table(stdout)
	}
	if failed != nil || out == nil {
		return errors.Join(failed, err)
	}
	if wrong := out.write(r); wrong != nil {
		return errors.Join(err, fmt.Errorf("-html: %w", wrong))
	}
	fmt.Fprintf(stderr, "%s holds the page\n", show.Clean(cfg.html))
	return err
}

// readQuestions reads the questions that name a positive passage, and says which do not.
func readQuestions(cfg config, passages []retriever.Passage, stderr io.Writer) ([]dataset.Question, error) {
	read := dataset.Searches
	if len(cfg.sweep) > 0 { // which looks for answers
		read = dataset.Questions
	}
	questions, err := read(cfg.questions)
	if err != nil {
		return nil, err
	}
	if cfg.limit > 0 && cfg.limit < len(questions) {
		questions = questions[:cfg.limit]
	}
	all := len(questions)
	questions = slices.DeleteFunc(questions, func(q dataset.Question) bool { return len(q.Positive) == 0 })
	if len(questions) == 0 {
		return nil, errors.New("no question names a positive passage, which are what is searched for")
	}
	if n := all - len(questions); n > 0 {
		fmt.Fprintf(stderr, "warning: %d questions name no positive passage and are left out\n", n)
	}
	known := map[string]bool{}
	for _, p := range passages {
		known[p.ID] = true
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
	return questions, nil
}

// subjects returns what is measured, the one the others are compared with first, and
// how many hits each is asked for.
func (c config) subjects(passages []retriever.Passage) ([]subject, int, error) {
	k := max(cut, slices.Max(c.ks))
	if len(c.sweep) > 0 {
		return c.sweepSubjects(passages, k)
	}
	corpus := pipeline.NewCorpus(c.env, passages)
	var list []subject
	for _, p := range c.pipelines {
		list = append(list, subject{
			named: p, passages: len(passages),
			build: func(ctx context.Context) (retriever.Retriever, error) { return corpus.Build(ctx, p.Pipeline) },
			judge: func(_ dataset.Question, hits []retriever.Hit) ([]string, bool) {
				ids := make([]string, len(hits))
				for i, h := range hits {
					ids[i] = h.Passage.ID
				}
				return ids, false
			},
		})
	}
	return list, k, nil
}

// ask builds a subject and asks it all questions, one after the other, so that the time
// of each is its own.
func ask(ctx context.Context, s subject, questions []dataset.Question, k int, stderr io.Writer) (asked, error) {
	a := asked{subject: s}
	start := time.Now()
	r, err := s.build(ctx)
	if err != nil {
		return a, err
	}
	fmt.Fprintf(stderr, "%s: built in %.1f s\n", show.Clean(s.title()), time.Since(start).Seconds())
	done := show.Progress(stderr, s.title(), len(questions))
	for i, q := range questions {
		counted, spent := account.Open(ctx, "question", account.Limits{})
		start := time.Now()
		res, err := r.Retrieve(counted, retriever.Query{Text: q.Question, K: k})
		took := time.Since(start)
		if err != nil {
			return a, fmt.Errorf("question %q, after %d of %d: %w", q.ID, i, len(questions), err)
		}
		ranked, holds := s.judge(q, res.Hits)
		a.ranked = append(a.ranked, ranked)
		a.holds = append(a.holds, number(holds))
		a.millis = append(a.millis, float64(took)/float64(time.Millisecond))
		a.calls = append(a.calls, float64(spent.Usage().Calls))
		if len(res.Missing) > 0 {
			a.missing++
		}
		done(i + 1)
	}
	return a, nil
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
