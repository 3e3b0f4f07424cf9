package rewrite_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// texts is a source with fixed texts for some questions.
type texts map[string][]string

func (s texts) Queries(ctx context.Context, question string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if list, ok := s[question]; ok && len(list) == 1 && list[0] == "fail" {
		return nil, errBoom
	}
	return s[question], nil
}

// newVocabulary returns the vocabulary of passages, and panics on an error.
func newVocabulary(passages []retriever.Passage) *rewrite.Vocabulary {
	v, err := rewrite.NewVocabulary(context.Background(), passages)
	if err != nil {
		panic(err)
	}
	return v
}

// must fails the test if a value cannot be made.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// answers is a retriever that finds, for each text, passages with these ids; "fail"
// fails.
func answers(byText map[string]string) *retrievertest.Script {
	s := &retrievertest.Script{}
	for text, ids := range byText {
		rule := retrievertest.Rule{When: func(q retriever.Query) bool { return q.Text == text }}
		if ids == "fail" {
			rule.Err = errBoom
		} else {
			var list []retriever.Passage
			for id := range strings.FieldsSeq(ids) {
				list = append(list, retriever.Passage{ID: id, Text: "text " + id, Metadata: filter.Metadata{"id": filter.String(id)}})
			}
			rule.Hits = retrievertest.Hits(list...)
		}
		s.Rules = append(s.Rules, rule)
	}
	return s
}

func ids(res retriever.Result) string {
	var list []string
	for _, h := range res.Hits {
		list = append(list, h.Passage.ID)
	}
	return strings.Join(list, " ")
}

func missing(res retriever.Result) string {
	var list []string
	for _, m := range res.Missing {
		list = append(list, m.Part)
	}
	return strings.Join(list, " ")
}

func replies(texts ...string) *generatortest.Script {
	s := &generatortest.Script{}
	for _, t := range texts {
		s.Rules = append(s.Rules, generatortest.Rule{Times: 1, Steps: generatortest.Words(0.5, t)})
	}
	return s
}

// judged scores passages by their id; all others have 0.
type judged map[string]float64

func (j judged) Score(ctx context.Context, question string, passages []retriever.Passage) ([]float64, error) {
	list := make([]float64, len(passages))
	for i, p := range passages {
		list[i] = j[p.ID]
		if list[i] < 0 {
			return nil, errBoom
		}
	}
	return list, ctx.Err()
}

