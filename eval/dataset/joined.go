package dataset

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goselfrag/goselfrag/retriever"
)

// The layouts with questions and passages in files of their own.

type flashragLine struct {
	ID       word              `json:"id"`
	Question string            `json:"question"`
	Golden   []json.RawMessage `json:"golden_answers"`
	Choices  []string          `json:"choices"`
}

// flashragItem takes a number among the answers of a question with choices as the index of
// one.
func flashragItem(v *flashragLine, it *Item) error {
	it.ID, it.Question.Question, it.Choices = string(v.ID), v.Question, lettered(v.Choices)
	for i, text := range v.Golden {
		var answer word
		if err := json.Unmarshal(text, &answer); err != nil {
			return fmt.Errorf(`"golden_answers"[%d]: %w`, i, err)
		}
		if n, err := strconv.Atoi(string(text)); err == nil && len(v.Choices) > 0 {
			if n < 0 || n >= len(v.Choices) {
				return fmt.Errorf(`"golden_answers"[%d] is %d: want the index of one of %d choices`, i, n, len(v.Choices))
			}
			answer = word(it.Choices[n].Label)
		}
		it.Answers = append(it.Answers, string(answer))
	}
	return nil
}

// lettered labels texts A, B, C and so on.
func lettered(texts []string) []Choice {
	var list []Choice
	for i, t := range texts {
		list = append(list, Choice{string(rune('A' + i)), t})
	}
	return list
}

type flashragDoc struct {
	ID       word   `json:"id"`
	Contents string `json:"contents"`
	Title    string `json:"title"`
	Text     string `json:"text"`
}

// flashragPassage takes the first line of contents as the title, without the quotation marks
// around it.
func flashragPassage(v *flashragDoc) retriever.Passage {
	p := retriever.Passage{ID: string(v.ID), Title: v.Title, Text: v.Text}
	if p.Text == "" {
		title, text, ok := strings.Cut(v.Contents, "\n")
		if !ok {
			title, text = "", v.Contents
		}
		p.Title, p.Text = cmp.Or(p.Title, unquoted(title)), text
	}
	return p
}

func unquoted(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

type kiltLine struct {
	ID     word   `json:"id"`
	Input  string `json:"input"`
	Output []struct {
		Answer     word `json:"answer"`
		Provenance []struct {
			Page word `json:"wikipedia_id"`
		} `json:"provenance"`
	} `json:"output"`
}

// kiltItem takes the pages that prove an answer as positive.
func kiltItem(v *kiltLine, it *Item) error {
	it.ID, it.Question.Question = string(v.ID), v.Input
	add := func(list *[]string, s word) {
		if s != "" && !slices.Contains(*list, string(s)) {
			*list = append(*list, string(s))
		}
	}
	for _, o := range v.Output {
		add(&it.Answers, o.Answer)
		for _, p := range o.Provenance {
			add(&it.Positive, p.Page)
		}
	}
	return requireText("input", v.Input)
}

type kiltPage struct {
	ID    word     `json:"wikipedia_id"`
	Title string   `json:"wikipedia_title"`
	Text  []string `json:"text"`
}

// kiltPassage returns a whole page, a line for each paragraph.
func kiltPassage(v *kiltPage) retriever.Passage {
	for i := range v.Text {
		v.Text[i] = strings.TrimRight(v.Text[i], "\n")
	}
	return retriever.Passage{ID: string(v.ID), Title: v.Title, Text: strings.Join(v.Text, "\n")}
}

type beirLine struct {
	ID    word   `json:"_id"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

func beirItem(v *beirLine, it *Item) error {
	it.ID, it.Question.Question = string(v.ID), v.Text
	return cmp.Or(requireText("_id", string(v.ID)), requireText("text", v.Text))
}

// beirPassage takes the title as the text where there is nothing else.
func beirPassage(v *beirLine) retriever.Passage {
	if blank(v.Text) {
		v.Title, v.Text = "", v.Title
	}
	return retriever.Passage{ID: string(v.ID), Title: v.Title, Text: v.Text}
}
