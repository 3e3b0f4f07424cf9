package adapt

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
)

// Triple is a line of the file for training an encoder elsewhere: the columns anchor,
// positive and negative that Sentence Transformers take.
type Triple struct {
	Anchor   string `json:"anchor"`   // the question
	Positive string `json:"positive"` // the text of a passage, as dense.Text gives it
	Negative string `json:"negative"`
}

// TripleOptions are the options of WriteTriples. The zero value is ready to use.
type TripleOptions struct {
	Positives Positives
	// Negatives is how many negatives each positive gets, from 1 to 1,000; 0 means 1. They
	// are the first of the ranking that can be one.
	Negatives int
	// Depth is how far down the ranking negatives are looked for, from 1 to 10,000; 0 means
	// 50.
	Depth int
}

// WriteTriples writes [Triple] values as JSON lines. Negatives are what r ranks highest of
// what is no positive of the question, neither labeled nor preferred, and holds none of its
// answers: give the adapted retriever for the hard negatives of ANCE. Only the questions of
// examples are used: leave out those that the result will be tested on. It returns the
// number of triples.
//
// The error wraps ErrOption, ErrData, ctx.Err() or that of r or w; what was written before
// stays.
func WriteTriples(ctx context.Context, w io.Writer, r retriever.Retriever, passages []retriever.Passage, examples []Example, o TripleOptions) (int, error) {
	o.Negatives, o.Depth, o.Positives = cmp.Or(o.Negatives, 1), cmp.Or(o.Depth, 50), cmp.Or(o.Positives, Union)
	switch {
	case isnil.Value(r):
		return 0, fmt.Errorf("%w: the retriever is nil", ErrOption)
	case o.Negatives < 1 || o.Negatives > 1000:
		return 0, fmt.Errorf("%w: Negatives is %d: want 1 to 1000", ErrOption, o.Negatives)
	case o.Depth < 1 || o.Depth > 10_000:
		return 0, fmt.Errorf("%w: Depth is %d: want 1 to 10000", ErrOption, o.Depth)
	}
	c, err := newCorpus(passages)
	if err != nil {
		return 0, err
	}
	n, enc := 0, json.NewEncoder(w)
	for i := range examples {
		e := &examples[i]
		places, err := c.places(e.ID, o.Positives.of(e))
		if err != nil {
			return n, err
		}
		if len(places) == 0 {
			continue
		}
		negatives, err := hardNegatives(ctx, r, e, o.Depth, o.Negatives)
		if err != nil {
			return n, fmt.Errorf("adapt: question %q: %w", e.ID, err)
		}
		for _, at := range places {
			for _, negative := range negatives {
				if err := enc.Encode(Triple{e.Question.Question, dense.Text(passages[at]), dense.Text(negative)}); err != nil {
					return n, err
				}
				n++
			}
		}
	}
	return n, nil
}

// hardNegatives returns the first passages of the ranking that can be negatives.
func hardNegatives(ctx context.Context, r retriever.Retriever, e *Example, depth, most int) ([]retriever.Passage, error) {
	res, err := retriever.Ask(ctx, r, retriever.Query{Text: e.Question.Question, K: depth})
	if err != nil {
		return nil, err
	}
	helps := map[string]bool{}
	for _, id := range Union.of(e) {
		helps[id] = true
	}
	var list []retriever.Passage
	for _, h := range res.Hits {
		if len(list) < most && !helps[h.Passage.ID] && !metric.MatchFold(dense.Text(h.Passage), e.Answers) {
			list = append(list, h.Passage)
		}
	}
	return list, nil
}

// Posterior is a line of the file for training the generator elsewhere: by how much the
// loss of the answer y under the passage z counts. The derivative of −ln p(y|x) by the
// parameters of the generator is Σ_z p(z|x,y) times that of −ln p(y|x,z).
type Posterior struct {
	Question  string  `json:"question"`  // x
	Passage   string  `json:"passage"`   // the text of z, as dense.Text gives it
	PassageID string  `json:"id"`        // that of z
	Answer    string  `json:"answer"`    // y
	Prior     float64 `json:"prior"`     // p(z|x)
	LogProb   float64 `json:"log_prob"`  // ln p(y|x,z)
	Posterior float64 `json:"posterior"` // p(z|x,y); the lines of one x and y sum to 1
}

// WritePosteriors writes [Posterior] values as JSON lines, for each question of examples,
// each of its answers and each of the k passages that r finds. p(z|x) is the softmax of the
// scores of r divided by temperature: give the adapted retriever and Card.Temperature. An
// answer that no passage makes possible has no lines. It returns the number of lines.
//
// The error wraps ErrOption, ctx.Err(), or is that of r, s or w; what was written before
// stays.
func WritePosteriors(ctx context.Context, w io.Writer, r retriever.Retriever, examples []Example, s Scorer, k int, temperature float64) (int, error) {
	switch {
	case isnil.Value(r) || isnil.Value(s):
		return 0, fmt.Errorf("%w: the retriever or the scorer is nil", ErrOption)
	case k < 1:
		return 0, fmt.Errorf("%w: k is %d: want at least 1", ErrOption, k)
	case !(temperature > 0) || math.IsInf(temperature, 0):
		return 0, fmt.Errorf("%w: the temperature is %v: want a finite number above 0", ErrOption, temperature)
	}
	n, enc := 0, json.NewEncoder(w)
	for i := range examples {
		e := &examples[i]
		res, err := retriever.Ask(ctx, r, retriever.Query{Text: e.Question.Question, K: k})
		if err != nil {
			return n, fmt.Errorf("adapt: question %q: %w", e.ID, err)
		}
		for _, answer := range e.Answers {
			lines, err := posteriors(ctx, res.Hits, e, answer, s, temperature)
			if err != nil {
				return n, fmt.Errorf("adapt: question %q: %w", e.ID, err)
			}
			for _, l := range lines {
				if err := enc.Encode(l); err != nil {
					return n, err
				}
				n++
			}
		}
	}
	return n, nil
}

// posteriors returns the lines of one answer.
func posteriors(ctx context.Context, hits []retriever.Hit, e *Example, answer string, s Scorer, temperature float64) ([]Posterior, error) {
	one := Example{Question: e.Question}
	one.Answers = []string{answer}
	asked, prior := make([]ask, len(hits)), make([]float64, len(hits))
	for z := range hits {
		asked[z] = ask{&one, &hits[z].Passage}
		prior[z] = hits[z].Score / temperature
	}
	logs, err := likelihoods(ctx, s, asked)
	if err != nil {
		return nil, err
	}
	joint, all := make([]float64, len(hits)), logSum(prior)
	for z := range hits {
		prior[z] -= all
		joint[z] = prior[z] + logs[z]
	}
	sum := logSum(joint)
	if math.IsInf(sum, -1) {
		return nil, nil
	}
	var list []Posterior
	for z, h := range hits {
		if math.IsInf(logs[z], -1) {
			continue
		}
		list = append(list, Posterior{
			Question: e.Question.Question, Passage: dense.Text(h.Passage), PassageID: h.Passage.ID, Answer: answer,
			Prior: math.Exp(prior[z]), LogProb: logs[z], Posterior: math.Exp(joint[z] - sum),
		})
	}
	return list, nil
}
