// Package lexical is a keyword index: a [retriever.Retriever] that ranks passages
// by BM25 over the words of their titles and texts. The index is in memory or in
// the files of a folder.
//
//	index, err := lexical.New(ctx, passages, lexical.Options{})
//	…
//	res, err := index.Retrieve(ctx, retriever.Query{Text: "Who built it?", K: 5})
//
// The score of passage D for a query with the terms q₁ … qₙ (with repetition) is
//
//	Σᵢ idf(qᵢ) · f(qᵢ, D) · (k1 + 1) / (f(qᵢ, D) + k1 · (1 − b + b · |D| / avgdl))
//	idf(q) = ln(1 + (N − n(q) + 0.5) / (n(q) + 0.5))
//
// where
//
//   - f(q, D) is the number of occurrences of q in D;
//   - |D| is the number of terms in D (in both, a term of the title counts
//     Options.TitleWeight times);
//   - avgdl is the mean of |D| over all passages;
//   - N is the number of passages, and n(q) the number of those that hold q.
//
// This is the BM25 of Robertson and Zaragoza, "The Probabilistic Relevance
// Framework: BM25 and Beyond" (2009), with the customary factor k1 + 1, which
// changes no ranks, and the idf of Apache Lucene, which is never negative. k1 is
// 1.2 and b 0.75 unless [Options] sets them. Nothing is rounded: lengths are exact.
//
// # Changes and files
//
// The time of [Index.Add], [Index.Replace] and [Index.Delete] depends on the size
// of the change, not of the index. [Index.Save] writes the index to a folder.
// [Load] reads it into memory. [Open] maps it, so that a large index is ready at
// once and takes only the memory that searches need. With Options.Fetch the
// passages themselves are kept elsewhere, such as in a database.
//
// Filters are applied before the search, by an index of the metadata.
//
// # Words
//
// You need not choose an analyzer. Words are found by the rules of their script and
// brought into one form: composed or not, full width or half, with or without
// invisible characters, with any apostrophe or hyphen. Case and accents make no
// difference, and ä may be written a or ae; marks of Indic and Thai scripts are
// parts of letters and stay. Names are found whole and by their parts: max_tokens,
// maxTokens and max-tokens find each other; C++, C# and C do not. In scripts
// without spaces between words, every character and every two (Thai, Lao, Khmer,
// Burmese: three) neighbors are terms.
//
// A passage is stemmed, and loses its stop words, by its language. That is the
// first of these that is known: the language that its metadata "language" or "lang"
// names by an ISO code such as "de"; the one whose stop words it contains; that of
// its document (passages with the same Source.URI or metadata "path", as far as
// they are added together); the usual one of its script, English for Latin letters.
// A query is read by the rules of every language of the passages in its script,
// since three words do not identify a language. N, n(q) and avgdl are then those of
// the passage's language; a share of all passages, which matters only for a
// language with few, is added to N and n(q). Passages in the apparent language of
// the query are preferred.
//
// Stop words in capitals are names: "The Who", "US".
package lexical

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/retriever"
)

// Errors of New, Add, Replace and Delete, wrapped with the details.
var (
	ErrEmptyID     = errors.New("lexical: empty passage id")
	ErrDuplicateID = errors.New("lexical: duplicate passage id")
	ErrUnknownID   = errors.New("lexical: unknown passage id")
	ErrOption      = errors.New("lexical: bad option")
)

// Index is a keyword index. All methods may be called from several goroutines at
// once. A search sees all or none of the passages of one change, and does not wait
// for writers.
type Index struct {
	analyzer Analyzer
	k1, b    float64
	title    uint32    // weight of a term of a title
	pool     sync.Pool // of *scratch

	now atomic.Pointer[snapshot]

	fetch Fetch  // nil if the index keeps the passages
	read  reader // of files; nil if the index was made by New

	saving  sync.Mutex // held while files are written; taken before writing
	writing sync.Mutex // held while now is stored
	merging []*part    // parts being merged by the merging goroutine; nil if there is none
	merged  sync.Cond  // signals changes of merging; its lock is writing
}

// Zero in a field of [Options] means the number 0. 0 itself means the default.
const Zero = -1

