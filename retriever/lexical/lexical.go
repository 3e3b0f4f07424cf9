// Package lexical is a keyword index in memory: a [retriever.Retriever] that ranks
// passages by BM25 over the words of their titles and texts.
//
// The score of passage D for a query with the terms q₁ … qₙ (a term that stands
// twice in the query counts twice) is
//
//	Σᵢ idf(qᵢ) · f(qᵢ, D) · (k1 + 1) / (f(qᵢ, D) + k1 · (1 − b + b · |D| / avgdl))
//	idf(q) = ln(1 + (N − n(q) + 0.5) / (n(q) + 0.5))
//
// where f(q, D) is the number of times q stands in D, |D| the number of terms in D
// (in both, a term of the title counts as often as [WithTitleWeight] says),
// avgdl the mean of that over all passages, N the number of passages and n(q) the
// number of those that hold q. This is the BM25 of Robertson and Zaragoza, "The
// Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the customary
// factor k1 + 1, which changes no ranks, and the idf of Apache Lucene, which never
// is negative. k1 is 1.2 and b 0.75 unless
// [WithParameters] says otherwise. Nothing is rounded: lengths are exact.
//
// Terms come from an analyser of the bleve library: by default "en", which parts
// words by Unicode's rules and at colons, lowers case, drops English stop words and stems.
package lexical

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	"github.com/blevesearch/bleve/v2/analysis"

	"github.com/goselfrag/goselfrag/retriever"
)

// Errors of New and Add, wrapped with what was wrong.
var (
	ErrEmptyID     = errors.New("lexical: empty passage id")
	ErrDuplicateID = errors.New("lexical: duplicate passage id")
	ErrOption      = errors.New("lexical: bad option")
)

// Index is a keyword index. Searches and additions may be made from several
// goroutines at once; a search sees all or none of the passages of one addition.
type Index struct {
	analyser analysis.Analyzer
	k1, b    float64
	title    uint32    // how often a term of a title counts
	pool     sync.Pool // of *scratch

	mu       sync.RWMutex
	passages []retriever.Passage
	ids      map[string]bool
	terms    map[string]int // to the place in postings
	postings [][]posting
	lengths  []int
	total    int       // the sum of lengths
	norms    []float64 // k1 · (1 − b + b · |D| / avgdl) for each passage
}

// posting says that a passage holds a term, and how often.
type posting struct{ passage, count uint32 }

// Option changes an Index at its making.
type Option func(*settings) error

type settings struct {
	analyser string
	k1, b    float64
	title    int
}

// WithAnalyzer chooses how text becomes terms:
//
//   - "en", the default: English, with stop words and stemming;
//   - "cjk": Chinese, Japanese and Korean, as pairs of neighbouring characters;
//   - "standard": any language with spaces: words in lower case without English stop
//     words, not stemmed.
func WithAnalyzer(name string) Option {
	return func(s *settings) error {
		s.analyser = name
		return nil
	}
}

// WithParameters sets the parameters of BM25: k1, finite and at least 0, says how
// slowly repeated terms stop to add to the score, and b, from 0 to 1, how much
// long passages are marked down.
func WithParameters(k1, b float64) Option {
	return func(s *settings) error {
		if !(k1 >= 0 && k1 <= math.MaxFloat32) { // also false for NaN
			return fmt.Errorf("%w: WithParameters: k1 is %v: want a finite number of at least 0", ErrOption, k1)
		}
		if !(b >= 0 && b <= 1) {
			return fmt.Errorf("%w: WithParameters: b is %v: want 0 to 1", ErrOption, b)
		}
		s.k1, s.b = k1, b
		return nil
	}
}

// WithTitleWeight sets how often a term of a title counts, from 0 (titles are not
// searched) to 100. The default is 2: for questions about encyclopaedia articles it
// puts a right passage first somewhat more often than 1 (Natural Questions 0.868
// against 0.855, XQuad 0.951 against 0.949).
func WithTitleWeight(times int) Option {
	return func(s *settings) error {
		if times < 0 || times > 100 {
			return fmt.Errorf("%w: WithTitleWeight: %d: want 0 to 100", ErrOption, times)
		}
		s.title = times
		return nil
	}
}

