package segment

import (
	"context"
)

// Source is a segment to merge, and which of its documents are live.
type Source struct {
	*Segment
	Live Set
}

// Merge returns a segment of the live documents of sources, in order.
func Merge(ctx context.Context, sources []Source) (*Segment, error) {
	out := newSegment()
	w := &writer{}
	numbers := make([][]uint32, len(sources)) // of the documents in out
	var ids [][]byte
	for i, src := range sources {
		numbers[i] = make([]uint32, src.docs)
		for doc := range src.docs {
			if !src.Live.Has(doc) {
				continue
			}
			id, err := src.id(doc)
			if err != nil {
				return nil, err
			}
			numbers[i][doc] = out.docs + 1
			out.docs++
			ids = append(ids, id)
			w.lengths = append(w.lengths, src.Length(doc))
			out.parts[secLanguages] = append(out.parts[secLanguages], src.Language(doc))
		}
	}
	if err := mergeTerms(ctx, w, sources, numbers); err != nil {
		return nil, err
	}
	if err := w.finish(out); err != nil {
		return nil, err
	}
	var err error
	if out.parts[secFields], err = mergeFields(sources, numbers, int(out.docs)); err != nil {
		return nil, err
	}
	out.setMeta()
	return out, out.setIDs(len(ids), func(doc int) string { return string(ids[doc]) })
}

// mergeTerms writes the terms of all sources, with the postings of the documents
// with a number above 0: the number of the document plus one.
func mergeTerms(ctx context.Context, w *writer, sources []Source, numbers [][]uint32) error {
	all := make([]*termsOf, len(sources))
	for i, src := range sources {
		all[i] = &termsOf{s: src.Segment}
		if _, err := all[i].next(); err != nil {
			return err
		}
	}
	var docs, counts []uint32
	var term []byte
	var c Cursor
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var first *termsOf
		for _, t := range all {
			if !t.done && (first == nil || t.before(first)) {
				first = t
			}
		}
		if first == nil {
			return nil
		}
		term = append(term[:0], first.r.term...)
		docs, counts = docs[:0], counts[:0]
		for i, t := range all {
			if t.done || string(t.r.term) != string(term) {
				continue
			}
			l, err := t.s.listOf(&t.r)
			if err != nil {
				return err
			}
			c.Reset(l)
			for list, place := c.Chunk(0, t.s.docs); len(list) > 0; list, place = c.Chunk(list[len(list)-1]+1, t.s.docs) {
				for k, d := range list {
					if to := numbers[i][d]; to > 0 {
						docs, counts = append(docs, to-1), append(counts, c.CountAt(place+k))
					}
				}
			}
			if _, err := t.next(); err != nil {
				return err
			}
		}
		if len(docs) > 0 {
			w.add(term, docs, counts)
		}
	}
}
