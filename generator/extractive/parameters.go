package extractive

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/linear"
)

// embedded are the parameters that New uses, written by tools/fit.
//
//go:embed parameters.json
var embedded []byte

// parameters are the fitted numbers of the model.
type parameters struct {
	choice    *linear.Model // z_i
	relevance *linear.Model // [Relevant]
	use       *linear.Model // u of a quote
	finished  *linear.Model // u of a complete answer
	support   *linear.Model // IsSUP
	follow    *linear.Model // the end of a segment
	retrieve  *linear.Model // [Retrieval] at the start: whether the prompt holds its own text
	rarity    feature.Rarity
}

// New returns the model with the parameters of the module.
func New() *Model { return &Model{parameters: defaults()} }

var defaults = sync.OnceValue(func() *parameters {
	p, err := readParameters(bytes.NewReader(embedded))
	if err != nil {
		panic(err) // the module is broken; its tests detect that
	}
	return p
})

// Load returns the model with custom parameters, as written by the fitting program
// (see docs/extractive.md). The error says whether the file is truncated, altered,
// of a newer version, or for other features than this version has, and what to do.
func Load(r io.Reader) (*Model, error) {
	p, err := readParameters(r)
	if err != nil {
		return nil, fmt.Errorf("extractive: loading parameters: %w", err)
	}
	return &Model{parameters: p}, nil
}

func readParameters(r io.Reader) (*parameters, error) {
	f, err := linear.Read(r)
	if err != nil {
		return nil, err
	}
	p := &parameters{}
	for _, m := range [...]struct {
		name     string
		to       **linear.Model
		features []string
		classes  []string
	}{
		{"choice", &p.choice, feature.ChoiceNames(), nil},
		{"relevance", &p.relevance, feature.RelevanceNames(), feature.YesNo},
		{"use", &p.use, feature.UseNames(), feature.YesNo},
		{"finished", &p.finished, feature.FinishedNames(), feature.YesNo},
		{"support", &p.support, feature.SupportNames(), feature.SupportClasses},
		{"follow", &p.follow, feature.FollowNames(), feature.FollowClasses},
		{"retrieve", &p.retrieve, feature.PartingNames(), nil},
	} {
		if *m.to, err = f.Model(m.name, m.features, m.classes); err != nil {
			return nil, err
		}
	}
	p.rarity, err = feature.RarityOf(f.Tables)
	if err != nil {
		return nil, &linear.FileError{Err: linear.ErrContent, Reason: err.Error()}
	}
	return p, nil
}

// score returns z of a sentence, clipped to ±30 so that no alternative has a
// probability of zero.
func (p *parameters) score(features []float64) float64 {
	return max(-30, min(30, p.choice.Score(features)))
}

// level returns what to add to the scores of the sentences of a passage. Then,
// against a score of 0 for "nothing here answers", their joint probability is that
// of an answer in the passage.
func (p *parameters) level(read *feature.Reading, scores []float64) float64 {
	if len(scores) == 0 {
		return 0
	}
	top, sum := slices.Max(scores), 0.0
	for _, z := range scores {
		sum += math.Exp(z - top)
	}
	rel := branches(p.relevance, read.Relevance(scores))
	return math.Log(rel[1]/rel[0]) - top - math.Log(sum)
}

// answers returns u, the probability that a text answers the question.
func answers(m *linear.Model, features []float64) float64 {
	return branches(m, features)[1]
}

// branches returns the probabilities of the classes, none of them zero.
func branches(m *linear.Model, features []float64) []float64 { return positive(m.Probs(features)) }

// positive raises probabilities of zero to a least value.
func positive(p []float64) []float64 {
	const least = 1e-6
	for i := range p {
		p[i] = (p[i] + least) / (1 + float64(len(p))*least)
	}
	return p
}