func TestRefuses(t *testing.T) {
	var script *retrievertest.Script
	inner, source, judge := retriever.List(), texts{}, judged{}
	model := replies()
	other := generator.MustTaskTemplate("other", "", "{{question}} {{answer}}")
	none := generator.MustTaskTemplate("none", "", "no placeholder")
	vocabulary := newVocabulary(nil)
	embed := fakeEmbedder{}
	err := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"fusion nil":              err(rewrite.Fusion(nil, source, rewrite.FusionOptions{})),
		"fusion nil typed":        err(rewrite.Fusion(script, source, rewrite.FusionOptions{})),
		"fusion no source":        err(rewrite.Fusion(inner, nil, rewrite.FusionOptions{})),
		"fusion max":              err(rewrite.Fusion(inner, source, rewrite.FusionOptions{Max: -1})),
		"fusion concurrency":      err(rewrite.Fusion(inner, source, rewrite.FusionOptions{Concurrency: -1})),
		"decompose nil":           err(rewrite.Decompose(nil, source, rewrite.DecomposeOptions{})),
		"decompose no source":     err(rewrite.Decompose(inner, nil, rewrite.DecomposeOptions{})),
		"decompose depth":         err(rewrite.Decompose(inner, source, rewrite.DecomposeOptions{Depth: 5})),
		"decompose fan-out":       err(rewrite.Decompose(inner, source, rewrite.DecomposeOptions{FanOut: 17})),
		"retry nil":               err(rewrite.Retry(nil, source, judge, rewrite.RetryOptions{})),
		"retry no source":         err(rewrite.Retry(inner, nil, judge, rewrite.RetryOptions{})),
		"retry no judge":          err(rewrite.Retry(inner, source, nil, rewrite.RetryOptions{})),
		"retry tries":             err(rewrite.Retry(inner, source, judge, rewrite.RetryOptions{Tries: -1})),
		"hyde nil":                err(rewrite.HyDE(nil, source)),
		"hyde no source":          err(rewrite.HyDE(embed, nil)),
		"spelling without words":  err(rewrite.NewSpelling(vocabulary)),
		"spelling nil":            err(rewrite.NewSpelling(nil)),
		"lines nil":               err(rewrite.NewLines(nil, rewrite.VariantsTemplate, rewrite.ModelOptions{})),
		"lines zero template":     err(rewrite.NewLines(model, generator.TaskTemplate{}, rewrite.ModelOptions{})),
		"lines other placeholder": err(rewrite.NewLines(model, other, rewrite.ModelOptions{})),
		"lines no placeholder":    err(rewrite.NewLines(model, none, rewrite.ModelOptions{})),
		"lines count":             err(rewrite.NewLines(model, rewrite.VariantsTemplate, rewrite.ModelOptions{Count: 101})),
		"lines temperature":       err(rewrite.NewLines(model, rewrite.VariantsTemplate, rewrite.ModelOptions{Temperature: -1})),
		"passages tokens":         err(rewrite.NewPassages(model, rewrite.HypotheticalTemplate, rewrite.ModelOptions{MaxTokens: -1})),
		"router nil":              err(rewrite.NewModelRouter(nil, rewrite.RouteTemplate, []rewrite.RouteChoice{{Part: "a"}})),
		"router template":         err(rewrite.NewModelRouter(model, rewrite.VariantsTemplate, []rewrite.RouteChoice{{Part: "a"}})),
		"router no choice":        err(rewrite.NewModelRouter(model, rewrite.RouteTemplate, nil)),
		"router no name":          err(rewrite.NewModelRouter(model, rewrite.RouteTemplate, []rewrite.RouteChoice{{}})),
		"router twice":            err(rewrite.NewModelRouter(model, rewrite.RouteTemplate, []rewrite.RouteChoice{{Part: "a"}, {Part: "A"}})),
		"router none":             err(rewrite.NewModelRouter(model, rewrite.RouteTemplate, []rewrite.RouteChoice{{Part: "None"}})),
	} {
		if !errors.Is(err, rewrite.ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := rewrite.Fusion(inner, source, rewrite.FusionOptions{OriginalWeight: -1}); !errors.Is(err, retriever.ErrOption) {
		t.Errorf("fusion weight: %v", err)
	}
}

// pipelines makes each technique over a plain retriever, without a model.
func pipelines(t testing.TB, ps []retriever.Passage) map[string]func(retriever.Retriever) (retriever.Retriever, error) {
	vocabulary := newVocabulary(append(ps, retriever.Passage{ID: "x", Text: "bridge"}))
	spelling := must[*rewrite.Spelling](t)(rewrite.NewSpelling(vocabulary))
	source := texts{"river": {"river water", "RIVER", " ", "river bank"}, "river water": {"river ship"}}
	everything := judgeAll{}
	return map[string]func(retriever.Retriever) (retriever.Retriever, error){
		"fusion": func(r retriever.Retriever) (retriever.Retriever, error) {
			return rewrite.Fusion(r, source, rewrite.FusionOptions{Concurrency: 2})
		},
		"spelling": func(r retriever.Retriever) (retriever.Retriever, error) {
			return rewrite.Fusion(r, spelling, rewrite.FusionOptions{})
		},
		"decompose": func(r retriever.Retriever) (retriever.Retriever, error) {
			return rewrite.Decompose(r, source, rewrite.DecomposeOptions{Depth: 2})
		},
		"retry": func(r retriever.Retriever) (retriever.Retriever, error) {
			return rewrite.Retry(r, source, everything, rewrite.RetryOptions{})
		},
	}
}

// judgeAll finds every passage relevant.
type judgeAll struct{}

func (judgeAll) Score(_ context.Context, _ string, passages []retriever.Passage) ([]float64, error) {
	list := make([]float64, len(passages))
	for i := range list {
		list[i] = 1
	}
	return list, nil
}

func TestContract(t *testing.T) {
	for name := range pipelines(t, retrievertest.Corpus()) {
		bare := func(ps []retriever.Passage) (retriever.Retriever, error) {
			r := retrievertest.Overlap(ps...)
			if name == "retry" && len(ps) == 0 { // a search without hits is named missing
				return nil, errors.ErrUnsupported
			}
			return pipelines(t, ps)[name](r)
		}
		t.Run(name, func(t *testing.T) { retrievertest.TestRetriever(t, bare) })
		t.Run(name+" wrapped", func(t *testing.T) {
			retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) {
				r, err := bare(ps)
				if err != nil {
					return nil, err
				}
				if r, err = retriever.NewCache(r, retriever.CacheOptions{}); err != nil {
					return nil, err
				}
				return rewrite.Fusion(r, texts{"river": {"river mouth"}}, rewrite.FusionOptions{})
			})
		})
	}
}

func TestRepeatable(t *testing.T) {
	for name, compose := range pipelines(t, retrievertest.Corpus()) {
		r := must[retriever.Retriever](t)(compose(retrievertest.Overlap(retrievertest.Corpus()...)))
		q := retriever.Query{Text: "river", K: 7, Filter: filter.Exists{Field: "year"}}
		first, err := r.Retrieve(t.Context(), q)
		if err != nil || len(first.Hits) != 7 {
			t.Fatalf("%s: %d hits, %v", name, len(first.Hits), err)
		}
		for range 1000 {
			if again, err := r.Retrieve(t.Context(), q); err != nil || !reflect.DeepEqual(first, again) {
				t.Fatalf("%s: %s, then %s, %v", name, ids(first), ids(again), err)
			}
		}
	}
}

func TestFiltersReachEverySearch(t *testing.T) {
	expr := filter.Not{Filter: filter.Exists{Field: "secret"}}
	for name, compose := range pipelines(t, retrievertest.Corpus()) {
		s := &retrievertest.Script{Rules: []retrievertest.Rule{{Hits: retrievertest.Hits(retrievertest.Passages("ebro bridge", "tagus ship")...)}}}
		if _, err := must[retriever.Retriever](t)(compose(s)).Retrieve(t.Context(), retriever.Query{Text: "river", K: 2, Filter: expr}); err != nil {
			t.Fatal(name, err)
		}
		for _, q := range s.Queries() {
			if filter.Format(q.Filter) != filter.Format(expr) {
				t.Errorf("%s asked %+v", name, q)
			}
		}
		if n := len(s.Queries()); n == 0 || n == 1 && (name == "fusion" || name == "decompose") {
			t.Errorf("%s made %d searches", name, n)
		}
	}
}
