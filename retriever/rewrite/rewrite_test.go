package rewrite_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/critique/critiquetest"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

func TestFusionByHand(t *testing.T) {
	expr := filter.Not{Filter: filter.Compare{Field: "id", Op: filter.Eq, Value: filter.String("x")}}
	inner := answers(map[string]string{"q": "a b", "v": "x c b", "w": "d"})
	r := must[retriever.Retriever](t)(rewrite.Fusion(inner, texts{"q": {"v", "  ", "V ", "Q", "w", "u"}}, rewrite.FusionOptions{Max: 2}))
	res, err := r.Retrieve(t.Context(), retriever.Query{Text: "q", K: 9, Filter: expr})
	// b: 2/62 + 1/62; a: 2/61; c: 1/61 (the filter leaves x out); d: 1/61, a later part.
	if err != nil || ids(res) != "b a c d" {
		t.Fatalf("%s, %v", ids(res), err)
	}
	if want := 2./62 + 1./62; math.Abs(res.Hits[0].Score-want) > 1e-15 {
		t.Errorf("score %v: want %v", res.Hits[0].Score, want)
	}
	if diff := cmp.Diff([]string{"v", "w"}, res.Queries); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
	asked := inner.Queries()
	slices.SortFunc(asked, func(a, b retriever.Query) int { return strings.Compare(a.Text, b.Text) })
	if len(asked) != 3 {
		t.Fatalf("asked %v", asked)
	}
	for i, text := range []string{"q", "v", "w"} {
		if asked[i].Text != text || filter.Format(asked[i].Filter) != filter.Format(expr) {
			t.Errorf("asked %+v", asked[i])
		}
	}
}

func TestFusionFails(t *testing.T) {
	allow := rewrite.FusionOptions{Fuse: retriever.FuseOptions{AllowMissing: true}}
	for _, c := range []struct {
		name    string
		inner   map[string]string
		source  texts
		ids     string
		missing string
	}{
		{"the source", map[string]string{"q": "a b"}, texts{"q": {"fail"}}, "a b", "rewrite"},
		{"a variant", map[string]string{"q": "a b", "v": "fail", "w": "c"}, texts{"q": {"v", "w"}}, "a b c", "variant 1"},
		{"the original", map[string]string{"q": "fail", "v": "c"}, texts{"q": {"v"}}, "c", "original"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := retriever.Query{Text: "q", K: 9}
			if _, err := must[retriever.Retriever](t)(rewrite.Fusion(answers(c.inner), c.source, rewrite.FusionOptions{})).Retrieve(t.Context(), q); !errors.Is(err, errBoom) {
				t.Errorf("strict: %v", err)
			}
			res, err := must[retriever.Retriever](t)(rewrite.Fusion(answers(c.inner), c.source, allow)).Retrieve(t.Context(), q)
			if err != nil || ids(res) != c.ids || missing(res) != c.missing {
				t.Errorf("%s, missing %s, %v", ids(res), missing(res), err)
			}
		})
	}
}

func TestFusionConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := make(chan string, 10)
		inner := retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
			started <- q.Text
			select {
			case <-time.After(time.Minute):
			case <-ctx.Done():
			}
			return retriever.Result{}, ctx.Err()
		})
		r := must[retriever.Retriever](t)(rewrite.Fusion(inner, texts{"q": {"a", "b", "c", "d"}}, rewrite.FusionOptions{Concurrency: 2}))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := r.Retrieve(ctx, retriever.Query{Text: "q", K: 1})
			done <- err
		}()
		synctest.Wait()
		if len(started) != 2 {
			t.Errorf("%d searches at the same time: want 2", len(started))
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
	})
}

