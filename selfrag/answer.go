package selfrag

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
)

// StopReason says why an answer ends where it does.
type StopReason string

const (
	StopEnd       StopReason = "end"       // the model ended it, or a short answer is complete
	StopDepth     StopReason = "depth"     // the greatest number of segments was reached
	StopLength    StopReason = "length"    // a segment was cut at the token limit
	StopRejected  StopReason = "rejected"  // every candidate for what came next was rejected
	StopAbstained StopReason = "abstained" // no passage was relevant enough for what came next, or the model declined to answer; Answer.Abstained tells whether the answer is none
	StopBudget    StopReason = "budget"    // the budget of calls, tokens or retrievals was used up
	StopTime      StopReason = "time"      // the time budget was used up
	StopFailed    StopReason = "failed"    // an error ended it; the call returned it with the answer
)

// Answer is what an engine answered, and how.
type Answer struct {
	Question string `json:"question"`
	// Text is the answer without citation marks; empty if there is none.
	Text string `json:"text"`
	// Label is the winning label of a closed set, Options the sums of all.
	Label   string                `json:"label,omitempty"`
	Options *scoring.ClosedResult `json:"options,omitempty"`
	// Segments are the parts of Text, in order.
	Segments []Segment `json:"segments"`
	// Citations are the passages that the segments rest on, numbered from 1 in
	// this order.
	Citations []Citation `json:"citations"`
	// Decision is the first decision on retrieval.
	Decision Decision `json:"decision"`
	// Score is the path score; 0 if there is no answer.
	Score float64 `json:"score"`
	// Abstained is set when no passage was relevant enough or the model declined to
	// answer. Text is then the engine's fixed words or, without any, the model's.
	Abstained bool `json:"abstained,omitempty"`
	// Stop says why the answer ends where it does.
	Stop StopReason `json:"stop"`
	// Level is the lowest level among the judgments and decisions the answer
	// rests on.
	Level reflection.Level `json:"level"`
	// Missing names the parts of a composed retriever that gave nothing.
	Missing []retriever.Missing `json:"missing,omitempty"`
	// Notes says, in words, what else was out of the ordinary.
	Notes  []string        `json:"notes,omitempty"`
	Usage  generator.Usage `json:"usage"`
	Trace  *Trace          `json:"trace,omitempty"`
	Timing Timing          `json:"timing"`

	path []int
}

// Segment is a part of an answer.
type Segment struct {
	Text string `json:"text"`
	// Start and End delimit it in Answer.Text, in bytes.
	Start int `json:"start"`
	End   int `json:"end"`
	// Citations are numbers of Answer.Citations; empty if it used no passage.
	Citations []int `json:"citations,omitempty"`
	// Support is the likeliest judgment of how far the passage supports the
	// segment, None if there is none.
	Support  reflection.Token    `json:"support,omitzero"`
	Critique reflection.Critique `json:"critique"`
	Terms    scoring.Terms       `json:"terms"`
	Decision Decision            `json:"decision"`
	// Fallback is set when a hard constraint rejects the segment and it was used
	// without a better one.
	Fallback bool `json:"fallback,omitempty"`
}

// Citation is a passage that an answer rests on.
type Citation struct {
	Number  int               `json:"number"`
	Passage retriever.Passage `json:"passage"`
	// Spans are the places in Answer.Text that rest on it, in bytes.
	Spans []Span `json:"spans"`
}

// Span is a range of bytes: Start is the offset of the first, End that of the one
// after the last.
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Canonical returns the JSON form without times and cache counts, which differ
// between equal runs.
func (a *Answer) Canonical() ([]byte, error) {
	c := *a
	c.Timing = Timing{}
	c.Usage.CachedTokens = 0
	c.Decision.Usage.CachedTokens = 0
	c.Segments = slices.Clone(a.Segments)
	for i := range c.Segments {
		c.Segments[i].Decision.Usage.CachedTokens = 0
	}
	if a.Trace != nil {
		c.Trace = a.Trace.canonical()
	}
	return json.Marshal(&c)
}

// String returns human-readable text: the answer with citation marks, then the list
// of sources.
func (a *Answer) String() string {
	var b strings.Builder
	if b.WriteString(a.Cited()); a.Text == "" {
		fmt.Fprintf(&b, "(no answer: %s)", a.Stop)
	}
	for _, c := range a.Citations {
		b.WriteString("\n" + c.String())
	}
	return b.String()
}

// String returns human-readable text: the number, the title or id of the passage,
// and its place in its document.
func (c Citation) String() string {
	text := fmt.Sprintf("[%d] %s", c.Number, cmp.Or(c.Passage.Title, c.Passage.ID))
	if at := c.Passage.Source.String(); at != "" {
		text += " (" + at + ")"
	}
	return text
}

