package foldersync

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/internal/fanout"
)

// maxNotes is how many notes are set in one step.
const maxNotes = 1000

// apply brings the documents up to date.
func (s *run) apply() error {
	p := progress{call: s.o.Progress, clock: s.o.now, began: s.o.now(), now: Progress{Total: len(s.work) + len(s.removed)}}
	for _, j := range s.work {
		p.now.TotalBytes += j.file.Size
	}
	b := batch{run: s, progress: &p, most: s.o.firstBatch}
	if err := s.applyWork(&b); err != nil {
		return err
	}
	for _, r := range s.removed {
		if err := b.add(document{path: r.path, before: r.old.passages}); err != nil {
			return err
		}
	}
	return b.flush()
}

// applyWork reads files side by side and puts their documents in, in their order.
func (s *run) applyWork(b *batch) error {
	workers := runtime.GOMAXPROCS(0)
	if c := s.o.Ingest.Children; s.o.Ingest.Split.Count != nil || c != nil && c.Count != nil {
		workers = 1 // nobody says that the function may be called from several goroutines
	}
	each := func(ctx context.Context, start func(context.Context, int) func() error) []error {
		return fanout.Each(len(s.work), workers, func(i int) func() error { return start(ctx, i) })
	}
	notes := map[string][]byte{}
	i := 0
	for out, err := range fanout.Stream(s.ctx, len(s.work), workers-1, each, func(ctx context.Context, i int) func() (outcome, error) {
		return func() (outcome, error) {
			if err := ctx.Err(); err != nil {
				return outcome{}, err
			}
			return s.readFile(ctx, s.work[i])
		}
	}) {
		j := s.work[i]
		i++
		if err == nil {
			err = s.ctx.Err()
		}
		if err != nil {
			return s.stopped(j.file.Path, ctxerr.Wrap(s.ctx, err))
		}
		if err := s.applyRead(j, out, notes, b); err != nil {
			return err
		}
		if len(notes) >= maxNotes {
			if err := s.flush(notes); err != nil {
				return err
			}
		}
	}
	return s.flush(notes)
}

// applyRead acts on what the reading of a file gave.
func (s *run) applyRead(j job, out outcome, notes map[string][]byte, b *batch) error {
	path := j.file.Path
	switch {
	case out.unreadable != nil:
		s.unreadable(path, out.unreadable)
		b.progress.done(path, j.file.Size)
		return nil
	case out.same:
		s.unchanged(path, out.note)
		if out.note.settled() || out.note.Modified != j.old.note.Modified { // otherwise the next sync knows no more
			notes[s.o.Root+path] = out.note.encode()
		}
		b.progress.done(path, j.file.Size)
		return nil
	}
	for _, n := range out.notes {
		if s.o.Ingest.Note != nil {
			n.Path = path
			s.o.Ingest.Note(n)
		}
	}
	for _, e := range out.skipped {
		s.report.Skipped = append(s.report.Skipped, s.relative(e))
	}
	return b.add(document{path: path, size: j.file.Size, passages: out.passages, note: out.note.encode(), before: j.old.passages})
}

// flush sets the notes of files whose content has not changed.
func (s *run) flush(notes map[string][]byte) error {
	if len(notes) == 0 {
		return nil
	}
	if err := s.setNotes(s.ctx, notes); err != nil {
		return fmt.Errorf("foldersync: setting the notes of files that have not changed: %w", ctxerr.Wrap(s.ctx, err))
	}
	clear(notes)
	return nil
}

// progress counts what is done.
type progress struct {
	call  func(Progress)
	clock func() time.Time
	began time.Time
	now   Progress
}

func (p *progress) done(path string, size int64) {
	if p.call == nil {
		return
	}
	p.now.Path = path
	p.now.Done++
	p.now.Bytes += size
	if elapsed := p.clock().Sub(p.began).Seconds(); elapsed > 0 && p.now.Bytes > 0 {
		p.now.Rate = float64(p.now.Bytes) / elapsed
		p.now.Left = time.Duration(float64(p.now.TotalBytes-p.now.Bytes) / p.now.Rate * float64(time.Second))
	}
	p.call(p.now)
}
