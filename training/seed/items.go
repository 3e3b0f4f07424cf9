package seed

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/training"
)

// item is an entry of a file.
type item interface {
	training.Checked
	// questionAnswer returns the question and the answer. The error is a Skip or wraps
	// training.ErrRecord.
	questionAnswer(set string) (question, answer string, err error)
	id() training.ID
}

// lines yields the items of JSON lines or a JSON array. One without an ID has its number,
// from 0.
func lines[T item](r io.Reader, name string) func(yield func(string, int, item, error) bool) {
	return func(yield func(string, int, item, error) bool) {
		reader, n := training.NewReader[T](r, name), 0
		for i, err := range reader.All() {
			id := string(i.id())
			if id == "" {
				id = strconv.Itoa(n)
			}
			n++
			if !yield(id, reader.Line(), i, err) {
				return
			}
		}
	}
}

// missing is the error about a field that an item needs.
func missing(field string) error {
	return fmt.Errorf("%w: %q is missing or empty", training.ErrRecord, field)
}

type choices struct {
	Text []string `json:"text"`
}

// withLetters writes the choices below the question, lettered A to D, and returns the letter of
// the key.
func (c choices) withLetters(question, key string) (string, string, error) {
	if n := strings.Index("1234", key); n >= 0 && len(key) == 1 {
		key = "ABCD"[n : n+1]
	}
	if len(c.Text) < 4 || len(key) != 1 || !strings.Contains("ABCD", key) {
		return "", "", Choices
	}
	for i, text := range c.Text[:4] {
		question += "\n" + "ABCD"[i:i+1] + ": " + text
	}
	return question, key, nil
}

type arcItem struct {
	ID        training.ID `json:"id"`
	Question  string      `json:"question"`
	Choices   choices     `json:"choices"`
	AnswerKey string      `json:"answerKey"`
}

func (i arcItem) id() training.ID { return i.ID }
func (i arcItem) Check() error {
	if i.Question == "" {
		return missing("question")
	}
	return nil
}
func (i arcItem) questionAnswer(string) (string, string, error) {
	return i.Choices.withLetters(i.Question, i.AnswerKey)
}

type obqaItem struct {
	ID        training.ID `json:"id"`
	Stem      string      `json:"question_stem"`
	Choices   choices     `json:"choices"`
	AnswerKey string      `json:"answerKey"`
}

func (i obqaItem) id() training.ID { return i.ID }
func (i obqaItem) Check() error {
	if i.Stem == "" {
		return missing("question_stem")
	}
	return nil
}
func (i obqaItem) questionAnswer(string) (string, string, error) {
	return i.Choices.withLetters(i.Stem, i.AnswerKey)
}

type kiltItem struct {
	Question string   `json:"question"`
	Answers  []string `json:"answers"`
}

func (i kiltItem) id() training.ID { return "" }
func (i kiltItem) Check() error {
	if i.Question == "" {
		return missing("question")
	}
	return nil
}

func (i kiltItem) questionAnswer(set string) (string, string, error) {
	if len(i.Answers) == 0 {
		return "", "", Unanswered
	}
	answer := i.Answers[0]
	if set == "fever" {
		switch answer {
		case "SUPPORTS":
			answer = "true"
		case "REFUTES":
			answer = "false"
		default:
			return "", "", Unknown
		}
	}
	return i.Question, answer, nil
}

type chatItem struct {
	ID       training.ID `json:"id"`
	Messages []struct {
		Content string `json:"content"`
	} `json:"messages"`
}

func (i chatItem) id() training.ID { return i.ID }
func (i chatItem) Check() error {
	if len(i.Messages) == 0 {
		return missing("messages")
	}
	return nil
}

const mostWords = 500

func (i chatItem) questionAnswer(string) (string, string, error) {
	if len(i.Messages) != 2 {
		return "", "", Conversation
	}
	question := strings.ReplaceAll(i.Messages[0].Content, "\nOutput:", "")
	answer := i.Messages[1].Content
	// The reference counts before it takes line breaks away from the question, and after
	// with the answer.
	words := strings.Count(question, " ") + 1
	question = strings.TrimSuffix(strings.TrimSuffix(question, "\n\n"), "\n")
	answer = strings.TrimPrefix(answer, "\n")
	switch {
	case strings.TrimSpace(question) == "":
		return "", "", missing("content")
	case strings.TrimSpace(answer) == "":
		return "", "", Unanswered
	case max(words, strings.Count(answer, " ")+1) > mostWords:
		return "", "", Long
	case !english(question) || !english(answer):
		return "", "", Foreign
	}
	return question, answer, nil
}

// english reports whether a text is English, or shows no language and is in Latin letters.
func english(text string) bool {
	var e keyword.Evidence
	e.Look(text)
	l, _ := e.Language()
	if l == keyword.Plain { // mostly numbers
		return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) })
	}
	return l.Name() == "en"
}
