// Package small trains and loads small classifiers: multinomial logistic
// regression over named features, kept in one file with a checksum. They judge in
// about a microsecond and need no server. The features are the caller's; a critic
// or a decider is made of a classifier by computing its features.
package small

import (
	"fmt"
	"io"
	"slices"

	"github.com/goselfrag/goselfrag/internal/linear"
	"github.com/goselfrag/goselfrag/internal/linear/fit"
)

// Errors that those of [Load] and [Train] wrap.
var (
	ErrFormat    = linear.ErrFormat    // not a model file
	ErrTruncated = linear.ErrTruncated // the file ends too early
	ErrAltered   = linear.ErrAltered   // the checksum does not match
	ErrNewer     = linear.ErrNewer     // the file needs a newer version of this module
	ErrContent   = linear.ErrContent   // the file holds something else than a classifier
	ErrExamples  = fit.ErrExamples     // nothing can be fitted to the examples
)

// modelName is the name of the one model of a classifier's file.
const modelName = "classifier"

// Classifier gives probabilities of classes. It is safe for concurrent use.
type Classifier struct{ model *linear.Model }

// Example is a vector of features and the index of its class.
type Example struct {
	Features []float64
	Class    int
	// Weight says how often the example counts; 0 is 1.
	Weight float64
}

// Train fits a classifier by maximum likelihood with an L2 penalty of strength
// l2 >= 0 on the weights, each in the unit of its feature's root mean square; a
// feature named "one" is not penalised and should always be 1. Equal input gives
// equal output. The error wraps ErrExamples if there is no example, or one has
// the wrong number of features, a number that is not finite, or no such class.
func Train(features, classes []string, examples []Example, l2 float64) (*Classifier, error) {
	if !(l2 >= 0) || len(features) == 0 || len(classes) < 2 {
		return nil, fmt.Errorf("small: %w: %d features, %d classes, penalty %v: want at least 1, at least 2 and at least 0", ErrExamples, len(features), len(classes), l2)
	}
	labelled := make([]fit.Labelled, len(examples))
	for i, e := range examples {
		labelled[i] = fit.Labelled{Row: e.Features, Class: e.Class, Weight: e.Weight}
		if e.Weight == 0 {
			labelled[i].Weight = 1
		}
	}
	m, err := fit.Classes(slices.Clone(features), slices.Clone(classes), labelled, fit.Options{L2: l2, Free: map[string]bool{"one": true}})
	if err != nil {
		return nil, fmt.Errorf("small: %w", err)
	}
	return &Classifier{m}, nil
}

// Load reads a classifier that [Classifier.Save] wrote. The error says what is
// wrong with the file and what to do.
func Load(r io.Reader) (*Classifier, error) {
	f, err := linear.Read(r)
	if err != nil {
		return nil, fmt.Errorf("small: %w", err)
	}
	m := f.Models[modelName]
	if m == nil || len(m.Classes) == 0 {
		return nil, fmt.Errorf("small: %w: there is no classifier in it", ErrContent)
	}
	return &Classifier{m}, nil
}

// Save writes the classifier, its weights rounded to six significant digits,
// with words on where it comes from.
func (c *Classifier) Save(w io.Writer, provenance map[string]string) error {
	return (&linear.File{Provenance: provenance, Models: map[string]*linear.Model{modelName: c.model}}).Write(w)
}

// Features returns the names of the features, in the order of their values.
func (c *Classifier) Features() []string { return slices.Clone(c.model.Features) }

// Classes returns the names of the classes.
func (c *Classifier) Classes() []string { return slices.Clone(c.model.Classes) }

// Probs returns the probabilities of the classes, which sum to one. Missing
// features count as 0, those beyond the last are passed over.
func (c *Classifier) Probs(features []float64) []float64 { return c.model.Probs(features) }
