// Package foreign converts the metadata, scores and filters of stores, loaders and search
// services to those of packages retriever and filter.
package foreign

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Metadata returns from as metadata, without what is nil. A value of a kind that metadata
// does not have becomes its JSON text. The error is a *filter.MetadataError, of several
// the one whose field is first in byte order.
func Metadata(from map[string]any) (filter.Metadata, error) {
	m := make(filter.Metadata, len(from))
	for _, key := range slices.Sorted(maps.Keys(from)) {
		value, ok, err := value(from[key])
		if err != nil {
			return nil, &filter.MetadataError{Field: key, Reason: err.Error()}
		}
		if ok {
			m[key] = value
		}
	}
	return m, m.Check()
}

// value returns v as a value of metadata, and false if it is nil. The error is about a
// value that JSON cannot represent.
func value(v any) (filter.Value, bool, error) {
	switch x := v.(type) {
	case string:
		return filter.String(x), true, nil
	case time.Time:
		return filter.Time(x), true, nil
	case float64:
		return filter.Float(x), true, nil // a whole number is a float still
	case float32:
		return filter.Float(float64(x)), true, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return filter.Value{}, false, err
	}
	value, ok := JSON(text)
	return value, ok, nil
}

// JSON returns what text is in the form of filter.Value, or text itself as a string if
// it is of another form, and false if it is null.
func JSON(text []byte) (value filter.Value, ok bool) {
	if string(text) == "null" {
		return value, false
	}
	if value.UnmarshalJSON(text) != nil {
		value = filter.String(string(text))
	}
	return value, true
}

// kinds are the kinds of scores with their ranges.
var kinds = map[retriever.ScoreKind][2]float64{
	retriever.RankOnly:     {math.Inf(-1), math.Inf(1)},
	retriever.BM25:         {math.Inf(-1), math.Inf(1)},
	retriever.Cosine:       {-1, 1},
	retriever.InnerProduct: {math.Inf(-1), math.Inf(1)},
	retriever.Probability:  {0, 1},
	retriever.RRF:          {0, math.Inf(1)},
	retriever.Relevance:    {math.Inf(-1), math.Inf(1)},
}

// CheckKind returns an error if scores cannot be said to be of the kind.
func CheckKind(kind retriever.ScoreKind) error {
	if _, ok := kinds[kind]; !ok {
		return fmt.Errorf("the kind of Scores is %q: want one of %q, or %q for another kind", kind, slices.Sorted(maps.Keys(kinds)), retriever.RankOnly)
	}
	return nil
}

// slack is how far a score may be outside its range: a cosine of float32 vectors can be
// 1.0000001. Such a score is set to the end of the range.
const slack = 1e-4

// Rank checks the scores of hits, which are best first, against their kind. If that is
// RankOnly, the scores are replaced by 1, 1/2, 1/3 and so on. An error is about the hit at
// index i.
func Rank(hits []retriever.Hit, kind retriever.ScoreKind) (i int, err error) {
	for i := range hits {
		if kind == retriever.RankOnly {
			hits[i].Score = 1 / float64(i+1)
			continue
		}
		low, high := kinds[kind][0], kinds[kind][1]
		s := hits[i].Score
		switch {
		case math.IsNaN(s) || math.IsInf(s, 0):
			return i, fmt.Errorf("the score is %v: want a finite number", s)
		case s < low-slack || s > high+slack:
			return i, fmt.Errorf("the score is %v, which is no %s: want %v to %v, or another kind of Scores", s, kind, low, high)
		}
		hits[i].Score = min(max(s, low), high)
		if i > 0 && hits[i].Score > hits[i-1].Score {
			return i, fmt.Errorf("the score is %v, above the %v of the hit before: want falling scores, or Scores %q if they are distances", s, hits[i-1].Score, retriever.RankOnly)
		}
	}
	return 0, nil
}
