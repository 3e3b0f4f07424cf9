package retriever

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
)

// Similarity compares passages. It receives the passages of one query and returns a
// function of two of their indexes, which is symmetric and usually in [-1, 1]. One
// goroutine calls that function. See [CosineSimilarity] and [PairSimilarity].
type Similarity func(ctx context.Context, passages []Passage) (func(i, j int) float64, error)

// PairSimilarity makes a [Similarity] of a function of two passages.
func PairSimilarity(f func(a, b Passage) float64) Similarity {
	if f == nil {
		return nil
	}
	return func(_ context.Context, passages []Passage) (func(i, j int) float64, error) {
		return func(i, j int) float64 { return f(passages[i], passages[j]) }, nil
	}
}

// CosineSimilarity compares passages by the cosine of their embeddings. embed gets
// the texts of all passages of one query, each after its title and a line break,
// and returns one vector for each; the EmbedDocuments of an embedder is such a
// function. A wrong number of vectors, different lengths, or a component that is
// not finite are an error. A vector of zeros has the similarity 0 to all.
func CosineSimilarity(embed func(ctx context.Context, texts []string) ([][]float32, error)) Similarity {
	if embed == nil {
		return nil
	}
	return func(ctx context.Context, passages []Passage) (func(i, j int) float64, error) {
		texts := make([]string, len(passages))
		for i, p := range passages {
			texts[i] = p.Text
			if p.Title != "" {
				texts[i] = p.Title + "\n" + p.Text
			}
		}
		vectors, err := observed(ctx, embed, texts)
		if err != nil {
			return nil, err
		}
		if len(vectors) != len(texts) {
			return nil, fmt.Errorf("%d vectors for %d texts", len(vectors), len(texts))
		}
		norms := make([]float64, len(vectors))
		for i, v := range vectors {
			norms[i] = math.Sqrt(dot(v, v))
			if len(v) != len(vectors[0]) || math.IsNaN(norms[i]) || math.IsInf(norms[i], 0) {
				return nil, fmt.Errorf("vector %d of %d has the length %d and the norm %v: want the length %d and a finite norm", i+1, len(vectors), len(v), norms[i], len(vectors[0]))
			}
		}
		return func(i, j int) float64 {
			if norms[i] == 0 || norms[j] == 0 {
				return 0
			}
			return dot(vectors[i], vectors[j]) / (norms[i] * norms[j])
		}, nil
	}
}

// observed calls embed as a step.
func observed(ctx context.Context, embed func(context.Context, []string) ([][]float32, error), texts []string) (vectors [][]float32, err error) {
	ctx, step := observe.Start(ctx, observe.Embedding, "passages")
	defer step.EndWith(&err)()
	vectors, err = embed(ctx, texts)
	return vectors, err
}

func dot(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.NaN()
	}
	total := 0.0
	for i := range a {
		total += float64(float64(a[i]) * float64(b[i]))
	}
	return total
}

// MMROptions are the options of [MMR].
type MMROptions struct {
	// Lambda weighs relevance against novelty, above 0 and at most 1; 1 keeps the
	// order. 0 means 0.5.
	Lambda float64
	// Depth is the least number of hits to choose from, even if the query wants
	// fewer. 0 means 50.
	Depth int
	// Similarity is required.
	Similarity Similarity
}

