package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/selfrag"
)

// secret is in every part of the passages of the other tenant. The question holds a
// word that is close to one of theirs, and close to one of ours.
const (
	secret   = "sesame"
	question = "opensezame markat"
)

func tenant(name string) filter.Expr {
	return filter.Compare{Field: "tenant", Op: filter.Eq, Value: filter.String(name)}
}

// shared returns the passages of two tenants, those of the other one first.
func shared() []retriever.Passage {
	var list []retriever.Passage
	for i := range 6 {
		list = append(list, retriever.Passage{
			ID: fmt.Sprint(secret, i), Title: "The " + secret, Text: fmt.Sprintf("The market of opensesame %d.", i),
			Metadata: filter.Metadata{"tenant": filter.String(secret), secret: filter.Int(1)}, Source: retriever.Source{URI: secret + ".txt"},
		})
	}
	for i := range 6 {
		list = append(list, retriever.Passage{
			ID: fmt.Sprint("mine", i), Title: "Ours", Text: fmt.Sprintf("Fish on our market %d.", i),
			Metadata: filter.Metadata{"tenant": filter.String("me")},
		})
	}
	return list
}

// careless finds all passages in their order, whatever the filter. The first hit of
// a broken one has no score.
type careless struct{ broken bool }

func (c careless) MostCost(int) (budget.Cost, bool) { return budget.Cost{}, true }

func (c careless) Retrieve(_ context.Context, q retriever.Query) (retriever.Result, error) {
	res := retriever.Result{Scores: retriever.BM25}
	for i, p := range shared() {
		res.Hits = append(res.Hits, retriever.Hit{Passage: p, Score: float64(100 - i)})
	}
	if c.broken {
		res.Hits[0].Score = math.NaN()
	}
	res.Hits = res.Hits[:min(q.K, len(res.Hits))]
	return res, nil
}

// seen records what models were shown.
type seen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *seen) add(v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.text, "%+v\n", v)
}

// take returns the record, and clears it.
func (s *seen) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.text.Reset()
	return s.text.String()
}

// EmbedDocuments and EmbedQuery make it an embedder.
func (s *seen) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	s.add(texts)
	return flat{new(int)}.EmbedDocuments(ctx, texts)
}

func (s *seen) EmbedQuery(_ context.Context, text string) ([]float32, error) {
	s.add(text)
	return []float32{1, float32(len(text))}, nil
}

// ServeHTTP makes it a reranker.
func (s *seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	s.add(string(data))
	var body struct{ Documents []string }
	_ = json.Unmarshal(data, &body)
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "[%s]", strings.TrimSuffix(strings.Repeat("0.5,", len(body.Documents)), ","))
}

// tenants is a corpus whose indexes are all a careless store.
type tenants struct {
	*Corpus
	seen   *seen
	script model
}

func newTenants(t *testing.T, broken bool) *tenants {
	c := &tenants{seen: new(seen), script: scripted()}
	c.script.relevant = func(e generator.Evidence) float64 { c.seen.add(e); return 0.1 }
	c.Corpus = NewCorpus(Env{Generator: c.script, Instructed: true, Endpoint: reranker, Embedder: c.seen}, shared())
	p, err := Parse("fuse(lexical, dense)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Build(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for key := range c.bases {
		c.bases[key] = careless{broken}
	}
	return c
}

// clean fails the test if something holds the secret.
func clean(t *testing.T, where string, v any) {
	t.Helper()
	text, isText := v.(string)
	if !isText {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(where, err)
		}
		text = string(data) + fmt.Sprintf("%+v", v)
	}
	if i := strings.Index(text, secret); i >= 0 {
		t.Errorf("%s holds another tenant's data: …%s…", where, text[max(i-200, 0):min(i+100, len(text))])
	}
}

