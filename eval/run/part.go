package run

import (
	"errors"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/eval/system"
	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// ErrOption is wrapped by errors about options and parts that cannot be used.
var ErrOption = errors.New("run: bad option")

// ErrFile is wrapped by errors about a folder or file that is none of a run, or of another
// one.
var ErrFile = errors.New("run: bad file")

// Part is a system on a question set.
type Part struct {
	// Name tells the parts of a run apart. Comparisons pair parts by it.
	Name string
	// Questions have ids of their own within the part.
	Questions []dataset.Question
	// Answer answers a question. It is called from several goroutines at once.
	Answer system.Answerer
	// Score measures an answer; nil means [Score].
	Score Scorer
}

// Scores are figures of one answer by name. Higher is better for those that are compared. A
// figure that is not defined for a question is missing. Values are finite.
type Scores map[string]float64

// Scorer measures an answer.
type Scorer func(q dataset.Question, a *selfrag.Answer) Scores

// Score returns match, match_cased, exact, f1, words and abstained_wrong of an answer and, if
// the question names positive passages, gold_citation, citation_precision and
// citation_recall; of an unanswerable question abstained_right alone. docs/metrics.md says
// what they mean.
func Score(q dataset.Question, a *selfrag.Answer) Scores { return ScoreCited(q, a, Cited(a)) }

// ScoreCited is [Score] where q.Positive names something else than ids of passages, such as
// files: cited is what the answer cites of that.
func ScoreCited(q dataset.Question, a *selfrag.Answer, cited []string) Scores {
	abstained := number(a.Stop == selfrag.StopAbstained)
	if q.Unanswerable {
		return Scores{"abstained_right": abstained}
	}
	s := Scores{
		"match":           number(metric.MatchFold(a.Text, q.Answers)),
		"match_cased":     number(metric.Match(a.Text, q.Answers)),
		"exact":           number(metric.ExactMatch(a.Text, q.Answers)),
		"f1":              metric.F1(a.Text, q.Answers),
		"words":           float64(analysis.Count(a.Text)),
		"abstained_wrong": abstained,
	}
	s.cite(q, cited)
	return s
}

func (s Scores) cite(q dataset.Question, cited []string) {
	if len(q.Positive) == 0 {
		return
	}
	positive := map[string]bool{}
	for _, id := range q.Positive {
		positive[id] = true
	}
	right := 0.0
	for _, id := range cited {
		right += number(positive[id])
	}
	s["gold_citation"] = min(right, 1)
	s["citation_precision"] = right / max(1, float64(len(cited)))
	s["citation_recall"] = metric.Recall(cited, q.Positive, 0)
}

// Cited returns the ids of the passages that an answer cites.
func Cited(a *selfrag.Answer) []string {
	var ids []string
	for _, c := range a.Citations {
		ids = append(ids, c.Passage.ID)
	}
	return ids
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Record is the result of one question of a part: a line of results.jsonl. Nothing in
// it depends on how long anything took.
type Record struct {
	Part     string `json:"part"`
	ID       string `json:"id"`
	Question string `json:"question"`
	// Group names the questions that are drawn together for intervals: those about the
	// same first positive passage.
	Group  string   `json:"group"`
	Answer string   `json:"answer"`
	Cited  []string `json:"cited,omitempty"`
	// Confidence is the greatest relevance among the segments that cite, nil if none was
	// judged. Calibration compares it with match.
	Confidence *float64 `json:"confidence,omitempty"`
	Retrieved  bool     `json:"retrieved,omitempty"`
	Scores     Scores   `json:"scores"`
	// Calls, PromptTokens and Tokens (generated ones) are what the answer needs, whether
	// models were asked or replayed. Partial says that a server did not report all.
	Calls        int  `json:"calls"`
	PromptTokens int  `json:"prompt_tokens"`
	Tokens       int  `json:"tokens"`
	Partial      bool `json:"partial,omitempty"`

	// Seconds is how long the answer took, 0 if that is not known.
	Seconds float64 `json:"-"`
}

func recordOf(p *Part, q dataset.Question, a *selfrag.Answer) Record {
	score := p.Score
	if score == nil {
		score = Score
	}
	r := Record{
		Part: p.Name, ID: q.ID, Question: q.Question, Group: group(q), Answer: a.Text, Cited: Cited(a), Scores: score(q, a),
		Calls: a.Usage.Calls, PromptTokens: a.Usage.PromptTokens, Tokens: a.Usage.GeneratedTokens, Partial: a.Usage.Partial,
	}
	r.Retrieved, r.Confidence = Retrieved(a), confidence(a)
	return r
}

func group(q dataset.Question) string {
	if len(q.Positive) > 0 {
		return "passage " + q.Positive[0]
	}
	return "question " + q.ID
}

// Retrieved reports whether an answer asked for passages.
func Retrieved(a *selfrag.Answer) bool {
	yes := a.Decision.Choice == scoring.ChooseRetrieval
	for _, s := range a.Segments {
		yes = yes || s.Decision.Choice == scoring.ChooseRetrieval
	}
	return yes
}

func confidence(a *selfrag.Answer) (most *float64) {
	for _, s := range a.Segments {
		if t := s.Terms.Relevance; t.Kind == scoring.KindExact && len(s.Citations) > 0 && (most == nil || t.Value > *most) {
			most = &t.Value
		}
	}
	return most
}