// MMR returns a Retriever that chooses among the hits of r by maximal marginal
// relevance (Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking",
// SIGIR 1998): each next hit is the one with the greatest
//
//	λ · rel(d) − (1−λ) · max over chosen c of similarity(d, c)
//
// where the maximum is 0 as long as nothing is chosen. rel maps the scores of r, of
// any kind, to [0, 1] linearly, the best of the candidates to 1 and the worst to 0.
// Scores of the kind RankOnly count as their ranks, and equal scores as 1. Ties go
// to the hit that r ranks first.
//
// Score is the value above at the time of choice, of the kind [RankOnly]. Hit.Parts
// has the result of r, under the name [Retrieved], with λ·rel as its Value.
//
// The error of MMR wraps ErrOption: r or Similarity is nil, or a number is out of
// range.
func MMR(r Retriever, o MMROptions) (Retriever, error) {
	if o.Lambda == 0 {
		o.Lambda = 0.5
	}
	if o.Depth == 0 {
		o.Depth = 50
	}
	switch {
	case isnil.Value(r):
		return nil, fmt.Errorf("%w: MMR: the retriever is nil", ErrOption)
	case o.Similarity == nil:
		return nil, fmt.Errorf("%w: MMR: Similarity is nil: give CosineSimilarity or PairSimilarity of a function", ErrOption)
	case !(o.Lambda > 0 && o.Lambda <= 1): // true for NaN, too
		return nil, fmt.Errorf("%w: MMR: Lambda is %v: want above 0 and at most 1, or 0 for 0.5", ErrOption, o.Lambda)
	case o.Depth < 0:
		return nil, fmt.Errorf("%w: MMR: Depth is %d: want at least 1, or 0 for 50", ErrOption, o.Depth)
	}
	return &mmr{r, o}, nil
}

type mmr struct {
	inner Retriever
	o     MMROptions
}

// Retrieve implements Retriever.
func (m *mmr) Retrieve(ctx context.Context, q Query) (Result, error) {
	if err := q.Check(); err != nil {
		return Result{}, err
	}
	wanted := q.K
	q.K = max(q.K, m.o.Depth)
	res, err := Ask(ctx, m.inner, q)
	if err != nil || len(res.Hits) == 0 {
		res.Hits = res.Hits[:min(wanted, len(res.Hits))]
		return res, err
	}
	passages := make([]Passage, len(res.Hits))
	for i, h := range res.Hits {
		passages[i] = h.Passage
	}
	similar, err := m.o.Similarity(ctx, passages)
	if err == nil {
		res.Hits, err = m.choose(ctx, res, similar, wanted)
	}
	if err != nil {
		res.Hits = res.Hits[:min(wanted, len(res.Hits))]
		return res, fmt.Errorf("retriever: MMR: comparing passages: %w", err)
	}
	res.Scores = RankOnly
	return res, nil
}

// choose returns the k hits with the greatest values. With an error it returns the
// hits unchanged.
func (m *mmr) choose(ctx context.Context, res Result, similar func(i, j int) float64, k int) ([]Hit, error) {
	rel := relevance(res)
	nearest := make([]float64, len(rel)) // the maximum of the formula
	left := make([]int, len(rel))
	for i := range left {
		left[i] = i
	}
	var chosen []Hit
	for len(chosen) < min(k, len(rel)) {
		if err := ctx.Err(); err != nil {
			return res.Hits, err
		}
		at, value := 0, math.Inf(-1)
		for j, i := range left {
			if v := float64(m.o.Lambda*rel[i]) - float64((1-m.o.Lambda)*nearest[i]); v > value {
				at, value = j, v
			}
		}
		i := left[at]
		h := moved(res.Hits[i], i+1, res.Scores, m.o.Lambda*rel[i])
		h.Score = value
		chosen = append(chosen, h)
		left = slices.Delete(left, at, at+1)
		for _, j := range left {
			s := similar(i, j)
			if math.IsNaN(s) || math.IsInf(s, 0) {
				return res.Hits, fmt.Errorf("the similarity of %q and %q is %v: want a finite number", res.Hits[i].Passage.ID, res.Hits[j].Passage.ID, s)
			}
			if len(chosen) == 1 || s > nearest[j] {
				nearest[j] = s
			}
		}
	}
	return chosen, nil
}

// relevance maps scores to [0, 1].
func relevance(res Result) []float64 {
	rel := make([]float64, len(res.Hits))
	for i, h := range res.Hits {
		rel[i] = h.Score
		if res.Scores == RankOnly {
			rel[i] = float64(-i)
		}
	}
	minMax(rel)
	return rel
}
