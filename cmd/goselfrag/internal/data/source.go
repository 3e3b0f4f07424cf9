package data

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/ask"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/internal/atomicfile"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/label"
	"github.com/goselfrag/goselfrag/training/seed"
)

// makeFlags are those of the commands that make data with a judge, made anew for each.
func makeFlags(more ...cli.Flag) []cli.Flag {
	return append(more,
		&cli.StringFlag{Name: "docs", Usage: "the passages of the files in `DIR`, as ask reads them"},
		&cli.StringFlag{Name: "corpus", Usage: "`FILE` of passages: lines {\"id\",\"title\",\"text\"}"},
		&cli.StringFlag{Name: "retrieval", Usage: connect.RetrievalUsage},
		&cli.StringFlag{Name: "embeddings", Usage: connect.EmbeddingsUsage},
		&cli.StringFlag{Name: "generator", Usage: "judge by the model at `URL`; see goselfrag help models"},
		&cli.StringSliceFlag{Name: "critic", Usage: "judge one group by another model, or by labels in a file: `G=URL`, G=FILE"},
		&cli.IntFlag{Name: "utility", Usage: "give every answer the utility `N` instead of judging it"},
		&cli.StringFlag{Name: "remember", Usage: "keep the models' labels in `FILE`, and ask for none twice"},
		&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of all random choices"},
		&cli.IntFlag{Name: "workers", Value: 4, Usage: "work on `N` at the same time"},
		&cli.IntFlag{Name: "calls", Usage: "stop after `N` calls of models; 0 is no limit"},
		&cli.DurationFlag{Name: "time", Usage: "stop after `TIME`, such as 30m; 0 is no limit"},
		&cli.BoolFlag{Name: "plan", Usage: "say what it takes at most, and stop"},
	)
}

// maker is what the flags say that these commands have.
type maker struct {
	docs, corpus   string
	model          connect.Model
	env            pipeline.Env
	pipeline       *pipeline.Pipeline
	models, given  label.ByGroup // who labels: models, and labels that are there already
	about          string        // the models
	wrong          sensitivity.Perturbation
	remember       string
	seed           uint64
	workers        int
	limits         budget.Limits
	plan           bool
	inputs, output []string // names of files
}

func parseMaker(cmd *cli.Command) (m maker, err error) {
	m = maker{
		docs: cmd.String("docs"), corpus: cmd.String("corpus"), remember: cmd.String("remember"), seed: cmd.Uint64("seed"), workers: cmd.Int("workers"),
		limits: budget.Limits{Calls: cmd.Int("calls"), Time: cmd.Duration("time")}, plan: cmd.Bool("plan"),
	}
	switch err := command.FlagsOnly(cmd); {
	case err != nil:
		return m, err
	case m.docs != "" && m.corpus != "":
		return m, errors.New("-docs and -corpus both name passages: leave one out")
	case m.workers < 1 || m.workers > 1024:
		return m, fmt.Errorf("-workers is %d: want 1 to 1024", m.workers)
	case m.limits.Calls < 0:
		return m, fmt.Errorf("-calls is %d: want 0 or more", m.limits.Calls)
	case m.limits.Time < 0:
		return m, fmt.Errorf("-time is %v: want 0 or more", m.limits.Time)
	}
	if m.model, m.env, err = connect.Models(cmd.String("generator"), cmd.String("embeddings"), ""); err != nil {
		return m, err
	}
	if m.pipeline, err = connect.Retrieval(cmd.String("retrieval"), m.env); err != nil {
		return m, fmt.Errorf("-retrieval: %w", err)
	}
	m.inputs = append(m.inputs, m.corpus)
	return m, m.sources(cmd)
}

