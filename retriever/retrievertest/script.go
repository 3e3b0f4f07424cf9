package retrievertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Script is a Retriever that answers by rules and records its queries. The zero
// value has no rules and refuses every query. The exported fields must not change
// once it is in use; after that it is safe for concurrency.
type Script struct {
	// Rules are tried in order; the first that matches answers.
	Rules []Rule
	// Scores is the kind of the scores in the rules; empty is RankOnly.
	Scores retriever.ScoreKind

	mu      sync.Mutex
	used    []int // how often each rule has answered
	queries []retriever.Query
}

// Rule says how a [Script] answers some queries.
type Rule struct {
	// When reports whether the rule is for a query; nil is for all. It is called
	// with queries that passed [retriever.Query.Check], by one goroutine at a time.
	When func(retriever.Query) bool
	// Times is how often the rule may answer; 0 is no limit.
	Times int
	// Delay is how long to wait first. The wait ends early, with an error, when
	// the context is done.
	Delay time.Duration
	// Hits is the answer, best first; none finds nothing. Hits that the filter of
	// the query excludes, repeated ids, and those beyond K are left out.
	Hits []retriever.Hit
	// Err, if set, is the answer instead.
	Err error
	// Stall, if set, waits until the context is done and returns its error.
	Stall bool
	// Raw returns Hits unchanged for every query. With hits that the query does not
	// allow, or that repeat an id, it breaks the contract.
	Raw bool
}

// UnscriptedError says that a [Script] has no rule for a query.
type UnscriptedError struct{ Query retriever.Query }

// Error describes the query so that a rule can be written for it.
func (e *UnscriptedError) Error() string {
	with := ""
	if e.Query.Filter != nil {
		with = " and filter " + filter.Format(e.Query.Filter)
	}
	return fmt.Sprintf("retrievertest: the script has no rule for the query %q with K %d%s; add a Rule whose When is true for it", e.Query.Text, e.Query.K, with)
}

// Asks matches queries whose text contains s.
func Asks(s string) func(retriever.Query) bool {
	return func(q retriever.Query) bool { return strings.Contains(q.Text, s) }
}

// Hits returns the passages as hits in their order, with scores from the number
// of passages down to 1.
func Hits(passages ...retriever.Passage) []retriever.Hit {
	hits := make([]retriever.Hit, len(passages))
	for i, p := range passages {
		hits[i] = retriever.Hit{Passage: p, Score: float64(len(passages) - i)}
	}
	return hits
}

// Passages returns a passage for each text, with the ids p1, p2 and so on.
func Passages(texts ...string) []retriever.Passage {
	list := make([]retriever.Passage, len(texts))
	for i, text := range texts {
		list[i] = retriever.Passage{ID: fmt.Sprintf("p%d", i+1), Text: text}
	}
	return list
}

// MostCost implements budget.Declarer: it calls no model.
func (*Script) MostCost(int) (budget.Cost, bool) { return budget.Cost{}, true }

// Retrieve implements [retriever.Retriever].
func (s *Script) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	rule, err := s.find(q)
	if err != nil {
		return retriever.Result{}, err
	}
	if err := rule.wait(ctx); err != nil {
		return retriever.Result{}, err
	}
	if rule.Err != nil {
		return retriever.Result{}, rule.Err
	}
	res := retriever.Result{Scores: s.Scores}
	if res.Scores == "" {
		res.Scores = retriever.RankOnly
	}
	if rule.Raw {
		res.Hits = slices.Clone(rule.Hits)
		return res, nil
	}
	scan, err := filter.NewScan(ctx, q.Filter)
	if err != nil {
		return retriever.Result{}, err
	}
	seen := make(map[string]bool)
	for _, h := range rule.Hits {
		if len(res.Hits) < q.K && !seen[h.Passage.ID] && scan.Match(h.Passage.Metadata) {
			seen[h.Passage.ID] = true
			res.Hits = append(res.Hits, h)
		}
	}
	return res, scan.Err()
}

// find records q and returns its rule.
func (s *Script) find(q retriever.Query) (Rule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = append(s.queries, q)
	if err := q.Check(); err != nil {
		return Rule{}, err
	}
	if s.used == nil {
		s.used = make([]int, len(s.Rules))
	}
	for i, r := range s.Rules {
		if (r.When == nil || r.When(q)) && (r.Times == 0 || s.used[i] < r.Times) {
			s.used[i]++
			return r, nil
		}
	}
	return Rule{}, &UnscriptedError{q}
}

// wait waits for the delay of the rule or until ctx is done, and returns the error of
// ctx.
func (r Rule) wait(ctx context.Context) error {
	switch {
	case r.Stall:
		<-ctx.Done()
	case r.Delay > 0:
		timer := time.NewTimer(r.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// Queries returns the queries so far in order, including refused ones. Filters are shared
// with the callers.
func (s *Script) Queries() []retriever.Query {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.queries)
}
