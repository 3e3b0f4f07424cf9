package selfrag_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// releasedRun holds the results of the functions of the released scripts, run over
// the outputs of an improviser instead of a model.
type releasedRun struct {
	// Short has the result of run_short_form for a question of each task.
	Short map[string][]struct {
		Prompt   string
		Retrieve bool
		Answer   string
		Scores   []float64 // by passage
	}
	// Steps has the scores of the first segments by run_long_form_static.
	Steps map[string][]struct {
		Prompt string
		Scores []float64
	}
	// Second has the path scores of the segments after the first passage's, and the
	// prompt before their passages, of questions whose search continued there. The
	// script puts the text of a sibling into the prompts after other passages.
	Second map[string][]struct {
		Question, Prompt string
		Scores           []float64
	}
}

func recorded(t *testing.T) (r releasedRun) {
	t.Helper()
	b, err := os.ReadFile("testdata/released.json")
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReleasedRecordedShort(t *testing.T) {
	for task, list := range recorded(t).Short {
		m := taskModel(task)
		e := newEngine(t, m, finds(manyPassages...), selfrag.WithReleased(task))
		for q, want := range list {
			what := fmt.Sprintf("%s, question %d", task, q)
			question := fmt.Sprintf("question %d?", q)
			if got := referencePrompt(task, question); got != want.Prompt {
				t.Errorf("%s: prompt %q: want %q", what, got, want.Prompt)
			}
			a := ask(t, e, question)
			if retrieves := a.Decision.Choice == scoring.ChooseRetrieval; retrieves != want.Retrieve {
				t.Errorf("%s: retrieves %t: want %t", what, retrieves, want.Retrieve)
			}
			if got := a.Text; got != strings.TrimSpace(want.Answer) {
				t.Errorf("%s: %q: want %q", what, got, want.Answer)
			}
			if want.Retrieve {
				sameScores(t, what, a, want.Scores)
			}
		}
	}
}

func TestReleasedRecordedSteps(t *testing.T) {
	for task, list := range recorded(t).Steps {
		e := newEngine(t, taskModel(task), finds(manyPassages...), selfrag.WithReleased(task), selfrag.WithMode(selfrag.Always))
		for q, want := range list {
			what := fmt.Sprintf("%s, question %d", task, q)
			question := fmt.Sprintf("question %d?", q)
			if got := referencePrompt(task, question); got != want.Prompt {
				t.Errorf("%s: prompt %q: want %q", what, got, want.Prompt)
			}
			sameScores(t, what, ask(t, e, question), want.Scores)
		}
	}
}

func TestReleasedRecordedPaths(t *testing.T) {
	for task, list := range recorded(t).Second {
		m := taskModel(task)
		e := newEngine(t, m, finds(manyPassages...), selfrag.WithReleased(task), selfrag.WithMode(selfrag.Always))
		for _, want := range list {
			what := task + ", " + want.Question
			first := m.output(referencePrompt(task, want.Question) + shownAs(manyPassages[0].Passage))
			if got := referencePrompt(task, want.Question) + rawOf(first); got != want.Prompt {
				t.Errorf("%s: prompt %q: want %q", what, got, want.Prompt)
			}
			found := false
			trace := ask(t, e, want.Question).Trace
			for _, x := range trace.Expansions {
				if x.Segment != 2 || x.Parent != trace.Expansions[0].Candidates[0].Node {
					continue
				}
				found = true
				for i, c := range x.Candidates {
					if math.Abs(c.PathScore-want.Scores[i]) > 1e-12 {
						t.Errorf("%s, passage %d: path score %v: want %v", what, i, c.PathScore, want.Scores[i])
					}
				}
			}
			if !found {
				t.Errorf("%s: the path of the first passage was not continued", what)
			}
		}
	}
}

// sameScores compares the scores of the first candidates.
func sameScores(t *testing.T, what string, a *selfrag.Answer, want []float64) {
	t.Helper()
	list := a.Trace.Expansions[0].Candidates
	if len(list) != len(want) {
		t.Errorf("%s: %d candidates: want %d", what, len(list), len(want))
		return
	}
	for i := range list {
		if math.Abs(list[i].Score-want[i]) > 1e-12 {
			t.Errorf("%s, passage %d: score %v: want %v", what, i, list[i].Score, want[i])
		}
	}
}
