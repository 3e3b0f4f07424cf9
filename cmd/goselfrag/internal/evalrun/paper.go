package evalrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/eval/task"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/atomicfile"
	"github.com/goselfrag/goselfrag/selfrag"
)

func paperCommand() *cli.Command {
	return &cli.Command{
		Name:      "paper",
		Usage:     "Measures a task of the Self-RAG paper, beside what the paper reports.",
		UsageText: "-task TASK -file FILE -generator URL -out DIR [flags]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "task", Usage: "the `TASK`: " + strings.Join(task.Names(), ", ")},
			&cli.StringFlag{Name: "file", Usage: "the released `FILE` of the task, whose questions bring their passages"},
			&cli.StringFlag{Name: "generator", Usage: connect.GeneratorUsage},
			&cli.StringFlag{Name: "out", Usage: "keep results in `DIR`, and what other scorers read"},
			&cli.BoolFlag{Name: "resume", Usage: "go on with the run in the folder of -out"},
			&cli.StringFlag{Name: "settings", Value: string(task.Paper), Usage: "those of the paper, or of the `released` scripts"},
			&cli.BoolFlag{Name: "ablations", Usage: "measure what the paper leaves out in turn, too"},
			&cli.IntFlag{Name: "limit", Usage: "ask only the first `N` questions; 0 asks all"},
			&cli.IntFlag{Name: "concurrency", Value: 8, Usage: "ask `N` questions at the same time"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object instead of a table"},
		},
		Description: "The paper's figures are of its own models: ask one of them, at a server with a GPU.",
		Action:      command.Action(parsePaper, measurePaper),
	}
}

type paperConfig struct {
	task               task.Task
	file, url, out     string
	model              connect.Model
	resume, json       bool
	ablations          bool
	limit, concurrency int
}

func parsePaper(cmd *cli.Command) (c paperConfig, err error) {
	c = paperConfig{
		file: cmd.String("file"), url: cmd.String("generator"), out: cmd.String("out"), resume: cmd.Bool("resume"), json: cmd.Bool("json"),
		ablations: cmd.Bool("ablations"), limit: cmd.Int("limit"), concurrency: cmd.Int("concurrency"),
	}
	if err = command.FlagsOnly(cmd); err != nil {
		return c, err
	}
	if c.task, err = task.Get(cmd.String("task"), task.Settings(cmd.String("settings"))); err != nil {
		return c, fmt.Errorf("-task, -settings: %w", err)
	}
	switch {
	case c.file == "":
		return c, fmt.Errorf("-file is missing: name the released file of %s", c.task.Name)
	case c.out == "":
		return c, errors.New("-out is missing: name the folder for the results")
	case c.limit < 0:
		return c, fmt.Errorf("-limit is %d: want 0 or more", c.limit)
	case c.concurrency < 1 || c.concurrency > 1024:
		return c, fmt.Errorf("-concurrency is %d: want 1 to 1024", c.concurrency)
	}
	if c.model, err = connect.Generator(c.url); err != nil {
		return c, fmt.Errorf("-generator: %w", err)
	}
	return c, nil
}

// paperRun is a task with its items and the parts that answer them.
type paperRun struct {
	paperConfig
	items     map[string]dataset.Item // by id
	questions []dataset.Question
	variants  []variant
}

func measurePaper(ctx context.Context, c paperConfig, stdout, stderr io.Writer) (err error) {
	p := &paperRun{paperConfig: c, variants: chosen(nil)}
	if c.ablations {
		p.variants = chosen(variantNames())
	}
	if err := p.readQuestions(); err != nil {
		return fmt.Errorf("-file: %w", err)
	}
	tape, err := p.record()
	if err != nil {
		return err
	}
	if tape != nil {
		defer func() { err = errors.Join(err, tape.close()) }()
		if err := tape.checkServers(ctx); err != nil {
			return fmt.Errorf("-generator: %w", err)
		}
	}
	parts, err := p.parts()
	if err != nil {
		return err
	}
	set, end := progress.Long(stderr, c.task.Name)
	results, err := run.Do(ctx, c.out, parts, run.Options{
		Concurrency: c.concurrency, Resume: c.resume, Progress: set,
		Settings: map[string]string{"task": c.task.Name, "settings": string(c.task.Settings), "generator": c.url},
	})
	end()
	if err != nil {
		return err
	}
	files, err := p.write(results)
	if err != nil {
		return err
	}
	return p.report(stdout, results, files)
}

