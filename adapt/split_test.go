package adapt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/retriever"
	"pgregory.net/rapid"
)

// Whatever the examples, no passage or text is on two sides. The test compares all pairs.
func TestSplitKeepsPassagesApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var passages []retriever.Passage
		for i := range 20 {
			passages = append(passages, passage(fmt.Sprint("p", i)))
		}
		id := rapid.Custom(func(t *rapid.T) string { return passages[rapid.IntRange(0, 19).Draw(t, "passage")].ID })
		var examples []Example
		for i := range rapid.IntRange(1, 25).Draw(t, "examples") {
			e := Example{Question: dataset.Question{ID: fmt.Sprint(i), Question: fmt.Sprint("question ", rapid.IntRange(0, 30).Draw(t, "text"))}}
			e.Positive = rapid.SliceOfN(id, 0, 2).Draw(t, "labeled")
			for _, p := range rapid.SliceOfN(id, 0, 2).Draw(t, "preferred") {
				e.Preferred = append(e.Preferred, Preference{p, 1})
			}
			examples = append(examples, e)
		}
		c, err := newCorpus(passages)
		if err != nil {
			t.Fatal(err)
		}
		o := Options{Positives: rapid.SampledFrom([]Positives{Union, Labeled, Preferred}).Draw(t, "positives"), HeldOut: 0.4, Seed: rapid.Uint64().Draw(t, "seed")}
		s, err := newSplit(examples, c, &o)
		if err != nil {
			if !errors.Is(err, ErrData) {
				t.Fatal(err)
			}
			return
		}
		held := slices.Concat(s.stop, s.test)
		if len(s.train) == 0 || len(s.stop) == 0 || len(s.test) == 0 {
			t.Fatalf("%d, %d and %d questions", len(s.train), len(s.stop), len(s.test))
		}
		for _, i := range s.train {
			for _, at := range s.positives[i] {
				for _, j := range held {
					if slices.Contains(examples[j].truth(), passages[at].ID) {
						t.Fatalf("%s of question %d is trained on and held out with %d", passages[at].ID, i, j)
					}
				}
			}
			for _, j := range held {
				if examples[i].Question.Question == examples[j].Question.Question {
					t.Fatalf("questions %d and %d have one text", i, j)
				}
			}
		}
		for _, i := range s.stop {
			for _, j := range s.test {
				if slices.ContainsFunc(examples[i].truth(), func(p string) bool { return slices.Contains(examples[j].truth(), p) }) {
					t.Fatalf("questions %d and %d share a passage", i, j)
				}
			}
		}
	})
}

// The check finds what a wrong split would do.
func TestSplitCheck(t *testing.T) {
	examples := Examples([]dataset.Question{
		{ID: "1", Question: "a", Positive: []string{"p"}}, {ID: "2", Question: "b", Positive: []string{"p"}}, {ID: "3", Question: "a", Positive: []string{"q"}},
	})
	passages := []retriever.Passage{passage("p"), passage("q")}
	for want, s := range map[string]*split{
		`"p" of the held-out question "2" is trained on`: {train: []int{0}, test: []int{1}, positives: map[int][]int{0: {0}}},
		`question "3" is in training and held out`:       {train: []int{0}, stop: []int{2}, positives: map[int][]int{0: {0}}},
	} {
		if err := s.checkDisjoint(examples, passages); !errors.Is(err, ErrData) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
