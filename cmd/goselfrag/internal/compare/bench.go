package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/chart"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/questionset"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
)

// cut is the number of hits that MRR and nDCG use.
const cut = 10

// subject is a pipeline over passages or chunks that is measured.
type subject struct {
	connect.Named
	words    int // of a chunk; 0 for passages as they are
	passages int // or chunks
	build    func(context.Context) (retriever.Retriever, error)
	// judge names the item at each place of a ranking, in the names of the positive
	// passages of the question, and whether the retrieved text holds an answer.
	judge func(q dataset.Question, hits []retriever.Hit) (ranked []string, holds bool)
}

// title returns a text that distinguishes subjects.
func (s subject) title() string {
	if s.words > 0 {
		return fmt.Sprintf("%s, %d words", s.Name, s.words)
	}
	return s.Name
}

// asked holds the results of a subject, question by question.
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
	set, err := cfg.source.Read(ctx, len(cfg.sweep) > 0, stderr) // a sweep looks for answers
	if err != nil {
		return err
	}
	questions, err := withPositives(cfg, set, stderr)
	if err != nil {
		return fmt.Errorf("-questions: %w", err)
	}
	var out *chart.File // made now: a place where nothing can be written should not cost the run
	if cfg.html != "" {
		if out, err = chart.Create(cfg.html, set.Paths...); err != nil {
			return fmt.Errorf("-html: %w", err)
		}
		defer func() { err = errors.Join(err, out.Discard()) }()
	}
	subjects, k, err := cfg.subjects(set)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%d passages, %d questions, %d hits for each\n", len(set.Passages), len(questions), k)
	var all []asked
	var failed error
	for i, s := range subjects {
		var a asked
		if a, failed = measureSubject(ctx, s, questions, k, stderr); failed != nil {
			failed = fmt.Errorf("%s: %w", s.title(), failed)
			break
		}
		subjects[i], a.build, a.judge = subject{}, nil, nil // their indexes can go
		all = append(all, a)
	}
	if len(all) == 0 {
		return failed
	}
	r, err := newReport(cfg, len(set.Passages), questions, all)
	if err != nil {
		return err
	}
	if failed != nil { // what there is may have been dear
		r.Failed = show.Clean(command.Words(failed))
	}
	if cfg.json {
		err = json.NewEncoder(stdout).Encode(r)
	} else {
		err = r.table(stdout)
	}
	if failed != nil || out == nil {
		return errors.Join(failed, err)
	}
	if wrong := out.Finish(func(w io.Writer) error { return writePage(w, r) }); wrong != nil {
		return errors.Join(err, fmt.Errorf("-html: %w", wrong))
	}
	fmt.Fprintf(stderr, "%s holds the page\n", show.Clean(cfg.html))
	return err
}

// withPositives returns the questions that name a positive passage, and says how many do not.
func withPositives(cfg config, set *questionset.Set, stderr io.Writer) ([]dataset.Question, error) {
	questions := set.Questions
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
	return questions, nil
}

// subjects returns the subjects, the one that the others are compared with first, and how
// many hits each is asked for.
func (c config) subjects(set *questionset.Set) ([]subject, int, error) {
	k := max(cut, slices.Max(c.ks))
	if len(c.sweep) > 0 {
		return c.sweepSubjects(set, k)
	}
	corpus := pipeline.NewCorpus(c.env, set.Passages)
	var list []subject
	for _, p := range c.pipelines {
		list = append(list, subject{
			Named: p, passages: len(set.Passages),
			build: func(ctx context.Context) (retriever.Retriever, error) { return corpus.Build(ctx, p.Pipeline) },
			judge: func(_ dataset.Question, hits []retriever.Hit) ([]string, bool) {
				ranked := make([]string, len(hits))
				for i, h := range hits {
					// A file counts at the place of its first passage; the others take up places.
					if ranked[i] = set.Name(h.Passage.ID); slices.Contains(ranked[:i], ranked[i]) {
						ranked[i] = h.Passage.ID
					}
				}
				return ranked, false
			},
		})
	}
	return list, k, nil
}

// measureSubject builds a subject and asks it all questions one after the other, so that each
// time is that of one question.
func measureSubject(ctx context.Context, s subject, questions []dataset.Question, k int, stderr io.Writer) (asked, error) {
	a := asked{subject: s}
	start := time.Now()
	r, err := s.build(ctx)
	if err != nil {
		return a, err
	}
	fmt.Fprintf(stderr, "%s: built in %.1f s\n", show.Clean(s.title()), time.Since(start).Seconds())
	set, end := progress.Bar(stderr, s.title())
	defer end()
	for i, q := range questions {
		counted, spent := budget.Open(ctx, "question", budget.Limits{})
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
		set(i+1, len(questions))
	}
	return a, nil
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
