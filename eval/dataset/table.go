package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/retriever"
)

// row is a row of a table.
type row struct {
	line  int
	cells []string // valid until the next row
}

// rows yields the rows of a table in UTF-8. Its errors about one row are *LineError.
func rows(in io.Reader, name string, comma rune) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		bound := &limited{in, maxRecord}
		r := csv.NewReader(bound)
		r.Comma, r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = comma, -1, comma == '\t', true
		for {
			bound.left = maxRecord
			cells, err := r.Read()
			var syntax *csv.ParseError
			switch {
			case err == io.EOF:
				return
			case errors.As(err, &syntax):
				err = place{line: syntax.StartLine}.wrong(name, syntax.Err)
			case err != nil:
				yield(row{}, fmt.Errorf("%s: %w", name, err))
				return
			}
			line := 0
			if err == nil {
				line, _ = r.FieldPos(0)
				if !slices.ContainsFunc(cells, func(c string) bool { return !utf8.ValidString(c) }) {
					cells[0] = strings.TrimPrefix(cells[0], "\uFEFF")
				} else {
					err = place{line: line}.wrong(name, errors.New("not UTF-8"))
				}
			}
			if !yield(row{line, cells}, err) {
				return
			}
		}
	}
}

// table yields what convert makes of each row that is not a head.
func table[T any](r io.Reader, name string, comma rune, o Options, head func(cells []string) bool, convert func(cells []string, line int) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		body := func(yield func(row, error) bool) {
			for row, err := range rows(r, name, comma) {
				if err == nil && row.line == 1 && head(row.cells) {
					continue
				}
				if !yield(row, err) {
					return
				}
			}
		}
		each(name, o, body, func(row row) (T, error) {
			v, err := convert(row.cells, row.line)
			if err != nil {
				err = place{line: row.line}.wrong(name, err)
			}
			return v, err
		}, yield)
	}
}

// dprCorpus reads the columns id, text and title.
func dprCorpus(r io.Reader, name string, o Options) iter.Seq2[retriever.Passage, error] {
	head := func(cells []string) bool { return cells[0] == "id" }
	return table(r, name, '\t', o, head, func(cells []string, _ int) (p retriever.Passage, err error) {
		if len(cells) != 3 {
			return p, fmt.Errorf("the row has %d cells: want id, text and title, separated by tabs", len(cells))
		}
		p = retriever.Passage{ID: cells[0], Text: cells[1], Title: cells[2]}
		if err = requireText("id", p.ID); err == nil {
			err = requireText("text", p.Text)
		}
		return p, err
	})
}

// either reads JSON, or a table otherwise.
func either(json, table func(io.Reader, string, Options) iter.Seq2[Item, error]) func(io.Reader, string, Options) iter.Seq2[Item, error] {
	return func(r io.Reader, name string, o Options) iter.Seq2[Item, error] {
		return func(yield func(Item, error) bool) {
			in := bufio.NewReader(r)
			is, err := startsJSON(in)
			switch {
			case err != nil:
				yield(Item{}, fmt.Errorf("%s: %w", name, err))
			case is:
				json(in, name, o)(yield)
			default:
				table(in, name, o)(yield)
			}
		}
	}
}

func mmluTable(r io.Reader, name string, o Options) iter.Seq2[Item, error] {
	head := func(cells []string) bool { return strings.EqualFold(cells[len(cells)-1], "answer") }
	return table(r, name, ',', o, head, mmluRow)
}

func dprTable(r io.Reader, name string, o Options) iter.Seq2[Item, error] {
	return table(r, name, '\t', o, func([]string) bool { return false }, dprRow)
}

// dprRow takes a question and a list of answers as Python prints it.
func dprRow(cells []string, line int) (it Item, err error) {
	if len(cells) != 2 {
		return it, fmt.Errorf("the row has %d cells: want a question and a list of answers, separated by a tab", len(cells))
	}
	it.ID, it.Question.Question = fmt.Sprint(line), cells[0]
	if it.Answers, err = pythonList(cells[1]); err != nil {
		return it, err
	}
	return it, requireText("question", cells[0])
}

// pythonList reads a list of strings as Python prints it, such as ['a', "b's"].
func pythonList(text string) ([]string, error) {
	bad := fmt.Errorf("%.50q is no list of strings: want one like ['a', 'b']", text)
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "[")
	if !ok || !strings.HasSuffix(rest, "]") {
		return nil, bad
	}
	var list []string
	for rest = strings.TrimSpace(rest); rest != "]"; rest = strings.TrimSpace(rest) {
		quote := rest[0]
		if quote != '\'' && quote != '"' {
			return nil, bad
		}
		var b strings.Builder
		for rest = rest[1:]; rest != "" && rest[0] != quote; {
			r, _, tail, err := strconv.UnquoteChar(rest, quote)
			if strings.HasPrefix(rest, `\'`) || strings.HasPrefix(rest, `\"`) { // Go allows one of them
				r, tail, err = rune(rest[1]), rest[2:], nil
			}
			if err != nil {
				return nil, bad
			}
			b.WriteRune(r)
			rest = tail
		}
		list = append(list, b.String())
		if rest = strings.TrimSpace(strings.TrimPrefix(rest, string(quote))); rest == "" {
			return nil, bad
		}
		if rest[0] == ',' {
			rest = rest[1:]
		} else if rest != "]" {
			return nil, bad
		}
	}
	return list, nil
}

// startsJSON reports whether the first byte, apart from a byte order mark and white space in
// front, begins an object or an array. It reads nothing.
func startsJSON(in *bufio.Reader) (bool, error) {
	head, err := in.Peek(512)
	text := strings.TrimLeft(strings.TrimPrefix(string(head), "\uFEFF"), " \t\r\n")
	if err != nil && err != io.EOF {
		return false, err
	}
	return text != "" && (text[0] == '{' || text[0] == '['), nil
}

func mmluRow(cells []string, line int) (it Item, err error) {
	if len(cells) != 6 {
		return it, fmt.Errorf("the row has %d cells: want a question, four options and the key", len(cells))
	}
	cells = slices.Clone(cells)
	it.ID, it.Question.Question, it.Choices = fmt.Sprint(line), cells[0], lettered(cells[1:5])
	if err := requireText("question", cells[0]); err != nil {
		return it, err
	}
	return it, it.setAnswer(cells[5])
}

type mmluLine struct {
	Question string   `json:"question"`
	Subject  string   `json:"subject"`
	Choices  []string `json:"choices"`
	Answer   word     `json:"answer"`
}

func mmluItem(v *mmluLine, it *Item) error {
	it.Question.Question, it.Subject, it.Choices = v.Question, v.Subject, lettered(v.Choices)
	key := string(v.Answer)
	if n, err := strconv.Atoi(key); err == nil && n >= 0 && n < len(it.Choices) {
		key = it.Choices[n].Label
	}
	return it.setAnswer(key)
}

// setAnswer sets the answer to a question of multiple choice.
func (it *Item) setAnswer(label string) error {
	if !slices.ContainsFunc(it.Choices, func(c Choice) bool { return c.Label == label }) {
		return fmt.Errorf("the key is %q: want the label of one of %d choices, from A", label, len(it.Choices))
	}
	it.Answers = []string{label}
	return nil
}
