package sensitivity

import (
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Cause says that the answer of a question is right, or which stage failed first. Every
// question has exactly one: the first in this order whose test holds.
type Cause string

const (
	// CauseRight: the answer is right, for any reason.
	CauseRight Cause = "right"
	// CauseDiverged: the trace does not hold the answer; only for long answers, or
	// where candidates failed.
	CauseDiverged Cause = "diverged"
	// CauseNotRetrieved: no gold passage is among the passages of the trace.
	CauseNotRetrieved Cause = "not-retrieved"
	// CauseAnsweredWrong: the answer rests on a gold passage, and is wrong.
	CauseAnsweredWrong Cause = "answered-wrong"
	// CauseNotUsed: the decision was against passages wherever the trace has gold ones.
	CauseNotUsed Cause = "not-used"
	// CauseIrrelevant: every candidate with a gold passage was judged irrelevant: that
	// label was generated or, where none was, it is the likeliest.
	CauseIrrelevant Cause = "judged-irrelevant"
	// CauseRejected: the text of another candidate of the trace is right. It may be of
	// either branch and have any passage.
	CauseRejected Cause = "right-rejected"
	// CauseNoneRight: a gold passage was judged relevant and not chosen, and no candidate
	// is right.
	CauseNoneRight Cause = "none-right"
)

// Causes lists the causes in the order of their tests.
func Causes() []Cause {
	return []Cause{CauseRight, CauseDiverged, CauseNotRetrieved, CauseAnsweredWrong, CauseNotUsed, CauseIrrelevant, CauseRejected, CauseNoneRight}
}

// Attribution says where answers went wrong, with the relevance filter of Self-RAG and
// without it, that is with the group IsREL left out ([Drop]).
type Attribution struct {
	Questions []Attributed `json:"questions"`
	// With and Without count the causes. Without the filter, "judged-irrelevant" still
	// means the judgment of the critic, although the answer did not depend on it.
	With    map[Cause]int `json:"with"`
	Without map[Cause]int `json:"without"`
	// Retrieved counts the questions whose trace has a gold passage. The other
	// fields count some of these: GoldAnswered those with a right candidate from a gold
	// passage, which measures the model given the right passage, RightWith and
	// RightWithout those with a right answer.
	Retrieved    int `json:"retrieved"`
	GoldAnswered int `json:"gold_answered"`
	RightWith    int `json:"right_with"`
	RightWithout int `json:"right_without"`
}

// Attributed is what became of one question.
type Attributed struct {
	ID           string `json:"id"`
	Retrieved    bool   `json:"retrieved"`     // a gold passage is in the trace
	GoldAnswered bool   `json:"gold_answered"` // a candidate with a gold passage is right
	With         Cause  `json:"with"`
	Without      Cause  `json:"without"`
}

// Attribute finds the cause of every wrong answer. right says whether a text, an answer
// or a candidate, answers the question. Traces must be full, and every question must name
// at least one gold passage. The error is an *[InputError] or one of [selfrag.Rescore].
func Attribute(questions []Question, right func(q *Question, text string) bool) (*Attribution, error) {
	if right == nil {
		return nil, inputError("right", "is nil")
	}
	if err := checkQuestions(questions); err != nil {
		return nil, err
	}
	out := &Attribution{With: map[Cause]int{}, Without: map[Cause]int{}}
	drop := compile(Drop{reflection.IsREL})
	for i := range questions {
		q := &questions[i]
		if len(q.Gold) == 0 {
			return nil, inputError(q.name(), "names no gold passage: name one, or leave the question out")
		}
		with, err := q.rescored(q.Trace)
		if err != nil {
			return nil, err
		}
		if err := q.checkFull(); err != nil {
			return nil, err
		}
		changed, _ := apply(q.Trace, drop, 0)
		without, err := q.rescored(changed)
		if err != nil {
			return nil, fmt.Errorf("without IsREL: %w", err)
		}
		v := newEvidence(q, right)
		a := Attributed{ID: q.ID, Retrieved: v.retrieved, GoldAnswered: v.goldRight, With: v.cause(with), Without: v.cause(without)}
		out.Questions = append(out.Questions, a)
		out.With[a.With]++
		out.Without[a.Without]++
		if a.Retrieved {
			out.Retrieved++
			out.GoldAnswered += count(a.GoldAnswered)
			out.RightWith += count(a.With == CauseRight)
			out.RightWithout += count(a.Without == CauseRight)
		}
	}
	return out, nil
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// evidence is what the tests look at.
type evidence struct {
	q         *Question
	right     func(q *Question, text string) bool
	retrieved bool // a gold passage is in the trace
	relevant  bool // a candidate with one was not judged irrelevant
	anyRight  bool // a candidate is right
	goldRight bool // one with a gold passage is
}

func newEvidence(q *Question, right func(q *Question, text string) bool) *evidence {
	v := &evidence{q: q, right: right}
	for _, e := range q.Trace.Expansions {
		if e == nil {
			continue
		}
		v.retrieved = v.retrieved || hasGold(q, e)
		for i := range e.Candidates {
			c := &e.Candidates[i]
			if c.Status == selfrag.Failed || c.Status == selfrag.Skipped || c.Text == "" {
				continue
			}
			isRight := right(q, c.Text)
			v.anyRight = v.anyRight || isRight
			if c.Passage < 0 || c.Passage >= len(e.Passages) || !slices.Contains(q.Gold, e.Passages[c.Passage].Passage.ID) {
				continue
			}
			v.goldRight = v.goldRight || isRight
			v.relevant = v.relevant || !irrelevant(&c.Critique.IsREL)
		}
	}
	return v
}

func hasGold(q *Question, e *selfrag.Expansion) bool {
	for i := range e.Passages {
		if slices.Contains(q.Gold, e.Passages[i].Passage.ID) {
			return true
		}
	}
	return false
}

func irrelevant(j *reflection.Judgment) bool {
	if j.Token != reflection.None {
		return j.Token == reflection.Irrelevant
	}
	at := judgedLabel(j, reflection.IsREL)
	return at >= 0 && reflection.IsREL.Tokens()[at] == reflection.Irrelevant
}

// cause runs the tests on an answer, nil if it diverged.
func (v *evidence) cause(a *selfrag.Answer) Cause {
	switch {
	case a == nil:
		return CauseDiverged
	case v.right(v.q, a.Text):
		return CauseRight
	case !v.retrieved:
		return CauseNotRetrieved
	case slices.ContainsFunc(a.Citations, func(c selfrag.Citation) bool { return slices.Contains(v.q.Gold, c.Passage.ID) }):
		return CauseAnsweredWrong
	case !v.used(a):
		return CauseNotUsed
	case !v.relevant:
		return CauseIrrelevant
	case v.anyRight:
		return CauseRejected
	}
	return CauseNoneRight
}

// used reports whether the decision was for passages at a place of the search where
// there were gold ones. The trace of a re-scored answer holds the decisions that it made.
func (v *evidence) used(a *selfrag.Answer) bool {
	return slices.ContainsFunc(a.Trace.Expansions, func(e *selfrag.Expansion) bool {
		return e != nil && e.Decision.Choice == scoring.ChooseRetrieval && hasGold(v.q, e)
	})
}
