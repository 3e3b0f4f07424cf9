package questionset

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/goselfrag/goselfrag/eval/dataset"
)

// readFiles reads the files of a layout. Errors name the flag.
func (s Source) readFiles(set *Set, answered bool, stderr io.Writer) (err error) {
	set.Paths = append(set.Paths, s.Corpus)
	if (s.Layout == "" || s.Layout == dataset.Plain) && s.Judgments == "" && !s.SkipBad {
		return s.readPlain(set, answered)
	}
	ofPassages := dataset.Plain
	for _, a := range dataset.Layouts() {
		if a.Layout == s.Layout && a.Corpus != "" {
			ofPassages = a.Layout
		}
	}
	corpus, told := s.options("-corpus", stderr)
	if set.Passages, err = dataset.Collect(s.Corpus, dataset.Corpus(s.Corpus, ofPassages, corpus)); err != nil {
		return fmt.Errorf("-corpus: %w", err)
	}
	told()
	questions, told := s.options("-questions", stderr)
	items, err := dataset.Collect(s.Questions, dataset.Items(s.Questions, cmp.Or(s.Layout, dataset.Plain), questions))
	if err != nil {
		return fmt.Errorf("-questions: %w", err)
	}
	told()
	if s.Judgments != "" {
		set.Paths = append(set.Paths, s.Judgments)
		judgments, told := s.options("-qrels", stderr)
		if items, err = dataset.Judge(items, dataset.Judgments(s.Judgments, judgments)); err != nil {
			return fmt.Errorf("-qrels: %w", err)
		}
		told()
		if len(items) == 0 {
			return fmt.Errorf("-qrels: %s judges nothing for the questions of %s: want the ids of these", s.Judgments, s.Questions)
		}
	}
	for _, it := range items {
		if answered && len(it.Answers) == 0 {
			return fmt.Errorf("-questions: %s: question %q has no answers, which eval needs: goselfrag compare measures retrieval without", s.Questions, it.ID)
		}
		set.Questions = append(set.Questions, it.Question)
	}
	return nil
}

func (s Source) readPlain(set *Set, answered bool) (err error) {
	if set.Passages, err = dataset.Passages(s.Corpus); err != nil {
		return s.hint("-corpus", err)
	}
	read := dataset.Searches
	if answered {
		read = dataset.Questions
	}
	if set.Questions, err = read(s.Questions); err != nil {
		return s.hint("-questions", err)
	}
	return nil
}

// hint adds to an error that the questions look like those of another layout.
func (s Source) hint(flag string, err error) error {
	var line *dataset.LineError
	if l, wrong := dataset.Sniff(s.Questions); wrong == nil && l != dataset.Plain && s.Layout == "" && errors.As(err, &line) {
		return fmt.Errorf("%s: %w: the questions look like those of %s: try -layout %s", flag, err, l, l)
	}
	return fmt.Errorf("%s: %w", flag, err)
}

// options returns how to read the file of a flag, and a function that prints what was left out.
func (s Source) options(flag string, stderr io.Writer) (dataset.Options, func()) {
	n, first := 0, error(nil)
	told := func() {
		if n > 0 {
			fmt.Fprintf(stderr, "warning: %s: left out %d lines that cannot be used, the first: %v\n", flag, n, first)
		}
	}
	if !s.SkipBad {
		return dataset.Options{}, told
	}
	return dataset.Options{Skip: func(e *dataset.LineError) {
		if n++; n == 1 {
			first = e
		}
	}}, told
}
