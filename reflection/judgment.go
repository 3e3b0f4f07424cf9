package reflection

import (
	"fmt"

	"github.com/goselfrag/goselfrag/internal/enum"
)

// Level says how judgments were made. The levels after LevelUnstated, the zero
// value, are in order from the best, ExactIDs, to the lowest, Heuristic. An answer
// has the lowest level among the judgments that it used. Levels are numbers because
// they are compared.
type Level uint8

const (
	LevelUnstated  Level = iota
	ExactIDs             // probabilities of the control tokens by their ids, or by a model in this process
	TopN                 // the control tokens were looked for among the N likeliest; the others are bounded
	HardLabels           // control tokens in the text, no probabilities
	PromptedProbs        // a general model asked for labels, with probabilities
	PromptedLabels       // a general model asked for labels, without probabilities
	SeparateModel        // a classifier that is not the generator
	Heuristic            // rules or a test's script
)

var levels = enum.Numbers[Level]{Package: "reflection", What: "level", Names: []string{
	"unstated", "exact-ids", "top-n", "hard-labels", "prompted-probs", "prompted-labels", "separate-model", "heuristic",
}}

// String returns the level's name, as used in traces.
func (l Level) String() string { return levels.String(l) }

// MarshalText writes the level's name.
func (l Level) MarshalText() ([]byte, error) { return levels.Marshal(l) }

// UnmarshalText reads what MarshalText writes.
func (l *Level) UnmarshalText(b []byte) error { return levels.Unmarshal(b, l) }

// Status says what is known of one group for one candidate. It is a number because
// scoring compares it for every group of every candidate.
type Status uint8

const (
	StatusUnknown Status = iota // the critic could not decide
	StatusPending               // the text is not complete yet
	StatusAbsent                // the text is complete and holds no token of the group
	StatusJudged                // Dist holds the judgment
)

var statuses = enum.Numbers[Status]{Package: "reflection", What: "status", Names: []string{"unknown", "pending", "absent", "judged"}}

// String returns the status' name, as used in traces.
func (s Status) String() string { return statuses.String(s) }

// MarshalText writes the status' name.
func (s Status) MarshalText() ([]byte, error) { return statuses.Marshal(s) }

// UnmarshalText reads what MarshalText writes.
func (s *Status) UnmarshalText(b []byte) error { return statuses.Unmarshal(b, s) }

// Judgment is a critic's result for one group.
type Judgment struct {
	Status Status `json:"status"`
	// Token is the generated label, None if there was none.
	Token Token `json:"token,omitzero"`
	// Dist is the distribution from which the judgment was read; set if Status is
	// StatusJudged.
	Dist Distribution `json:"dist,omitzero"`
	// Level says how Dist was obtained.
	Level Level `json:"level,omitzero"`
	// Inherited is set if the judgment was made for an earlier segment that the
	// candidate continues from, with the same passage.
	Inherited bool `json:"inherited,omitzero"`
}

// Judged returns the judgment with distribution d and generated label t.
func Judged(d Distribution, t Token, l Level) Judgment {
	return Judgment{Status: StatusJudged, Token: t, Dist: d, Level: l}
}

// check returns an error if j is no judgment of g.
func (j *Judgment) check(g Group) error {
	switch {
	case int(j.Status) >= len(statuses.Names):
		return fmt.Errorf("%v: status %d does not exist", g, j.Status)
	case int(j.Level) >= len(levels.Names):
		return fmt.Errorf("%v: level %d does not exist", g, j.Level)
	case j.Token != None && j.Token.Group() != g:
		return fmt.Errorf("%v: token %v is not of the group", g, j.Token)
	case j.Status == StatusJudged && j.Dist.Group != g:
		return fmt.Errorf("%v: the distribution is of %v", g, j.Dist.Group)
	case j.Status != StatusJudged && j.Dist.Group != NoGroup && j.Dist.Group != g:
		return fmt.Errorf("%v: the distribution is of %v", g, j.Dist.Group)
	}
	if err := j.Dist.Check(); err != nil {
		return fmt.Errorf("%v: %w", g, err)
	}
	return nil
}

// Critique is a critic's judgment of one candidate segment.
type Critique struct {
	IsREL Judgment `json:"is_rel"`
	IsSUP Judgment `json:"is_sup"`
	IsUSE Judgment `json:"is_use"`
}

// Check returns an error if a judgment has a token or a distribution of another
// group, a number that no log-probability can have, or a status or level that
// does not exist.
func (c Critique) Check() error {
	if err := c.IsREL.check(IsREL); err != nil {
		return err
	}
	if err := c.IsSUP.check(IsSUP); err != nil {
		return err
	}
	return c.IsUSE.check(IsUSE)
}

// Level returns the lowest level among the groups that were judged,
// LevelUnstated if none was.
func (c Critique) Level() Level {
	var l Level
	for _, j := range [...]Judgment{c.IsREL, c.IsSUP, c.IsUSE} {
		if j.Status == StatusJudged {
			l = max(l, j.Level)
		}
	}
	return l
}