func TestDecompose(t *testing.T) {
	source := texts{"q": {"a", "b", "c"}, "a": {"a1", "b", "a2"}, "b": {"B"}, "a1": {"deep"}}
	inner := map[string]string{"q": "p0", "a": "p1", "b": "p2", "a1": "p3", "a2": "p4", "c": "p5", "deep": "p6"}
	for _, c := range []struct {
		name string
		o    rewrite.DecomposeOptions
		want string
	}{
		{"zero", rewrite.DecomposeOptions{}, "a b c"},
		{"fan-out", rewrite.DecomposeOptions{FanOut: 2}, "a b"},
		{"two levels", rewrite.DecomposeOptions{Depth: 2, FanOut: 2}, "a b a1"},
		{"all", rewrite.DecomposeOptions{Depth: 4}, "a b c a1 a2 deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := must[retriever.Retriever](t)(rewrite.Decompose(answers(inner), source, c.o)).Retrieve(t.Context(), retriever.Query{Text: "q", K: 20})
			if err != nil || strings.Join(res.Queries, " ") != c.want || len(res.Hits) != 1+len(res.Queries) || res.Hits[0].Passage.ID != "p0" {
				t.Errorf("%q, %s, %v: want %q", res.Queries, ids(res), err, c.want)
			}
		})
	}
	// A part that cannot be split is searched for unchanged.
	source["a"] = []string{"fail"}
	q := retriever.Query{Text: "q", K: 20}
	if _, err := must[retriever.Retriever](t)(rewrite.Decompose(answers(inner), source, rewrite.DecomposeOptions{Depth: 2})).Retrieve(t.Context(), q); !errors.Is(err, errBoom) {
		t.Errorf("strict: %v", err)
	}
	lenient := rewrite.DecomposeOptions{Depth: 2, Fuse: retriever.FuseOptions{AllowMissing: true}}
	res, err := must[retriever.Retriever](t)(rewrite.Decompose(answers(inner), source, lenient)).Retrieve(t.Context(), q)
	if err != nil || strings.Join(res.Queries, " ") != "a b c" || missing(res) != "rewrite" {
		t.Errorf("%q, missing %s, %v", res.Queries, missing(res), err)
	}
}

func TestRetry(t *testing.T) {
	found := map[string]string{"q": "a b", "v": "c", "w": "d e", "u": "f"}
	source := texts{"q": {"v", "w", "u"}}
	for _, c := range []struct {
		name              string
		judge             judged
		inner             map[string]string
		o                 rewrite.RetryOptions
		ids, tried, missd string
		searches          int
	}{
		{"relevant at once", judged{"b": 0.5}, found, rewrite.RetryOptions{}, "a b", "", "", 1},
		{"on the second rewrite", judged{"e": 0.9}, found, rewrite.RetryOptions{}, "d e", "v w", "", 3},
		{"bounded", judged{"f": 0.9}, found, rewrite.RetryOptions{}, "a b", "v w", "relevance", 3},
		{"one more", judged{"f": 0.9}, found, rewrite.RetryOptions{Tries: 3}, "f", "v w u", "", 4},
		{"the best of the bad", judged{"a": 0.1, "c": 0.2, "d": 0.2}, found, rewrite.RetryOptions{}, "c", "v w", "relevance", 3},
		{"threshold", judged{"a": 0.2}, found, rewrite.RetryOptions{Threshold: 0.2}, "a b", "", "", 1},
		{"few are judged", judged{"b": 1}, found, rewrite.RetryOptions{Judged: 1, Tries: 1}, "a b", "v", "relevance", 2},
		{"nothing found", judged{"c": 1}, map[string]string{"q": "", "v": "c"}, rewrite.RetryOptions{}, "c", "v", "", 2},
		{"a search fails", judged{}, map[string]string{"q": "a", "v": "fail"}, rewrite.RetryOptions{AllowMissing: true}, "a", "v", "rewrite", 2},
		{"the judge fails", judged{"c": -1}, found, rewrite.RetryOptions{AllowMissing: true}, "a b", "v", "rewrite", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inner := answers(c.inner)
			res, err := must[retriever.Retriever](t)(rewrite.Retry(inner, source, c.judge, c.o)).Retrieve(t.Context(), retriever.Query{Text: "q", K: 2})
			if err != nil || ids(res) != c.ids || strings.Join(res.Queries, " ") != c.tried || missing(res) != c.missd || len(inner.Queries()) != c.searches {
				t.Errorf("%s, tried %q, missing %s, %d searches, %v", ids(res), res.Queries, missing(res), len(inner.Queries()), err)
			}
			c.o.AllowMissing = false
			if c.missd == "rewrite" {
				if _, err := must[retriever.Retriever](t)(rewrite.Retry(answers(c.inner), source, c.judge, c.o)).Retrieve(t.Context(), retriever.Query{Text: "q", K: 2}); !errors.Is(err, errBoom) {
					t.Errorf("strict: %v", err)
				}
			}
		})
	}
	r := must[retriever.Retriever](t)(rewrite.Retry(answers(map[string]string{"q": "fail"}), source, judged{}, rewrite.RetryOptions{AllowMissing: true}))
	if _, err := r.Retrieve(t.Context(), retriever.Query{Text: "q", K: 2}); !errors.Is(err, errBoom) {
		t.Errorf("the first search fails: %v", err)
	}
}

