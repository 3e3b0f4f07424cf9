// Package dataset reads question sets in UTF-8, and writes results.
//
// [Questions] and [Passages] read the library's own layout, JSON lines, as lists. [Items] and
// [Corpus] read this and many other layouts as streams: memory does not grow with the file.
// [Judgments] and [Runs] read files of TREC. Blank lines and fields that a layout does not
// name are passed over. An error in a line is a *[LineError], which names the file and the
// line. Pipes and devices are refused, as the reading of one may never end: [Read],
// [ReadItems] and [ReadCorpus] read any stream.
//
// Results are written as the scorers of others read them: [WriteALCE], [WriteFactScore],
// [WriteRun], [WriteMAUVE], [WriteReleased].
package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/regular"
	"github.com/goselfrag/goselfrag/retriever"
)

// LineError says which line of a file, or which element of a JSON array, cannot be used, and
// why.
type LineError struct {
	File   string // the name the file was read under
	Line   int    // from 1; 0 in a JSON array
	Record int    // the number of the element of a JSON array, from 1; 0 elsewhere
	Err    error
}

// Error implements error.
func (e *LineError) Error() string {
	if e.Record > 0 {
		return fmt.Sprintf("%s: record %d: %v", e.File, e.Record, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns the reason.
func (e *LineError) Unwrap() error { return e.Err }

// Question is a question over a corpus, with its right answers:
//
//	{"id": "q1", "question": "…", "answers": ["…", "…"], "positive": ["p7"]}
type Question struct {
	ID       string `json:"id"`
	Question string `json:"question"`
	// Answers are the gold answers. Any of them is right.
	Answers []string `json:"answers"`
	// Positive names the passages that hold the answer; empty if it is not known.
	Positive []string `json:"positive"`
	// Unanswerable says that the corpus does not hold the answer. Answers and Positive are
	// then empty, and what is right is to give no answer.
	Unanswerable bool `json:"unanswerable,omitempty"`
}

// Questions reads a file of questions, each with an id of its own and at least one
// answer that is not blank, unless it is unanswerable.
func Questions(file string) ([]Question, error) { return questions(file, true) }

// Searches reads a file of questions like Questions, but their answers may be missing:
// for what is measured by positive passages alone.
func Searches(file string) ([]Question, error) { return questions(file, false) }

func questions(file string, answered bool) ([]Question, error) {
	ids := map[string]bool{}
	return readFile(file, func(q *Question) error {
		switch {
		case blank(q.Question):
			return errors.New(`"question" is missing or blank`)
		case q.Unanswerable && len(q.Answers)+len(q.Positive) > 0:
			return errors.New(`"unanswerable" is set beside "answers" or "positive": leave one out`)
		case answered && len(q.Answers) == 0 && !q.Unanswerable:
			return errors.New(`"answers" is missing or empty: want at least one right answer`)
		}
		for i, a := range q.Answers {
			if blank(a) {
				return fmt.Errorf(`"answers"[%d] is blank: leave it out`, i)
			}
		}
		return unique(ids, q.ID)
	})
}

// Passages reads a corpus, each passage with an id of its own and a text that is not
// blank:
//
//	{"id": "p7", "title": "…", "text": "…"}
//
// It may have the fields metadata and source of a retriever.Passage, too.
func Passages(file string) ([]retriever.Passage, error) {
	ids := map[string]bool{}
	return readFile(file, func(p *retriever.Passage) error {
		if blank(p.Text) {
			return errors.New(`"text" is missing or blank`)
		}
		return unique(ids, p.ID)
	})
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

func unique(ids map[string]bool, id string) error {
	switch {
	case blank(id):
		return errors.New(`"id" is missing or blank`)
	case ids[id]:
		return fmt.Errorf("the id %q is in an earlier line, too", id)
	}
	ids[id] = true
	return nil
}

func readFile[T any](file string, check func(*T) error) ([]T, error) {
	f, err := regular.OpenFile(file, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f, file, check)
}

// Read reads the values of a stream of JSON lines, for layouts of one's own; name
// is its name in errors. check, unless nil, looks at each value; its error becomes
// that of the line. A stream without a value is an error.
func Read[T any](r io.Reader, name string, check func(*T) error) ([]T, error) {
	var out []T
	lines := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\uFEFF")) // a byte order mark
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			v, wrong := parse(line, check)
			if wrong != nil {
				return nil, &LineError{File: name, Line: n, Err: wrong}
			}
			out = append(out, v)
		}
		if err == io.EOF {
			break
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds no line: want one JSON object a line", name)
	}
	return out, nil
}

func parse[T any](line []byte, check func(*T) error) (v T, err error) {
	if !utf8.Valid(line) { // else encoding/json would put U+FFFD in silence
		return v, errors.New("the line is not UTF-8")
	}
	if line[0] != '{' { // null would give an empty value
		return v, errors.New("the line is not a JSON object: want one object a line, not a list over several")
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return v, fmt.Errorf("the line is not as expected: %w", err)
	}
	if check != nil {
		err = check(&v)
	}
	return v, err
}