// New makes an index of passages, which may be none. The passages are kept: their
// metadata must not change. An error wraps ErrOption, ErrEmptyID or ErrDuplicateID.
func New(passages []retriever.Passage, opts ...Option) (*Index, error) {
	s := settings{analyser: "en", k1: 1.2, b: 0.75, title: 2}
	for _, opt := range opts {
		if err := opt(&s); err != nil {
			return nil, err
		}
	}
	a, err := analyser(s.analyser)
	if err != nil {
		return nil, err
	}
	ix := &Index{analyser: a, k1: s.k1, b: s.b, title: uint32(s.title), ids: map[string]bool{}, terms: map[string]int{}}
	ix.pool.New = func() any { return new(scratch) }
	if err := ix.Add(passages...); err != nil {
		return nil, err
	}
	return ix, nil
}

// Len returns the number of passages.
func (ix *Index) Len() int {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return len(ix.passages)
}

// Add adds passages, which rank after those there are when scores are equal. All
// are added or, if there is an error, none; it wraps ErrEmptyID or ErrDuplicateID.
// Add takes time for the passages added and, a little, for each that is there: add
// many at once. Searches wait only while terms are counted, not for the analyser.
func (ix *Index) Add(passages ...retriever.Passage) error {
	fresh := make(map[string]bool, len(passages))
	for i, p := range passages {
		switch {
		case p.ID == "":
			return fmt.Errorf("%w: passage %d of %d: give every passage an id", ErrEmptyID, i+1, len(passages))
		case fresh[p.ID]:
			return fmt.Errorf("%w: %q stands twice among the passages to add", ErrDuplicateID, p.ID)
		}
		fresh[p.ID] = true
	}
	docs := ix.analyse(passages)

	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, p := range passages {
		if ix.ids[p.ID] {
			return fmt.Errorf("%w: %q is in the index already", ErrDuplicateID, p.ID)
		}
	}
	for i, p := range passages {
		ix.insert(p, docs[i])
	}
	ix.setNorms()
	return nil
}

// document is the terms of a passage.
type document struct{ title, text terms }

func (ix *Index) analyse(passages []retriever.Passage) []document {
	docs := make([]document, len(passages))
	// Neighbouring passages go to one worker, so that two seldom write to the same
	// part of memory.
	workers := min(runtime.GOMAXPROCS(0), len(passages)/16+1)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w * len(passages) / workers; i < (w+1)*len(passages)/workers; i++ {
				if ix.title > 0 {
					docs[i].title = ix.termsOf(passages[i].Title)
				}
				docs[i].text = ix.termsOf(passages[i].Text)
			}
		})
	}
	wg.Wait()
	return docs
}

func (ix *Index) insert(p retriever.Passage, d document) {
	n := uint32(len(ix.passages))
	ix.passages = append(ix.passages, p)
	ix.ids[p.ID] = true
	for term := range d.title.all() {
		ix.count(term, n, ix.title)
	}
	for term := range d.text.all() {
		ix.count(term, n, 1)
	}
	length := int(ix.title)*len(d.title.ends) + len(d.text.ends)
	ix.lengths = append(ix.lengths, length)
	ix.total += length
}

// count adds times to how often the last passage, n, holds a term.
func (ix *Index) count(term []byte, n, times uint32) {
	id, ok := ix.terms[string(term)]
	if !ok {
		id = len(ix.postings)
		ix.terms[string(term)] = id
		ix.postings = append(ix.postings, nil)
	}
	list := ix.postings[id]
	if k := len(list) - 1; k >= 0 && list[k].passage == n {
		list[k].count += times
	} else {
		ix.postings[id] = append(list, posting{n, times})
	}
}

func (ix *Index) setNorms() {
	ix.norms = ix.norms[:0]
	// Without a term in any passage there is no mean, and no posting to need it.
	mean := max(float64(ix.total), 1) / max(float64(len(ix.lengths)), 1)
	for _, n := range ix.lengths {
		ix.norms = append(ix.norms, ix.k1*(1-ix.b+ix.b*float64(n)/mean))
	}
}
