package evalrun

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/adapt"
	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/ask"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

func newCommand() *cli.Command {
	return &cli.Command{
		Name:      "new",
		Usage:     "Makes a question set about a folder of documents.",
		UsageText: "-docs DIR -out DIR [flags]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "docs", Usage: "ask about the files of `DIR`, as ask reads them"},
			&cli.StringFlag{Name: "out", Usage: "write corpus.jsonl and questions.jsonl to `DIR`"},
			&cli.StringFlag{Name: "generator", Usage: "let the model at `URL` write the questions, which must follow instructions; without one they are sentences with a gap"},
			&cli.IntFlag{Name: "per-passage", Value: 1, Usage: "write up to `N` questions about each passage"},
			&cli.FloatFlag{Name: "least", Value: 0.5, Usage: "keep what the critic gives a `SCORE` of at least that, in (0, 1]"},
			&cli.FloatFlag{Name: "unanswerable", Value: 0.2, Usage: "take this `SHARE` of the files out of the corpus: what is asked about them has no answer"},
			&cli.StringFlag{Name: "scores", Usage: "keep what the model says in `FILE`: what was broken off goes on there"},
			&cli.IntFlag{Name: "calls", Usage: "stop after `N` calls of models; 0 is no limit"},
		},
		Description: "Read the questions, and correct them, before you rely on them: docs/runs.md.",
		Action:      command.Action(parseNew, makeSet),
	}
}

type newConfig struct {
	docs, out, scores   string
	model               connect.Model
	offline             bool
	perPassage, calls   int
	least, unanswerable float64
}

func parseNew(cmd *cli.Command) (c newConfig, err error) {
	c = newConfig{
		docs: cmd.String("docs"), out: cmd.String("out"), scores: cmd.String("scores"), offline: cmd.String("generator") == "",
		perPassage: cmd.Int("per-passage"), calls: cmd.Int("calls"), least: cmd.Float("least"), unanswerable: cmd.Float("unanswerable"),
	}
	err = command.FlagsOnly(cmd)
	switch {
	case err != nil:
		return c, err
	case c.docs == "":
		return c, errors.New("-docs is missing: name the folder to ask about")
	case c.out == "":
		return c, errors.New("-out is missing: name the folder to write to")
	case c.perPassage < 1 || c.perPassage > 100:
		return c, fmt.Errorf("-per-passage is %d: want 1 to 100", c.perPassage)
	case !(c.least > 0 && c.least <= 1):
		return c, fmt.Errorf("-least is %v: want a number above 0 and at most 1", c.least)
	case !(c.unanswerable >= 0 && c.unanswerable < 1):
		return c, fmt.Errorf("-unanswerable is %v: want a share of at least 0 and below 1", c.unanswerable)
	case c.calls < 0:
		return c, fmt.Errorf("-calls is %d: want 0 or more", c.calls)
	}
	if c.model, err = connect.Generator(cmd.String("generator")); err != nil {
		return c, fmt.Errorf("-generator: %w", err)
	}
	return c, nil
}

// The files that are written.
const (
	corpusFile    = "corpus.jsonl"
	questionsFile = "questions.jsonl"
)

// makeSet writes a question set.
func makeSet(ctx context.Context, c newConfig, stdout, stderr io.Writer) error {
	for _, name := range []string{corpusFile, questionsFile} {
		if _, err := os.Lstat(filepath.Join(c.out, name)); err == nil {
			return fmt.Errorf("-out: %s has a %s already: name another folder", c.out, name)
		}
	}
	docs, err := ask.Read(ctx, c.docs, stderr)
	if err != nil {
		return fmt.Errorf("-docs: %w", err)
	}
	examples, count, err := c.write(ctx, docs.Passages, stderr)
	if err != nil {
		return err
	}
	s, err := split(ctx, docs.Passages, examples, c.unanswerable)
	if err != nil {
		return err
	}
	if err := s.save(c.out); err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	_, err = fmt.Fprintf(stdout, "%d passages: %d questions written, %d rejected by the critic, %d repeated\n"+
		"%s: %d passages, %d questions with an answer, %d without\n"+
		"%d questions about files that were taken out are left out: passages that stayed hold their answer\n",
		count.Passages, count.Written, count.Rejected, count.Repeated, show.Clean(c.out), len(s.corpus), s.answerable, len(s.questions)-s.answerable, s.known)
	return err
}

