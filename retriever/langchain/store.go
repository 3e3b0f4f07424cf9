package langchain

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tmc/langchaingo/schema"
	"github.com/tmc/langchaingo/vectorstores"

	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/internal/foreign"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Options says how the documents of a store become passages. The zero value is for
// documents with their id in the metadata "id".
type Options struct {
	// ID is the metadata key of the id of a document; empty means "id". The id is a text
	// or a whole number.
	ID string
	// IDOf returns the id of a document, empty if it has none, in place of ID.
	IDOf func(schema.Document) string
	// Title and URI are the metadata keys of Passage.Title and Passage.Source.URI, texts
	// or whole numbers; empty means none. A document may lack them.
	Title, URI string
	// Scores says what the scores of the store mean; empty means RankOnly.
	Scores retriever.ScoreKind
	// Filter translates a filter to the language of the store, for
	// vectorstores.WithFilters. The result must be exact: it must match the documents for
	// which the filter holds, and no others. For queries without a filter it is called
	// with nil; a nil result means no filter.
	//
	// Without it, and for a filter for which its error wraps errors.ErrUnsupported, the
	// hits are filtered by retriever.PostFilter.
	Filter func(filter.Expr) (any, error)
	// PostFilter bounds the search with retriever.PostFilter.
	PostFilter retriever.PostFilterOptions
	// Search is passed to every search, such as vectorstores.WithNameSpace.
	Search []vectorstores.Option
}

// ErrOption is wrapped by the error about a store or an option that cannot be used.
var ErrOption = errors.New("langchain: bad option")

// Errors that a [DocumentError] wraps.
var (
	// ErrID is about a document without an id, or with the id of another document.
	ErrID = errors.New("bad id")
	// ErrScore is about a score that is not finite, out of the range of its kind, or
	// above that of the document before.
	ErrScore = errors.New("bad score")
)

// DocumentError says which document of a store's answer cannot be a hit. It wraps ErrID,
// ErrScore or a *filter.MetadataError.
type DocumentError struct {
	// Rank is the place of the document in the answer, from 1.
	Rank int
	// ID is its id. It is empty if the id is unknown, or if the query had a filter: the
	// filter may be there to hide the document.
	ID  string
	Err error
}

// Error implements error.
func (e *DocumentError) Error() string {
	if e.ID == "" {
		return fmt.Sprintf("langchain: document %d of the answer: %v", e.Rank, e.Err)
	}
	return fmt.Sprintf("langchain: document %d of the answer, %.100q: %v", e.Rank, e.ID, e.Err)
}

// Unwrap returns the reason.
func (e *DocumentError) Unwrap() error { return e.Err }

// covered returns the error without content of the document.
func (e *DocumentError) covered() *DocumentError {
	for _, kind := range []error{ErrID, ErrScore} {
		if errors.Is(e.Err, kind) {
			return &DocumentError{Rank: e.Rank, Err: fmt.Errorf("%w: %s", kind, foreign.Hidden)}
		}
	}
	return &DocumentError{Rank: e.Rank, Err: &filter.MetadataError{Reason: foreign.Hidden}}
}

// Store is a Retriever over a vector store. It is safe for concurrent use if the vector
// store is.
type Store struct {
	store     vectorstores.VectorStore
	o         Options
	retriever *foreign.Retriever
}

var _ retriever.Retriever = (*Store)(nil)

// New returns a retriever over store. It makes no call. The error wraps ErrOption, or
// retriever.ErrOption if PostFilter is out of range.
func New(store vectorstores.VectorStore, o Options) (*Store, error) {
	if isnil.Value(store) {
		return nil, fmt.Errorf("%w: the store is nil", ErrOption)
	}
	if o.ID != "" && o.IDOf != nil {
		return nil, fmt.Errorf("%w: ID and IDOf are both set: want one of them", ErrOption)
	}
	if o.ID == "" {
		o.ID = "id"
	}
	if o.Scores == "" {
		o.Scores = retriever.RankOnly
	}
	if err := foreign.CheckKind(o.Scores); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOption, err)
	}
	o.Search = slices.Clone(o.Search)
	var set vectorstores.Options
	for i, option := range o.Search {
		if option == nil {
			return nil, fmt.Errorf("%w: Search[%d] is nil", ErrOption, i)
		}
		option(&set)
	}
	if o.Filter != nil && set.Filters != nil {
		return nil, fmt.Errorf("%w: Search sets filters, which those of Filter would replace: let Filter add them", ErrOption)
	}
	s := &Store{store: store, o: o}
	var err error
	s.retriever, err = foreign.New("langchain", s.search, o.Filter, o.PostFilter)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Retrieve returns the documents that the store finds most similar to the query, in its
