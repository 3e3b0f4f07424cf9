package hashed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/budget"
)

// Options changes how texts are embedded. The zero value is ready to use.
type Options struct {
	// Dim is the number of components of a vector, from 64 to 65,536; 0 means 2048.
	// More components make the estimate more exact and take 4 bytes each, per passage.
	Dim int
	// Seed is what the random projection is drawn from.
	Seed uint64
}

// ErrOption is wrapped by the error about an option out of its range.
var ErrOption = errors.New("hashed: bad option")

// Embedder turns texts into vectors. It does not change, and it may be used from
// several goroutines at once.
type Embedder struct {
	o       Options
	weights map[uint64]float32   // of one occurrence of a feature that a text of Fit holds
	unseen  [len(shares)]float32 // of other features, by kind
	mean    float64              // number of words of a text
	scale   float64              // makes the longest vector of the texts have length 1
}

// Parameters of the weights, see the package's comment. k1 and power are above the
// best values for keyword search: the weights of the most important features must exceed
// the noise of the projection.
const (
	k1    = 2
	b     = 0.75
	power = 1.5 // of the rarity
)

// Fit measures how rare each feature is and how long a text is. texts are those to be
// searched, or similar ones. Without texts all features count as equally rare. Fit takes
// about twice as long as embedding the texts.
// The error wraps ErrOption or ctx.Err().
func Fit(ctx context.Context, texts []string, o Options) (*Embedder, error) {
	if o.Dim == 0 {
		o.Dim = 2048
	}
	if o.Dim < 64 || o.Dim > 1<<16 {
		return nil, fmt.Errorf("%w: Dim is %d: want 64 to 65536, or 0 for 2048", ErrOption, o.Dim)
	}
	e := &Embedder{o: o, weights: map[uint64]float32{}, scale: 1}
	if err := e.setStatistics(ctx, texts); err != nil {
		return nil, fmt.Errorf("hashed: fit: %w", err)
	}
	lengths := make([]float64, len(texts))
	err := each(ctx, len(texts), func(i int) { lengths[i] = length(e.project(e.features(texts[i]), true)) })
	if err != nil {
		return nil, fmt.Errorf("hashed: fit: %w", err)
	}
	if longest := slices.Max(append(lengths, 0)); longest > 0 {
		e.scale = 1 / longest
	}
	return e, nil
}

// setStatistics sets the fields that depend on how often features occur in texts.
func (e *Embedder) setStatistics(ctx context.Context, texts []string) error {
	words := 0
	for part := range slices.Chunk(texts, 256) {
		read := make([]features, len(part))
		if err := each(ctx, len(part), func(i int) { read[i] = e.features(part[i]) }); err != nil {
			return err
		}
		for _, f := range read {
			words += f.words
			for _, h := range slices.Compact(f.hashes) {
				e.weights[h]++ // at first the number of texts that hold h
			}
		}
	}
	e.mean = max(float64(words)/float64(max(len(texts), 1)), 1)

	// The idf of BM25, as in package lexical. Both vectors have the root of the whole.
	weight := func(h uint64, holders float64) float32 {
		idf := math.Log(1 + (max(float64(len(texts)), holders)-holders+0.5)/(holders+0.5))
		return float32(math.Sqrt(shares[h&kindMask] * math.Pow(idf, power) / spread))
	}
	for h, holders := range e.weights {
		e.weights[h] = weight(h, float64(holders))
	}
	for k := range e.unseen {
		e.unseen[k] = weight(uint64(k), 1) // as rare as what one text holds
	}
	return nil
}

func (e *Embedder) features(text string) features { return featuresOf(text, e.o.Seed) }

// Dim returns the number of components of the vectors.
func (e *Embedder) Dim() int { return e.o.Dim }

// MostCost implements budget.Declarer: it runs within the process.
func (*Embedder) MostCost(int) (budget.Cost, bool) { return budget.Cost{}, true }

// EmbedDocuments returns a vector of length 1 for each text. The error is that of ctx.
func (e *Embedder) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	vectors := make([][]float32, len(texts))
	err := each(ctx, len(texts), func(i int) { vectors[i] = e.document(texts[i]) })
	if err != nil {
		return nil, fmt.Errorf("hashed: %w", err)
	}
	return vectors, nil
}

// EmbedQuery returns the vector of a question, of length 1, or all 0 if the text holds
// no letter or digit. The error is that of ctx.
func (e *Embedder) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("hashed: %w", err)
	}
	v := e.project(e.features(text), false)
	if l := length(v); l > 0 {
		shrink(v, 1/l)
	}
	return v, nil
}

// document embeds a passage. The last component fills the vector up to length 1; it is 0
// in a query. So the cosine ranks as the inner product does, and texts with much content,
// which have long vectors, keep their advantage (Bachrach et al.,
// "Speeding Up the Xbox Recommender System Using a Euclidean Transformation for
// Inner-Product Spaces", RecSys 2014).
func (e *Embedder) document(text string) []float32 {
	v := e.project(e.features(text), true)
	scale := e.scale
	l := length(v) * scale
	if l > 1 { // longer than all that it was fitted to
		scale, l = scale/l, 1
	}
	shrink(v, scale)
	v[len(v)-1] = float32(math.Sqrt(1 - float64(l*l)))
	return v
}

// spread is the number of components that one feature is added to.
const spread = 8

// project adds the features up, each into components and with signs that are drawn
// from its hash.
func (e *Embedder) project(f features, document bool) []float32 {
	v := make([]float32, e.o.Dim)
	norm := float64(k1 * (1 - b + float64(b*float64(f.words)/e.mean))) // rounded on every processor
	width := uint64(e.o.Dim - 1)                                       // the last is not used here
	for i := 0; i < len(f.hashes); {
		h, start := f.hashes[i], i
		for i < len(f.hashes) && f.hashes[i] == h {
			i++
		}
		weight, seen := e.weights[h]
		if !seen {
			k := kind(h & kindMask)
			if !document && k != word {
				continue // noise; a word may occur in a text added after Fit
			}
			weight = e.unseen[k]
		}
		times := float64(i - start)
		if document {
			times = times * (k1 + 1) / (times + norm)
		}
		w := float32(times * float64(weight))
		for j := range uint64(spread) {
			draw := mix(h + (j+1)*0x9e3779b97f4a7c15)
			at := (draw >> 32) * width >> 32
			if draw&1 == 0 {
				v[at] += w
			} else {
				v[at] -= w
			}
		}
	}
	return v
}

func length(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(float64(x) * float64(x)) // rounded before it is added
	}
	return math.Sqrt(sum)
}

func shrink(v []float32, by float64) {
	for i := range v {
		v[i] = float32(float64(v[i]) * by)
	}
}

// each calls f for 0 to n-1 from several goroutines and waits for them. It returns
// ctx.Err() if ctx ended it before all calls.
func each(ctx context.Context, n int, f func(i int)) error {
	var next, done atomic.Int64
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		all.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
				done.Add(1)
			}
		})
	}
	all.Wait()
	if int(done.Load()) < n {
		return ctx.Err()
	}
	return nil
}
