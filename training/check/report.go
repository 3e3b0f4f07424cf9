package check

import (
	"cmp"
	"slices"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training/internal/scan"
)

// Kind is a kind of finding.
type Kind string

// The kinds. The first three break a rule.
const (
	NoRecord      Kind = "no record"       // a line that is not JSON, or a record without a field that is needed
	Malformed     Kind = "malformed"       // an output that training.Parse rejects
	WrongMask     Kind = "wrong mask"      // "masked" leaves a part of a passage with loss, or takes it from other text
	EmptyAnswer   Kind = "empty answer"    // an output without a sentence
	EmptyPassage  Kind = "empty passage"   // a passage without a text
	PromptToken   Kind = "token in prompt" // a control token in the instruction or the input
	NoEvidence    Kind = "no evidence"     // [Continue to Use Evidence] before the first passage
	Duplicate     Kind = "duplicate"       // as an earlier record
	SameQuestion  Kind = "same question"   // asked in an earlier record, which is no duplicate
	NearDuplicate Kind = "near duplicate"  // of an earlier record
	Overlap       Kind = "evaluation"      // a question of the evaluation set
	NearOverlap   Kind = "near evaluation" // nearly a question of the evaluation set

	// Of critic data.
	OtherLabel Kind = "other label" // task, instruction and input as in an earlier record, which has another label
	OtherGroup Kind = "other group" // a label of another group than most labels of the task
)

// Finding is how often something was found, and where first.
type Finding struct {
	Kind   Kind    `json:"kind"`
	Count  int     `json:"count"`
	Places []Place `json:"places"` // as many as Options.Places
}

// Place is where something was found.
type Place struct {
	Line   int    `json:"line"`             // of the file, from 1
	Offset int    `json:"offset,omitempty"` // of Malformed: in bytes of the output
	Of     int    `json:"of,omitempty"`     // the line of the earlier record, or of the evaluation set
	Reason string `json:"reason,omitempty"`
}

// Report is what a file holds.
type Report struct {
	Records  int            `json:"records"`
	Datasets map[string]int `json:"datasets"` // records by "dataset_name", or by "task" of critic data
	Segments int            `json:"segments"`
	Unjudged int            `json:"unjudged"` // segments that are a text alone
	Passages int            `json:"passages"`
	Tokens   []Token        `json:"tokens"`
	Masks    []Loss         `json:"masks"`
	Findings []Finding      `json:"findings"` // in the order of the kinds, those that were looked for

	places int
}

// Token is how often a control token occurs, in malformed outputs, too.
type Token struct {
	Token   reflection.Token `json:"token"`
	Count   int              `json:"count"`
	Records int              `json:"records"` // that have it
	// Share is Count by that of all tokens of the group; 0 without a group.
	Share float64 `json:"share"`
}

// Loss is what has no loss under a mask. Malformed outputs are left out.
type Loss struct {
	// Mask is a training.MaskKind; "masked" for the spans of the records that have them;
	// "length" for what is behind Options.Length.
	Mask    string `json:"mask"`
	Records int    `json:"records"` // that lose a part of a sentence or a reflection token
	// Sentences and Passages count code points. Tokens counts reflection tokens and Marks
	// paragraph marks; one is masked if any part of it has no loss.
	Sentences Part `json:"sentences"`
	Tokens    Part `json:"tokens"`
	Marks     Part `json:"marks"`
	Passages  Part `json:"passages"`
}

// Part is a number of those without loss, and of all.
type Part struct {
	Masked int `json:"masked"`
	All    int `json:"all"`
}

// Share is Masked by All, 0 if there is none.
func (p Part) Share() float64 { return float64(p.Masked) / float64(max(p.All, 1)) }

// newReport returns an empty report, of what may be found.
func newReport(o Options, kinds ...Kind) *Report {
	r := &Report{Datasets: map[string]int{}, Masks: []Loss{}, places: cmp.Or(o.Places, 20)}
	for _, t := range reflection.Tokens() {
		r.Tokens = append(r.Tokens, Token{Token: t})
	}
	for _, k := range kinds {
		r.Findings = append(r.Findings, Finding{Kind: k, Places: []Place{}})
	}
	return r
}

// Count returns how often something was found.
func (r *Report) Count(k Kind) int {
	for _, f := range r.Findings {
		if f.Kind == k {
			return f.Count
		}
	}
	return 0
}

// Broken reports whether something breaks a rule, so that a trainer should not take the
// file as it is.
func (r *Report) Broken() bool {
	return r.Count(NoRecord)+r.Count(Malformed)+r.Count(WrongMask) > 0
}

func (r *Report) addFinding(k Kind, p Place) {
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Kind == k {
			if f.Count++; len(f.Places) < r.places {
				f.Places = append(f.Places, p)
			}
		}
	}
}

// loss returns that of a mask.
func (r *Report) loss(mask string) *Loss {
	i := slices.IndexFunc(r.Masks, func(l Loss) bool { return l.Mask == mask })
	if i < 0 {
		i = len(r.Masks)
		r.Masks = append(r.Masks, Loss{Mask: mask})
	}
	return &r.Masks[i]
}

// count counts the tokens of an output.
func (r *Report) count(output string) {
	seen := map[reflection.Token]bool{}
	s := scan.Scanner{Text: output}
	for {
		_, t, ok := s.Next()
		if !ok {
			break
		}
		r.Tokens[t-1].Count++
		if !seen[t] {
			seen[t] = true
			r.Tokens[t-1].Records++
		}
	}
}

// share sets the shares of tokens, at the end.
func (r *Report) share() {
	for _, g := range reflection.Groups() {
		all := 0
		for _, t := range g.Tokens() {
			all += r.Tokens[t-1].Count
		}
		for _, t := range g.Tokens() {
			r.Tokens[t-1].Share = float64(r.Tokens[t-1].Count) / float64(max(all, 1))
		}
	}
}
