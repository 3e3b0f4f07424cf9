package foldersync

import (
	"time"

	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/retriever"
)

// A step of the store costs as much as some documents, so many are put in by one. A sync that
// is killed does the last step again, so steps take about a second: they grow while they are
// faster and shrink while they are slower, as with an embedder behind a network.
const (
	minBatch     = 64 << 10 // bytes
	maxBatch     = 1 << 20
	documentCost = 1 << 10 // bytes that each document counts beside its text
	shortStep    = time.Second
)

// document is what is put into the store in the place of what is there.
type document struct {
	path     string
	size     int64 // of the file
	passages []retriever.Passage
	note     []byte // nil to remove the document
	before   int    // passages that are there
}

// batch is documents that are put in by one step.
type batch struct {
	run      *run
	progress *progress
	list     []document
	bytes    int
	most     int // bytes from which on the step is made
}

func (b *batch) add(d document) error {
	b.list = append(b.list, d)
	b.bytes += documentCost
	for _, p := range d.passages {
		b.bytes += len(p.Title) + len(p.Text)
	}
	if b.bytes < b.most {
		return nil
	}
	return b.flush()
}

// flush makes the step.
func (b *batch) flush() error {
	list, began := b.list, b.run.o.now()
	b.list, b.bytes = nil, 0
	if err := b.put(list); err != nil {
		return err
	}
	if b.run.o.now().Sub(began) <= shortStep {
		b.most = min(2*b.most, maxBatch)
	} else {
		b.most = max(b.most/2, documentCost)
	}
	return nil
}

// put replaces documents in one step and reports them. If the store refuses that, they are put
// in one by one: those before the one that is refused are in then, and the error names it.
func (b *batch) put(list []document) error {
	if len(list) == 0 {
		return nil
	}
	s := b.run
	err := s.ctx.Err()
	if err == nil {
		notes, passages := map[string][]byte{}, []retriever.Passage(nil)
		for _, d := range list {
			notes[s.o.Root+d.path] = d.note
			passages = append(passages, d.passages...)
		}
		err = s.replace(s.ctx, notes, passages...)
	}
	if err != nil && len(list) > 1 && s.ctx.Err() == nil {
		for i := range list {
			if err := b.put(list[i : i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil {
		return s.stopped(list[0].path, ctxerr.Wrap(s.ctx, err))
	}
	for _, d := range list {
		s.report.countPut(d)
		b.progress.done(d.path, d.size)
	}
	return nil
}

// countPut reports a document that was put in.
func (r *Report) countPut(d document) {
	r.Passages += len(d.passages)
	switch {
	case len(d.passages) > 0 && d.before > 0:
		r.Changed = append(r.Changed, d.path)
	case len(d.passages) > 0:
		r.Added = append(r.Added, d.path)
	case d.before > 0:
		r.Removed = append(r.Removed, d.path)
	}
}