// assemble writes the outcome of a search into the answer.
func (s *settings) assemble(a *Answer, f found) {
	a.Stop, a.path = f.stop, []int{}
	a.Segments, a.Citations = []Segment{}, []Citation{}
	if f.root != nil {
		a.Decision = f.root.Decision
		a.Level = f.root.Decision.Level
		a.Missing = slices.Clone(f.root.missing())
	}
	if f.best == nil {
		if f.stop == StopAbstained {
			a.Abstained, a.Text = true, cmp.Or(s.abstainText, f.declined)
		}
		return
	}
	w := answerWriter{answer: a, numbers: map[string]int{}}
	if f.label != nil {
		s.assembleLabel(&w, f)
		return
	}
	a.Score = f.best.score
	a.Segments, a.path = make([]Segment, 0, len(f.best.steps)), make([]int, 0, len(f.best.steps))
	for _, st := range f.best.steps {
		w.segment(st, st.candidate.Text)
	}
}

// assembleLabel writes the answer of a closed set: the label, with citations of the
// passages of all candidates that count for it.
func (s *settings) assembleLabel(w *answerWriter, f found) {
	a, r := w.answer, f.label
	a.Options = r
	if r.Best < 0 {
		if a.Stop != StopBudget && a.Stop != StopTime {
			a.Stop = StopRejected
		}
		a.Notes = append(a.Notes, "no candidate gave one of the labels")
		return
	}
	a.Label = s.labels[r.Best]
	a.Score = r.Sums[r.Best]
	var counted []*Candidate
	n := 0
	for i := range f.root.Candidates {
		c := &f.root.Candidates[i]
		if c.Status != Kept && c.Status != Pruned {
			continue
		}
		if r.Labels[n] == r.Best {
			counted = append(counted, c)
		}
		n++
	}
	if n := countStatus(f.root, Stopped); n > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("%d candidates were stopped once they could not change the label: score and citations leave them out", n))
	}
	slices.SortStableFunc(counted, func(x, y *Candidate) int { return cmp.Compare(y.Score, x.Score) })
	for _, c := range counted {
		w.segment(step{f.root, c}, a.Label)
	}
}

// text returns the text of an answer that ends with the path.
func (p *path) text() string {
	w := answerWriter{answer: &Answer{}, numbers: map[string]int{}}
	for _, st := range p.steps {
		w.segment(st, st.candidate.Text)
	}
	return w.answer.Text
}

func countStatus(e *Expansion, s CandidateStatus) int {
	n := 0
	for i := range e.Candidates {
		if e.Candidates[i].Status == s {
			n++
		}
	}
	return n
}

// answerWriter joins segments and numbers passages.
type answerWriter struct {
	answer  *Answer
	numbers map[string]int // passage id to citation number
	current *retriever.Passage
}

// segment appends one step. A text that the answer already contains is not
// repeated: its passage is cited at the earlier place.
func (w *answerWriter) segment(st step, text string) {
	a, c := w.answer, st.candidate
	a.path = append(a.path, c.Node)
	a.Level = max(a.Level, c.Critique.Level(), st.expansion.Decision.Level)
	for _, m := range st.expansion.missing() {
		if !slices.Contains(a.Missing, m) {
			a.Missing = append(a.Missing, m)
		}
	}
	i := 0
	for i < len(a.Segments) && a.Segments[i].Text != text {
		i++
	}
	if i == len(a.Segments) {
		if a.Text != "" && spaceBetween(a.Text, text) {
			a.Text += " "
		}
		a.Segments = append(a.Segments, Segment{
			Text: text, Start: len(a.Text), End: len(a.Text) + len(text),
			Support:  likeliest(c.Critique.IsSUP),
			Critique: c.Critique, Terms: c.Terms, Decision: st.expansion.Decision, Fallback: c.Fallback,
		})
		a.Text += text
	}
	if h := st.hit(); h != nil {
		w.current = &h.Passage
	}
	// A step without evidence cites no passage. A continuation cites the passage
	// that the path used last.
	if w.current != nil && c.Branch != scoring.ChooseNoRetrieval {
		w.cite(i, w.current)
	}
}

func (w *answerWriter) cite(segment int, p *retriever.Passage) {
	a := w.answer
	n, ok := w.numbers[p.ID]
	if !ok {
		n = len(a.Citations) + 1
		w.numbers[p.ID] = n
		a.Citations = append(a.Citations, Citation{Number: n, Passage: *p})
	}
	s := &a.Segments[segment]
	if !slices.Contains(s.Citations, n) {
		s.Citations = append(s.Citations, n)
		a.Citations[n-1].Spans = append(a.Citations[n-1].Spans, Span{s.Start, s.End})
	}
}

// spaceBetween reports whether a space belongs between two segments: not where
// scripts without spaces meet.
func spaceBetween(a, b string) bool {
	last, _ := utf8.DecodeLastRuneInString(a)
	first, _ := utf8.DecodeRuneInString(b)
	return !(isCJK(last) && (isCJK(first) || unicode.IsPunct(first)))
}

func isCJK(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r >= 0x3000 && r <= 0x303f || r >= 0xff00 && r <= 0xffef
}

// likeliest returns the token of the highest known probability, in group order
// among equals; None if nothing was judged.
func likeliest(j reflection.Judgment) reflection.Token {
	if j.Status != reflection.StatusJudged {
		return reflection.None
	}
	best, at := reflection.None, 0.0
	for _, t := range j.Dist.Group.Tokens() {
		if p := j.Dist.Prob(t); p.Known == reflection.Exact && (best == reflection.None || p.Log > at) {
			best, at = t, p.Log
		}
	}
	return best
}