// sources sets the source of labels of each group.
func (m *maker) sources(cmd *cli.Command) error {
	m.models, m.given, m.about = label.ByGroup{}, label.ByGroup{}, cmd.String("generator")
	all := critic(m.model)
	for _, g := range reflection.Groups() {
		m.models[g] = all
	}
	for _, text := range cmd.StringSlice("critic") {
		g, from, err := parseCriticFlag(text)
		if err == nil && strings.Contains(from, "://") {
			var model connect.Model
			model, err = connect.Generator(from)
			m.models[g] = critic(model)
			m.about += ", " + text
		} else if err == nil {
			var labels []label.Labeled
			labels, err = label.Read(from)
			m.given[g] = label.Known(labels)
			m.inputs = append(m.inputs, from)
		}
		if err != nil {
			return fmt.Errorf("-critic %s: %w", text, err)
		}
	}
	if n := cmd.Int("utility"); n != 0 {
		t, ok := reflection.ParseToken(fmt.Sprintf("[Utility:%d]", n))
		if !ok {
			return fmt.Errorf("-utility is %d: want 1 to 5, or 0 to judge it", n)
		}
		m.given[reflection.IsUSE] = label.Fixed(t)
	}
	return nil
}

// source returns the source of labels. What the models say is remembered, and wrong labels
// are drawn of it. The caller closes the source.
func (m *maker) source() (s label.Source, closed func() error, err error) {
	s, closed = m.models, func() error { return nil }
	if m.remember != "" && !m.plan {
		memory, err := label.Remember(m.models, m.remember, m.about)
		if err != nil {
			return nil, nil, fmt.Errorf("-remember: %w", err)
		}
		s, closed = memory, memory.Close
	}
	by := label.ByGroup{}
	for _, g := range reflection.Groups() {
		by[g] = s
	}
	maps.Copy(by, m.given)
	if m.wrong == nil {
		return by, closed, nil
	}
	s, err = label.Redrawn(by, m.wrong, m.seed)
	return s, closed, err
}

// parseCriticFlag reads a value of -critic.
func parseCriticFlag(text string) (reflection.Group, string, error) {
	name, from, ok := strings.Cut(text, "=")
	for _, g := range reflection.Groups() {
		if ok && from != "" && strings.EqualFold(g.String(), name) {
			return g, from, nil
		}
	}
	return reflection.NoGroup, "", errors.New("want a group, = and a URL or a file, with one of the groups Retrieve, IsREL, IsSUP and IsUSE")
}

// critic is the source of labels that a model is.
func critic(m connect.Model) label.Source {
	if m.Judge != nil {
		return m.Judge
	}
	return label.Of(critics.Model{Generator: m.Generator}, critique.NewTokens(m.Generator))
}

// writes says which files the command writes. What is remembered is one.
func (m *maker) writes(names ...string) error {
	m.output = slices.DeleteFunc(append(names, m.remember), func(name string) bool { return name == "" })
	for i, name := range m.output {
		for _, other := range append(slices.Clone(m.inputs), m.output[:i]...) {
			if other != "" && filepath.Clean(other) == filepath.Clean(name) {
				return fmt.Errorf("%s is named twice: name another file to write", name)
			}
		}
	}
	return nil
}

// retriever reads the passages and builds the search over them.
func (m *maker) retriever(ctx context.Context, stderr io.Writer) (retriever.Retriever, error) {
	var passages []retriever.Passage
	var err error
	if m.docs != "" {
		docs, err := ask.Read(ctx, m.docs, stderr)
		if err != nil {
			return nil, fmt.Errorf("-docs: %w", err)
		}
		passages = docs.Passages
	} else if passages, err = dataset.Passages(m.corpus); err != nil {
		return nil, fmt.Errorf("-corpus: %w", err)
	}
	return pipeline.NewCorpus(m.env, passages).Build(ctx, m.pipeline)
}

// seedLine is a line of -seeds: a record, or a question with answers.
type seedLine struct {
	training.Record
	Question string   `json:"question"`
	Answers  []string `json:"answers"`
}

// Check returns an error if there is no question or no answer.
func (s seedLine) Check() error { return s.record().Check() }

