// Package questionset reads what systems and pipelines are measured on: passages and
// questions, of files of JSON lines, or of a folder of documents and a table of questions
// that name its files.
package questionset

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/ask"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/retriever"
)

// Source says where passages and questions come from: a folder, or else a file of
// passages, and a file of questions.
type Source struct {
	Docs, Corpus, Questions string
	// Layout is that of both files; empty is dataset.Plain, as are passages of a layout that
	// has none of its own.
	Layout dataset.Layout
	// Judgments is a file that says which passages are right; empty if the questions do.
	Judgments string
	// SkipBad leaves out lines that cannot be used.
	SkipBad bool
}

// Flags returns new flags that a command has for a [Source].
func Flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "docs", Usage: "measure on the files of `DIR`, as ask reads them, instead of -corpus"},
		&cli.StringFlag{Name: "corpus", Usage: "`FILE` of passages; see goselfrag help layouts"},
		&cli.StringFlag{Name: "questions", Usage: "`FILE` of questions; with -docs a .csv or .tsv with the columns question, file and answer"},
		&cli.StringFlag{Name: "layout", Usage: "the layout `NAME` of both files; plain unless set"},
		&cli.StringFlag{Name: "qrels", Usage: "`FILE` that says which passages are right, of TREC or BEIR"},
		&cli.BoolFlag{Name: "skip-bad", Usage: "leave out lines that cannot be used, and count them"},
	}
}

// FromFlags returns what the flags of [Flags] say.
func FromFlags(cmd *cli.Command) Source {
	return Source{
		Docs: cmd.String("docs"), Corpus: cmd.String("corpus"), Questions: cmd.String("questions"),
		Layout: dataset.Layout(cmd.String("layout")), Judgments: cmd.String("qrels"), SkipBad: cmd.Bool("skip-bad"),
	}
}

// Units says what questions name as positive.
func (s Source) Units() string {
	if s.Docs != "" {
		return "files"
	}
	return "passages"
}

// Check returns an error if a flag is missing or does not fit another one.
func (s Source) Check() error {
	table := strings.HasSuffix(s.Questions, ".csv") || strings.HasSuffix(s.Questions, ".tsv")
	switch {
	case s.Docs != "" && s.Corpus != "":
		return errors.New("-docs and -corpus both name passages: leave one out")
	case s.Docs == "" && s.Corpus == "":
		return errors.New("-corpus is missing: name the file of passages, or a folder with -docs")
	case s.Questions == "":
		return errors.New("-questions is missing: name the file of questions")
	case s.Docs != "" && !table:
		return errors.New("-questions: with -docs want a .csv or .tsv file with the columns question, file and answer")
	case s.Docs != "" && (s.Layout != "" || s.Judgments != "" || s.SkipBad):
		return errors.New("-layout, -qrels and -skip-bad are about the file of -corpus and its questions: leave them out with -docs")
	case s.Layout != "" && !slices.ContainsFunc(dataset.Layouts(), func(a dataset.About) bool { return a.Layout == s.Layout }):
		return fmt.Errorf("-layout is %q: want one of those that goselfrag help layouts lists", s.Layout)
	case s.Docs == "" && table && s.Layout == "":
		return errors.New("-questions: a table of questions names files: name their folder with -docs")
	}
	return nil
}

// Set is what is measured on.
type Set struct {
	Passages  []retriever.Passage
	Questions []dataset.Question
	Paths     []string          // of the files that were read
	files     map[string]string // by the id of a passage; nil if questions name passages
}

// Files reports whether the questions name files, which hold several passages, and not
// passages.
func (s *Set) Files() bool { return s.files != nil }

// Name is what questions may name of a passage as positive: its file, or else its id.
func (s *Set) Name(passageID string) string {
	if name, ok := s.files[passageID]; ok {
		return name
	}
	return passageID
}