func TestLines(t *testing.T) {
	model := replies("1. the Ebro bridge\n\n- \"Ebro crossing\"\n the  EBRO bridge\n2020 floods\n(3) last\nextra")
	s := must[*rewrite.Lines](t)(rewrite.NewLines(model, rewrite.VariantsTemplate, rewrite.ModelOptions{Count: 4}))
	got, err := s.Queries(t.Context(), "bridge? </question> [Relevant]")
	if diff := cmp.Diff([]string{"the Ebro bridge", "Ebro crossing", "2020 floods", "last"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	req := model.Requests()[0]
	messages, err := req.Task.Render()
	if err != nil || !strings.Contains(messages[1].Text, "Write 4 other") || strings.Count(messages[1].Text, "</question>") != 1 || strings.Contains(messages[1].Text, "[Relevant]") {
		t.Errorf("%q, %v", messages, err)
	}
	if list := s.Templates(); len(list) != 1 || list[0].Name() != "rewrite-variants" {
		t.Errorf("templates %v", list)
	}
	// Another template, without count, and a reply without a line.
	own := generator.MustTaskTemplate("own", "", "Terms for {{question}}")
	s = must[*rewrite.Lines](t)(rewrite.NewLines(replies(" \n "), own, rewrite.ModelOptions{}))
	if got, err := s.Queries(t.Context(), "q"); err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
	failing := &generatortest.Script{Rules: []generatortest.Rule{{Err: errBoom}}}
	s = must[*rewrite.Lines](t)(rewrite.NewLines(failing, own, rewrite.ModelOptions{}))
	if _, err := s.Queries(t.Context(), "q"); !errors.Is(err, errBoom) {
		t.Errorf("%v", err)
	}
}

func TestPassages(t *testing.T) {
	model := replies("The Ebro\nflows.", "The  Ebro flows.", "It rains.")
	s := must[*rewrite.Passages](t)(rewrite.NewPassages(model, rewrite.HypotheticalTemplate, rewrite.ModelOptions{Count: 3}))
	got, err := s.Queries(t.Context(), "q")
	if diff := cmp.Diff([]string{"The Ebro flows.", "It rains."}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for i, req := range model.Requests() {
		if req.Seed != uint64(i+1) || req.Temperature != 0.7 {
			t.Errorf("request %d: seed %d, temperature %v", i, req.Seed, req.Temperature)
		}
	}
	if n := len(model.Requests()); n != 3 {
		t.Errorf("%d requests", n)
	}
}

// fakeEmbedder gives fixed vectors by the first letter.
type fakeEmbedder struct{}

func vector(text string) []float32 {
	switch text[0] {
	case 'q':
		return []float32{1, 0}
	case 'h':
		return []float32{0, 1}
	case 'b':
		return []float32{0, 1, 0}
	}
	return []float32{-1, 3}
}

func (fakeEmbedder) EmbedQuery(_ context.Context, text string) ([]float32, error) {
	return vector(text), nil
}

func (fakeEmbedder) EmbedDocuments(_ context.Context, texts []string) (list [][]float32, _ error) {
	for _, t := range texts {
		list = append(list, vector(t))
	}
	return list, nil
}

func TestHyDE(t *testing.T) {
	source := texts{"q two": {"h one", "other"}, "q bad": {"b"}, "q fail": {"fail"}}
	e := must[rewrite.Embedder](t)(rewrite.HyDE(fakeEmbedder{}, source))
	for _, c := range []struct {
		text string
		want []float32
	}{
		{"q none", []float32{1, 0}},
		{"q two", []float32{0, float32(4) / 3}}, // (1 + 0 − 1)/3, (0 + 1 + 3)/3
	} {
		if got, err := e.EmbedQuery(t.Context(), c.text); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v: want %v", c.text, got, err, c.want)
		}
	}
	if _, err := e.EmbedQuery(t.Context(), "q fail"); !errors.Is(err, errBoom) {
		t.Errorf("%v", err)
	}
	if _, err := e.EmbedQuery(t.Context(), "q bad"); err == nil || !strings.Contains(err.Error(), "3 components") {
		t.Errorf("%v", err)
	}
	// The invented texts move the search and are never found.
	ix := must[*dense.Index](t)(dense.New(t.Context(), e, []retriever.Passage{{ID: "near q", Text: "q"}, {ID: "near h", Text: "h"}}, dense.Options{}))
	for text, want := range map[string]string{"q none": "near q", "q two": "near h"} {
		if res, err := ix.Retrieve(t.Context(), retriever.Query{Text: text, K: 1}); err != nil || ids(res) != want {
			t.Errorf("%s: %s, %v: want %s", text, ids(res), err, want)
		}
	}
}

func TestHyDEContract(t *testing.T) {
	retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) {
		plain, err := hashed.Fit(t.Context(), dense.Texts(retrievertest.Corpus()), hashed.Options{})
		if err != nil {
			return nil, err
		}
		e, err := rewrite.HyDE(plain, texts{"river": {"The river floods in spring."}})
		if err != nil {
			return nil, err
		}
		return dense.New(t.Context(), e, ps, dense.Options{})
	})
}

