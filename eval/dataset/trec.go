package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Judgment says how relevant a passage is to a query. A grade of 0 or less is not relevant.
type Judgment struct {
	Query, Passage string
	Grade          float64
}

// Ranked is a line of a run: a passage that was found for a query.
type Ranked struct {
	Query, Passage string
	Rank           int
	Score          float64
	Run            string // its name
}

// Judgments reads a file of relevance judgments, one at a time: qrels of TREC, lines of
// query, an ignored word, passage, grade, or of BEIR, lines of query, passage, grade
// separated by tabs, under a head. See [Items] for errors.
func Judgments(file string, o Options) iter.Seq2[Judgment, error] {
	return openFile(file, func(r io.Reader) iter.Seq2[Judgment, error] { return ReadJudgments(r, file, o) })
}

// ReadJudgments is [Judgments] for a stream; name is the file's in errors.
func ReadJudgments(r io.Reader, name string, o Options) iter.Seq2[Judgment, error] {
	return fields(r, name, o, func(text string, line int) (j Judgment, ok bool, err error) {
		f := strings.Fields(text)
		if strings.Contains(text, "\t") && strings.Count(text, "\t") == 2 {
			f = strings.Split(text, "\t")
			if f[2] = strings.TrimSpace(f[2]); line == 1 && f[0] == "query-id" {
				return j, false, nil
			}
		} else if len(f) == 4 {
			f = []string{f[0], f[2], f[3]}
		} else {
			return j, true, fmt.Errorf("the line has %d words: want query, an ignored word, passage, grade; or query, passage, grade separated by tabs", len(f))
		}
		j.Query, j.Passage = f[0], f[1]
		j.Grade, err = number("grade", f[2])
		return j, true, err
	})
}

// Runs reads a run of TREC, one line at a time: query, an ignored word, passage, rank, score,
// name of the run. See [Items] for errors.
func Runs(file string, o Options) iter.Seq2[Ranked, error] {
	return openFile(file, func(r io.Reader) iter.Seq2[Ranked, error] { return ReadRuns(r, file, o) })
}

// ReadRuns is [Runs] for a stream; name is the file's in errors.
func ReadRuns(r io.Reader, name string, o Options) iter.Seq2[Ranked, error] {
	return fields(r, name, o, func(text string, _ int) (v Ranked, ok bool, err error) {
		f := strings.Fields(text)
		if len(f) != 6 {
			return v, true, fmt.Errorf("the line has %d words: want query, an ignored word, passage, rank, score, name", len(f))
		}
		v = Ranked{Query: f[0], Passage: f[2], Run: f[5]}
		if v.Rank, err = strconv.Atoi(f[3]); err != nil {
			return v, true, fmt.Errorf("the rank is %q: want a whole number", f[3])
		}
		v.Score, err = number("score", f[4])
		return v, true, err
	})
}

func number(what, text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("the %s is %q: want a number", what, text)
	}
	return v, nil
}

// fields yields what convert makes of each line that is not blank, unless it says that there
// is nothing in it.
func fields[T any](r io.Reader, name string, o Options, convert func(text string, line int) (T, bool, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		type part struct {
			v   T
			err error // that of the line
		}
		parts := func(yield func(part, error) bool) {
			lines(bufio.NewReader(r), name, 1, func(rec record, err error) bool {
				if err != nil {
					return yield(part{}, err)
				}
				text := strings.TrimPrefix(string(rec.text), "\uFEFF")
				v, ok, err := convert(text, rec.at.line)
				if ok && !utf8.ValidString(text) {
					err = errors.New("not UTF-8")
				}
				if err != nil {
					err = rec.at.wrong(name, err)
				}
				return !ok || yield(part{v, err}, nil)
			})
		}
		each(name, o, parts, func(p part) (T, error) { return p.v, p.err }, yield)
	}
}

// Judge gives each item the judgments of its id: Grades, and as Positive the passages with
// a grade above 0, in the order of the judgments. It returns the items that have any
// judgment; a passage that is judged twice for a query is an error.
func Judge(items []Item, judgments iter.Seq2[Judgment, error]) ([]Item, error) {
	at := make(map[string]int, len(items))
	for i := range items {
		at[items[i].ID] = i
		items[i].Grades, items[i].Positive = nil, nil
	}
	for j, err := range judgments {
		if err != nil {
			return nil, err
		}
		i, ok := at[j.Query]
		if !ok {
			continue
		}
		it := &items[i]
		if _, twice := it.Grades[j.Passage]; twice {
			return nil, fmt.Errorf("dataset: query %q: passage %q is judged twice", j.Query, j.Passage)
		}
		if it.Grades == nil {
			it.Grades = map[string]float64{}
		}
		if it.Grades[j.Passage] = j.Grade; j.Grade > 0 {
			it.Positive = append(it.Positive, j.Passage)
		}
	}
	var judged []Item
	for _, it := range items {
		if it.Grades != nil {
			judged = append(judged, it)
		}
	}
	return judged, nil
}
