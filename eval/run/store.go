package run

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/goselfrag/goselfrag/internal/regular"
)

// The files of a run.
const (
	resultsName = "results.jsonl"
	tracesName  = "traces.jsonl"
	timesName   = "times.jsonl"
)

// runHead is the first line of results.jsonl.
type runHead struct {
	Version int             `json:"eval_run"`
	Parts   []partHead      `json:"parts"`
	Traces  bool            `json:"traces,omitempty"`
	Config  json.RawMessage `json:"settings,omitempty"`
}

type partHead struct {
	Name      string `json:"name"`
	Questions int    `json:"questions"`
	Digest    string `json:"questions_sha256"`
}

const version = 1

func headOf(parts []Part, o Options) (runHead, error) {
	h := runHead{Version: version, Traces: o.Traces}
	for _, p := range parts {
		sum := sha256.New()
		if err := json.NewEncoder(sum).Encode(p.Questions); err != nil {
			return h, fmt.Errorf("%w: part %q: %w", ErrOption, p.Name, err)
		}
		h.Parts = append(h.Parts, partHead{p.Name, len(p.Questions), hex.EncodeToString(sum.Sum(nil))})
	}
	if o.Settings != nil {
		text, err := json.Marshal(o.Settings)
		if err != nil {
			return h, fmt.Errorf("%w: Settings: %w", ErrOption, err)
		}
		h.Config = text
	}
	return h, nil
}

// store writes the files of a run.
type store struct {
	results, traces, times *lineFile // traces is nil if none are kept
	lines                  int       // records in the file
	synced                 time.Time
}

// lineFile is a file of whole lines.
type lineFile struct {
	*os.File
	ends []int64 // where the lines end
}

// openLines opens a file and finds its whole lines.
func openLines(name string, flags int) (*lineFile, error) {
	f, err := regular.OpenFile(name, flags, 0o644)
	if err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	l := &lineFile{File: f}
	end := int64(0)
	for r := bufio.NewReaderSize(f, 1<<16); ; {
		part, err := r.ReadSlice('\n')
		end += int64(len(part))
		switch {
		case err == nil:
			l.ends = append(l.ends, end)
		case err == io.EOF:
			return l, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, errors.Join(fmt.Errorf("run: %w", err), f.Close())
		}
	}
}

// truncate leaves the first n lines and gets ready to write behind them.
func (l *lineFile) truncate(n int) error {
	end := int64(0)
	if n > 0 {
		end = l.ends[n-1]
	}
	l.ends = l.ends[:n]
	if err := l.Truncate(end); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	_, err := l.Seek(end, io.SeekStart)
	return err
}

// write appends a line in one call, so that only the last line can be cut short.
func (l *lineFile) write(v any) error {
	line, err := json.Marshal(v)
	if err == nil {
		_, err = l.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("run: %s: %w", filepath.Base(l.Name()), err)
	}
	return nil
}

