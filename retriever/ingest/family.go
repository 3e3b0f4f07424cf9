package ingest

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// parentKey is the metadata of a child that names its parent.
const parentKey = "parent"

// Families separates passages read with Options.Children into parents and children. A
// search compares children, the small passages, with the question. The model reads
// parents, the large passages around them. A child has the metadata of its parent and
// "parent", the parent's ID. Its own ID is that of the parent, a full stop and a number
// from 1. A record that has metadata "parent" already is refused. Index the children, and
// search through [GiveParents].
func Families(passages []retriever.Passage) (parents, children []retriever.Passage) {
	for _, p := range passages {
		if _, ok := p.Metadata[parentKey]; ok {
			children = append(children, p)
		} else {
			parents = append(parents, p)
		}
	}
	return parents, children
}

// GiveParents returns a Retriever that searches children and returns their parents. Each
// parent is returned once, with the rank and the score of its best child. A hit that is no
// child is returned unchanged.
//
// A filter must hold for the parent and for a child. To find K parents, the Retriever asks
// children for more than K hits, and for twice as many each further time.
//
// The error wraps ErrOption: children is nil, or two parents have one id.
func GiveParents(children retriever.Retriever, parents []retriever.Passage) (retriever.Retriever, error) {
	if isnil.Value(children) {
		return nil, fmt.Errorf("%w: GiveParents: the retriever of children is nil", ErrOption)
	}
	byID := make(map[string]retriever.Passage, len(parents))
	for _, p := range parents {
		if _, ok := byID[p.ID]; ok {
			return nil, fmt.Errorf("%w: two parents with the id %q", ErrOption, p.ID)
		}
		byID[p.ID] = p
	}
	return &family{children, byID}, nil
}

type family struct {
	children retriever.Retriever
	parents  map[string]retriever.Passage
}

// Retrieve implements retriever.Retriever.
func (f *family) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	if err := q.Check(); err != nil {
		return retriever.Result{}, err
	}
	scan, err := filter.NewScan(ctx, q.Filter)
	if err != nil {
		return retriever.Result{}, err
	}
	for k := min(q.K, 1<<29); ; {
		k *= 2
		ask := q
		ask.K = k
		res, err := retriever.Ask(ctx, f.children, ask)
		asked := len(res.Hits)
		hits, unknown := replace(res.Hits, f.parents, scan.Match)
		switch {
		case err != nil:
		case scan.Err() != nil:
			err = scan.Err()
		case unknown != "":
			err = fmt.Errorf("ingest: the parent %q is not among the parents: give GiveParents those of the same reading", unknown)
		}
		if err != nil || len(hits) >= q.K || asked < k || k >= 1<<30 {
			res.Hits = hits[:min(len(hits), q.K)]
			return res, err
		}
	}
}

// replace replaces children by their parents. If one is missing, it returns the missing
// parent's id.
func replace(hits []retriever.Hit, parents map[string]retriever.Passage, match func(filter.Metadata) bool) (out []retriever.Hit, unknown string) {
	seen := map[string]bool{}
	for _, h := range hits {
		if v, ok := h.Passage.Metadata[parentKey]; ok {
			id, _ := v.AsString()
			p, ok := parents[id]
			if !ok {
				unknown = id
				continue
			}
			h.Passage = p
		}
		if !seen[h.Passage.ID] && match(h.Passage.Metadata) {
			seen[h.Passage.ID] = true
			out = append(out, h)
		}
	}
	return out, unknown
}