// record returns the line as a record.
func (s seedLine) record() training.Record {
	r := s.Record
	if r.Instruction == "" {
		r.Instruction = s.Question
	}
	if r.Output == "" && len(s.Answers) > 0 {
		r.Output = s.Answers[0]
	}
	return r
}

// seedFlags say where seeds are.
func seedFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "seeds", Usage: "`FILE` of questions with answers"},
		&cli.StringFlag{Name: "layout", Usage: "read -seeds in the `LAYOUT` arc, obqa, asqa, kilt or open-instruct"},
		&cli.StringFlag{Name: "set", Usage: "the `NAME` of the data set, with -layout"},
	}
}

// seeds is what these flags say.
type seeds struct{ file, layout, set string }

func parseSeeds(cmd *cli.Command) (s seeds, err error) {
	s = seeds{cmd.String("seeds"), cmd.String("layout"), cmd.String("set")}
	if s.layout == "" && s.set != "" {
		return s, errors.New("-set names a data set of -layout: name the layout, too")
	}
	if s.layout != "" {
		if _, err := seed.NewReader(strings.NewReader(""), s.file, seed.Layout(s.layout), s.set); err != nil {
			return s, fmt.Errorf("-layout: %w", err)
		}
	}
	return s, nil
}

// read reads the seeds. Items of a layout that give none are counted.
func (s seeds) read(stderr io.Writer) (list []training.Record, err error) {
	err = withFile(s.file, func(f io.Reader) error {
		if s.layout != "" {
			list, err = s.laidOut(f, stderr)
			return err
		}
		for line, err := range training.NewReader[seedLine](f, s.file).All() {
			if err != nil {
				return err
			}
			list = append(list, line.record())
		}
		return nil
	})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s has no question with an answer", s.file)
	}
	if err != nil {
		return nil, fmt.Errorf("-seeds: %w", err)
	}
	return list, nil
}

func (s seeds) laidOut(f io.Reader, stderr io.Writer) (list []training.Record, err error) {
	r, err := seed.NewReader(f, s.file, seed.Layout(s.layout), s.set)
	if err != nil {
		return nil, err
	}
	skipped := map[string]int{}
	for record, err := range r.All() {
		var skip seed.Skip
		if errors.As(err, &skip) {
			skipped[string(skip)]++
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, record)
	}
	for _, reason := range sorted(skipped) {
		fmt.Fprintf(stderr, "left out: %s: %d\n", reason, skipped[reason])
	}
	return list, nil
}

// checkOutputs finds out, before long work, whether the files can be written.
func (m *maker) checkOutputs() error {
	for _, name := range m.output {
		if name == m.remember {
			continue
		}
		f, err := atomicfile.Create(name)
		if err == nil {
			err = f.Discard()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// within runs work under the budget of the flags. If that, or an interrupt, ends it, the
// error says how to go on.
func (m *maker) within(ctx context.Context, work func(ctx context.Context) error) error {
	inner, b := budget.Open(ctx, "data", m.limits)
	defer b.Close()
	err := work(inner)
	if err != nil && m.remember != "" && (ctx.Err() != nil || b.Exceeded(err)) {
		return fmt.Errorf("%w\n%s holds the labels so far: give the same command again to go on", err, show.Clean(m.remember))
	}
	return err
}

// lines writes a file of JSON lines, or none without a name.
func lines[T training.Checked](name string, list []T) error {
	if name == "" {
		return nil
	}
	var b bytes.Buffer
	w := training.NewWriter(&b)
	return atomicfile.Write(name, func(f *os.File) error {
		for _, v := range list {
			b.Reset()
			if err := w.Write(v); err != nil {
				return err
			}
			if _, err := f.Write(b.Bytes()); err != nil {
				return err
			}
		}
		return nil
	})
}

func atMost(n int, what string) string {
	if n < 0 {
		return "an unknown number of " + what
	}
	return fmt.Sprintf("at most %d %s", n, what)
}
