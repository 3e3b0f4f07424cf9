package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/retriever"
)

// The layouts with the passages of a question in its record.

func plainItem(q *Question, it *Item) error {
	it.Question = *q
	return requireText("id", q.ID)
}

func plainPassage(p *retriever.Passage) retriever.Passage { return *p }

// selfragLine is a line of the released files, of whatever task.
type selfragLine struct {
	ID       word   `json:"id"`
	Question string `json:"question"`
	Answers  words  `json:"answers"`
	Answer   words  `json:"answer"`
	Key      word   `json:"answerKey"` // of ARC
	Choices  struct {
		Label words `json:"label"`
		Text  words `json:"text"`
	} `json:"choices"`
	Ctxs []evidence `json:"ctxs"`
	Top  []evidence `json:"top_contexts"`
}

func selfragItem(v *selfragLine, it *Item) error {
	it.ID, it.Question.Question = string(v.ID), v.Question
	switch {
	case v.Key != "":
		it.Answers = []string{string(v.Key)}
	case v.Answers != nil:
		it.Answers = v.Answers
	default:
		it.Answers = v.Answer
	}
	if len(it.Answers) == 0 {
		return errors.New(`"answers" is missing or empty: want it, or "answer", or "answerKey"`)
	}
	if n := len(v.Choices.Label); n != len(v.Choices.Text) {
		return fmt.Errorf(`"choices" has %d labels and %d texts: want one of each per choice`, n, len(v.Choices.Text))
	}
	for i, label := range v.Choices.Label {
		it.Choices = append(it.Choices, Choice{label, v.Choices.Text[i]})
	}
	if v.Ctxs == nil {
		v.Ctxs = v.Top
	}
	it.Passages = ownPassages(v.Ctxs)
	return nil
}

type alceRecord struct {
	ID          word       `json:"sample_id"`
	Question    string     `json:"question"`
	Answer      string     `json:"answer"`
	Pairs       []Pair     `json:"qa_pairs"`
	Docs        []evidence `json:"docs"`
	Annotations []struct {
		Long string `json:"long_answer"`
	} `json:"annotations"`
}

func alceItem(v *alceRecord, it *Item) error {
	it.ID, it.Question.Question, it.Pairs = string(v.ID), v.Question, v.Pairs
	it.Passages = ownPassages(v.Docs)
	for _, a := range v.Annotations {
		it.Long = append(it.Long, a.Long)
	}
	if len(it.Long) == 0 && v.Answer != "" {
		it.Long = []string{v.Answer}
	}
	for i, p := range v.Pairs {
		if len(p.Answers) == 0 {
			return fmt.Errorf(`"qa_pairs"[%d] has no "short_answers"`, i)
		}
	}
	return nil
}

type factscoreLine struct {
	Input string     `json:"input"`
	Topic string     `json:"topic"`
	Cat   words      `json:"cat"`
	Ctxs  []evidence `json:"ctxs"`
}

func factscoreItem(v *factscoreLine, it *Item) error {
	it.Question.Question, it.Topic, it.Category = v.Input, v.Topic, strings.Join(v.Cat, ", ")
	it.Passages = ownPassages(v.Ctxs)
	if err := requireText("input", v.Input); err != nil {
		return err
	}
	return requireText("topic", v.Topic)
}

type dprRecord struct {
	Question string     `json:"question"`
	Answers  words      `json:"answers"`
	Positive []evidence `json:"positive_ctxs"`
	Hard     []evidence `json:"hard_negative_ctxs"`
	Negative []evidence `json:"negative_ctxs"`
	Ctxs     []evidence `json:"ctxs"`
}

// dprItem takes the passages that were retrieved, or else those to train on: positive, hard
// and other negative ones.
func dprItem(v *dprRecord, it *Item) error {
	it.Question.Question, it.Answers = v.Question, v.Answers
	for _, p := range v.Positive {
		if id := string(cmp.Or(p.ID, p.PassageID)); id != "" && !slices.Contains(it.Positive, id) {
			it.Positive = append(it.Positive, id)
		}
	}
	if v.Ctxs == nil {
		v.Ctxs = slices.Concat(v.Positive, v.Hard, v.Negative)
	}
	it.Passages = ownPassages(v.Ctxs)
	return nil
}
