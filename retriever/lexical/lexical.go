// Package lexical is a keyword index: a [retriever.Retriever] that ranks passages by BM25
// over the words of their titles and texts. It is in memory or in the files of a folder.
//
// The score of passage D for a query with the terms q₁ … qₙ (a term that stands
// twice in the query counts twice) is
//
//	Σᵢ idf(qᵢ) · f(qᵢ, D) · (k1 + 1) / (f(qᵢ, D) + k1 · (1 − b + b · |D| / avgdl))
//	idf(q) = ln(1 + (N − n(q) + 0.5) / (n(q) + 0.5))
//
// where f(q, D) is the number of times q stands in D, |D| the number of terms in D
// (in both, a term of the title counts as often as Options.TitleWeight says),
// avgdl the mean of that over all passages, N the number of passages and n(q) the
// number of those that hold q. This is the BM25 of Robertson and Zaragoza, "The
// Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the customary
// factor k1 + 1, which changes no ranks, and the idf of Apache Lucene, which never
// is negative. k1 is 1.2 and b 0.75 unless [Options] say otherwise. Nothing is rounded: lengths are exact.
//
// Passages that cannot be among the best are passed over. The result is that of scoring all,
// scores and order to the bit, whatever was added, replaced and deleted before: N, n(q) and
// avgdl are of the passages that are there.
//
// # Changes and files
//
// [Index.Add], [Index.Replace] and [Index.Delete] take time for what changes, not for what is
// there. [Index.Save] writes the index to a folder. [Load] reads it into memory; [Open] maps
// it, so that a large index is ready at once and takes the memory that searches need of it.
// With Options.Fetch the passages themselves are kept elsewhere, such as in a database.
//
// Filters are applied before the search, by an index of the metadata.
//
// # Words
//
// No analyzer has to be chosen. Words are found by the rules of their script and brought
// into one form: composed or not, full width or half, with or without invisible characters,
// with any apostrophe or hyphen. Case and accents make no difference, and ä may be written
// a or ae; marks of Indic and Thai scripts are parts of letters and stay. Names are found
// whole and by their parts: max_tokens, maxTokens and max-tokens find each other, and C++,
// C# and C do not. Where a script puts no spaces between words, every character and every
// two (Thai, Lao, Khmer, Burmese: three) neighbors are terms.
//
// A passage is stemmed, and loses its stop words, by the language that it is in: the one
// that its metadata "language" or "lang" names by an ISO code such as "de", or the one whose
// stop words it shows, or else its document shows (passages with the same Source.URI or
// metadata "path", as far as they are added together), or else the usual one of its script:
// English for Latin letters. A query is read by the rules of every language that passages
// of its script are in, since three words do not tell a language. N, n(q) and avgdl are then
// those of the language of the passage, where it has few passages with a share of all; and
// passages in the language that the query seems to be in are preferred.
//
// Stop words in capitals are names: "The Who", "US". A query of nothing but stop words is
// looked for in the passages themselves, which takes time for each of them. A query without
// any word finds nothing, and Result.Missing names "query".
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

// Errors of New, Add, Replace and Delete, wrapped with what was wrong.
var (
	ErrEmptyID     = errors.New("lexical: empty passage id")
	ErrDuplicateID = errors.New("lexical: duplicate passage id")
	ErrUnknownID   = errors.New("lexical: unknown passage id")
	ErrOption      = errors.New("lexical: bad option")
)

// Index is a keyword index. All methods may be called from several goroutines at once. A
// search sees all or none of the passages of one change, and waits for no writer.
type Index struct {
	analyzer Analyzer
	k1, b    float64
	title    uint32    // how often a term of a title counts
	pool     sync.Pool // of *scratch

	now atomic.Pointer[snapshot]

	fetch Fetch  // nil if the index keeps the passages
	read  reader // of files; nil if the index was made by New

	saving  sync.Mutex // held while files are written; taken before writing
	writing sync.Mutex // held while now is stored
	merging []*part    // by the goroutine that merges; nil if there is none
	merged  sync.Cond  // when that changes; its lock is writing
}

// Zero in a field of [Options] means the number 0, where 0 itself means the default.
const Zero = -1

// Options says how an index reads and ranks. The zero value is ready to use.
type Options struct {
	// Analyzer names how text becomes terms:
	//
	//   - "auto", the default: every passage by its own language, as the package comment says;
	//   - the code of a language, such as "en" or "de": all passages by the rules of that one;
	//   - "cjk": words in lower case, neither stemmed nor left out, whatever the language;
	//   - "standard": the same without English stop words.
	//
	// Scripts without spaces between words are read in the same way by all.
	Analyzer string
	// K1 says how slowly repeated terms stop to add to the score: a finite number above
	// 0, or Zero; 0 means 1.2.
	K1 float64
	// B says how much long passages are marked down: above 0 and at most 1, or Zero; 0
	// means 0.75.
	B float64
	// TitleWeight is how often a term of a title counts: 1 to 100, or Zero, which leaves
	// titles out of the search; 0 means 2. For questions about encyclopaedia articles 2
	// puts a right passage first somewhat more often than 1 (Natural Questions 0.868
	// against 0.855, XQuad 0.951 against 0.949).
	TitleWeight int
	// Custom is used in place of a named analyzer if it is not nil. It must keep the
	// contract of Analyzer and not change while the index is used.
	Custom Analyzer
	// Fetch, if it is not nil, returns the passages that are found; the index then keeps no
	// texts and metadata. It must return each passage as it was added.
	Fetch Fetch
}

// Fetch returns the passages with some ids, in the order of those. It may be called from
// several goroutines at once.
type Fetch func(ctx context.Context, ids []string) ([]retriever.Passage, error)

// check returns o with the numbers that its fields stand for.
func (o Options) check() (Options, error) {
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

// New makes an index of passages, which may be none. The passages are kept: their
// metadata must not change. An error wraps ErrOption, ErrEmptyID, ErrDuplicateID or, when
// ctx is done, which is looked at between passages, ctx.Err().
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
	o, err := o.check()
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

// store makes s what searches see from now on. The caller holds writing.
func (ix *Index) store(s *snapshot) {
	s.norms = sync.OnceValue(func() *norms { return ix.normsOf(s) })
	s.hold()
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
