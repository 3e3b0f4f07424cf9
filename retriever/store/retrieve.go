package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// The parts of a hybrid search, as they are named in results and traces.
const (
	wordsPart   = "words"
	vectorsPart = "vectors"
)

// depth is how many hits each part is asked for at least, as in retriever.Fuse.
const depth = 100

// Retrieve finds passages by their words and by their vectors, and fuses the two lists by
// [retriever.RankFusion], as retriever.Fuse does with the parts "words" and "vectors". It
// sees all or none of each change. Until there is an embedding it is a search by words only;
// if the store was opened without its embedder, so it is, and Result.Missing names "vectors".
// An error about a part is a *retriever.PartError; others are those of the contract of
// [retriever.Retriever], ErrClosed and ErrCorrupt.
func (s *Store) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	return s.search(ctx, q, (*search).hybrid)
}

// MostCost implements budget.Declarer: that of embedding a query.
func (s *Store) MostCost(int) (budget.Cost, bool) {
	if v := s.now.Load(); v != nil && v.space != nil && v.space.embedder != nil {
		return budget.MostCost(v.space.embedder, 1)
	}
	return budget.Cost{}, true
}

// Generation implements [retriever.Changing]: it is another number after each change. It is 0
// after Close.
func (s *Store) Generation() uint64 {
	if v := s.now.Load(); v != nil {
		return v.generation()
	}
	return 0
}

// generation changes with the passages and with the embedding.
func (v *view) generation() uint64 {
	if v.space == nil {
		return v.seq
	}
	return v.seq + v.space.state.Generation<<48
}

// Words returns a Retriever that finds passages by their words, as package lexical does.
func (s *Store) Words() retriever.Retriever { return &side{s, (*search).words} }

// Vectors returns a Retriever that finds passages by their vectors, as package dense does.
// Vectors are measured exactly, but those of many passages are looked for by a graph, which
// finds most of the nearest. Until there is an embedding nothing is found, and Result.Missing
// names "vectors". The error wraps ErrEmbedder if the store was opened without its embedder.
func (s *Store) Vectors() retriever.Retriever { return &side{s, (*search).vectors} }

type side struct {
	s    *Store
	find func(*search) (retriever.Result, error)
}

// Retrieve implements retriever.Retriever.
func (r *side) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	return r.s.search(ctx, q, r.find)
}

// Generation implements retriever.Changing.
func (r *side) Generation() uint64 { return r.s.Generation() }

// MostCost implements budget.Declarer.
func (r *side) MostCost(int) (budget.Cost, bool) { return r.s.MostCost(1) }

// search is one search in one view. Its parts find hits without passages.
type search struct {
	ctx context.Context
	s   *Store
	v   *view
	q   retriever.Query
}

func (s *Store) search(ctx context.Context, q retriever.Query, find func(*search) (retriever.Result, error)) (retriever.Result, error) {
	if err := q.Check(); err != nil {
		return retriever.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return retriever.Result{}, err
	}
	end, err := s.begin()
	if err != nil {
		return retriever.Result{}, err
	}
	defer end()
	v, err := s.acquire()
	if err != nil {
		return retriever.Result{}, err
	}
	defer func() { v.release() }()
	for {
		res, err := find(&search{ctx, s, v, q})
		if errors.Is(err, errNoWords) {
			if v, err = s.awaitWords(ctx, v); err == nil {
				continue
			}
		}
		if err != nil {
			return retriever.Result{}, err
		}
		retriever.DependOn(ctx, s, v.generation())
		return res, s.fetchHits(res.Hits)
	}
}

// errNoWords is about a search by words while they are indexed anew. It is made again when
// that is done: to search the texts themselves would take as long.
var errNoWords = errors.New("store: the words are being indexed anew")

// awaitWords waits for a view with words, and returns it in place of v. If the words cannot be
// indexed twice, the error is that of the second time.
func (s *Store) awaitWords(ctx context.Context, v *view) (*view, error) {
	for range 2 {
		s.kickBackground()
		select {
		case <-v.ready:
		case <-s.background.done():
			return v, ErrClosed
		case <-ctx.Done():
			return v, fmt.Errorf("%w: %w", errNoWords, ctx.Err())
		}
		next, err := s.acquire()
		if err != nil {
			return v, err
		}
		v.release()
		if v = next; v.words != nil {
			return v, nil
		}
	}
	return v, cmp.Or(s.problem("words"), errNoWords)
}

// fetchHits puts the passages into hits, which have their numbers.
func (s *Store) fetchHits(hits []retriever.Hit) error {
	if len(hits) == 0 {
		return nil
	}
	return s.db.view(func(tx *bolt.Tx) (err error) {
		b := tx.Bucket(bucketPassages)
		for i := range hits {
			record := b.Get([]byte(hits[i].Passage.ID))
			if record == nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, errStale)
			}
			if hits[i].Passage, err = decodePassage(record); err != nil {
				return err
			}
		}
		return nil
	})
}

