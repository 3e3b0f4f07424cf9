package rewrite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
)

// ErrVector is wrapped by errors about vectors of an embedder that cannot be
// compared: a wrong number of vectors, different lengths, zeros, or a component
// that is not finite.
var ErrVector = errors.New("rewrite: unusable vector")

// Examples describes a part that [NearestRouter] can choose.
type Examples struct {
	// Part is the name of the part.
	Part string
	// Texts are questions for the part, or texts like those in it; at least one.
	Texts []string
}

// NearestOptions are the options of [NearestRouter].
type NearestOptions struct {
	// Threshold is the least similarity of a chosen part, a cosine from -1 to 1. It
	// has no default, and 0 is rejected: the similarity of questions and examples
	// depends on the embedder. Route some questions with -1, which always chooses,
	// and look at Similarities.
	Threshold float64
	// Max is the greatest number of chosen parts; 0 means 1.
	Max int
}

// NearestRouter is a retriever.Router that chooses the parts with the examples most
// similar to the query. Make one with [NewNearestRouter].
type NearestRouter struct {
	embedder Embedder
	o        NearestOptions
	parts    []string
	owner    []int       // of each unit vector: an index of parts
	units    [][]float64 // of all texts
}

// NewNearestRouter returns a router over choices. It embeds their texts by one call
// of EmbedDocuments. The error wraps ErrOption, ErrVector, or the error of the
// embedder.
func NewNearestRouter(ctx context.Context, e Embedder, choices []Examples, o NearestOptions) (*NearestRouter, error) {
	if o.Max == 0 {
		o.Max = 1
	}
	switch {
	case isnil.Value(e):
		return nil, fmt.Errorf("%w: NewNearestRouter: the embedder is nil", ErrOption)
	case len(choices) == 0:
		return nil, fmt.Errorf("%w: NewNearestRouter: no choices: give at least one", ErrOption)
	case !(o.Threshold >= -1 && o.Threshold <= 1) || o.Threshold == 0: // true for NaN, too
		return nil, fmt.Errorf("%w: NewNearestRouter: Threshold is %v: want a cosine from -1 to 1 that was found with this embedder, and not 0", ErrOption, o.Threshold)
	case o.Max < 0:
		return nil, fmt.Errorf("%w: NewNearestRouter: Max is %d: want at least 1, or 0 for 1", ErrOption, o.Max)
	}
	n := &NearestRouter{embedder: e, o: o}
	var texts []string
	for i, c := range choices {
		if c.Part == "" || slices.Contains(n.parts, c.Part) {
			return nil, fmt.Errorf("%w: NewNearestRouter: choice %d of %d is called %q: want a name that no other choice has", ErrOption, i+1, len(choices), c.Part)
		}
		if len(c.Texts) == 0 || slices.ContainsFunc(c.Texts, blank) {
			return nil, fmt.Errorf("%w: NewNearestRouter: choice %q has no texts, or a blank one", ErrOption, c.Part)
		}
		n.parts = append(n.parts, c.Part)
		for _, t := range c.Texts {
			texts, n.owner = append(texts, strings.ToValidUTF8(t, "\ufffd")), append(n.owner, i)
		}
	}
	vectors, err := e.EmbedDocuments(ctx, texts)
	if err != nil {
		return nil, fmt.Errorf("rewrite: NewNearestRouter: embedding the examples: %w", ctxerr.Wrap(ctx, err))
	}
	if len(vectors) != len(texts) {
		return nil, fmt.Errorf("%w: NewNearestRouter: %d vectors for %d texts", ErrVector, len(vectors), len(texts))
	}
	for i, v := range vectors {
		u, err := unit(v, len(vectors[0]))
		if err == nil && u == nil {
			err = fmt.Errorf("%w: it is all 0, and like nothing: take another text", ErrVector)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: the vector of the text %.100q of choice %q", err, texts[i], n.parts[n.owner[i]])
		}
		n.units = append(n.units, u)
	}
	return n, nil
}

// Route implements retriever.Router by one call of EmbedQuery. It returns the parts
// with the greatest similarities that reach the threshold, the most similar first,
// equal ones in the order of the choices. It returns none if there is no such part,
// and for a query that is blank or whose vector is all 0. The error wraps ErrVector
// or the error of the embedder.
func (n *NearestRouter) Route(ctx context.Context, q retriever.Query) ([]string, error) {
	similar, err := n.Similarities(ctx, q.Text)
	if err != nil {
		return nil, err
	}
	var order []int
	for i, s := range similar {
		if s >= n.o.Threshold {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(similar[b], similar[a]) })
	var names []string
	for _, i := range order[:min(n.o.Max, len(order))] {
		names = append(names, n.parts[i])
	}
	return names, nil
}

// MostCost implements budget.Declarer.
func (n *NearestRouter) MostCost(int) (budget.Cost, bool) { return budget.MostCost(n.embedder, 1) }

// Similarities returns the similarity of text to each choice, in their order: the
// greatest cosine between the vectors of the text and of an example. It returns nil
// for a text that is blank or whose vector is all 0.
func (n *NearestRouter) Similarities(ctx context.Context, text string) ([]float64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if blank(text) {
		return nil, nil
	}
	v, err := n.embed(ctx, strings.ToValidUTF8(text, "\ufffd"))
	if err != nil {
		return nil, fmt.Errorf("rewrite: embedding the query: %w", ctxerr.Wrap(ctx, err))
	}
	u, err := unit(v, len(n.units[0]))
	if err != nil {
		return nil, fmt.Errorf("%w: the vector of the query", err)
	}
	if u == nil {
		return nil, nil
	}
	similar := make([]float64, len(n.parts))
	for i := range similar {
		similar[i] = math.Inf(-1)
	}
	for i, w := range n.units {
		s := 0.0
		for j := range w {
			s += float64(u[j] * w[j]) // rounded, so that all processors agree
		}
		// For two vectors of the same direction the product can be slightly above
		// 1.
		similar[n.owner[i]] = max(similar[n.owner[i]], min(max(s, -1), 1))
	}
	return similar, nil
}

// embed calls the embedder.
func (n *NearestRouter) embed(ctx context.Context, text string) (v []float32, err error) {
	ctx, step := observe.Start(ctx, observe.Embedding, "query")
	defer step.EndWith(&err)()
	v, err = n.embedder.EmbedQuery(ctx, text)
	return v, err
}

// unit returns v with the length 1, or nil if it is all 0.
func unit(v []float32, dim int) ([]float64, error) {
	if len(v) != dim || dim == 0 {
		return nil, fmt.Errorf("%w: it has %d components: want %d, and at least 1", ErrVector, len(v), dim)
	}
	sum := 0.0
	for _, x := range v {
		sum += float64(float64(x) * float64(x))
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return nil, fmt.Errorf("%w: a component is not finite", ErrVector)
	}
	if sum == 0 {
		return nil, nil
	}
	length := math.Sqrt(sum)
	u := make([]float64, len(v))
	for i, x := range v {
		u[i] = float64(x) / length
	}
	return u, nil
}