// Options says how an index reads and ranks. The zero value is ready to use.
type Options struct {
	// Analyzer names how text becomes terms:
	//
	//   - "auto", the default: every passage by its own language, see the package
	//     comment;
	//   - the code of a language, such as "en" or "de": all passages by the rules
	//     of that language;
	//   - "cjk": words in lower case in every language, without stemming and stop
	//     words;
	//   - "standard": the same without English stop words.
	//
	// Scripts without spaces between words are read in the same way by all.
	Analyzer string
	// K1 controls how quickly repeated terms stop adding to the score: a finite
	// number above 0, or Zero; 0 means 1.2.
	K1 float64
	// B controls how much long passages lose: above 0 and at most 1, or Zero; 0
	// means 0.75.
	B float64
	// TitleWeight is the weight of a term of a title: 1 to 100, or Zero, which
	// excludes titles from the search; 0 means 2. For questions about encyclopedia
	// articles 2 puts a right passage first slightly more often than 1 (Natural
	// Questions 0.868 against 0.855, XQuad 0.951 against 0.949).
	TitleWeight int
	// Custom, if not nil, replaces a named analyzer. It must keep the contract of
	// Analyzer and not change while the index is used.
	Custom Analyzer
	// Fetch, if not nil, returns the passages that are found; then the index keeps
	// no texts and metadata. It must return each passage as it was added.
	Fetch Fetch
}

// Fetch returns the passages with some ids, in the order of the ids. It may be
// called from several goroutines at once.
type Fetch func(ctx context.Context, ids []string) ([]retriever.Passage, error)

// withDefaults returns o with the defaults filled in.
func (o Options) withDefaults() (Options, error) {
	if o.Analyzer == "" {
		o.Analyzer = keyword.Auto
	}
	o.K1 = number(o.K1, 1.2)
	o.B = number(o.B, 0.75)
	o.TitleWeight = number(o.TitleWeight, 2)
	switch {
	case o.Custom != nil && o.Analyzer != keyword.Auto:
		return o, fmt.Errorf("%w: Analyzer is %q and Custom is set: set one of them", ErrOption, o.Analyzer)
	case !(o.K1 >= 0 && o.K1 <= math.MaxFloat32): // also for NaN
		return o, fmt.Errorf("%w: K1 is %v: want a finite number above 0, Zero, or 0 for 1.2", ErrOption, o.K1)
	case !(o.B >= 0 && o.B <= 1):
		return o, fmt.Errorf("%w: B is %v: want above 0 and at most 1, Zero, or 0 for 0.75", ErrOption, o.B)
	case o.TitleWeight < 0 || o.TitleWeight > 100:
		return o, fmt.Errorf("%w: TitleWeight is %d: want 1 to 100, Zero, or 0 for 2", ErrOption, o.TitleWeight)
	}
	return o, nil
}

func number[N int | float64](given, standard N) N {
	switch given {
	case 0:
		return standard
	case Zero:
		return 0
	}
	return given
}

// New makes an index of passages, possibly none. The passages are kept: their
// metadata must not change. New checks ctx between passages. An error wraps
// ErrOption, ErrEmptyID, ErrDuplicateID or, when ctx is done, ctx.Err().
func New(ctx context.Context, passages []retriever.Passage, o Options) (*Index, error) {
	ix, err := empty(o)
	if err != nil {
		return nil, err
	}
	if err := ix.Add(ctx, passages...); err != nil {
		return nil, err
	}
	return ix, nil
}

// empty returns an index without passages.
func empty(o Options) (*Index, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	a := o.Custom
	if a == nil {
		if a, err = NewAnalyzer(o.Analyzer); err != nil {
			return nil, err
		}
	}
	ix := &Index{analyzer: a, k1: o.K1, b: o.B, title: uint32(o.TitleWeight), fetch: o.Fetch}
	ix.pool.New = func() any { return new(scratch) }
	ix.merged.L = &ix.writing
	ix.store(&snapshot{})
	return ix, nil
}

// store makes s the snapshot of later searches. The caller holds writing.
func (ix *Index) store(s *snapshot) {
	s.norms = sync.OnceValue(func() *norms { return ix.normsOf(s) })
	s.retain()
	if old := ix.now.Swap(s); old != nil {
		old.release()
	}
}

// Len returns the number of passages, 0 if the index is closed.
func (ix *Index) Len() int {
	now, err := ix.acquire()
	if err != nil {
		return 0
	}
	defer now.release()
	return now.live
}
