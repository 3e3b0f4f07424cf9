package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/goselfrag/goselfrag/retriever"
)

// Store is passages whose indexes are there already, such as a store.Store or a store.Scoped.
type Store interface {
	// Words searches all passages by their words.
	Words() retriever.Retriever
	// Vectors searches all passages by their vectors. It is nil if there are none.
	Vectors() retriever.Retriever
	// All yields all passages. An error is the last pair.
	All(ctx context.Context) iter.Seq2[retriever.Passage, error]
}

// ErrStore is wrapped by the error of [Corpus.Build] about a technique or an option that needs
// another index than those of the store of [OverStore].
var ErrStore = errors.New("the store does not have what it needs")

// OverStore returns a corpus of the passages of a store. The bases "lexical" and "dense", and
// "hybrid" of both, search the sides of the store as it was opened. Bases that make an index
// of their own, and options about how an index is made, are errors that wrap ErrStore.
// "spelling" and "rerank judge=learned" read all passages when they are built, and learn from
// no later ones.
//
// Env.Embedder is that of the store, for the stages that embed; without it they are errors
// that wrap ErrStore. A store whose queries are to be adapted was opened with an embedder that
// does so.
func OverStore(env Env, s Store) *Corpus { return &Corpus{env: env, store: s} }

// side returns a side of the store, nil if there is none.
func (b *builder) side(r retriever.Retriever, v values) (retriever.Retriever, error) {
	switch {
	case len(v.given) > 0:
		return nil, fmt.Errorf("%w: %s= is about how an index is made: leave it out", ErrStore, v.given[0].name)
	case r == nil:
		return nil, fmt.Errorf("%w: it has no vectors: give it an embedder", ErrStore)
	}
	return r, nil
}

// ownIndex is a technique that makes an index of its own.
func ownIndex(make func(*builder, *stage, retriever.Retriever) (retriever.Retriever, error)) func(*builder, *stage, retriever.Retriever) (retriever.Retriever, error) {
	return func(b *builder, s *stage, in retriever.Retriever) (retriever.Retriever, error) {
		if b.store != nil {
			return nil, fmt.Errorf("%w: an index of its own kind: build it over the passages, or take lexical, dense or hybrid", ErrStore)
		}
		return make(b, s, in)
	}
}

// all returns all passages.
func (c *Corpus) all(ctx context.Context) ([]retriever.Passage, error) {
	if c.store == nil || c.passages != nil {
		return c.passages, nil
	}
	var list []retriever.Passage
	for p, err := range c.store.All(ctx) {
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	c.passages = list
	return list, nil
}
