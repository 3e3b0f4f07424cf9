package retrievertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/internal/contracttest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// New makes a Retriever over passages. It may keep them but must not change them.
type New func(passages []retriever.Passage) (retriever.Retriever, error)

// Option adapts [TestRetriever] to an implementation.
type Option func(*suite)

// Skip leaves out the check whose subtest has the given name and reports why.
func Skip(check, reason string) Option {
	return func(s *suite) { s.skip[check] = reason }
}

// TestRetriever checks that the retrievers that makeNew makes keep the contract
// of [retriever.Retriever], with one subtest per rule.
//
// makeNew is called a few times with [Corpus], to compare retrievers with equal content,
// and once without passages. If it cannot make an empty retriever it returns an error that
// wraps errors.ErrUnsupported. It may ignore its argument if the corpus is loaded
// already.
//
// The scores themselves do not matter, but the word "river" must find every passage of
// the corpus if K allows, because each contains it. The suite counts goroutines, so
// nothing else may run at the same time in the same process: do not use t.Parallel.
func TestRetriever(t *testing.T, makeNew New, opts ...Option) {
	t.Helper()
	contracttest.Test(t, newSuite(makeNew, opts...).checks())
}

type suite struct {
	makeNew New
	skip    map[string]string
}

func newSuite(makeNew New, opts ...Option) *suite {
	s := &suite{makeNew, make(map[string]string)}
	for _, o := range opts {
		o(s)
	}
	return s
}

// checks lists the rules in the order of the contract.
func (s *suite) checks() []contracttest.Check {
	var list []contracttest.Check
	for _, c := range []struct {
		name string
		run  func(context.Context, retriever.Retriever) error
	}{
		{"order", order},
		{"k", atMostK},
		{"passages", knownPassages},
		{"filter", filtered},
		{"nothing", s.nothing},
		{"bad-query", badQuery},
		{"data", data},
		{"repeatable", s.repeatable},
		{"concurrent", concurrent},
		{"canceled", canceled},
		{"owned", owned},
		{"unchanged", s.unchanged},
	} {
		list = append(list, contracttest.Check{Name: c.name, Run: func(ctx context.Context) error {
			if reason, ok := s.skip[c.name]; ok {
				return contracttest.NotApplicable(reason)
			}
			r, err := s.makeNew(Corpus())
			if err != nil {
				return fmt.Errorf("making it: %w", err)
			}
			return c.run(ctx, r)
		}})
	}
	return list
}

// texts are ordinary queries.
var texts = [...]string{everyone, "Thames river bridge", "Which river floods in spring?", "Fish in the Ebro"}

// ids returns the ids of the hits, in order.
func ids(res retriever.Result) []string {
	var list []string
	for _, h := range res.Hits {
		list = append(list, h.Passage.ID)
	}
	return list
}

// all returns every passage that the word river and f find.
func all(ctx context.Context, r retriever.Retriever, text string, f filter.Expr) (retriever.Result, error) {
	return r.Retrieve(ctx, retriever.Query{Text: text, K: len(Corpus()), Filter: f})
}

// order: best first, with scores that are numbers.
func order(ctx context.Context, r retriever.Retriever) error {
	for _, text := range texts {
		res, err := all(ctx, r, text, nil)
		if err != nil {
			return fmt.Errorf("query %q: %w", text, err)
		}
		if res.Scores == "" {
			return fmt.Errorf("query %q: Result.Scores is empty: want the kind of the scores, RankOnly if there is no other", text)
		}
		if len(res.Missing) > 0 {
			return fmt.Errorf("query %q: parts are missing: %v", text, res.Missing)
		}
		for i, h := range res.Hits {
			if math.IsNaN(h.Score) || math.IsInf(h.Score, 0) {
				return fmt.Errorf("query %q: hit %d has the score %v", text, i, h.Score)
			}
			if i > 0 && res.Scores != retriever.RankOnly && h.Score > res.Hits[i-1].Score {
				return fmt.Errorf("query %q: hit %d has the score %v, the one before it %v: want the best first", text, i, h.Score, res.Hits[i-1].Score)
			}
		}
	}
	return nil
}