// search searches within a scope and checks everything visible.
func (c *tenants) search(t *testing.T, r retriever.Retriever) retriever.Result {
	t.Helper()
	mine, err := retriever.Scope(r, tenant("me"))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := retriever.Scope(r, tenant(secret))
	if err != nil {
		t.Fatal(err)
	}
	q := retriever.Query{Text: question, K: 4}
	_, _ = theirs.Retrieve(t.Context(), q) // what a cache may keep
	_, _ = r.Retrieve(t.Context(), q)
	before := len(c.script.Requests())
	c.seen.take()
	var steps observe.Recorder
	var res retriever.Result
	for _, ask := range []struct {
		of     retriever.Retriever
		filter filter.Expr
	}{{r, tenant("me")}, {mine, nil}, {mine, filter.Or{tenant(secret), filter.And{}}}} { // which can only narrow
		if _, bare := ask.of.(careless); bare {
			continue
		}
		q.Filter = ask.filter
		res, err = ask.of.Retrieve(observe.With(t.Context(), &steps), q)
		clean(t, "the result", res)
		clean(t, "the error", fmt.Sprint(err))
	}
	clean(t, "a step", steps.Steps())
	clean(t, "a prompt", c.script.Requests()[before:])
	clean(t, "a passage that a model was shown", c.seen.take())

	model := &generatortest.Random{Seed: 7, MaxSegments: 2}
	for where, e := range map[string]func() (*selfrag.Engine, error){
		"within a scope": func() (*selfrag.Engine, error) { return selfrag.New(model, mine, selfrag.WithTrace(selfrag.TraceFull)) },
		"with a filter": func() (*selfrag.Engine, error) {
			return selfrag.New(model, r, selfrag.WithTrace(selfrag.TraceFull), selfrag.WithFilter(filter.Not{Filter: filter.Compare{Field: "tenant", Op: filter.Ne, Value: filter.String("me")}}))
		},
	} {
		engine, err := e()
		if err != nil {
			t.Fatal(err)
		}
		answer, err := engine.Answer(t.Context(), question)
		clean(t, "the error of an answer "+where, fmt.Sprint(err))
		if answer != nil {
			clean(t, "an answer "+where, answer)
		}
	}
	return res
}

// stages returns all techniques that can follow another one, most in several forms.
func stages(endpoint string) []string {
	return []string{
		"spelling missing=yes", "spelling", "variants missing=yes", "decompose missing=yes", "retry missing=yes", "retry by=spelling judge=critic",
		"rerank missing=yes", "rerank judge=model", "rerank judge=critic", "rerank judge=list", "rerank endpoint=" + endpoint,
		"mmr", "cache", "limit calls=200 missing=yes", "postfilter", "reorder",
	}
}

// Nothing of another tenant is visible to a model, in a result, an answer, an error
// or a step, over a store that ignores filters, whatever is between it and the
// scope.
func TestScopeHidesOtherTenants(t *testing.T) {
	corpora := []*tenants{newTenants(t, false), newTenants(t, true)}
	endpoint := httptest.NewServer(corpora[0].seen)
	defer endpoint.Close()
	list := stages(endpoint.URL + "/m")
	texts := []string{"lexical", "hybrid missing=yes", "hybrid", "fuse(lexical, a: lexical | rerank judge=critic, b: dense | spelling) missing=yes", "route(lexical, dense) missing=yes"}
	for _, base := range texts[:] {
		for _, s := range list {
			texts = append(texts, base+" | "+s)
		}
	}
	for _, s := range list[:len(list)-1] {
		for _, s2 := range list {
			texts = append(texts, "lexical | "+s+" | "+s2)
		}
	}
	for _, text := range texts {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range corpora {
			if i > 0 && strings.Count(text, "|") > 1 && !testsize.Full() {
				continue
			}
			t.Run(fmt.Sprint(text, i), func(t *testing.T) {
				r, err := c.Build(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				res := c.search(t, r)
				if i == 0 && strings.HasPrefix(text, "lexical | postfilter") && len(res.Hits) != 4 {
					t.Errorf("%d hits: want 4 of the tenant's own", len(res.Hits))
				}
			})
		}
	}
	tried := strings.Join(texts, "\n")
	leaves := []string{"hyde", "summary", "children"} // see TestScopeHidesWordsOfOtherTenants
	for _, q := range techniques {
		if !slices.Contains(leaves, q.name) && !regexp.MustCompile(`\b`+q.name+`\b`).MatchString(tried) {
			t.Errorf("%s is not tried", q.name)
		}
	}
}

// Over indexes that filter, the tenant's own passages are found by words of their
// own.
func TestScopeHidesWordsOfOtherTenants(t *testing.T) {
	c := &tenants{seen: new(seen), script: scripted()}
	c.script.relevant = func(e generator.Evidence) float64 { c.seen.add(e); return 0.9 }
	c.Corpus = NewCorpus(Env{Generator: c.script, Instructed: true}, shared())
	for _, q := range techniques {
		if q.name == "limit" || q.name == "reorder" || q.name == "cache" {
			continue
		}
		text := sample(q)
		p, err := Parse(text + " | spelling")
		if err != nil {
			t.Fatal(err)
		}
		t.Run(text, func(t *testing.T) {
			r, err := c.Build(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if res := c.search(t, r); len(res.Hits) != 4 || !slices.Contains(res.Queries, "opensezame market") {
				t.Errorf("%d hits, queries %q: want 4 hits for the question as the tenant's passages spell it", len(res.Hits), res.Queries)
			}
		})
	}
}