// readQuestions reads the questions and finds out whether all can be scored.
func (p *paperRun) readQuestions() error {
	p.items = map[string]dataset.Item{}
	for it, err := range dataset.Items(p.file, p.task.Layout, dataset.Options{}) {
		if err != nil {
			return err
		}
		if _, ok := p.items[it.ID]; ok {
			return fmt.Errorf("the id %q comes twice", it.ID)
		}
		q := dataset.Question{ID: it.ID, Answers: p.task.Golds(it)}
		if q.Question, err = p.task.Question(it); err != nil {
			return err
		}
		for _, m := range p.task.Metrics {
			if _, err := p.task.Score(m, "", it); err != nil && !errors.Is(err, errors.ErrUnsupported) {
				return err
			}
		}
		p.items[it.ID], p.questions = it, append(p.questions, q)
		if p.limit > 0 && len(p.questions) == p.limit {
			break
		}
	}
	if len(p.questions) == 0 {
		return fmt.Errorf("%s holds no question", p.file)
	}
	return nil
}

// record makes the model one whose calls are recorded; nil for the embedded one.
func (p *paperRun) record() (*built, error) {
	if p.url == "" {
		return nil, nil
	}
	b := &built{file: &file{name: "-generator", Models: []modelFile{{Name: "model", URL: p.url}}}}
	if err := b.connect(p.out); err != nil {
		return nil, errors.Join(err, b.close())
	}
	p.model = b.models[0].Model
	return b, nil
}

// parts are the variants of the engine over the passages that the file gives each question.
func (p *paperRun) parts() (list []run.Part, err error) {
	for _, v := range p.variants {
		options := slices.Concat([]selfrag.Option{selfrag.WithAbstention(0, "")}, p.model.Options, p.task.Options(), v.options)
		engine, err := selfrag.New(p.model.Generator, dataset.Own(), options...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		answer := func(ctx context.Context, q dataset.Question) (*selfrag.Answer, error) {
			a, err := engine.Answer(dataset.Carry(ctx, p.items[q.ID]), q.Question)
			if err == nil && p.task.Long {
				a.Text = a.Cited()
			}
			return a, err
		}
		list = append(list, run.Part{Name: v.name, Questions: p.questions, Answer: answer, Score: p.score})
	}
	return list, nil
}

// score gives the figures of the task that need the text alone.
func (p *paperRun) score(q dataset.Question, a *selfrag.Answer) run.Scores {
	s := run.Scores{}
	for _, m := range p.task.Metrics {
		if v, err := p.task.Score(m, a.Text, p.items[q.ID]); err == nil {
			s[string(m)] = v
		}
	}
	return s
}

// write writes the answers of the full system as other scorers read them, and returns the
// files.
func (p *paperRun) write(results *run.Results) (files []string, err error) {
	var outputs []dataset.Output
	for _, r := range results.Parts[0].Records {
		it := p.items[r.ID]
		out := dataset.Output{Item: it, Text: r.Answer}
		for _, id := range r.Cited {
			for _, passage := range it.Passages {
				if passage.ID == id {
					out.Cited = append(out.Cited, passage)
				}
			}
		}
		outputs = append(outputs, out)
	}
	list := func(yield func(dataset.Output, error) bool) {
		for _, out := range outputs {
			if !yield(out, nil) {
				return
			}
		}
	}
	save := func(name string, write func(io.Writer) error) {
		if err != nil {
			return
		}
		files = append(files, name)
		err = writeFile(filepath.Join(p.out, name), write)
	}
	switch p.task.Layout {
	case dataset.ALCE:
		save("alce.json", func(w io.Writer) error { return dataset.WriteALCE(w, list) })
		save("mauve.json", func(w io.Writer) error { return dataset.WriteMAUVE(w, list) })
	case dataset.FactScore:
		save("factscore.jsonl", func(w io.Writer) error { return dataset.WriteFactScore(w, list) })
	default:
		save("released.json", func(w io.Writer) error { return p.writeReleased(w, outputs, results.Parts[0].Records) })
	}
	return files, err
}

// writeReleased writes what the released script for short answers writes.
func (p *paperRun) writeReleased(w io.Writer, outputs []dataset.Output, records []run.Record) error {
	var prompts []string
	var values []float64
	primary := string(p.task.Metrics[0])
	for i, out := range outputs {
		prompt, err := p.task.Prompt(out.Item)
		if err != nil {
			return err
		}
		text, err := generator.SelfRAGTemplate{}.Render(prompt)
		if err != nil {
			return err
		}
		prompts, values = append(prompts, text), append(values, records[i].Scores[primary])
	}
	return dataset.WriteReleased(w, outputs, prompts, primary, values)
}

// spent is what the answers of all parts need.
func spent(results *run.Results) (u budget.Usage) {
	for i := range results.Parts {
		u = u.Add(results.Parts[i].Usage())
	}
	return u
}

func writeFile(name string, write func(io.Writer) error) error {
	return atomicfile.Write(name, func(f *os.File) error { return write(f) })
}
