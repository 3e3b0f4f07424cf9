package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/goselfrag/goselfrag/selfrag"
)

// Results are what a folder holds. They are not changed by what is written to it later.
type Results struct {
	Dir string
	// Settings is what Options.Settings was, nil if it was not given.
	Settings json.RawMessage
	Parts    []PartResults

	traces bool
}

// PartResults are the records of a part in the order of its questions. Of a run that was
// broken off there are fewer than Questions.
type PartResults struct {
	Name      string
	Questions int
	Records   []Record
}

// Read reads the results of a folder, without the traces. The error wraps [ErrFile] or is
// that of the file system.
func Read(dir string) (_ *Results, err error) {
	f, err := openLines(filepath.Join(dir, resultsName), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var h runHead
	if len(f.ends) == 0 || f.readLine(0, &h) != nil || h.Version == 0 {
		return nil, fmt.Errorf("%w: %s does not begin as a run does", ErrFile, f.Name())
	}
	if h.Version > version {
		return nil, fmt.Errorf("%w: %s has version %d: want at most %d", ErrFile, f.Name(), h.Version, version)
	}
	seconds, err := readTimes(dir)
	if err != nil {
		return nil, err
	}
	r := &Results{Dir: dir, Settings: h.Config, traces: h.Traces}
	line := 1
	for _, p := range h.Parts {
		part := PartResults{Name: p.Name, Questions: p.Questions}
		for ; len(part.Records) < p.Questions && line < len(f.ends); line++ {
			var x Record
			if err := f.readLine(line, &x); err != nil {
				return nil, err
			}
			if x.Part != p.Name {
				return nil, fmt.Errorf("%w: %s:%d is of %q: want %q", ErrFile, f.Name(), line+1, x.Part, p.Name)
			}
			if line-1 < len(seconds) {
				x.Seconds = seconds[line-1]
			}
			part.Records = append(part.Records, x)
		}
		r.Parts = append(r.Parts, part)
	}
	return r, nil
}

// readTimes reads the times, as far as there are any.
func readTimes(dir string) (list []float64, err error) {
	f, err := openLines(filepath.Join(dir, timesName), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	list = make([]float64, len(f.ends))
	for i := range list {
		if err := f.readLine(i, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Complete reports whether all questions were answered.
func (r *Results) Complete() bool {
	for _, p := range r.Parts {
		if len(p.Records) < p.Questions {
			return false
		}
	}
	return true
}

// Part returns the results of a part, or nil.
func (r *Results) Part(name string) *PartResults {
	for i := range r.Parts {
		if r.Parts[i].Name == name {
			return &r.Parts[i]
		}
	}
	return nil
}

// Trace is a record with its trace, which is nil if the system made none.
type Trace struct {
	Record *Record
	Trace  *selfrag.Trace
}

// Traces yields the records of a part with their traces, one after the other, so that the
// memory is that of one. Those for which only reports false are left out, unread; nil means
// all. The error ends the loop; it wraps [ErrOption] if there is no such part, [ErrFile] if no
// traces were kept, or is that of the file system or of selfrag.ParseTrace.
func (r *Results) Traces(part string, only func(*Record) bool) iter.Seq2[Trace, error] {
	return func(yield func(Trace, error) bool) {
		first := 0
		for i := range r.Parts {
			p := &r.Parts[i]
			if p.Name == part {
				if err := r.eachTrace(first, p.Records, only, yield); err != nil {
					yield(Trace{}, err)
				}
				return
			}
			first += p.Questions
		}
		yield(Trace{}, fmt.Errorf("%w: there is no part %q", ErrOption, part))
	}
}

// eachTrace yields the traces of records. That of the first is in line first, from 0.
func (r *Results) eachTrace(first int, records []Record, only func(*Record) bool, yield func(Trace, error) bool) error {
	if !r.traces {
		return fmt.Errorf("%w: %s holds no traces: run with Options.Traces", ErrFile, r.Dir)
	}
	f, err := openLines(filepath.Join(r.Dir, tracesName), os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	for i := range records {
		if only != nil && !only(&records[i]) {
			continue
		}
		if first+i >= len(f.ends) {
			return fmt.Errorf("%w: %s ends before the trace of question %q", ErrFile, f.Name(), records[i].ID)
		}
		var text json.RawMessage
		if err := f.readLine(first+i, &text); err != nil {
			return err
		}
		t := Trace{Record: &records[i]}
		if string(text) != "null" {
			if t.Trace, err = selfrag.ParseTrace(text); err != nil {
				return fmt.Errorf("%s:%d: %w", f.Name(), first+i+1, err)
			}
		}
		if !yield(t, nil) {
			return nil
		}
	}
	return nil
}
