package dataset

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/goselfrag/goselfrag/retriever"
)

// Item is a question of a layout, with all that the layout says of it. What a layout does
// not say is empty.
type Item struct {
	// Question has the id, or else the number of the line or record, and the gold answers
	// as the file writes them: blank ones, too.
	Question
	// Passages are the passages of the item itself, in the order of the file, each with an
	// id of its own: give retriever.List(item.Passages...) to an engine that is to answer
	// from these. One without an id, or with that of an earlier one, is named for its place.
	// Passages without title and text are left out.
	Passages []retriever.Passage `json:"passages,omitempty"`
	// Choices are the options of a question of multiple choice. Answers then holds the key
	// as the file writes it.
	Choices []Choice `json:"choices,omitempty"`
	// Pairs are the short answers to the readings of an ambiguous question (ASQA).
	Pairs []Pair `json:"pairs,omitempty"`
	// Long are the reference answers of a long answer (ALCE).
	Long []string `json:"long,omitempty"`
	// Topic and Category are those of a biography (FactScore).
	Topic    string `json:"topic,omitempty"`
	Category string `json:"category,omitempty"`
	// Subject is the field of knowledge (MMLU).
	Subject string `json:"subject,omitempty"`
	// Grades says how relevant passages are, by id, also those of grade 0; nil if the layout
	// does not. Positive holds those above 0.
	Grades map[string]float64 `json:"grades,omitempty"`
	// Record is the JSON object that the item was read from; nil if the file is a table.
	Record json.RawMessage `json:"-"`
}

// Output returns what the record of a result file of ALCE or FactScore holds as the output of a
// system, and whether there is any.
func (it Item) Output() (string, bool) {
	var record struct {
		Output any `json:"output"`
	}
	if json.Unmarshal(it.Record, &record) != nil {
		return "", false
	}
	text, ok := record.Output.(string)
	return text, ok
}

// Choice is an option of a question of multiple choice.
type Choice struct {
	Label string `json:"label"`
	Text  string `json:"text"`
}

// Pair is one reading of an ambiguous question, with its gold answers.
type Pair struct {
	Question string   `json:"question"`
	Answers  []string `json:"short_answers"`
}

// Collect returns the values of a stream as a list, or its first error. An id that comes
// twice, and a stream without values, are errors. name is the file's in errors.
func Collect[T Item | retriever.Passage](name string, stream iter.Seq2[T, error]) ([]T, error) {
	var list []T
	ids := map[string]bool{}
	for v, err := range stream {
		if err != nil {
			return nil, err
		}
		id := ""
		switch v := any(&v).(type) {
		case *Item:
			id = v.ID
		case *retriever.Passage:
			id = v.ID
		}
		if ids[id] {
			return nil, fmt.Errorf("%s: the id %q is there twice: number %d has it, too", name, id, len(list)+1)
		}
		ids[id] = true
		list = append(list, v)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s holds no record", name)
	}
	return list, nil
}

// word is a string that a file may write as a number or as true or false.
type word string

func (w *word) UnmarshalJSON(text []byte) error {
	switch text[0] {
	case '"':
		return json.Unmarshal(text, (*string)(w))
	case '{', '[':
		return fmt.Errorf("got %.20s: want a string or a number", text)
	case 'n': // null
		return nil
	}
	*w = word(text)
	return nil
}

// words is a list of strings that a file may write as one string or as null.
type words []string

func (w *words) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		var list []word
		if err := json.Unmarshal(text, &list); err != nil {
			return err
		}
		*w = make(words, len(list))
		for i, v := range list {
			(*w)[i] = string(v)
		}
		return nil
	}
	var one *word
	if err := json.Unmarshal(text, &one); err != nil || one == nil {
		return err
	}
	*w = words{string(*one)}
	return nil
}

// evidence is a passage of an item as files write it.
type evidence struct {
	ID        word   `json:"id"`
	PassageID word   `json:"passage_id"` // of DPR
	Title     string `json:"title"`
	Text      string `json:"text"`
}

// ownPassages returns the passages of an item without those that are empty.
func ownPassages(list []evidence) []retriever.Passage {
	var out []retriever.Passage
	for _, e := range list {
		if !blank(e.Title) || !blank(e.Text) {
			out = append(out, retriever.Passage{ID: string(cmp.Or(e.ID, e.PassageID)), Title: e.Title, Text: e.Text})
		}
	}
	return out
}

// fillIDs gives an item without an id the number of its record, and its passages ids of their
// own.
func (it *Item) fillIDs(number int) {
	if blank(it.ID) {
		it.ID = fmt.Sprint(number)
	}
	seen := map[string]bool{}
	for i := range it.Passages {
		id := &it.Passages[i].ID
		if *id == "" || seen[*id] {
			*id = fmt.Sprintf("%s#%d", cmp.Or(*id, it.ID), i+1)
		}
		seen[*id] = true
	}
}

// items returns a reader of items: fill says what a record of type T makes of an item. An
// item without an id gets the number of its line or record.
func items[T any](wrapped bool, fill func(v *T, it *Item) error) func(io.Reader, string, Options) iter.Seq2[Item, error] {
	return func(r io.Reader, name string, o Options) iter.Seq2[Item, error] {
		return stream(r, name, wrapped, o, func(rec record) (it Item, err error) {
			var v T
			it.Record = rec.text
			if err = decode(rec.text, &v); err == nil {
				err = fill(&v, &it)
			}
			if err == nil {
				err = requireText("question", it.Question.Question)
			}
			if err != nil {
				return it, rec.at.wrong(name, err)
			}
			it.fillIDs(rec.at.line + rec.at.record) // one of them is 0
			return it, nil
		})
	}
}

// corpus returns a reader of passages, which need an id and a text.
func corpus[T any](convert func(v *T) retriever.Passage) func(io.Reader, string, Options) iter.Seq2[retriever.Passage, error] {
	return func(r io.Reader, name string, o Options) iter.Seq2[retriever.Passage, error] {
		return stream(r, name, false, o, func(rec record) (p retriever.Passage, err error) {
			var v T
			if err = decode(rec.text, &v); err == nil {
				p = convert(&v)
				err = cmp.Or(requireText("id", p.ID), requireText("text", p.Text))
			}
			if err != nil {
				err = rec.at.wrong(name, err)
			}
			return p, err
		})
	}
}

// requireText returns an error if a field is blank.
func requireText(key, value string) error {
	if blank(value) {
		return fmt.Errorf("%q is missing or blank", key)
	}
	return nil
}