// write lets the model, or its offline replacement, write questions, and the critic choose.
func (c newConfig) write(ctx context.Context, passages []retriever.Passage, stderr io.Writer) (list []adapt.Example, count adapt.Generated, err error) {
	var writer generator.Generator = cloze{}
	if !c.offline {
		writer = c.model.Generator
	}
	var critic critique.Critic = critics.Model{Generator: c.model.Generator}
	switch {
	case c.offline:
		critic = clozeCritic{critic}
	case c.model.Judge != nil:
		critic = c.model.Judge
	}
	reader, err := adapt.NewReader(writer, c.scores)
	if err != nil {
		return nil, count, fmt.Errorf("-scores: %w", err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	ctx, b := budget.Open(ctx, "question set", budget.Limits{Calls: c.calls})
	defer b.Close()
	set, end := progress.Long(stderr, "questions")
	defer end()
	list, count, err = adapt.Generate(ctx, reader, critic, passages, adapt.GenerateOptions{PerPassage: c.perPassage, Least: c.least, Progress: set})
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		err = fmt.Errorf("%w: name a model that follows instructions with -generator", err)
	case err == nil && len(list) == 0:
		err = fmt.Errorf("no question was kept: %d were written, and the critic rejected %d: lower -least, or add documents", count.Written, count.Rejected)
	}
	return list, count, err
}

// questionSet is what is written.
type questionSet struct {
	corpus     []retriever.Passage
	questions  []dataset.Question
	answerable int
	known      int // about files that were taken out, but answered elsewhere
}

// split takes a share of the files out of the corpus. Questions about them alone are
// unanswerable, unless one of the first ten passages that a search finds holds their answer.
// Which files go depends on their names alone.
func split(ctx context.Context, passages []retriever.Passage, examples []adapt.Example, share float64) (*questionSet, error) {
	s := &questionSet{}
	out := map[string]bool{} // by passage
	for _, p := range passages {
		h := fnv.New32a()
		h.Write([]byte(fileOf(p)))
		if out[p.ID] = float64(h.Sum32()) < share*(1<<32); !out[p.ID] {
			s.corpus = append(s.corpus, p)
		}
	}
	if len(s.corpus) == 0 {
		return nil, errors.New("-unanswerable takes out every file: lower it")
	}
	index, err := lexical.New(ctx, s.corpus, lexical.Options{})
	if err != nil {
		return nil, err
	}
	var without []dataset.Question
	for _, e := range examples {
		q := e.Question
		q.Positive = nil
		for _, id := range e.Positive {
			if !out[id] {
				q.Positive = append(q.Positive, id)
			}
		}
		if len(q.Positive) > 0 {
			s.questions = append(s.questions, q)
			continue
		}
		found, err := index.Retrieve(ctx, retriever.Query{Text: q.Question + " " + q.Answers[0], K: 10})
		if err != nil {
			return nil, err
		}
		if holds(found.Hits, q.Answers) {
			s.known++
			continue
		}
		q.Answers, q.Unanswerable = nil, true
		without = append(without, q)
	}
	s.answerable = len(s.questions)
	s.questions = append(s.questions, without...)
	return s, nil
}

// fileOf names the file of a passage.
func fileOf(p retriever.Passage) string {
	if p.Source.URI != "" {
		return p.Source.URI
	}
	return p.ID
}

func holds(hits []retriever.Hit, answers []string) bool {
	for _, h := range hits {
		if metric.MatchFold(h.Passage.Title+"\n"+h.Passage.Text, answers) {
			return true
		}
	}
	return false
}

// save writes both files. The questions come last: a folder that has them is whole.
func (s *questionSet) save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := writeLines(filepath.Join(dir, corpusFile), s.corpus); err != nil {
		return err
	}
	return writeLines(filepath.Join(dir, questionsFile), s.questions)
}

func writeLines[T any](name string, list []T) error {
	return writeFile(name, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false)
		for _, v := range list {
			if err := e.Encode(v); err != nil {
				return err
			}
		}
		return b.Flush()
	})
}
