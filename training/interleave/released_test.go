package interleave

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/training"
)

// recorded is a made-up input of the released program, and what the program made of it:
// see testdata/record.py.
type recorded struct {
	Dataset   string
	Sentences []string
	Initial   string
	Decisions []string
	Passages  [][][2]string // by sentence and rank: IsREL, IsSUP
	Utility   string
	Negative  bool
	Floats    []float64
	Picks     []float64
	Output    *string
}

// scripted are the draws of a recorded case.
type scripted struct {
	floats, picks []float64
}

func (s *scripted) chance(p float64) bool {
	u := s.floats[0]
	s.floats = s.floats[1:]
	return u > 1-p
}

func (s *scripted) pick(n int) int {
	u := s.picks[0]
	s.picks = s.picks[1:]
	return int(u * float64(n))
}

// Label answers from the case.
func (c recorded) Label(_ context.Context, it judge.Item) (judge.Label, error) {
	text := ""
	at := func(text string) int {
		for i, s := range c.Sentences {
			if s == text {
				return i
			}
		}
		panic("unknown sentence " + text)
	}
	switch it.Group {
	case reflection.IsUSE:
		text = c.Utility
	case reflection.Retrieve:
		if text = c.Initial; it.Text != "" {
			text = c.Decisions[at(it.Text)]
		}
	default:
		var sentence, rank int
		if _, err := fmt.Sscanf(it.Passage.Title, "Title %d.%d", &sentence, &rank); err != nil {
			return judge.Label{}, err
		}
		labels := c.Passages[sentence][rank]
		if text = labels[0]; it.Group == reflection.IsSUP {
			text = labels[1]
		}
	}
	t, ok := reflection.ParseToken(text)
	if !ok {
		return judge.Label{Reason: "unclear", Reply: text}, nil
	}
	return judge.Label{Judgment: reflection.Judged(reflection.OneHot(t), t, reflection.LevelUnstated)}, nil
}

// Retrieve finds four passages for the sentence that the query ends with.
func (c recorded) Retrieve(_ context.Context, q retriever.Query) (retriever.Result, error) {
	var res retriever.Result
	for s, text := range c.Sentences {
		if !strings.HasSuffix(q.Text, " "+text) {
			continue
		}
		for k := range 4 {
			p := retriever.Passage{ID: fmt.Sprint(s, k), Title: fmt.Sprintf("Title %d.%d", s, k), Text: fmt.Sprintf("Passage %d for sentence %d", k, s)}
			res.Hits = append(res.Hits, retriever.Hit{Passage: p, Score: float64(-k)})
		}
	}
	return res, nil
}

// The rule Released makes, with the same draws, what the released program made.
func TestReleasedAgainstRecordings(t *testing.T) {
	text, err := os.ReadFile("testdata/released.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []recorded
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	kept := 0
	for i, c := range cases {
		rules := []Rule{Released}
		if c.Negative {
			rules = append(rules, NegativeSamples)
		}
		seed := training.Record{Instruction: "Question?", Output: strings.Join(c.Sentences, " "), ID: "1", DatasetName: c.Dataset}
		m, err := newMaker(c, c, []training.Record{seed}, Options{Rules: rules, K: 4})
		if err != nil {
			t.Fatal(err)
		}
		m.draws = func(training.Record) draws { return &scripted{c.Floats, c.Picks} }
		got, err := m.makeRecord(t.Context(), seed)
		switch {
		case err != nil:
			t.Errorf("case %d: %v", i, err)
		case c.Output == nil && got.Record != nil:
			t.Errorf("case %d: a record is made: %s", i, got.Record.Output)
		case c.Output != nil && (got.Record == nil || got.Record.Output != *c.Output):
			t.Errorf("case %d of %s: %+v\nwant %s", i, c.Dataset, got, *c.Output)
		}
		if c.Output != nil {
			kept++
		}
	}
	if len(cases) != 400 || kept < 200 {
		t.Errorf("%d cases, %d with an output", len(cases), kept)
	}
}
