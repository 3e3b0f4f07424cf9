package adapt

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/internal/regular"
	"github.com/goselfrag/goselfrag/retriever"
)

// Example is a question with the passages that help to answer it. As a line of a file it
// is a question of package eval/dataset with one more field:
//
//	{"id":"q1","question":"…","answers":["…"],"positive":["p7"],"preferred":[{"passage":"p9","gain":1.5}]}
type Example struct {
	// Question has the labeled passages in Positive; there may be none.
	dataset.Question
	// Preferred holds passages that a model prefers, best first.
	Preferred []Preference `json:"preferred,omitempty"`
}

// Preference is a passage and how much it helps.
type Preference struct {
	Passage string `json:"passage"` // its id
	// Gain is in the units of its [Source], above 0.
	Gain float64 `json:"gain"`
}

// Examples returns questions as examples without preferences.
func Examples(questions []dataset.Question) []Example {
	list := make([]Example, len(questions))
	for i, q := range questions {
		list[i].Question = q
	}
	return list
}

// ReadExamples reads a file of JSON lines. Fields that are not those of [Example] are
// ignored. Errors in a line are a *dataset.LineError.
func ReadExamples(file string) ([]Example, error) {
	f, err := regular.OpenFile(file, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	seen := map[string]bool{}
	return dataset.Read(f, file, func(e *Example) error {
		switch {
		case e.ID == "" || seen[e.ID]:
			return fmt.Errorf("the id is %q: give every question an id of its own", e.ID)
		case strings.TrimSpace(e.Question.Question) == "":
			return errors.New(`"question" is missing or blank`)
		}
		seen[e.ID] = true
		for _, p := range e.Preferred {
			if !(p.Gain > 0) {
				return fmt.Errorf("the gain of the passage %q is %v: want a number above 0, and leave out passages that do not help", p.Passage, p.Gain)
			}
		}
		return nil
	})
}

// WriteExamples writes JSON lines that [ReadExamples] reads.
func WriteExamples(w io.Writer, examples []Example) error {
	enc := json.NewEncoder(w)
	for i := range examples {
		if err := enc.Encode(&examples[i]); err != nil {
			return err
		}
	}
	return nil
}

// Positives says which passages of an example are trained on. The zero value is Union.
type Positives string

// The choices of Positives.
const (
	Union     Positives = "union"     // labeled and preferred passages, as in AAR
	Labeled   Positives = "labeled"   // labeled passages only
	Preferred Positives = "preferred" // preferred passages only
)

// of returns the ids of the positives of an example, each once, labeled ones first.
func (p Positives) of(e *Example) []string {
	var list []string
	add := func(id string) {
		if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	if p != Preferred {
		for _, id := range e.Positive {
			add(id)
		}
	}
	if p != Labeled {
		for _, x := range e.Preferred {
			add(x.Passage)
		}
	}
	return list
}

// truth returns the passages that an example is measured on: the labeled ones if there are
// any, else the preferred ones.
func (e *Example) truth() []string {
	if len(e.Positive) > 0 {
		return Labeled.of(e)
	}
	return Preferred.of(e)
}

// Overlap says how far people and a model agree on which passages help.
type Overlap struct {
	// Questions counts the examples with labels and preferences. The other figures are
	// over these.
	Questions int `json:"questions"`
	Labeled   int `json:"labeled"`   // labeled passages
	Preferred int `json:"preferred"` // preferred passages
	Both      int `json:"both"`      // passages that are both
	// Share is Both divided by the number of passages that are at least one of the two,
	// 0 if there are none.
	Share float64 `json:"share"`
}

// OverlapOf compares the labels of examples with their preferences.
func OverlapOf(examples []Example) Overlap {
	var o Overlap
	for i := range examples {
		labeled, preferred := Labeled.of(&examples[i]), Preferred.of(&examples[i])
		if len(labeled) == 0 || len(preferred) == 0 {
			continue
		}
		o.Questions++
		o.Labeled += len(labeled)
		o.Preferred += len(preferred)
		for _, id := range labeled {
			if slices.Contains(preferred, id) {
				o.Both++
			}
		}
	}
	if all := o.Labeled + o.Preferred - o.Both; all > 0 {
		o.Share = float64(o.Both) / float64(all)
	}
	return o
}

// corpus finds passages by their ids.
type corpus struct {
	passages []retriever.Passage
	at       map[string]int
}

func newCorpus(passages []retriever.Passage) (*corpus, error) {
	c := &corpus{passages: passages, at: make(map[string]int, len(passages))}
	for i, p := range passages {
		if _, double := c.at[p.ID]; double || p.ID == "" {
			return nil, fmt.Errorf("%w: the id of passage %d is %q: give every passage an id of its own", ErrData, i+1, p.ID)
		}
		c.at[p.ID] = i
	}
	return c, nil
}

// places returns where passages are. The error wraps ErrData and names an unknown one.
func (c *corpus) places(question string, ids []string) ([]int, error) {
	list := make([]int, len(ids))
	for i, id := range ids {
		at, ok := c.at[id]
		if !ok {
			return nil, fmt.Errorf("%w: question %q names the passage %q, which is not among the passages", ErrData, question, id)
		}
		list[i] = at
	}
	return list, nil
}
