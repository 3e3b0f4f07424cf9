package retriever

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
)

// Part is one retriever of a fusion.
type Part struct {
	// Name names the part in a [Contribution], in a [Missing] and in errors. It is
	// valid UTF-8, not empty, and unique among the parts.
	Name string
	// Retriever is the retriever of the part.
	Retriever Retriever
	// Weight is the weight of this part, from 1e-6 to 1e6; 0 means 1.
	Weight float64
}

// FuseMethod is how a fusion computes one score from the results of its parts.
type FuseMethod string

const (
	// RankFusion is reciprocal rank fusion (Cormack, Clarke and Büttcher, "Reciprocal
	// Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR
	// 2009):
	//
	//	score(passage) = Σ weight / (k + rank)
	//
	// Ranks count from 1, in the order of the part's list; a repeated passage has
	// its first rank only. Only ranks count, never the scores of the parts, which
	// need not be of one kind. With k 60 and weights 1, ranks 1 and 3 give 1/61 +
	// 1/63. Scores are [RRF].
	RankFusion FuseMethod = "rank"
	// ScoreFusion is the convex combination of scores that are normalized within the list
	// of each part (Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid
	// Retrieval", TOIS 2023; CombSUM of Fox and Shaw, 1994):
	//
	//	score(passage) = Σ weight · (s − min) / (max − min) / Σ weight of all parts
	//
	// where min and max are the least and the greatest score of the part's list;
	// scores that are all equal count as 1. Unlike ranks it keeps the distances of
	// scores, and it depends on the lengths of the lists. A part whose scores are
	// [RankOnly] fails: its numbers have no meaning. Scores are [Normalized].
	ScoreFusion FuseMethod = "score"
)

// FuseOptions changes how parts are fused. The zero value is ready to use.
type FuseOptions struct {
	// Method is RankFusion or ScoreFusion; empty means RankFusion.
	Method FuseMethod
	// RankConstant is k in the formula of [RankFusion], above 0 and at most 1e6.
	// The greater it is, the less the first ranks differ from the others. 0 means
	// 60, as in the paper. It must be 0 for ScoreFusion.
	RankConstant float64
	// Depth is the least number of hits that each part is asked for, even if the
	// query wants fewer. A passage at rank 8 in two parts beats one at rank 1 in a
	// single part, so the parts must be asked for more than is wanted. 0 means 100.
	Depth int
	// AllowMissing continues with the other parts when some fail, and names the
	// failed ones in Result.Missing. Without it a failed part is an error. If all
	// parts fail, or if the context is done before all parts answered, it is always
	// an error.
	AllowMissing bool
}

// PartError reports which part of a fusion failed, and why.
type PartError struct {
	Part string
	Err  error
}

// Error implements error.
func (e *PartError) Error() string { return fmt.Sprintf("retriever: part %q: %v", e.Part, e.Err) }

// Unwrap returns the reason.
func (e *PartError) Unwrap() error { return e.Err }