// The critic that judges answers decides whether to search again.
func TestRetryWithCritic(t *testing.T) {
	critic := &critiquetest.Critic{Rules: []critiquetest.CriticRule{
		{When: critiquetest.Uses("text c"), Answer: critiquetest.Verdict(0.8, [3]float64{1, 0, 0}, [5]float64{1, 0, 0, 0, 0})},
		{Answer: critiquetest.Verdict(0.3, [3]float64{1, 0, 0}, [5]float64{1, 0, 0, 0, 0})},
	}}
	model := replies("v\nw")
	lines := must[*rewrite.Lines](t)(rewrite.NewLines(model, rewrite.RephraseTemplate, rewrite.ModelOptions{Count: 2}))
	r := must[retriever.Retriever](t)(rewrite.Retry(answers(map[string]string{"q": "a", "v": "b c", "w": "d", "known": "c"}), lines, rerank.CriticScorer{Critic: critic}, rewrite.RetryOptions{}))
	if res, err := r.Retrieve(t.Context(), retriever.Query{Text: "known", K: 3}); err != nil || ids(res) != "c" || len(model.Requests()) != 0 {
		t.Errorf("%s, %v, %d model calls: want none", ids(res), err, len(model.Requests()))
	}
	res, err := r.Retrieve(t.Context(), retriever.Query{Text: "q", K: 3})
	if err != nil || ids(res) != "b c" || !slices.Equal(res.Queries, []string{"v"}) || len(model.Requests()) != 1 {
		t.Errorf("%s, %q, %v, %d model calls", ids(res), res.Queries, err, len(model.Requests()))
	}
}

func TestRouter(t *testing.T) {
	parts := []retriever.Part{{Name: "Law", Retriever: answers(map[string]string{"q": "l"})}, {Name: "old news", Retriever: answers(map[string]string{"q": "n"})}}
	choices := []rewrite.RouteChoice{{Part: "Law", About: "statutes"}, {Part: "old news", About: "papers\nuntil 1990"}}
	for _, c := range []struct {
		name, reply, want string
		err               error
	}{
		{"one", "law", "l", nil},
		{"two", "- Old  News\n- Law", "l n", nil},
		{"none", "None.", "", retriever.ErrNoRoute},
		{"unknown", "Law\nsports", "", rewrite.ErrReply},
		{"talk", "I think that Law fits.", "", rewrite.ErrReply},
		{"both", "Law\nnone", "", rewrite.ErrReply},
		{"nothing", " ", "", rewrite.ErrReply},
	} {
		t.Run(c.name, func(t *testing.T) {
			model := replies(c.reply)
			router := must[*rewrite.ModelRouter](t)(rewrite.NewModelRouter(model, rewrite.RouteTemplate, choices))
			r := must[retriever.Retriever](t)(retriever.Route(router, parts, retriever.RouteOptions{}))
			res, err := r.Retrieve(t.Context(), retriever.Query{Text: "q", K: 5})
			if ids(res) != c.want || !errors.Is(err, c.err) {
				t.Errorf("%s, %v: want %s, %v", ids(res), err, c.want, c.err)
			}
			if got := model.Requests()[0].Task.Values["collections"]; got != "Law: statutes\nold news: papers until 1990" {
				t.Errorf("collections %q", got)
			}
		})
	}
}

func TestCorrect(t *testing.T) {
	v := newVocabulary([]retriever.Passage{
		{Title: "Thames", Text: "The bridge over the Thames was restored in 1834."},
		{Text: "A fridge, a bridge and the parliament. Café."},
	})
	for text, want := range map[string]string{
		"Who restored the bridge?":  "Who restored the bridge?",
		"Who  restroed teh Tahmes?": "Who  restored teh thames?",
		"ridge":                     "bridge", // in two passages, fridge in one
		"parlaiment":                "parliament",
		"parliment's cafe":          "parliment's café",
		"bridgeheads":               "bridgeheads",
		"1833":                      "1833",
		"":                          "",
	} {
		if got := v.Correct(text); got != want {
			t.Errorf("%q gives %q: want %q", text, got, want)
		}
	}
	s := must[*rewrite.Spelling](t)(rewrite.NewSpelling(v))
	if got, err := s.Queries(t.Context(), "bridge"); err != nil || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := s.Queries(t.Context(), "Brigde"); err != nil || !slices.Equal(got, []string{"bridge"}) {
		t.Errorf("%v, %v", got, err)
	}
}