// atMostK: no more than K, as many as there are, each once.
func atMostK(ctx context.Context, r retriever.Retriever) error {
	total := len(Corpus())
	for _, k := range [...]int{1, 2, 5, total, total + 1, math.MaxInt32} {
		res, err := r.Retrieve(ctx, retriever.Query{Text: everyone, K: k})
		if err != nil {
			return fmt.Errorf("with K %d: %w", k, err)
		}
		if len(res.Hits) != min(k, total) {
			return fmt.Errorf("with K %d: %d hits of %d passages that all contain %q", k, len(res.Hits), total, everyone)
		}
		if list := ids(res); len(slices.Compact(slices.Sorted(slices.Values(list)))) < len(list) {
			return fmt.Errorf("with K %d: an id comes twice in %q", k, list)
		}
	}
	return nil
}

// knownPassages: hits are the passages that were given, whole.
func knownPassages(ctx context.Context, r retriever.Retriever) error {
	known := make(map[string]retriever.Passage)
	for _, p := range Corpus() {
		known[p.ID] = p
	}
	res, err := all(ctx, r, everyone, nil)
	if err != nil {
		return err
	}
	for _, h := range res.Hits {
		p, ok := known[h.Passage.ID]
		if !ok {
			return fmt.Errorf("hit %q was not among the passages", h.Passage.ID)
		}
		if same := h.Passage.Title == p.Title && h.Passage.Text == p.Text && h.Passage.Source == p.Source && maps.EqualFunc(h.Passage.Metadata, p.Metadata, filter.Value.Equal); !same {
			return fmt.Errorf("passage %+v came back as %+v", p, h.Passage)
		}
	}
	return nil
}

// filtered: exactly the passages for which it holds, chosen before the cut to K.
func filtered(ctx context.Context, r retriever.Retriever) error {
	list := filters()
	for _, name := range slices.Sorted(maps.Keys(list)) {
		f := list[name]
		var want []string
		for _, p := range Corpus() {
			if filter.Match(f, p.Metadata) {
				want = append(want, p.ID)
			}
		}
		res, err := all(ctx, r, everyone, f)
		if err != nil {
			return fmt.Errorf("filter %q: %w", name, err)
		}
		if got := slices.Sorted(slices.Values(ids(res))); !slices.Equal(got, want) {
			return fmt.Errorf("filter %q, %s: found %q, but it holds for %q", name, filter.Format(f), got, want)
		}
		for _, k := range [...]int{1, 3} {
			res, err := r.Retrieve(ctx, retriever.Query{Text: everyone, K: k, Filter: f})
			if err != nil {
				return fmt.Errorf("filter %q: %w", name, err)
			}
			if len(res.Hits) != min(k, len(want)) {
				return fmt.Errorf("filter %q, %s, holds for %d passages, but K %d gives %d: want it applied before the cut", name, filter.Format(f), len(want), k, len(res.Hits))
			}
			for _, id := range ids(res) {
				if !slices.Contains(want, id) {
					return fmt.Errorf("filter %q, %s: K %d gives %q, for which it does not hold", name, filter.Format(f), k, id)
				}
			}
		}
	}
	return nil
}

// nothing: an empty result is no error.
func (s *suite) nothing(ctx context.Context, r retriever.Retriever) error {
	res, err := all(ctx, r, everyone, filter.Or{})
	if err != nil || len(res.Hits) > 0 {
		return fmt.Errorf("a filter that is never true finds %d passages (error %v): want none and no error", len(res.Hits), err)
	}
	empty, err := s.makeNew(nil)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("making one without passages: %w", err)
	}
	if res, err = all(ctx, empty, everyone, nil); err != nil || len(res.Hits) > 0 {
		return fmt.Errorf("without passages it finds %d (error %v): want none and no error", len(res.Hits), err)
	}
	return nil
}

// badQuery: a query that fails its check is refused.
func badQuery(ctx context.Context, r retriever.Retriever) error {
	list := badQueries()
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if res, err := r.Retrieve(ctx, list[name]); !errors.Is(err, retriever.ErrQuery) || len(res.Hits) > 0 {
			return fmt.Errorf("bad query %q: %d hits and error %v: want no hits and the error of Query.Check", name, len(res.Hits), err)
		}
	}
	return nil
}
