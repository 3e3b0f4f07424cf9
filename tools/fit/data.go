package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// topK is how many passages a question is measured with.
const topK = 5

// set is a corpus, its questions, and the best passages of each.
type set struct {
	name      string
	corpus    []retriever.Passage
	place     map[string]int // in corpus, by passage id
	questions []dataset.Question
	pools     [][]int // by question: places in corpus, best first
	index     *lexical.Index
}

func newSet(ctx context.Context, name, corpus, questions string) (*set, error) {
	s := &set{name: name, place: map[string]int{}}
	var err error
	if s.corpus, err = dataset.Passages(corpus); err != nil {
		return nil, err
	}
	for i, p := range s.corpus {
		s.place[p.ID] = i
	}
	if s.questions, err = dataset.Questions(questions); err != nil {
		return nil, err
	}
	if s.index, err = lexical.New(context.Background(), s.corpus, lexical.Options{}); err != nil {
		return nil, err
	}
	for _, q := range s.questions {
		r, err := s.index.Retrieve(ctx, retriever.Query{Text: q.Question, K: topK})
		if err != nil {
			return nil, err
		}
		var pool []int
		for _, h := range r.Hits {
			pool = append(pool, s.place[h.Passage.ID])
		}
		s.pools = append(s.pools, pool)
	}
	return s, nil
}

// fold returns the fold of a question: that of its first gold passage.
func (s *set) fold(i, folds int) int {
	q := s.questions[i]
	if len(q.Positive) == 0 {
		return i % folds
	}
	return s.place[q.Positive[0]] % folds
}

// supported is a question with a passage of its own and the sentences that
// support its answer, none if the passage does not answer.
type supported struct {
	ID       string `json:"id"`
	Question string `json:"question"`
	Passage  struct {
		Title     string   `json:"title"`
		Text      string   `json:"text"`
		Sentences []string `json:"sentences"`
	} `json:"passage"`
	// Named lists the supporting sentences, by index or by their text; Support is
	// their indices.
	Named   []any `json:"support"`
	Support []int `json:"-"`
}

// pair is a supported and an invented answer to the same evidence.
type pair struct {
	Evidence    string `json:"evidence"`
	Supported   string `json:"supported"`
	Unsupported string `json:"unsupported"`
}

func readSupported(file string) ([]supported, error) {
	return readLines(file, func(s *supported) error {
		for _, name := range s.Named {
			at := -1
			switch name := name.(type) {
			case string:
				at = slices.Index(s.Passage.Sentences, name)
			case float64:
				at = int(name)
			}
			if at < 0 || at >= len(s.Passage.Sentences) {
				return fmt.Errorf("support names a sentence that does not exist: %v", name)
			}
			s.Support = append(s.Support, at)
		}
		return nil
	})
}

func readLines[T any](file string, check func(*T) error) ([]T, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return dataset.Read(f, file, check)
}

// holds reports whether text holds one of the answers, ignoring case.
func holds(text string, answers []string) bool {
	text = strings.ToLower(text)
	for _, a := range answers {
		if a != "" && strings.Contains(text, strings.ToLower(a)) {
			return true
		}
	}
	return false
}

// view is a passage as the model sees it for one question.
type view struct {
	place int // in the corpus
	texts []string
	rows  [][]float64 // choice features by sentence
	right []bool      // by sentence: holds an answer
	any   bool        // one does
	read  *feature.Reading
}

func newView(question, title, text string, rarity feature.Rarity, right func(i int, sentence string) bool) view {
	var texts []string
	for _, span := range sentence.Split(text) {
		texts = append(texts, span.Of(text))
	}
	return viewOf(question, title, texts, rarity, right)
}

func viewOf(question, title string, sentences []string, rarity feature.Rarity, right func(i int, sentence string) bool) view {
	q, lex := readQuestion(question, rarity, sentences...)
	var v view
	var words [][]lexicon.Word
	for i, t := range sentences {
		v.texts = append(v.texts, t)
		words = append(words, lex.Words(t))
		v.right = append(v.right, right(i, t))
		v.any = v.any || v.right[i]
	}
	v.read = q.Choice(lex.Words(title), words, func(_ int, row []float64) {
		v.rows = append(v.rows, append([]float64(nil), row...))
	})
	return v
}

// readQuestion reads a question in the language of texts.
func readQuestion(question string, rarity feature.Rarity, texts ...string) (*feature.Question, *lexicon.Lexicon) {
	a := feature.ReadQuestion(question, "", nil)
	lex := lexicon.New(128, lexicon.LanguageOf(slices.Concat(texts, []string{a.Ask})...))
	return feature.NewQuestion(lex, a, rarity), lex
}

// views returns the passages of question i that may be used: its pool, and, if
// wanted, its gold passages beyond the pool.
func (s *set) views(i int, rarity feature.Rarity, gold bool, skip map[int]bool) []view {
	q := s.questions[i]
	places := append([]int(nil), s.pools[i]...)
	for _, id := range q.Positive {
		at, ok := s.place[id]
		for _, p := range places {
			ok = ok && p != at
		}
		if ok && gold {
			places = append(places, at)
		}
	}
	var out []view
	for _, at := range places {
		if skip[at] {
			continue
		}
		p := s.corpus[at]
		v := newView(q.Question, p.Title, p.Text, rarity, func(_ int, t string) bool { return holds(t, q.Answers) })
		v.place = at
		out = append(out, v)
	}
	return out
}

// best returns the index of the greatest value, the first of equals, -1 if there
// is none.
func best[T cmp.Ordered](values []T) int {
	at := -1
	for i, v := range values {
		if at < 0 || v > values[at] {
			at = i
		}
	}
	return at
}
