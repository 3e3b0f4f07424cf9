package evalrun

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/questionset"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/eval/system"
	"github.com/goselfrag/goselfrag/internal/regular"
)

// file is a run file: what is asked, of whom, and within which bounds.
type file struct {
	Sets       []setFile   `yaml:"sets"`
	Models     []modelFile `yaml:"models"`
	Embeddings string      `yaml:"embeddings"`
	Adapter    string      `yaml:"adapter"`
	Retrieval  []string    `yaml:"retrieval"`
	Systems    []string    `yaml:"systems"`

	K int `yaml:"k"`
	// Abstain is the relevance below which the engine gives no answer.
	Abstain float64 `yaml:"abstain"`
	Limit   int     `yaml:"limit"`
	Metric  string  `yaml:"metric"`
	Seed    uint64  `yaml:"seed"`

	Concurrency int                  `yaml:"concurrency"`
	Traces      bool                 `yaml:"traces"`
	Calls       string               `yaml:"calls"` // the recording
	Budget      budgetFile           `yaml:"budget"`
	Sweep       map[string][]float64 `yaml:"sweep"`
	Sensitivity bool                 `yaml:"sensitivity"`

	name string
	text []byte
}

type setFile struct {
	Name      string `yaml:"name"`
	Docs      string `yaml:"docs"`
	Corpus    string `yaml:"corpus"`
	Questions string `yaml:"questions"`
	Layout    string `yaml:"layout"`
	Qrels     string `yaml:"qrels"`
}

// source is what a set is read from.
func (s setFile) source() questionset.Source {
	return questionset.Source{Docs: s.Docs, Corpus: s.Corpus, Questions: s.Questions, Layout: dataset.Layout(s.Layout), Judgments: s.Qrels}
}

type modelFile struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"`
	// Prices are for a million tokens.
	Prices struct {
		Prompt    *float64 `yaml:"prompt"`
		Generated *float64 `yaml:"generated"`
	} `yaml:"prices"`
	PerSecond float64 `yaml:"calls_per_second"`
}

type budgetFile struct {
	Calls  int           `yaml:"calls"`
	Tokens int           `yaml:"tokens"`
	Time   time.Duration `yaml:"time"`
}

// sweeps are the settings that can be swept, in the order of the page.
var sweeps = []string{"threshold", "support", "relevance", "utility", "sequence"}

// metrics are the scores by which systems can be compared.
var metrics = []string{"match", "match_cased", "exact", "f1", "gold_citation", "citation_precision", "citation_recall", "abstained_right"}

// readFile reads a run file. Names in it start from its folder.
func readFile(name string) (*file, error) {
	f, err := regular.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 1 << 20
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if len(text) > most {
		return nil, fmt.Errorf("%s is larger than 1 MiB: want a run file", name)
	}
	r := &file{name: name, text: text, K: 5, Metric: "match", Seed: 1, Concurrency: 4}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	switch err := d.Decode(r); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s is empty: want a run file", name)
	case err != nil:
		return nil, fmt.Errorf("%s: %s", name, explainYAML(err))
	}
	if d.Decode(new(yaml.Node)) != io.EOF {
		return nil, fmt.Errorf("%s holds more than one document: want one", name)
	}
	r.fill()
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

var (
	unknownKey = regexp.MustCompile(`field (\S+) not found in type \S+`)
	wrongType  = regexp.MustCompile("cannot unmarshal \\S+ (`.*?` )?into (\\S+)")
)

// explainYAML says what package yaml found wrong without the names of Go types. It keeps the
// lines.
func explainYAML(err error) string {
	list := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if several := new(yaml.TypeError); errors.As(err, &several) {
		list = several.Errors
	}
	kinds := map[string]string{"int": "a whole number", "uint64": "a whole number of at least 0", "float64": "a number", "bool": "true or false", "string": "a text", "time.Duration": "a time such as 30m"}
	for i, text := range list {
		text = unknownKey.ReplaceAllString(text, `there is no key "$1"`)
		if m := wrongType.FindStringSubmatch(text); m != nil {
			want, ok := kinds[m[2]]
			switch {
			case ok:
			case strings.HasPrefix(m[2], "[]"):
				want = "a list"
			default:
				want = "keys and values"
			}
			text = strings.Replace(text, m[0], m[1]+"does not fit: want "+want, 1)
		}
		list[i] = text
	}
	return strings.Join(list, "; ")
}

// fill puts in what is left out, and makes names start from the folder of the file.
func (f *file) fill() {
	if len(f.Models) == 0 {
		f.Models = []modelFile{{Name: "embedded"}}
	}
	if len(f.Retrieval) == 0 {
		f.Retrieval = []string{""}
	}
	if len(f.Systems) == 0 {
		f.Systems = []string{"selfrag"}
	}
	from := func(name *string) {
		if *name != "" && !filepath.IsAbs(*name) {
			*name = filepath.Join(filepath.Dir(f.name), *name)
		}
	}
	for i := range f.Sets {
		s := &f.Sets[i]
		if s.Name == "" {
			s.Name = strings.TrimSuffix(filepath.Base(s.Questions), filepath.Ext(s.Questions))
		}
		from(&s.Docs)
		from(&s.Corpus)
		from(&s.Questions)
		from(&s.Qrels)
	}
	from(&f.Adapter)
	from(&f.Calls)
}

