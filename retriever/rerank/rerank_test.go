package rerank_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/critique/critiquetest"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scorer makes a Scorer from a function of the id.
type scorer struct {
	score func(id string) float64
	sizes *[]int // of the batches
}

func (s scorer) Kind() retriever.ScoreKind { return retriever.Relevance }

func (s scorer) Score(ctx context.Context, _ string, passages []retriever.Passage) ([]float64, error) {
	if s.sizes != nil {
		*s.sizes = append(*s.sizes, len(passages))
	}
	var list []float64
	for _, p := range passages {
		list = append(list, s.score(p.ID))
	}
	return list, ctx.Err()
}

// badScorer returns what it holds.
type badScorer struct {
	scores []float64
	err    error
}

func (badScorer) Kind() retriever.ScoreKind { return retriever.RankOnly }
func (s badScorer) Score(context.Context, string, []retriever.Passage) ([]float64, error) {
	return s.scores, s.err
}

func passages(ids string) []retriever.Passage {
	var list []retriever.Passage
	for id := range strings.FieldsSeq(ids) {
		list = append(list, retriever.Passage{ID: id, Text: "text " + id})
	}
	return list
}

func ids(res retriever.Result) []string {
	var list []string
	for _, h := range res.Hits {
		list = append(list, h.Passage.ID)
	}
	return list
}

func make1(t testing.TB, r retriever.Retriever, s rerank.Scorer, o rerank.Options) retriever.Retriever {
	t.Helper()
	r, err := rerank.New(r, s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// An oracle puts the hits in ideal order, for any input.
func TestOracleIsIdeal(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		gains, list := map[string]float64{}, passages("a b c d e f g h i j")
		for _, p := range list {
			gains[p.ID] = float64(rapid.IntRange(0, 3).Draw(rt, "gain"))
		}
		gains["a"]++ // there is an ideal
		r := make1(t, retriever.List(rapid.Permutation(list).Draw(rt, "order")...), scorer{score: func(id string) float64 { return gains[id] }}, rerank.Options{})
		k := rapid.IntRange(1, 10).Draw(rt, "k")
		res, err := r.Retrieve(t.Context(), retriever.Query{K: k})
		if err != nil {
			rt.Fatal(err)
		}
		if got, err := metric.NDCG(ids(res), gains, k); err != nil || math.Abs(got-1) > 1e-12 {
			rt.Fatalf("nDCG@%d of %v is %v, %v", k, ids(res), got, err)
		}
	})
}

// Equal scores, or the scores that the hits had, change only the kind.
func TestIdentityChangesNothing(t *testing.T) {
	inner := retriever.List(passages("c a d b")...)
	plain, _ := inner.Retrieve(t.Context(), retriever.Query{K: 4})
	for name, s := range map[string]scorer{
		"equal": {score: func(string) float64 { return 0.5 }},
		"same":  {score: func(id string) float64 { return plain.Hits[slices.Index(ids(plain), id)].Score }},
	} {
		for k := 1; k <= 5; k++ {
			res, err := make1(t, inner, s, rerank.Options{}).Retrieve(t.Context(), retriever.Query{K: k})
			if err != nil || !slices.Equal(ids(res), ids(plain)[:min(k, 4)]) || res.Scores != retriever.Relevance {
				t.Fatalf("%s: %v, %v", name, ids(res), err)
			}
			for i, h := range res.Hits {
				want := retriever.Contribution{Part: retriever.Retrieved, Rank: i + 1, Score: plain.Hits[i].Score, Scores: plain.Scores}
				if len(h.Parts) != 1 || !reflect.DeepEqual(h.Parts[0], want) {
					t.Errorf("%s: %+v: want %+v", name, h.Parts, want)
				}
			}
		}
	}
}

func TestDepthAndBatches(t *testing.T) {
	inner := retriever.List(passages("a b c d e f g")...)
	up := func(id string) float64 { return float64(id[0]) }
	for _, c := range []struct {
		name  string
		o     rerank.Options
		k     int
		want  string
		sizes []int
		kind  retriever.ScoreKind
	}{
		{"all at once", rerank.Options{}, 2, "g f", []int{7}, retriever.Relevance},
		{"batches", rerank.Options{BatchSize: 3}, 7, "g f e d c b a", []int{3, 3, 1}, retriever.Relevance},
		{"depth", rerank.Options{Depth: 3}, 2, "c b", []int{3}, retriever.Relevance},
		{"beyond the depth", rerank.Options{Depth: 3}, 5, "c b a d e", []int{3}, retriever.RankOnly},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sizes []int
			res, err := make1(t, inner, scorer{up, &sizes}, c.o).Retrieve(t.Context(), retriever.Query{K: c.k})
			if err != nil || strings.Join(ids(res), " ") != c.want || !slices.Equal(sizes, c.sizes) || res.Scores != c.kind {
				t.Errorf("%v, batches %v, %s, %v: want %s, %v, %s", ids(res), sizes, res.Scores, err, c.want, c.sizes, c.kind)
			}
		})
	}
}