// words searches by words.
func (r *search) words() (retriever.Result, error) {
	if r.v.words == nil {
		return retriever.Result{}, errNoWords
	}
	res, err := r.v.words.IDs(r.ctx, r.q)
	if err != nil && (errors.Is(err, lexical.ErrCorrupt) || errors.Is(err, errStale)) {
		if e := r.s.lockWriting(r.ctx); e != nil {
			return retriever.Result{}, e
		}
		defer r.s.unlockWriting()
		if now := r.s.now.Load(); now != nil && now.words != nil {
			r.s.loseWords(err)
			r.s.show()
		}
		return retriever.Result{}, errNoWords
	}
	return res, err
}

// vectors searches by vectors.
func (r *search) vectors() (retriever.Result, error) {
	sp := r.v.space
	res := retriever.Result{Scores: retriever.Cosine}
	if sp == nil {
		res.Missing = []retriever.Missing{{Part: vectorsPart, Reason: fmt.Sprintf("the embedder is fitted when there are %d passages", r.s.sizes.fit)}}
		return res, nil
	}
	if sp.metric() == hnsw.InnerProduct {
		res.Scores = retriever.InnerProduct
	}
	if sp.embedder == nil {
		return retriever.Result{}, fmt.Errorf("%w: %w", ErrEmbedder, errNoEmbedder)
	}
	text := strings.ToValidUTF8(r.q.Text, "\ufffd") // what JSON can hold
	if strings.TrimSpace(text) == "" || sp.state.Dim == 0 || r.v.count == 0 {
		return res, nil
	}
	vector, err := r.embed(text)
	if err != nil {
		return retriever.Result{}, err
	}
	if err := checkVector(vector, sp.state.Dim, sp.metric()); err != nil {
		return retriever.Result{}, fmt.Errorf("the vector of the query: %w", err)
	}
	if isZero(vector) {
		return res, nil
	}
	list, err := r.s.nearest(r.ctx, r.v, vector, r.q.K, r.q.Filter)
	if err != nil {
		return retriever.Result{}, fmt.Errorf("store: %w", ctxerr.Wrap(r.ctx, err))
	}
	for _, f := range list {
		res.Hits = append(res.Hits, retriever.Hit{Passage: retriever.Passage{ID: wordID(f.number)}, Score: f.score})
	}
	return res, nil
}

func (r *search) embed(text string) (vector []float32, err error) {
	ctx, step := observe.Start(retriever.Confine(r.ctx, r.q.Filter), observe.Embedding, "query")
	defer step.EndWith(&err)()
	if vector, err = r.v.space.embedder.EmbedQuery(ctx, text); err != nil {
		return nil, fmt.Errorf("store: embedding the query: %w", ctxerr.Wrap(ctx, err))
	}
	return vector, nil
}

// hybrid searches by both and fuses.
func (r *search) hybrid() (retriever.Result, error) {
	finds := []func(*search) (retriever.Result, error){(*search).words}
	names := []string{wordsPart}
	var missing []retriever.Missing
	switch sp := r.v.space; {
	case sp == nil:
	case sp.embedder == nil:
		missing = []retriever.Missing{{Part: vectorsPart, Reason: errNoEmbedder.Error()}}
	default:
		finds, names = append(finds, (*search).vectors), append(names, vectorsPart)
	}
	results := make([]retriever.Result, len(finds))
	most := func(i int) (budget.Cost, bool) {
		if i == 0 {
			return budget.Cost{}, true
		}
		return r.s.MostCost(1)
	}
	errs := budget.Each(r.ctx, len(finds), 0, most, func(ctx context.Context, i int) func() error {
		ctx, step := observe.Start(ctx, observe.Part, names[i])
		part := &search{ctx, r.s, r.v, r.q}
		part.q.K = max(part.q.K, depth)
		return func() (err error) {
			defer step.EndWith(&err)()
			results[i], err = finds[i](part)
			return err
		}
	})
	for i, err := range errs {
		switch {
		case errors.Is(err, errNoWords):
			return retriever.Result{}, err
		case err != nil:
			return retriever.Result{}, ctxerr.Wrap(r.ctx, &retriever.PartError{Part: names[i], Err: err})
		}
	}
	res, err := fuse(names, results, r.q.K)
	res.Missing = append(res.Missing, missing...)
	return res, err
}

// fuse makes one list of those of the parts, before any passage is fetched. It is not a
// search, and knows no filters: what is found has passed them.
func fuse(names []string, results []retriever.Result, k int) (retriever.Result, error) {
	parts := make([]retriever.Part, len(names))
	for i, name := range names {
		parts[i] = retriever.Part{Name: name, Retriever: retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
			return results[i], nil
		})}
	}
	f, err := retriever.Fuse(parts, retriever.FuseOptions{})
	if err != nil {
		return retriever.Result{}, err
	}
	return f.Retrieve(context.Background(), retriever.Query{K: k})
}