// check returns an error that names the line of what cannot be used.
func (f *file) check() error {
	switch {
	case len(f.Sets) == 0:
		return f.wrong("want at least one set with questions, and docs or corpus", "sets")
	case f.K < 1:
		return f.wrong("want at least 1", "k")
	case !(f.Abstain >= 0 && f.Abstain <= 1):
		return f.wrong("want a relevance in [0, 1], 0 never abstains", "abstain")
	case f.Limit < 0:
		return f.wrong("want 0 or more", "limit")
	case f.Concurrency < 1 || f.Concurrency > 1024:
		return f.wrong("want 1 to 1024", "concurrency")
	case !slices.Contains(metrics, f.Metric):
		return f.wrong("want one of "+strings.Join(metrics, ", "), "metric")
	case f.Budget.Calls < 0 || f.Budget.Tokens < 0 || f.Budget.Time < 0:
		return f.wrong("no bound is below 0", "budget")
	}
	names := map[string]bool{}
	for i, s := range f.Sets {
		if err := s.source().Check(); err != nil {
			return f.wrong(strings.ReplaceAll(err.Error(), "-", ""), "sets", i)
		}
		if names[s.Name] {
			return f.wrong(fmt.Sprintf("two sets are named %q: give each a name", s.Name), "sets", i)
		}
		names[s.Name] = true
	}
	return errors.Join(f.checkModels(), f.checkSystems(), f.checkSweep())
}

func (f *file) checkModels() error {
	names := map[string]bool{}
	for i, m := range f.Models {
		switch {
		case m.Name == "":
			return f.wrong("name is missing", "models", i)
		case names[m.Name]:
			return f.wrong(fmt.Sprintf("two models are named %q", m.Name), "models", i)
		case !(m.PerSecond >= 0 && m.PerSecond < 1e9):
			return f.wrong("want a number of at least 0", "models", i, "calls_per_second")
		}
		for _, p := range []*float64{m.Prices.Prompt, m.Prices.Generated} {
			if p != nil && !(*p >= 0 && *p < 1e12) {
				return f.wrong("want prices of at least 0 for a million tokens", "models", i, "prices")
			}
		}
		names[m.Name] = true
	}
	return nil
}

func (f *file) checkSystems() error {
	for i, s := range f.Systems {
		if !slices.Contains(system.Names(), s) {
			return f.wrong(fmt.Sprintf("there is no system %q: want some of %s", s, strings.Join(system.Names(), ", ")), "systems", i)
		}
		if slices.Contains(f.Systems[:i], s) {
			return f.wrong(s+" comes twice", "systems", i)
		}
	}
	for i, r := range f.Retrieval {
		if slices.Contains(f.Retrieval[:i], r) {
			return f.wrong("this pipeline comes twice", "retrieval", i)
		}
	}
	return nil
}

func (f *file) checkSweep() error {
	for _, name := range slices.Sorted(maps.Keys(f.Sweep)) {
		values := f.Sweep[name]
		if !slices.Contains(sweeps, name) {
			return f.wrong(fmt.Sprintf("there is no %q to sweep: want some of %s", name, strings.Join(sweeps, ", ")), "sweep", name)
		}
		for _, v := range values {
			if !(v >= 0 && v <= 1000) || name == "threshold" && v > 1 {
				return f.wrong("want thresholds in [0, 1] and weights in [0, 1000]", "sweep", name)
			}
		}
		if len(values) == 0 {
			return f.wrong("the list is empty", "sweep", name)
		}
	}
	return nil
}

// wrong returns an error about the value at a path of keys and numbers.
func (f *file) wrong(reason string, path ...any) error {
	var doc yaml.Node
	line := 1
	if yaml.Unmarshal(f.text, &doc) == nil && len(doc.Content) > 0 {
		line = lineOf(doc.Content[0], path)
	}
	var text strings.Builder
	for i, p := range path {
		switch p := p.(type) {
		case string:
			if i > 0 {
				text.WriteByte('.')
			}
			text.WriteString(p)
		case int:
			fmt.Fprintf(&text, "[%d]", p)
		}
	}
	return fmt.Errorf("%s:%d: key %s: %s", f.name, line, &text, reason)
}

// lineOf is the line of the deepest part of a path that there is.
func lineOf(n *yaml.Node, path []any) int {
	if len(path) == 0 {
		return n.Line
	}
	switch p := path[0].(type) {
	case string:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == p {
				return lineOf(n.Content[i+1], path[1:])
			}
		}
	case int:
		if n.Kind == yaml.SequenceNode && p < len(n.Content) {
			return lineOf(n.Content[p], path[1:])
		}
	}
	return n.Line
}

// prices returns those of a model.
func (m modelFile) prices() run.Prices { return run.Prices(m.Prices) }