// openStore opens the files of a folder, for a new run or to go on.
func openStore(dir string, h runHead, parts []Part, resume bool) (*store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	for _, name := range []string{resultsName, tracesName, timesName} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil && !resume {
			return nil, fmt.Errorf("%w: %s holds %s already: resume that run, or name another folder", ErrFile, dir, name)
		}
	}
	s := &store{synced: time.Now()}
	for _, f := range []struct {
		name string
		file **lineFile
		want bool
	}{{resultsName, &s.results, true}, {tracesName, &s.traces, h.Traces}, {timesName, &s.times, true}} {
		if !f.want {
			continue
		}
		var err error
		if *f.file, err = openLines(filepath.Join(dir, f.name), os.O_RDWR|os.O_CREATE); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	if err := s.load(dir, h, parts); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// load checks what is there and leaves as many lines in each file.
func (s *store) load(dir string, h runHead, parts []Part) error {
	want, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if len(s.results.ends) == 0 { // not even the head is whole
		text, err := io.ReadAll(io.NewSectionReader(s.results, 0, int64(len(want))+2))
		if err != nil {
			return err
		}
		others := len(s.times.ends) > 0 || s.traces != nil && len(s.traces.ends) > 0
		if others || !bytes.HasPrefix(append(want, '\n'), text) {
			return fmt.Errorf("%w: %s is not that of a run: name another folder", ErrFile, s.results.Name())
		}
		return errors.Join(s.results.truncate(0), s.results.write(h), s.truncate(0))
	}
	got := make([]byte, s.results.ends[0])
	if _, err := s.results.ReadAt(got, 0); err != nil {
		return err
	}
	if !bytes.Equal(bytes.TrimSuffix(got, []byte("\n")), want) {
		return fmt.Errorf("%w: %s holds another run, with other parts, questions or settings: name another folder", ErrFile, dir)
	}
	n, err := s.whole(parts)
	if err != nil {
		return err
	}
	s.lines = n
	return errors.Join(s.results.truncate(n+1), s.truncate(n))
}

// whole returns how many records are whole and have their traces. Each must be that of its
// place.
func (s *store) whole(parts []Part) (int, error) {
	list := flat(parts)
	n := min(len(s.results.ends)-1, len(list))
	if s.traces != nil {
		n = min(n, len(s.traces.ends))
	}
	for i := range n {
		var r Record
		if err := s.results.readLine(i+1, &r); err != nil {
			return 0, err
		}
		at := list[i]
		if p := parts[at.part]; r.Part != p.Name || r.ID != p.Questions[at.question].ID {
			return 0, fmt.Errorf("%w: %s:%d is not the answer to question %q of %s", ErrFile, s.results.Name(), i+2, p.Questions[at.question].ID, p.Name)
		}
	}
	return n, nil
}

// readLine reads a line, counted from 0.
func (l *lineFile) readLine(i int, v any) error {
	start := int64(0)
	if i > 0 {
		start = l.ends[i-1]
	}
	text := make([]byte, l.ends[i]-start)
	if _, err := l.ReadAt(text, start); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%w: %s:%d: %w", ErrFile, l.Name(), i+1, err)
	}
	return nil
}

// truncate leaves n lines of traces and times. A time that was lost is not known.
func (s *store) truncate(n int) error {
	if s.traces != nil {
		if err := s.traces.truncate(n); err != nil {
			return err
		}
	}
	known := min(n, len(s.times.ends))
	if err := s.times.truncate(known); err != nil {
		return err
	}
	for range n - known {
		if err := s.times.write(nil); err != nil {
			return err
		}
	}
	return nil
}

// syncEvery is the most that a machine that stops can lose. A process that is killed loses
// nothing that was written.
const syncEvery = time.Second

// add writes a record. The trace comes first, so that a record that is there has one.
func (s *store) add(a answered) error {
	if s.traces != nil {
		if a.trace == nil {
			if err := s.traces.write(nil); err != nil {
				return err
			}
		} else {
			text, err := a.trace.Canonical()
			if err != nil {
				return fmt.Errorf("run: %w", err)
			}
			if err := s.traces.write(json.RawMessage(text)); err != nil {
				return err
			}
		}
	}
	if err := s.times.write(a.record.Seconds); err != nil {
		return err
	}
	if err := s.results.write(a.record); err != nil {
		return err
	}
	if time.Since(s.synced) < syncEvery {
		return nil
	}
	s.synced = time.Now()
	return s.sync()
}

func (s *store) files() (list []*lineFile) {
	for _, f := range []*lineFile{s.traces, s.times, s.results} {
		if f != nil {
			list = append(list, f)
		}
	}
	return list
}

func (s *store) sync() error {
	for _, f := range s.files() {
		if err := f.Sync(); err != nil {
			return fmt.Errorf("run: %w", err)
		}
	}
	return nil
}

func (s *store) close() error {
	err := s.sync()
	for _, f := range s.files() {
		err = errors.Join(err, f.Close())
	}
	return err
}
