package rewrite

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
)

// RelevanceScorer judges how relevant passages are. The scorers of package rerank
// are judges, except those of the kind RankOnly. A judge declares the meaning of
// its numbers by a method Kind, as scorers do; without one they are treated as
// probabilities.
type RelevanceScorer interface {
	// Score returns one number for each passage, higher for a better one.
	Score(ctx context.Context, question string, passages []retriever.Passage) ([]float64, error)
}

// RetryOptions bounds the searches. The zero value is ready to use.
type RetryOptions struct {
	// Threshold is the score from which on a passage is relevant. 0 means 0.5,
	// which suits probabilities and is rejected for a judge of another kind.
	Threshold float64
	// Tries is the greatest number of other texts to search for, from 1 to 100; 0
	// means 2.
	Tries int
	// Judged is how many of the first hits of each search are judged; 0 means 10.
	Judged int
	// AllowMissing continues with what was found before if the expander, the judge
	// or a later search fails, and Result.Missing names "rewrite". If the search
	// for the question itself fails, it is always an error.
	AllowMissing bool
}

// Retry returns a Retriever that searches r for the question. As long as the judge
// j finds nothing relevant among the hits, it searches for the texts that s makes
// from the question, one after another. s is asked only if needed, and once. j
// always gets the question, never a text of s.
//
// The result is the whole result of the first search with a relevant hit, in its
// order. If there is none, it is that of the search with the best hit, of equal
// ones the first, and Result.Missing names "relevance". Result.Queries holds the
// texts that were searched for after the question.
//
// The error of Retry wraps ErrOption.
func Retry(r retriever.Retriever, s Expander, j RelevanceScorer, o RetryOptions) (retriever.Retriever, error) {
	if err := checkParts("Retry", r, s); err != nil {
		return nil, err
	}
	if isnil.Value(j) {
		return nil, fmt.Errorf("%w: Retry: the judge is nil", ErrOption)
	}
	if c, ok := j.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			return nil, fmt.Errorf("%w: Retry: the judge: %w", ErrOption, err)
		}
	}
	if err := thresholdFits(j, o.Threshold); err != nil {
		return nil, err
	}
	if o.Threshold == 0 {
		o.Threshold = 0.5
	}
	if math.IsNaN(o.Threshold) || math.IsInf(o.Threshold, 0) {
		return nil, fmt.Errorf("%w: Threshold is %v: want a finite number", ErrOption, o.Threshold)
	}
	var err error
	if o.Tries, err = orStandard("Tries", o.Tries, 2, 100); err != nil {
		return nil, err
	}
	if o.Judged, err = orStandard("Judged", o.Judged, 10, 1<<20); err != nil {
		return nil, err
	}
	return &retry{r, s, j, o}, nil
}

// thresholdFits returns an error if no threshold, or not the default one, suits the
// judge.
func thresholdFits(j RelevanceScorer, threshold float64) error {
	k, ok := j.(interface{ Kind() retriever.ScoreKind })
	if !ok {
		return nil
	}
	switch kind := k.Kind(); {
	case kind == retriever.RankOnly || kind == "":
		return fmt.Errorf("%w: Retry: the judge tells ranks only, and the first of bad passages is not relevant: give one whose scores have a meaning", ErrOption)
	case kind != retriever.Probability && threshold == 0:
		return fmt.Errorf("%w: Threshold is 0, and the judge's scores are of the kind %q: give a threshold that was found with this judge", ErrOption, kind)
	}
	return nil
}

type retry struct {
	inner  retriever.Retriever
	source Expander
	judge  RelevanceScorer
	o      RetryOptions
}

// Retrieve implements retriever.Retriever.
func (r *retry) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	best, err := retriever.Ask(ctx, r.inner, q)
	if err != nil {
		return best, err
	}
	score, err := r.best(ctx, q.Text, best)
	var tried []string
	if err == nil && score < r.o.Threshold {
		var texts []string
		if texts, err = textsOf(retriever.Confine(ctx, q.Filter), r.source, q.Text, r.o.Tries); err != nil {
			err = fmt.Errorf("rewrite: other texts: %w", err)
		}
		for _, t := range texts {
			tried = append(tried, t)
			var res retriever.Result
			var s float64
			if res, s, err = r.try(ctx, q, t); err != nil {
				break
			}
			if s > score {
				best, score = res, s
			}
			if score >= r.o.Threshold {
				break
			}
		}
	}
	best.Queries = append(tried, best.Queries...)
	switch {
	case err != nil && (ctx.Err() != nil || !r.o.AllowMissing):
		return best, err
	case err != nil:
		best.Missing = append(best.Missing, retriever.Missing{Part: "rewrite", Reason: err.Error()})
	case score < r.o.Threshold:
		reason := fmt.Sprintf("no hit of %d searches was judged relevant", 1+len(tried))
		best.Missing = append(best.Missing, retriever.Missing{Part: "relevance", Reason: reason})
	}
	return best, nil
}

// try searches for another text. The hits are judged by the question.
func (r *retry) try(ctx context.Context, q retriever.Query, text string) (res retriever.Result, score float64, err error) {
	ctx, step := observe.Start(ctx, observe.Part, "retry")
	step.Note(text)
	defer step.EndWith(&err)()
	question := q.Text
	q.Text = text
	res, failed := retriever.Ask(ctx, r.inner, q)
	if failed != nil {
		return res, 0, fmt.Errorf("rewrite: searching for %q: %w", text, ctxerr.Wrap(ctx, failed))
	}
	score, err = r.best(ctx, question, res)
	return res, score, err
}

// MostCost implements budget.Declarer.
func (r *retry) MostCost(int) (budget.Cost, bool) {
	source, ok := budget.MostCost(r.source, 1)
	judge, ok2 := budget.MostCost(r.judge, r.o.Judged)
	inner, ok3 := budget.MostCost(r.inner, 1)
	return inner.Add(judge).Times(1 + r.o.Tries).Add(source), ok && ok2 && ok3
}

// best returns the score of the best judged hit, minus infinity if there is none.
func (r *retry) best(ctx context.Context, question string, res retriever.Result) (float64, error) {
	passages := make([]retriever.Passage, min(len(res.Hits), r.o.Judged))
	if len(passages) == 0 {
		return math.Inf(-1), nil
	}
	for i := range passages {
		passages[i] = res.Hits[i].Passage
	}
	scores, err := r.score(ctx, question, passages)
	if err != nil {
		return 0, fmt.Errorf("rewrite: judging hits: %w", ctxerr.Wrap(ctx, err))
	}
	if len(scores) != len(passages) || slices.ContainsFunc(scores, math.IsNaN) {
		return 0, fmt.Errorf("rewrite: judging hits: %v are no scores of %d passages", scores, len(passages))
	}
	return slices.Max(scores), nil
}

// score calls the judge.
func (r *retry) score(ctx context.Context, question string, passages []retriever.Passage) (scores []float64, err error) {
	ctx, step := observe.Start(ctx, observe.Reranking, "relevance")
	defer step.EndWith(&err)()
	scores, err = r.judge.Score(ctx, question, passages)
	return scores, err
}