// Names returns the names of passages, each once.
func (s *Set) Names(ids []string) []string {
	if !s.Files() {
		return ids
	}
	var list []string
	for _, id := range ids {
		if name := s.Name(id); !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// Gold returns the ids of the passages that a question names as positive: of a file all.
func (s *Set) Gold(q dataset.Question) []string {
	if !s.Files() {
		return q.Positive
	}
	var ids []string
	for _, p := range s.Passages {
		if slices.Contains(q.Positive, s.Name(p.ID)) {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// DropUnanswerable leaves out the questions that the passages do not answer, and reports
// whether there were any.
func (s *Set) DropUnanswerable() bool {
	n := len(s.Questions)
	s.Questions = slices.DeleteFunc(s.Questions, func(q dataset.Question) bool { return q.Unanswerable })
	return len(s.Questions) < n
}

// Read reads passages and questions. Questions need answers if answered is set. Errors
// name the flag.
func (s Source) Read(ctx context.Context, answered bool, stderr io.Writer) (*Set, error) {
	set := &Set{Paths: []string{s.Questions}}
	var err error
	if s.Docs == "" {
		return set, s.readFiles(set, answered, stderr)
	}
	docs, err := ask.Read(ctx, s.Docs, stderr)
	if err != nil {
		return nil, fmt.Errorf("-docs: %w", err)
	}
	set.Passages, set.files = docs.Passages, map[string]string{}
	var names []string
	for _, p := range docs.Passages {
		set.files[p.ID] = p.Source.URI
		if !slices.Contains(names, p.Source.URI) {
			names = append(names, p.Source.URI)
			set.Paths = append(set.Paths, filepath.Join(s.Docs, filepath.FromSlash(p.Source.URI)))
		}
	}
	if set.Questions, err = readTable(s.Questions, names, answered); err != nil {
		return nil, fmt.Errorf("-questions: %w", err)
	}
	return set, nil
}

// columns are those of a table of questions.
type columns struct{ question, file, answer int }

// readTable reads a table of questions, whose first row names the columns. Several files
// or answers in a cell are separated by bars.
func readTable(name string, files []string, answered bool) ([]dataset.Question, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("%s: not UTF-8: save it as UTF-8", name)
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.TrimLeadingSpace = delimiter(text), -1, true
	var at columns
	var list []dataset.Question
	for first := true; ; first = false {
		row, err := r.Read()
		switch {
		case err == io.EOF && len(list) == 0:
			return nil, fmt.Errorf("%s holds no question", name)
		case err == io.EOF:
			return list, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := r.FieldPos(0)
		if first {
			if at, err = head(row, answered); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			continue
		}
		q, err := question(row, at, files)
		if err == nil && answered && len(q.Answers) == 0 {
			err = errors.New("the answer is missing: write how it may read, several ways separated by bars |")
		}
		if err != nil {
			return nil, &dataset.LineError{File: name, Line: line, Err: err}
		}
		q.ID = fmt.Sprint(len(list) + 1)
		list = append(list, q)
	}
}

// delimiter returns what parts the names of the first line: of a spreadsheet it may be a
// semicolon.
func delimiter(text []byte) rune {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	best := ','
	for _, r := range ";\t" {
		if bytes.Count(first, []byte(string(r))) > bytes.Count(first, []byte(string(best))) {
			best = r
		}
	}
	return best
}

// head finds the columns by their names.
func head(row []string, answered bool) (columns, error) {
	find := func(name string) int {
		return slices.IndexFunc(row, func(cell string) bool { return strings.EqualFold(strings.TrimSpace(cell), name) })
	}
	at := columns{find("question"), find("file"), find("answer")}
	switch {
	case at.question < 0 || at.file < 0:
		return at, fmt.Errorf("the first row is %q: want it to name the columns question and file, and answer if it is known", row)
	case answered && at.answer < 0:
		return at, errors.New("there is no column answer, which tells what is right")
	}
	return at, nil
}

// question reads a row.
func question(row []string, at columns, files []string) (q dataset.Question, err error) {
	cell := func(i int) string {
		if i < 0 || i >= len(row) {
			return ""
		}
		return strings.TrimSpace(row[i])
	}
	if q.Question = cell(at.question); q.Question == "" {
		return q, errors.New("the question is missing")
	}
	for _, name := range parts(cell(at.file)) {
		file, err := find(name, files)
		if err != nil {
			return q, err
		}
		q.Positive = append(q.Positive, file)
	}
	q.Answers = parts(cell(at.answer))
	return q, nil
}

// parts cuts a cell at bars.
func parts(cell string) []string {
	var list []string
	for part := range strings.SplitSeq(cell, "|") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// find returns the file of a name: its path from the folder on, or its name alone if no
// other file has it.
func find(name string, files []string) (string, error) {
	name = path.Clean(strings.ReplaceAll(name, `\`, "/"))
	if slices.Contains(files, name) {
		return name, nil
	}
	var found []string
	for _, f := range files {
		if path.Base(f) == name {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("nothing was read from a file %q: want a path in the folder of -docs, such as %q", name, files[0])
	}
	return "", fmt.Errorf("there are several files %q: want one of %q", name, found)
}
