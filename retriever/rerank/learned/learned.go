package learned

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"sync"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/linear"
	"github.com/goselfrag/goselfrag/retriever"
)

// embedded are the weights that New uses, written by tools/fit.
//
//go:embed parameters.json
var embedded []byte

var defaults = sync.OnceValue(func() *linear.Model {
	m, err := readModel(bytes.NewReader(embedded))
	if err != nil {
		panic(err) // the module is broken; its tests detect that
	}
	return m
})

// modelName is the name of the weights in the file that Load reads.
const modelName = "rank"

func readModel(r io.Reader) (*linear.Model, error) {
	f, err := linear.Read(r)
	if err != nil {
		return nil, err
	}
	return f.Model(modelName, feature.RankNames(), nil)
}

// Scorer scores passages as described in the package comment; it is a Scorer of
// package retriever/rerank. Make one with [New] or [Load]. It is immutable and safe
// for concurrent use.
type Scorer struct {
	weights    *linear.Model
	collection *feature.Collection
}

// New returns a scorer with the weights of the module. passages are the searched
// ones, or similar ones: the scorer keeps how many of them hold each term, and no
// text. Without any, all terms are equally rare. The error is that of ctx.
func New(ctx context.Context, passages []retriever.Passage) (*Scorer, error) {
	return count(ctx, passages, defaults())
}

// Load returns a scorer with custom weights, as tools/fit writes them. The error
// says whether the file is truncated, altered, of a newer version, or for other
// features than this version has, and what to do; or it is that of ctx.
func Load(ctx context.Context, weights io.Reader, passages []retriever.Passage) (*Scorer, error) {
	m, err := readModel(weights)
	if err != nil {
		return nil, fmt.Errorf("learned: loading weights: %w", err)
	}
	return count(ctx, passages, m)
}

func count(ctx context.Context, passages []retriever.Passage, m *linear.Model) (*Scorer, error) {
	s := &Scorer{weights: m, collection: feature.NewCollection()}
	for _, p := range passages {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("learned: counting terms: %w", err)
		}
		s.collection.Add(p.Title, p.Text)
	}
	return s, nil
}

// Kind returns retriever.Relevance: scores compare the passages of one question.
func (s *Scorer) Kind() retriever.ScoreKind { return retriever.Relevance }

// MostCost implements budget.Declarer: no model is called.
func (*Scorer) MostCost(int) (budget.Cost, bool) { return budget.Cost{}, true }

// Score returns the score of each passage, independent of the others. The error is
// that of ctx.
func (s *Scorer) Score(ctx context.Context, question string, passages []retriever.Passage) ([]float64, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("learned: %w", err)
	}
	ranking := s.collection.NewRanking(question)
	scores := make([]float64, len(passages))
	for i, p := range passages {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("learned: %w", err)
		}
		scores[i] = s.weights.Score(ranking.Features(p.Title, p.Text))
	}
	return scores, nil
}
