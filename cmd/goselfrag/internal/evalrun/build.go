package evalrun

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/questionset"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/eval/system"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/record"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
	"github.com/goselfrag/goselfrag/selfrag"
)

// traced is what follows the name of a part that is asked for its traces alone.
const traced = "full traces"

// built is what a run file comes to.
type built struct {
	file   *file
	parts  []part
	models []*model
	tape   *record.Tape // nil if no model is at a server
	total  *run.Meter
	// settings is what the answers depend on besides the questions.
	settings settings
	passages int
}

// part is a part of the run and where it is in the file.
type part struct {
	run.Part
	set, system string
	model       *model
	// extra is set for a part whose traces alone are wanted.
	extra bool
	units string
	// gold returns the ids of the passages that a question names.
	gold func(dataset.Question) []string
}

// model is a model of the file.
type model struct {
	modelFile
	connect.Model
	env   pipeline.Env
	meter *run.Meter
}

// settings must be equal for a run to be resumed.
type settings struct {
	Models     []modelSettings `json:"models"`
	Embeddings string          `json:"embeddings,omitempty"`
	Adapter    string          `json:"adapter_sha256,omitempty"`
	Retrieval  []string        `json:"retrieval"`
	Passages   []string        `json:"passages_sha256"` // of each set
	K          int             `json:"k"`
	Abstain    float64         `json:"abstain,omitempty"`
	Seed       uint64          `json:"seed"`
}

type modelSettings struct {
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
}

// build reads the sets and connects the models. It asks no model.
func build(ctx context.Context, f *file, out string, stderr io.Writer) (b *built, err error) {
	b = &built{file: f, settings: settings{Embeddings: f.Embeddings, K: f.K, Abstain: f.Abstain, Seed: f.Seed}}
	if f.Adapter != "" {
		text, err := os.ReadFile(f.Adapter)
		if err != nil {
			return nil, err
		}
		b.settings.Adapter = digest(text)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if err := b.connect(out); err != nil {
		return b, err
	}
	for i, s := range f.Sets {
		if err := b.addSet(ctx, i, s, stderr); err != nil {
			return b, err
		}
	}
	return b, nil
}

// connect makes the models. What they say is recorded, and what they are asked bounded.
func (b *built) connect(out string) (err error) {
	f := b.file
	if b.total, err = run.NewMeter(budget.Limits{Calls: f.Budget.Calls, Tokens: f.Budget.Tokens}, 0); err != nil {
		return err
	}
	for i, mf := range f.Models {
		m := &model{modelFile: mf}
		if m.Model, m.env, err = connect.Models(mf.URL, f.Embeddings, f.Adapter); err != nil {
			return f.wrong(err.Error(), "models", i)
		}
		if m.meter, err = run.NewMeter(budget.Limits{}, mf.PerSecond); err != nil {
			return f.wrong(err.Error(), "models", i)
		}
		b.models = append(b.models, m)
		b.settings.Models = append(b.settings.Models, modelSettings{mf.Name, mf.URL})
		if mf.URL == "" {
			continue // it costs nothing, and a recording would not know a new version
		}
		if b.tape == nil {
			name := f.Calls
			if name == "" {
				name = filepath.Join(out, "calls.jsonl")
			}
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return err
			}
			if b.tape, err = record.Open(name, record.Options{}); err != nil {
				return err
			}
		}
		// A prompt of a new version must not get the reply to an old one.
		name := strings.Join([]string{mf.URL, generator.SelfRAGTemplate{}.Hash(), generator.DefaultChatTemplate().Hash()}, " ")
		if m.Model, err = m.Through(func(g generator.Generator) generator.Generator {
			return b.tape.Wrap(b.total.Wrap(m.meter.Wrap(g)), name)
		}); err != nil {
			return err
		}
		m.env.Generator = m.Generator
	}
	return nil
}

func (b *built) close() error {
	if b.tape == nil {
		return nil
	}
	return b.tape.Close()
}

