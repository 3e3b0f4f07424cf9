package rag

import (
	"fmt"
	"math"

	"github.com/goselfrag/goselfrag/retriever"
)

// Prior says how p(z|x), the weight of each passage, is computed from the hits. The
// zero Prior depends on the kind of their scores:
//
//   - inner products become softmax(score/T), as in the paper, where T is 1
//     unless [WithPriorTemperature] sets it;
//   - cosines do the same, and T must be given;
//   - probabilities are divided by their sum;
//   - all other scores, such as BM25 and the ranks of a fusion, do not imply a
//     probability: the result is a *[PriorError] that asks for another Prior.
//
// Passages of weight 0 are not used for decoding.
type Prior struct {
	name    string
	part    string
	weights func([]retriever.Hit) []float64
}

// Uniform gives all passages the same weight.
func Uniform() Prior {
	return Prior{name: "uniform", weights: func(hits []retriever.Hit) []float64 {
		w := make([]float64, len(hits))
		for i := range w {
			w[i] = 1
		}
		return w
	}}
}

// Weights uses the weights that f returns for the hits, one each, at least 0,
// finite, and not all 0; they need not sum to 1. f must not change the hits. Traces
// show the name.
func Weights(name string, f func(hits []retriever.Hit) []float64) Prior {
	if f == nil {
		f = func([]retriever.Hit) []float64 { return nil }
	}
	return Prior{name: name, weights: f}
}

// Part computes the prior from the scores of one part of a composed retriever, such
// as the vector side of a fusion (retriever.Hit.Parts), by the rule of the zero
// Prior for their kind. A passage that the part did not find is outside its top k
// and has weight 0.
func Part(name string) Prior { return Prior{part: name} }

// priorOf returns the logarithms of p(z|x), minus infinity for a passage that does
// not count, and the name of the rule.
func (s *settings) priorOf(hits []retriever.Hit, kind retriever.ScoreKind) (logs []float64, rule string, err error) {
	if s.prior.weights != nil {
		if s.temperature != 0 {
			return nil, "", optionError("WithPriorTemperature", "the prior %q is not made of scores: leave it out", s.prior.name)
		}
		logs, err := normalized(s.prior.weights(hits), len(hits), kind)
		return logs, s.prior.name, err
	}
	scores := make([]float64, len(hits))
	for i, h := range hits {
		scores[i] = h.Score
	}
	if s.prior.part != "" {
		if kind, err = s.prior.scores(hits, scores); err != nil {
			return nil, "", err
		}
	}
	t := s.temperature
	switch kind {
	case retriever.InnerProduct:
		if t == 0 {
			t = 1
		}
	case retriever.Cosine:
		if t == 0 {
			return nil, "", optionError("WithPriorTemperature", "the scores are cosines, whose softmax has no natural temperature: want a finite number above 0, or WithPrior")
		}
	case retriever.Probability:
		if t != 0 {
			return nil, "", optionError("WithPriorTemperature", "the scores are probabilities, which are not divided by a temperature: leave it out")
		}
		for i, x := range scores {
			if math.IsInf(x, -1) { // not found by the part
				scores[i] = 0
			}
		}
		logs, err := normalized(scores, len(hits), kind)
		return logs, s.prior.rule("probability"), err
	default:
		return nil, "", &PriorError{kind, "want inner products, cosines or probabilities, or say by WithPrior how much each passage counts: Uniform, Weights, or Part for the vector side of a fusion"}
	}
	logs = make([]float64, len(hits))
	for i, x := range scores {
		logs[i] = x / t
	}
	normalize(logs)
	return logs, s.prior.rule("softmax of " + string(kind)), nil
}

func (p Prior) rule(name string) string {
	if p.part != "" {
		name += " of " + p.part
	}
	return name
}

// scores replaces the scores of the hits by those of the part.
func (p Prior) scores(hits []retriever.Hit, scores []float64) (kind retriever.ScoreKind, err error) {
	found := false
	for i := range hits {
		c := contribution(hits[i].Parts, p.part)
		if c == nil {
			scores[i] = math.Inf(-1)
			continue
		}
		if found && c.Scores != kind {
			return "", &PriorError{c.Scores, fmt.Sprintf("the part %q also gives scores of the kind %q", p.part, kind)}
		}
		found, kind, scores[i] = true, c.Scores, c.Score
	}
	if !found {
		return "", &PriorError{kind, fmt.Sprintf("no passage has a score of a part %q: want the name of a part that found some", p.part)}
	}
	return kind, nil
}

// contribution returns the contribution of the named part, at any depth, or nil.
func contribution(parts []retriever.Contribution, name string) *retriever.Contribution {
	for i := range parts {
		if parts[i].Part == name {
			return &parts[i]
		}
		if c := contribution(parts[i].Parts, name); c != nil {
			return c
		}
	}
	return nil
}

// normalized returns the logarithms of n weights divided by their sum.
func normalized(w []float64, n int, kind retriever.ScoreKind) ([]float64, error) {
	if len(w) != n {
		return nil, &PriorError{kind, fmt.Sprintf("the prior gives %d weights for %d passages: want one each", len(w), n)}
	}
	most := 0.0
	for i, x := range w {
		if !(x >= 0) || math.IsInf(x, 0) {
			return nil, &PriorError{kind, fmt.Sprintf("the weight of passage %d is %v: want a finite number of at least 0", i, x)}
		}
		most = max(most, x)
	}
	if most == 0 && n > 0 {
		return nil, &PriorError{kind, "all weights are 0: want one above 0"}
	}
	logs := make([]float64, n)
	for i, x := range w {
		logs[i] = math.Log(x / most)
	}
	normalize(logs)
	return logs, nil
}

// normalize shifts logarithms so that their exponentials sum to 1. It reports
// false, and shifts nothing, if all of them are 0.
func normalize(logs []float64) bool {
	most := math.Inf(-1)
	for _, x := range logs {
		most = max(most, x)
	}
	if math.IsInf(most, -1) {
		return false
	}
	for i := range logs {
		logs[i] -= most // first, since the difference of large numbers is exact and that of rounded ones is not
	}
	total := logSum(logs)
	for i := range logs {
		logs[i] -= total
	}
	return true
}

// logSum returns log Σ exp(x), without overflow; minus infinity for no x.
func logSum(list []float64) float64 {
	most := math.Inf(-1)
	for _, x := range list {
		most = max(most, x)
	}
	if math.IsInf(most, -1) {
		return most
	}
	sum := 0.0
	for _, x := range list {
		sum += math.Exp(x - most)
	}
	return most + math.Log(sum)
}