func TestScorerFails(t *testing.T) {
	boom := errors.New("boom")
	inner := retriever.List(passages("a b")...)
	for name, c := range map[string]struct {
		s    badScorer
		want error
	}{
		"error":    {badScorer{err: boom}, boom},
		"too few":  {badScorer{scores: []float64{1}}, rerank.ErrScores},
		"too many": {badScorer{scores: []float64{1, 2, 3}}, rerank.ErrScores},
		"NaN":      {badScorer{scores: []float64{1, math.NaN()}}, rerank.ErrScores},
		"infinite": {badScorer{scores: []float64{math.Inf(1), 1}}, rerank.ErrScores},
	} {
		res, err := make1(t, inner, c.s, rerank.Options{}).Retrieve(t.Context(), retriever.Query{K: 1})
		if !errors.Is(err, c.want) || !slices.Equal(ids(res), []string{"a"}) {
			t.Errorf("%s: %v, %v", name, ids(res), err)
		}
		res, err = make1(t, inner, c.s, rerank.Options{AllowMissing: true}).Retrieve(t.Context(), retriever.Query{K: 2})
		if err != nil || !slices.Equal(ids(res), []string{"a", "b"}) || len(res.Missing) != 1 || res.Missing[0].Part != "rerank" || res.Scores != retriever.RankOnly {
			t.Errorf("%s, allowed: %+v, %v", name, res, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	var script *retrievertest.Script
	var endpoint *rerank.Endpoint
	inner, good := retriever.List(), badScorer{}
	for name, f := range map[string]func() (retriever.Retriever, error){
		"no retriever":        func() (retriever.Retriever, error) { return rerank.New(nil, good, rerank.Options{}) },
		"nil retriever":       func() (retriever.Retriever, error) { return rerank.New(script, good, rerank.Options{}) },
		"no scorer":           func() (retriever.Retriever, error) { return rerank.New(inner, nil, rerank.Options{}) },
		"nil scorer":          func() (retriever.Retriever, error) { return rerank.New(inner, endpoint, rerank.Options{}) },
		"critic of nothing":   func() (retriever.Retriever, error) { return rerank.New(inner, rerank.CriticScorer{}, rerank.Options{}) },
		"model of nothing":    func() (retriever.Retriever, error) { return rerank.New(inner, rerank.ModelScorer{}, rerank.Options{}) },
		"negative depth":      func() (retriever.Retriever, error) { return rerank.New(inner, good, rerank.Options{Depth: -1}) },
		"batches of ranks":    func() (retriever.Retriever, error) { return rerank.New(inner, good, rerank.Options{BatchSize: 2}) },
		"negative batch size": func() (retriever.Retriever, error) { return rerank.New(inner, good, rerank.Options{BatchSize: -1}) },
	} {
		if _, err := f(); !errors.Is(err, rerank.ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCritic(t *testing.T) {
	critic := &critiquetest.Critic{Rules: []critiquetest.CriticRule{
		{When: critiquetest.Uses("text a"), Answer: critiquetest.Verdict(0.2, [3]float64{1, 0, 0}, [5]float64{1, 0, 0, 0, 0})},
		{When: critiquetest.Uses("text b"), Answer: critiquetest.Verdict(0.9, [3]float64{1, 0, 0}, [5]float64{1, 0, 0, 0, 0})},
		{When: critiquetest.Uses("text c"), Answer: critique.Verdict{}},
		{When: critiquetest.Uses("text d"), Err: errors.New("boom")},
	}}
	r := make1(t, retriever.List(passages("a b")...), rerank.CriticScorer{Critic: critic, Concurrency: 2}, rerank.Options{})
	res, err := r.Retrieve(t.Context(), retriever.Query{Text: "q", K: 2})
	if err != nil || !slices.Equal(ids(res), []string{"b", "a"}) || res.Scores != retriever.Probability || math.Abs(res.Hits[0].Score-0.9) > 1e-12 {
		t.Fatalf("%+v, %v", res, err)
	}
	if _, err := (rerank.CriticScorer{Critic: critic}).Score(t.Context(), "q", passages("a c")); !errors.Is(err, rerank.ErrUnknown) {
		t.Errorf("a critic that does not say: %v", err)
	}
	// The same error for every speed: that of the first passage.
	for range 100 {
		if _, err := (rerank.CriticScorer{Critic: critic, Concurrency: 4}).Score(t.Context(), "q", passages("a b c d d d")); !errors.Is(err, rerank.ErrUnknown) {
			t.Fatalf("of two errors: %v", err)
		}
	}
	if _, err := (rerank.CriticScorer{Critic: critic, Concurrency: -1}).Score(t.Context(), "q", passages("a")); !errors.Is(err, rerank.ErrOption) {
		t.Errorf("concurrency -1: %v", err)
	}
}

func TestCriticConcurrencyAndPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		running, most := make(chan struct{}, 100), 0
		hold := make(chan struct{})
		critic := criticFunc(func(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
			running <- struct{}{}
			select {
			case <-hold:
			case <-ctx.Done():
				return critique.Verdict{}, ctx.Err()
			}
			return critiquetest.Verdict(0.5, [3]float64{1, 0, 0}, [5]float64{1, 0, 0, 0, 0}), nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := rerank.CriticScorer{Critic: critic, Concurrency: 3}.Score(ctx, "q", passages("a b c d e f"))
			done <- err
		}()
		synctest.Wait()
		if most = len(running); most != 3 {
			t.Errorf("%d calls at the same time: want 3", most)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
	})
	defer func() {
		if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "boom") {
			t.Errorf("recovered %v", v)
		}
	}()
	critic := criticFunc(func(context.Context, critique.Continuation) (critique.Verdict, error) { panic("boom") })
	_, _ = rerank.CriticScorer{Critic: critic}.Score(t.Context(), "q", passages("a"))
}

type criticFunc func(context.Context, critique.Continuation) (critique.Verdict, error)

func (f criticFunc) Critique(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
	return f(ctx, c)
}

// A model's relevance reranks without generating a word.
func TestModel(t *testing.T) {
	list := []retriever.Passage{
		{ID: "wrong", Text: "The Elbe is a river in Germany. Ships go up the river."},
		{ID: "right", Text: "The bridge over the Ebro was built in 1702."},
	}
	model := extractive.New()
	r := make1(t, retriever.List(list...), rerank.ModelScorer{Generator: model}, rerank.Options{})
	res, err := r.Retrieve(t.Context(), retriever.Query{Text: "When was the bridge over the Ebro built?", K: 2})
	if err != nil || ids(res)[0] != "right" || !(res.Hits[0].Score > res.Hits[1].Score) || res.Hits[0].Score > 1 {
		t.Errorf("%+v, %v", res, err)
	}
	if _, err := (rerank.ModelScorer{Generator: generatortest.Bare(model)}).Score(t.Context(), "q", list); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a model without the power: %v", err)
	}
}

func TestContract(t *testing.T) {
	length := scorer{score: func(id string) float64 { return float64(id[len(id)-1]) }}
	bare := func(ps []retriever.Passage) (retriever.Retriever, error) {
		return rerank.New(retrievertest.Overlap(ps...), length, rerank.Options{})
	}
	t.Run("bare", func(t *testing.T) { retrievertest.TestRetriever(t, bare) })
	t.Run("model", func(t *testing.T) {
		retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) {
			return rerank.New(retrievertest.Overlap(ps...), rerank.ModelScorer{Generator: extractive.New(), Concurrency: 2}, rerank.Options{Depth: 4})
		})
	})
	t.Run("wrapped", func(t *testing.T) {
		retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) {
			r, err := bare(ps)
			if err != nil {
				return nil, err
			}
			if r, err = retriever.NewCache(r, retriever.CacheOptions{}); err != nil {
				return nil, err
			}
			return rerank.New(r, length, rerank.Options{Depth: 5, BatchSize: 2})
		})
	})
}

func TestRepeatable(t *testing.T) {
	s := scorer{score: func(id string) float64 { return float64(id[len(id)-1] % 3) }}
	r := make1(t, retrievertest.Overlap(retrievertest.Corpus()...), s, rerank.Options{Depth: 10})
	q := retriever.Query{Text: "river Ebro", K: 12, Filter: filter.Exists{Field: "year"}}
	first, err := r.Retrieve(t.Context(), q)
	for range 1000 {
		again, err2 := r.Retrieve(t.Context(), q)
		if err != nil || err2 != nil || !reflect.DeepEqual(first, again) {
			t.Fatal(ids(first), ids(again), err, err2)
		}
	}
}
