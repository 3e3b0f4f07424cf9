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
	if err := s.applyWork(&p); err != nil {
		return err
	}
	for _, r := range s.removed {
		if err := s.put(r.path, outcome{}, nil, r.old.passages); err != nil {
			return err
		}
		p.done(r.path, 0)
	}
	return nil
}

// applyWork reads files side by side and puts their documents in one after the other.
func (s *run) applyWork(p *progress) error {
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
			return s.read(ctx, s.work[i])
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
		if err := s.take(j, out, notes); err != nil {
			return err
		}
		if len(notes) >= maxNotes {
			if err := s.flush(notes); err != nil {
				return err
			}
		}
		p.done(j.file.Path, j.file.Size)
	}
	return s.flush(notes)
}

// take acts on what the reading of a file gave.
func (s *run) take(j job, out outcome, notes map[string][]byte) error {
	path := j.file.Path
	switch {
	case out.unreadable != nil:
		s.unreadable(path, out.unreadable)
		return nil
	case out.same:
		s.unchanged(path, out.note)
		if out.note.settled() || out.note.Modified != j.old.note.Modified { // otherwise the next sync knows no more
			notes[s.o.Root+path] = out.note.encode()
		}
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
	return s.put(path, out, out.note.encode(), j.old.passages)
}

// put replaces a document that had so many passages, and reports it.
func (s *run) put(path string, out outcome, note []byte, before int) error {
	if err := s.ctx.Err(); err != nil {
		return s.stopped(path, err)
	}
	if err := s.replace(s.ctx, s.o.Root+path, out.passages, note); err != nil {
		return s.stopped(path, ctxerr.Wrap(s.ctx, err))
	}
	s.report.Passages += len(out.passages)
	switch {
	case len(out.passages) > 0 && before > 0:
		s.report.Changed = append(s.report.Changed, path)
	case len(out.passages) > 0:
		s.report.Added = append(s.report.Added, path)
	case before > 0:
		s.report.Removed = append(s.report.Removed, path)
	}
	return nil
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