// Fuse returns a Retriever that asks all parts at the same time and merges their
// lists by [FuseOptions].Method. A part without the passage adds nothing to its
// score. Hit.Parts has the contribution of each part.
//
// Hits are ordered by score, then by the best rank in any part, then by the order
// of the parts with that rank. No two passages agree in all three, so the order is
// total, and it does not depend on which part answers first.
//
// Each part gets the Query with one change: K is the greater of Query.K and
// [FuseOptions].Depth. So the first hits are the same for every Query.K up to
// Depth. Passages are those of the first part, in the order of parts, that found
// them.
//
// Fuse waits for all parts, even if one has failed. Under a budget, parts run
// concurrently as far as they declare their greatest cost; see budget.Each. With an
// error, the Result holds what the other parts found. Errors about parts are
// *[PartError]s, in the order of the parts. A part whose list has an empty passage
// id or a score that is not finite has failed. What is missing from a part that
// answered is named "part/what it named".
//
// The error of Fuse itself wraps ErrOption: there is no part, a part lacks its
// Retriever or a name of its own, or a number is out of range.
func Fuse(parts []Part, o FuseOptions) (Retriever, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("%w: no parts: give at least one", ErrOption)
	}
	parts = slices.Clone(parts)
	names := make(map[string]bool, len(parts))
	for i := range parts {
		p := &parts[i]
		switch {
		case p.Name == "":
			return nil, fmt.Errorf("%w: part %d of %d has no name: give each one of its own", ErrOption, i+1, len(parts))
		case !utf8.ValidString(p.Name):
			return nil, fmt.Errorf("%w: the name %q is not UTF-8", ErrOption, p.Name)
		case names[p.Name]:
			return nil, fmt.Errorf("%w: two parts have the name %q: give each one of its own", ErrOption, p.Name)
		case isnil.Value(p.Retriever):
			return nil, fmt.Errorf("%w: the retriever of part %q is nil", ErrOption, p.Name)
		case p.Weight == 0:
			p.Weight = 1
		case !(p.Weight >= 1e-6 && p.Weight <= 1e6): // true for NaN, too
			return nil, fmt.Errorf("%w: the weight of part %q is %v: want 1e-6 to 1e6, or 0 for 1", ErrOption, p.Name, p.Weight)
		}
		names[p.Name] = true
	}
	if o.Depth == 0 {
		o.Depth = 100
	}
	switch {
	case o.Method == "":
		o.Method = RankFusion
	case o.Method != RankFusion && o.Method != ScoreFusion:
		return nil, fmt.Errorf("%w: Method is %q: want %q or %q, or none for %q", ErrOption, o.Method, RankFusion, ScoreFusion, RankFusion)
	}
	if o.Method == ScoreFusion && o.RankConstant != 0 {
		return nil, fmt.Errorf("%w: RankConstant is %v: ScoreFusion has none", ErrOption, o.RankConstant)
	}
	if o.RankConstant == 0 {
		o.RankConstant = 60
	}
	if !(o.RankConstant > 0 && o.RankConstant <= 1e6) {
		return nil, fmt.Errorf("%w: RankConstant is %v: want more than 0 and at most 1e6, or 0 for 60", ErrOption, o.RankConstant)
	}
	if o.Depth < 0 {
		return nil, fmt.Errorf("%w: Depth is %d: want at least 1, or 0 for 100", ErrOption, o.Depth)
	}
	return &fusion{parts, o}, nil
}

type fusion struct {
	parts []Part
	o     FuseOptions
}

// reply is the result of one part.
type reply struct {
	res Result
	err error
}

// Retrieve implements Retriever.
func (f *fusion) Retrieve(ctx context.Context, q Query) (Result, error) {
	if err := q.Check(); err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	replies := f.askParts(ctx, q)
	res := f.merge(replies, q.K)
	var failed error
	n := 0
	for i, r := range replies {
		if r.err == nil {
			continue
		}
		n++
		var err error = &PartError{f.parts[i].Name, r.err}
		if failed != nil {
			err = fmt.Errorf("%w; %w", failed, err)
		}
		failed = err
	}
	if n == 0 || f.o.AllowMissing && n < len(replies) && ctx.Err() == nil {
		return res, nil
	}
	return res, ctxerr.Wrap(ctx, failed)
}

// askParts asks all parts and waits for them.
func (f *fusion) askParts(ctx context.Context, q Query) []reply {
	q.K = max(q.K, f.o.Depth)
	replies := make([]reply, len(f.parts))
	most := func(i int) (budget.Cost, bool) { return budget.MostCost(f.parts[i].Retriever, 1) }
	errs := budget.Each(ctx, len(f.parts), 0, most, func(ctx context.Context, i int) func() error {
		ctx, step := observe.Start(ctx, observe.Part, f.parts[i].Name)
		return func() (err error) {
			defer step.EndWith(&err)()
			r := &replies[i]
			if r.res, err = Ask(ctx, f.parts[i].Retriever, q); err == nil {
				err = f.checkList(r.res)
			}
			return err
		}
	})
	for i, err := range errs {
		replies[i].err = err
	}
	return replies
}

// MostCost implements budget.Declarer.
func (f *fusion) MostCost(int) (budget.Cost, bool) { return mostOfParts(f.parts) }

func mostOfParts(parts []Part) (budget.Cost, bool) {
	var sum budget.Cost
	for _, p := range parts {
		c, ok := budget.MostCost(p.Retriever, 1)
		if !ok {
			return budget.Cost{}, false
		}
		sum = sum.Add(c)
	}
	return sum, true
}