// order. Passages have the text of the document and all its metadata: a value of a kind
// that filter.Metadata does not have becomes its JSON text, and nil is left out. With
// the scores RankOnly the first hit has 1, the next 1/2, then 1/3. Otherwise hits have the
// score of the store. A score outside the range of its kind by a rounding error is set to
// the end of the range.
//
// A vector of zeros has no direction. If the scores are Cosine, documents at the end of the
// answer with the score NaN are no hits. So a query with such a vector finds nothing. A
// query without text finds nothing either.
//
// Errors are those of the contract of [retriever.Retriever]; others are of type *[DocumentError] or
// wrap the error of the store or of Options.Filter.
func (s *Store) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	return s.retriever.Retrieve(ctx, q)
}

// search makes one call of the store.
func (s *Store) search(ctx context.Context, q retriever.Query, native any) (retriever.Result, error) {
	res := retriever.Result{Scores: s.o.Scores}
	text := strings.ToValidUTF8(q.Text, "\ufffd")
	if strings.TrimSpace(text) == "" {
		return res, nil
	}
	options := slices.Clone(s.o.Search)
	if native != nil {
		options = append(options, vectorstores.WithFilters(native))
	}
	docs, err := s.store.SimilaritySearch(ctx, text, q.K, options...)
	if err != nil {
		return retriever.Result{}, fmt.Errorf("langchain: searching the store: %w", ctxerr.Wrap(ctx, err))
	}
	hits, bad := s.hits(docs[:min(q.K, len(docs))])
	if bad != nil && foreign.Hides(ctx, q) {
		bad = bad.covered()
	}
	if bad != nil {
		return retriever.Result{}, bad
	}
	res.Hits = hits
	return res, nil
}

// hits returns documents of an answer as hits.
func (s *Store) hits(docs []schema.Document) (hits []retriever.Hit, bad *DocumentError) {
	for s.o.Scores == retriever.Cosine && len(docs) > 0 && math.IsNaN(float64(docs[len(docs)-1].Score)) {
		docs = docs[:len(docs)-1]
	}
	seen := make(map[string]int)
	for i, d := range docs {
		p, err := s.passage(d)
		if first := seen[p.ID]; err == nil && first > 0 {
			err = fmt.Errorf("%w: it is that of document %d, too: give each document one of its own, or set Options.IDOf", ErrID, first)
		}
		if err != nil {
			return nil, &DocumentError{i + 1, p.ID, err}
		}
		seen[p.ID] = i + 1
		hits = append(hits, retriever.Hit{Passage: p, Score: float64(d.Score)})
	}
	if i, err := foreign.Rank(hits, s.o.Scores); err != nil {
		return nil, &DocumentError{i + 1, hits[i].Passage.ID, fmt.Errorf("%w: %w", ErrScore, err)}
	}
	return hits, nil
}

// passage returns the document as a passage. With an error it has an ID if that is known.
func (s *Store) passage(d schema.Document) (p retriever.Passage, err error) {
	p.Text = d.PageContent
	if p.Metadata, err = foreign.Metadata(d.Metadata); err != nil {
		return p, err
	}
	if s.o.IDOf != nil {
		if p.ID = s.o.IDOf(d); p.ID == "" {
			return p, fmt.Errorf("%w: Options.IDOf knows none for it", ErrID)
		}
	} else {
		if p.ID, err = textOrNumber(p.Metadata, s.o.ID); err != nil {
			return p, fmt.Errorf("%w: %w", ErrID, err)
		}
		if p.ID == "" {
			keys := slices.Sorted(maps.Keys(p.Metadata))
			return p, fmt.Errorf("%w: there is none in the metadata %q, only %.300s: set Options.ID or Options.IDOf", ErrID, s.o.ID, fmt.Sprintf("%q", keys))
		}
	}
	if p.Title, err = textOrNumber(p.Metadata, s.o.Title); err != nil {
		return p, err
	}
	p.Source.URI, err = textOrNumber(p.Metadata, s.o.URI)
	return p, err
}

// textOrNumber returns the text or the whole number that the metadata has for a key, empty if
// there is none.
func textOrNumber(m filter.Metadata, key string) (string, error) {
	v, ok := m[key]
	if !ok {
		return "", nil
	}
	if s, ok := v.AsString(); ok {
		return s, nil
	}
	if i, ok := v.AsInt(); ok {
		return strconv.FormatInt(i, 10), nil
	}
	// Numbers from JSON are floats. 2^53 may have been 2^53 + 1.
	if f, ok := v.AsFloat(); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.FormatFloat(f, 'f', -1, 64), nil
	}
	return "", &filter.MetadataError{Field: key, Reason: fmt.Sprintf("it is %s: want a text, or a whole number less than 2^53 away from 0", v)}
}
