package retriever

import (
	"context"
	"errors"
	"fmt"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Retriever finds passages for a query.
//
// Contract:
//
//   - Hits come best first, at most q.K of them, each passage id once. The
//     implementation documents a rule for equal scores, never map or goroutine
//     order: the same query on the same data gives the same result.
//   - Only passages that match q.Filter are returned. The filter applies before
//     the cut to K, so that a selective filter does not shorten the result.
//   - Finding nothing is an empty Result and a nil error.
//   - A query that fails [Query.Check] is rejected with the error of Check.
//   - Retrieve may be called from several goroutines at once.
//   - When ctx is done, Retrieve returns promptly with an error that wraps
//     ctx.Err(), and leaves no goroutine behind.
//   - The caller owns Result and everything that it points to, except metadata
//     maps, which must not be changed. With an error, Result holds what is known:
//     hits found so far, parts that are missing.
//   - A Retriever made of others asks them with [Ask]. It copies the Query and
//     changes only the fields that it has to, so that unknown fields are passed
//     on.
type Retriever interface {
	Retrieve(ctx context.Context, q Query) (Result, error)
}

// Func makes a Retriever from a function that keeps the contract.
type Func func(ctx context.Context, q Query) (Result, error)

// Retrieve calls f.
func (f Func) Retrieve(ctx context.Context, q Query) (Result, error) { return f(ctx, q) }

// Query is a query to a Retriever.
type Query struct {
	// Text is the query in natural language. It is data: no part of it is parsed as
	// a query language.
	Text string
	// K is the greatest number of hits wanted, at least 1.
	K int
	// Filter limits the result to passages that match it; nil allows all.
	Filter filter.Expr
}

// ErrQuery is wrapped by errors about an invalid query.
var ErrQuery = errors.New("retriever: bad query")

// Check returns an error that wraps ErrQuery if K is below 1 or Filter is
// malformed. An empty Text is allowed: it matches nothing in particular, and an
// implementation may return no hits for it.
func (q Query) Check() error {
	if q.K < 1 {
		return fmt.Errorf("%w: K is %d: want at least 1", ErrQuery, q.K)
	}
	if err := filter.Check(q.Filter); err != nil {
		return fmt.Errorf("%w: %w", ErrQuery, err)
	}
	return nil
}

// Result is the result of a Retriever.
type Result struct {
	Hits []Hit `json:"hits"`
	// Scores says what the scores of Hits mean. Do not compare or add scores of
	// different kinds.
	Scores ScoreKind `json:"scores"`
	// Missing names the parts of a composed retriever that failed where its policy
	// allowed it to continue. Empty if the result is complete.
	Missing []Missing `json:"missing,omitempty"`
	// Queries holds the other wordings and parts of the question that were searched
	// for, instead of Query.Text or besides it, in the order in which they were
	// made. Empty if there were none.
	Queries []string `json:"queries,omitempty"`
}

// Hit is one passage with its score for one query.
type Hit struct {
	Passage Passage `json:"passage"`
	// Score is higher for better hits; Result.Scores says what it means.
	Score float64 `json:"score"`
	// Parts has, for each part of a composed retriever that found the passage, its
	// contribution to Score, in the order of the parts. Empty if the retriever is
	// not composed.
	Parts []Contribution `json:"parts,omitempty"`
}

// Contribution is what one part of a composed retriever added to a [Hit].
type Contribution struct {
	// Part is the name of the part.
	Part string `json:"part"`
	// Rank is the rank of the passage in the part's list, from 1.
	Rank int `json:"rank"`
	// Score is the part's score of the passage, and Scores its kind.
	Score  float64   `json:"score"`
	Scores ScoreKind `json:"scores"`
	// Value is the summand in the score of the hit.
	Value float64 `json:"value"`
	// Parts has the same for a part that is itself composed.
	Parts []Contribution `json:"parts,omitempty"`
}

// Missing names a part of a composed retriever that gave nothing, and the reason.
type Missing struct {
	Part   string `json:"part"`
	Reason string `json:"reason"`
}

// ScoreKind says what the numbers of a result mean.
type ScoreKind string

// The kinds of scores. An implementation with another kind uses RankOnly: only the
// order has a meaning.
const (
	RankOnly     ScoreKind = "rank"          // only the order has a meaning
	BM25         ScoreKind = "bm25"          // comparable only for one query over one index
	Cosine       ScoreKind = "cosine"        // in [-1, 1]
	InnerProduct ScoreKind = "inner-product" // any real number
	Probability  ScoreKind = "probability"   // in [0, 1]
	RRF          ScoreKind = "rrf"           // greater than 0; see RankFusion
	Normalized   ScoreKind = "normalized"    // in [0, 1] within one list; see ScoreFusion
	Relevance    ScoreKind = "relevance"     // of a reranking model: any real number, comparable only for that model
)

// Passage is a piece of a document, the unit that is retrieved and cited.
type Passage struct {
	// ID names the passage; unique within one Retriever and never empty.
	ID    string `json:"id"`
	Title string `json:"title,omitempty"`
	Text  string `json:"text"`
	// Metadata is what filters test. It is shared and must not be changed.
	Metadata filter.Metadata `json:"metadata,omitempty"`
	// Source is the place of Text in its document.
	Source Source `json:"source,omitzero"`
}

// Source is a place in a document as it was given to the library.
type Source struct {
	// URI names the document: a path or an address. Empty if there is none.
	URI string `json:"uri,omitempty"`
	// Start and End delimit the passage's text in the document, in bytes: Start is
	// the offset of its first byte, End that of the byte after its last. Both are 0
	// if the place is unknown. If the document format has markup, the bytes between
	// them hold the text and the markup inside it. If the bytes of the document are
	// not text, as in PDF, they are offsets in the text that its reader extracts.
	Start int `json:"start,omitempty"`
	End   int `json:"end,omitempty"`
	// Page and LastPage are the pages that hold the first and the last character of the
	// text, counted from 1. Both are 0 if the document has no pages.
	Page     int `json:"page,omitempty"`
	LastPage int `json:"last_page,omitempty"`
}

// String returns the place in human-readable form: the URI and the pages, or else
// the bytes, as far as they are known.
func (s Source) String() string {
	var at string
	switch {
	case s.Page > 0 && s.LastPage > s.Page:
		at = fmt.Sprintf("pages %d-%d", s.Page, s.LastPage)
	case s.Page > 0:
		at = fmt.Sprintf("page %d", s.Page)
	case s.End > 0:
		at = fmt.Sprintf("bytes %d-%d", s.Start, s.End)
	}
	if s.URI != "" && at != "" {
		return s.URI + ", " + at
	}
	return s.URI + at
}