// checkList returns an error about a list that cannot be merged or recorded in a trace.
func (f *fusion) checkList(res Result) error {
	hits := res.Hits
	if len(hits) > 0 && res.Scores == RankOnly && f.o.Method == ScoreFusion {
		return errors.New("its scores tell ranks only, which ScoreFusion cannot use: want RankFusion, or another part")
	}
	for i, h := range hits {
		if h.Passage.ID == "" {
			return fmt.Errorf("hit %d of %d has no passage id", i+1, len(hits))
		}
		if math.IsNaN(h.Score) || math.IsInf(h.Score, 0) {
			return fmt.Errorf("hit %d of %d, passage %q, has the score %v: want a finite number", i+1, len(hits), h.Passage.ID, h.Score)
		}
	}
	return nil
}

// merge makes one result of the lists of the parts that did not fail.
func (f *fusion) merge(replies []reply, k int) Result {
	res := Result{Scores: RRF}
	if f.o.Method == ScoreFusion {
		res.Scores = Normalized
	}
	total := 0.0
	for _, p := range f.parts {
		total += p.Weight
	}
	place := make(map[string]int) // of a passage in res.Hits
	for i, r := range replies {
		name, weight := f.parts[i].Name, f.parts[i].Weight
		if r.err != nil {
			res.Missing = append(res.Missing, Missing{Part: name, Reason: r.err.Error()})
			continue
		}
		res.Queries = append(res.Queries, r.res.Queries...)
		for _, m := range r.res.Missing {
			res.Missing = append(res.Missing, Missing{Part: name + "/" + m.Part, Reason: m.Reason})
		}
		values := f.values(r.res.Hits, weight, total)
		for j, h := range r.res.Hits {
			at, known := place[h.Passage.ID]
			if !known {
				at = len(res.Hits)
				place[h.Passage.ID] = at
				res.Hits = append(res.Hits, Hit{Passage: h.Passage})
			}
			hit := &res.Hits[at]
			if n := len(hit.Parts); n > 0 && hit.Parts[n-1].Part == name {
				continue
			}
			hit.Parts = append(hit.Parts, Contribution{
				Part: name, Rank: j + 1, Score: h.Score, Scores: r.res.Scores,
				Value: values[j],
				Parts: h.Parts,
			})
		}
	}
	for i := range res.Hits {
		res.Hits[i].Score = sum(res.Hits[i].Parts)
	}
	order := make(map[string]int, len(f.parts))
	for i, p := range f.parts {
		order[p.Name] = i
	}
	slices.SortFunc(res.Hits, func(a, b Hit) int {
		x, y := best(a.Parts), best(b.Parts)
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(x.Rank, y.Rank), cmp.Compare(order[x.Part], order[y.Part]))
	})
	res.Hits = slices.Clip(res.Hits[:min(k, len(res.Hits))])
	return res
}

// values returns what the hits of a part add to the scores of their passages.
func (f *fusion) values(hits []Hit, weight, total float64) []float64 {
	values := make([]float64, len(hits))
	if f.o.Method == RankFusion {
		for i := range values {
			values[i] = weight / (f.o.RankConstant + float64(i+1))
		}
		return values
	}
	for i, h := range hits {
		values[i] = h.Score
	}
	minMax(values)
	for i := range values {
		values[i] *= weight / total
	}
	return values
}

// minMax maps finite numbers to [0, 1], the least to 0 and the greatest to 1. Equal
// numbers all become 1.
func minMax(values []float64) {
	if len(values) == 0 {
		return
	}
	// Halves, since the difference of two finite numbers can be infinite.
	low, high := slices.Min(values)/2, slices.Max(values)/2
	for i, v := range values {
		if high > low {
			values[i] = (v/2 - low) / (high - low)
		} else {
			values[i] = 1
		}
	}
}

// sum adds the values, the greatest first. So passages with the same values in
// different parts have the same score to the last bit, and tie.
func sum(parts []Contribution) float64 {
	values := make([]float64, len(parts))
	for i, p := range parts {
		values[i] = p.Value
	}
	slices.SortFunc(values, func(a, b float64) int { return cmp.Compare(b, a) })
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}

// best returns the contribution with the best rank, of equal ones the first.
func best(parts []Contribution) Contribution {
	return slices.MinFunc(parts, func(a, b Contribution) int { return cmp.Compare(a.Rank, b.Rank) })
}