// checkServers asks the servers whether they work, unless there are recordings to answer from.
func (b *built) checkServers(ctx context.Context) error {
	if b.tape == nil || b.tape.Len() > 0 {
		return nil
	}
	for _, m := range b.models {
		if err := generator.Check(ctx, m.Generator); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return fmt.Errorf("model %s: %w", m.Name, err)
		}
	}
	return nil
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// addSet adds the parts of a question set.
func (b *built) addSet(ctx context.Context, at int, s setFile, stderr io.Writer) error {
	f := b.file
	source := s.source()
	set, err := source.Read(ctx, true, stderr)
	if err != nil {
		return f.wrong(err.Error(), "sets", at)
	}
	if f.Limit > 0 && f.Limit < len(set.Questions) {
		set.Questions = set.Questions[:f.Limit]
	}
	text, err := json.Marshal(set.Passages)
	if err != nil {
		return err
	}
	b.settings.Passages = append(b.settings.Passages, digest(text))
	b.passages += len(set.Passages)
	for _, m := range b.models {
		corpus := pipeline.NewCorpus(m.env, set.Passages)
		for i, text := range f.Retrieval {
			p, err := connect.Retrieval(text, m.env)
			if err != nil {
				return f.wrong(err.Error(), "retrieval", i)
			}
			if len(b.settings.Retrieval) < len(f.Retrieval) {
				b.settings.Retrieval = append(b.settings.Retrieval, p.String())
			}
			index, err := corpus.Build(ctx, p)
			if err != nil {
				return f.wrong(err.Error(), "retrieval", i)
			}
			retrieval := text
			if retrieval == "" {
				retrieval = p.String()
			}
			if err := b.addSystems(ctx, s, set, source.Units(), m, index, retrieval, i == 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// addSystems adds a part for each system over a set, a model and a retriever.
func (b *built) addSystems(ctx context.Context, s setFile, set *questionset.Set, units string, m *model, index retriever.Retriever, retrieval string, first bool) error {
	f := b.file
	options := append(slices.Clone(m.Options), selfrag.WithAbstention(f.Abstain, ""))
	bench, err := system.NewBench(system.Config{
		Model: m.Generator, Options: options, Instructed: m.Family != "",
		Retriever: index, Passages: set.Passages, K: f.K, Seed: f.Seed,
	})
	if err != nil {
		return err
	}
	score := func(q dataset.Question, a *selfrag.Answer) run.Scores {
		return run.ScoreCited(q, a, set.Names(run.Cited(a)))
	}
	add := func(name string, answer system.Answerer, extra bool) {
		b.parts = append(b.parts, part{
			Part: run.Part{Name: f.partName(name, retrieval, s.Name, m.Name), Questions: set.Questions, Answer: answer, Score: score},
			set:  s.Name, system: name, model: m, extra: extra, units: units, gold: set.Gold,
		})
	}
	for i, name := range f.Systems {
		answer, err := bench.Open(ctx, name)
		if err != nil {
			return f.wrong(err.Error(), "systems", i)
		}
		add(name, answer, false)
	}
	if !first || len(f.Sweep) == 0 && !f.Sensitivity {
		return nil
	}
	engine, err := bench.Engine(selfrag.WithTrace(selfrag.TraceFull))
	if err != nil {
		return err
	}
	add(traced, func(ctx context.Context, q dataset.Question) (*selfrag.Answer, error) {
		return engine.Answer(ctx, q.Question)
	}, true)
	return nil
}

// partName names a part by what it does not have in common with all others.
func (f *file) partName(system, retrieval, set, model string) string {
	name := system
	for _, x := range []struct {
		n    int
		text string
	}{{len(f.Retrieval), retrieval}, {len(f.Sets), set}, {len(f.Models), model}} {
		if x.n > 1 {
			name += " / " + x.text
		}
	}
	return name
}
