package adapt

import (
	"context"
	"fmt"
	"math"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/retriever/dense"
)

// Adapter is a change of query vectors. It does not change, and it may be used from
// several goroutines at once. Make one with [Contrastive], [Marginal] or [Load].
type Adapter struct {
	dim, rank int
	a, b      []float32 // rank rows of dim components: those of A, and the columns of B
	card      Card
}

// Card says where an adapter comes from. It is kept in the file.
type Card struct {
	// Signal is "contrastive" or "marginal".
	Signal string `json:"signal"`
	// Note is what the caller wrote into Options.Note.
	Note string `json:"note,omitempty"`
	// Metric is that of the index which the adapter was trained for: "cosine" or "inner product".
	Metric string `json:"metric"`
	// Temperature is the T by which scores are divided: for rag.WithPriorTemperature after
	// Marginal, the constant of the loss after Contrastive.
	Temperature float64 `json:"temperature"`
	Seed        uint64  `json:"seed"`
	// Report is what training measured.
	Report Report `json:"report"`
	// Probe is a question of the training, and ProbeVector the vector that the embedder
	// gave for it, by which Embedder.Check recognizes the embedder.
	Probe       string    `json:"probe"`
	ProbeVector []float32 `json:"probe_vector"`
}

// Dim returns the number of components of the vectors.
func (a *Adapter) Dim() int { return a.dim }

// Rank returns the rank of B·A.
func (a *Adapter) Rank() int { return a.rank }

// Card says where the adapter comes from.
func (a *Adapter) Card() Card { return a.card }

// Apply returns q + B·A·q. The error wraps ErrEmbedder if q has another dimension than
// the adapter.
func (a *Adapter) Apply(q []float32) ([]float32, error) {
	if len(q) != a.dim {
		return nil, fmt.Errorf("%w: the vector has %d components and the adapter is for %d: use the embedding model it was trained with", ErrEmbedder, len(q), a.dim)
	}
	y := make([]float64, a.dim)
	for i, x := range q {
		y[i] = float64(x)
	}
	for k := range a.rank {
		row, column := a.a[k*a.dim:(k+1)*a.dim], a.b[k*a.dim:(k+1)*a.dim]
		u := 0.0
		for i, x := range q {
			u += float64(row[i]) * float64(x)
		}
		for i, x := range column {
			y[i] += u * float64(x)
		}
	}
	out := make([]float32, a.dim)
	for i, x := range y {
		out[i] = float32(x)
	}
	return out, nil
}

// Over returns e with adapted query vectors. It does no I/O: see Embedder.Check.
func (a *Adapter) Over(e dense.Embedder) *Embedder { return &Embedder{a, e} }

// Embedder is a dense.Embedder with adapted query vectors. The vectors of documents are
// those of the embedder inside.
type Embedder struct {
	adapter *Adapter
	inner   dense.Embedder
}

// EmbedDocuments returns the vectors of the embedder inside.
func (e *Embedder) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	return e.inner.EmbedDocuments(ctx, texts)
}

// EmbedQuery returns the adapted vector of a question. The error is that of the embedder
// inside, or wraps ErrEmbedder if its vector has another dimension.
func (e *Embedder) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	q, err := e.inner.EmbedQuery(ctx, text)
	if err != nil {
		return nil, err
	}
	return e.adapter.Apply(q)
}

// MostCost implements budget.Declarer: an adapter adds nothing to the cost.
func (e *Embedder) MostCost(n int) (budget.Cost, bool) { return budget.MostCost(e.inner, n) }

// sameModel is the least cosine of two vectors of one question by one model. Vectors of
// package hashed differ a little when the collection has changed; those of two models
// have nothing in common.
const sameModel = 0.7

// Check embeds the question that the adapter keeps as a probe. The error wraps
// ErrEmbedder if its vector is not near the one of the training.
func (e *Embedder) Check(ctx context.Context) error {
	q, err := e.inner.EmbedQuery(ctx, e.adapter.card.Probe)
	if err != nil {
		return err
	}
	if _, err := e.adapter.Apply(q); err != nil {
		return err
	}
	if c := cosine(q, e.adapter.card.ProbeVector); !(c >= sameModel) {
		return fmt.Errorf("%w: its vector of a question of the training has a cosine of %.2f with that of the training: use the embedding model that the adapter was trained with, or train a new adapter", ErrEmbedder, c)
	}
	return nil
}

func cosine(x, y []float32) float64 {
	var xy, xx, yy float64
	for i := range x {
		xy += float64(x[i]) * float64(y[i])
		xx += float64(x[i]) * float64(x[i])
		yy += float64(y[i]) * float64(y[i])
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}
