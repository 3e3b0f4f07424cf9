package critics

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// passage is a passage in the sets.
type passage struct {
	ID        string   `json:"id"`
	Title     string   `json:"title"`
	Text      string   `json:"text"`
	Sentences []string `json:"sentences"`
}

func (p passage) evidence() generator.Evidence {
	return generator.Evidence{Title: p.Title, Text: p.Text}
}

// sentence returns the sentence that v names, an index or the sentence itself.
func (p passage) sentence(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, slices.Contains(p.Sentences, v)
	case float64:
		if i := int(v); float64(i) == v && i >= 0 && i < len(p.Sentences) {
			return p.Sentences[i], true
		}
	}
	return "", false
}

type expected = map[reflection.Group]reflection.Token

// CLAPnq makes pairs of CLAPnq (Rosenthal et al., arXiv 2404.02103), a line for a question:
//
//	{"id", "question", "answers": [long answers], "passage": {"title", "text", "sentences": […]}, "support": […]}
//
// support lists sentences by index, from 0, or by their text.
// A question with answers gives two pairs. Its passage is expected to be relevant and to
// support the first answer fully: annotators wrote the answer from it. What is left of the
// passage without the sentences in support is expected not to support that answer; this
// label is by construction, and wrong where another sentence says the same. A question
// without answers gives one pair. Its passage is on the subject and expected to be
// irrelevant: annotators found no answer in it. All pairs of a question are a cluster.
func CLAPnq(r io.Reader, name string) ([]Pair, error) {
	type line struct {
		ID       string   `json:"id"`
		Question string   `json:"question"`
		Answers  []string `json:"answers"`
		Passage  passage  `json:"passage"`
		Support  []any    `json:"support"`
	}
	ids := map[string]bool{}
	lines, err := dataset.Read(r, name, func(l *line) error {
		if err := checkFields(ids, field{"id", l.ID}, field{"question", l.Question}, field{"passage.text", l.Passage.Text}); err != nil {
			return err
		}
		if len(l.Answers) > 0 && blank(l.Answers[0]) {
			return errors.New(`"answers"[0] is blank`)
		}
		for i, s := range l.Support {
			if _, ok := l.Passage.sentence(s); !ok {
				return fmt.Errorf(`"support"[%d] is %q: want a sentence of the passage, or the index of one of %d`, i, fmt.Sprint(s), len(l.Passage.Sentences))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var pairs []Pair
	for _, l := range lines {
		p := Pair{ID: l.ID, Cluster: l.ID, Question: l.Question, Passage: l.Passage.evidence()}
		if len(l.Answers) == 0 {
			p.Expect = expected{reflection.IsREL: reflection.Irrelevant}
			pairs = append(pairs, p)
			continue
		}
		p.Text = l.Answers[0]
		p.Expect = expected{reflection.IsREL: reflection.Relevant, reflection.IsSUP: reflection.FullySupported}
		pairs = append(pairs, p)
		supports := map[string]bool{}
		for _, v := range l.Support {
			s, _ := l.Passage.sentence(v)
			supports[s] = true
		}
		var rest []string
		for _, s := range l.Passage.Sentences {
			if !supports[s] {
				rest = append(rest, s)
			}
		}
		if p.Passage.Text = strings.Join(rest, " "); len(l.Support) > 0 && !blank(p.Passage.Text) {
			p.ID += "/without-support"
			p.Expect = expected{reflection.IsSUP: reflection.NoSupport}
			pairs = append(pairs, p)
		}
	}
	return pairs, nil
}

// HaluEval makes pairs of the questions of HaluEval (Li et al., arXiv 2305.11747), a line
// for a question:
//
//	{"id", "question", "evidence", "supported", "unsupported"}
//
// The evidence is expected to support the first answer fully, and the second, which a model
// was told to invent, not at all. The invented answers are longer: compare with the
// rule of length. Both pairs are a cluster.
func HaluEval(r io.Reader, name string) ([]Pair, error) {
	type line struct {
		ID          string `json:"id"`
		Question    string `json:"question"`
		Evidence    string `json:"evidence"`
		Supported   string `json:"supported"`
		Unsupported string `json:"unsupported"`
	}
	ids := map[string]bool{}
	lines, err := dataset.Read(r, name, func(l *line) error {
		return checkFields(ids, field{"id", l.ID}, field{"question", l.Question}, field{"evidence", l.Evidence},
			field{"supported", l.Supported}, field{"unsupported", l.Unsupported})
	})
	if err != nil {
		return nil, err
	}
	var pairs []Pair
	for _, l := range lines {
		p := Pair{ID: l.ID + "/supported", Cluster: l.ID, Question: l.Question, Passage: generator.Evidence{Text: l.Evidence},
			Text: l.Supported, Expect: expected{reflection.IsSUP: reflection.FullySupported}}
		pairs = append(pairs, p)
		p.ID, p.Text, p.Expect = l.ID+"/unsupported", l.Unsupported, expected{reflection.IsSUP: reflection.NoSupport}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// PubMedQA makes pairs of PubMedQA (Jin et al., arXiv 1909.06146), a line for an article:
//
//	{"id", "question", "long_answer", "passage": {"id", "title", "text"}, "metadata": {"meshes": [subject headings]}}
//
// The question is the title of an article, the passage its abstract without the conclusion,
// which is the long answer. The passage is expected to be relevant and to support the
// conclusion fully. The passage of another article, the one with the most similar subject
// headings (Jaccard similarity, of equals the next line), is expected to be irrelevant and
// not to support it. All these labels are by construction: some conclusions go beyond
// their abstracts, and some similar articles are useful. Whether the answer is yes, no or
// maybe is not used. Both pairs of a question are a cluster.
func PubMedQA(r io.Reader, name string) ([]Pair, error) {
	type line struct {
		ID         string  `json:"id"`
		Question   string  `json:"question"`
		LongAnswer string  `json:"long_answer"`
		Passage    passage `json:"passage"`
		Metadata   struct {
			Meshes []string `json:"meshes"`
		} `json:"metadata"`
	}
	ids := map[string]bool{}
	lines, err := dataset.Read(r, name, func(l *line) error {
		return checkFields(ids, field{"id", l.ID}, field{"question", l.Question}, field{"long_answer", l.LongAnswer}, field{"passage.text", l.Passage.Text})
	})
	if err != nil {
		return nil, err
	}
	var pairs []Pair
	for i, l := range lines {
		near, similarity := -1, -1.0
		for step := range len(lines) - 1 {
			j := (i + 1 + step) % len(lines)
			if lines[j].Passage.Text == l.Passage.Text {
				continue
			}
			if s := jaccard(l.Metadata.Meshes, lines[j].Metadata.Meshes); s > similarity {
				near, similarity = j, s
			}
		}
		if near < 0 {
			return nil, fmt.Errorf("%s: all passages are the same: want another one for the questions", name)
		}
		p := Pair{ID: l.ID + "/own", Cluster: l.ID, Question: l.Question, Passage: l.Passage.evidence(), Text: l.LongAnswer,
			Expect: expected{reflection.IsREL: reflection.Relevant, reflection.IsSUP: reflection.FullySupported}}
		pairs = append(pairs, p)
		p.ID, p.Passage = l.ID+"/other", lines[near].Passage.evidence()
		p.Expect = expected{reflection.IsREL: reflection.Irrelevant, reflection.IsSUP: reflection.NoSupport}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// jaccard returns the similarity of two lists as sets, 0 of empty ones.
func jaccard(a, b []string) float64 {
	in := map[string]int{} // 1 for a, 2 for b, 3 for both
	for _, s := range a {
		in[s] |= 1
	}
	for _, s := range b {
		in[s] |= 2
	}
	both := 0
	for _, where := range in {
		if where == 3 {
			both++
		}
	}
	return float64(both) / float64(max(len(in), 1))
}

type field struct{ name, value string }

// checkFields returns an error if a field is blank or the id, which is the first, was used.
func checkFields(ids map[string]bool, id field, others ...field) error {
	for _, f := range append([]field{id}, others...) {
		if blank(f.value) {
			return fmt.Errorf("%q is missing or blank", f.name)
		}
	}
	return unique(ids, id.value)
}
