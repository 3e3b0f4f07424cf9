package selfrag

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
)

// TraceVersion is the version of the trace's JSON form. It grows when a field is
// removed or changes its meaning; new fields do not change it.
const TraceVersion = 1

// Trace is the record of how one answer was made. docs/trace.md documents its JSON
// form. All of it but Timing depends only on the question, the options, the model
// and the passages.
type Trace struct {
	Version int `json:"version"`
	// Kind says which decoder made the trace; empty means KindSelfRAG.
	Kind     TraceKind `json:"kind,omitempty"`
	Question string    `json:"question"`
	// Rewriting is the question that the rewriter made, if there was a history.
	Rewriting *generator.Rewriting `json:"rewriting,omitempty"`
	// Settings holds the settings of the engine. Other kinds have theirs in RAG.
	Settings SettingsTrace          `json:"settings,omitzero"`
	Model    generator.Capabilities `json:"model"`
	// Templates lists the prompts of the critic and the decider, by name, if they
	// ask a model with templates (see [critique.Templated]).
	Templates []TemplateTrace `json:"templates,omitempty"`
	// Expansions holds every expansion of the search: segment by segment, within
	// a segment by rank of the path.
	Expansions []*Expansion `json:"expansions"`
	// Path holds the nodes of the answer's segments.
	Path []int `json:"path"`
	// RAG is the record of the decoders of package rag; nil for the engine. Traces
	// of these decoders have one expansion, without candidates.
	RAG   *RAGTrace       `json:"rag,omitempty"`
	Usage generator.Usage `json:"usage"`
	// Timing is nil in the canonical form.
	Timing *Timing `json:"timing,omitempty"`
}

// Canonical returns the JSON form without the timing. Equal runs give equal bytes.
func (t *Trace) Canonical() ([]byte, error) {
	return json.Marshal(t.canonical())
}

// canonical returns a copy without what differs between equal runs: times, and what
// a server had in its cache.
func (t *Trace) canonical() *Trace {
	c := *t
	c.Timing = nil
	c.Usage.CachedTokens = 0
	if t.Rewriting != nil {
		r := *t.Rewriting
		r.Usage.CachedTokens = 0
		c.Rewriting = &r
	}
	c.Expansions = make([]*Expansion, len(t.Expansions))
	for i, e := range t.Expansions {
		if e == nil {
			continue
		}
		x := *e
		x.Decision.Usage.CachedTokens = 0
		x.Retrieval = canonicalSteps(e.Retrieval)
		x.Candidates = slices.Clone(e.Candidates)
		for j := range x.Candidates {
			x.Candidates[j].Usage.CachedTokens = 0
		}
		c.Expansions[i] = &x
	}
	return &c
}

func canonicalSteps(steps []observe.Record) []observe.Record {
	steps = slices.Clone(steps)
	for i := range steps {
		s := &steps[i]
		if s.Usage != nil {
			u := *s.Usage
			u.CachedTokens = 0
			s.Usage = &u
		}
		s.Steps = canonicalSteps(s.Steps)
	}
	return steps
}

// ParseTrace reads the JSON form. A newer version is an error.
func ParseTrace(b []byte) (*Trace, error) {
	var t Trace
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, fmt.Errorf("selfrag: reading a trace: %w", err)
	}
	if t.Version < 1 || t.Version > TraceVersion {
		return nil, fmt.Errorf("selfrag: the trace has version %d: want 1 to %d", t.Version, TraceVersion)
	}
	if err := t.checkKind(); err != nil {
		return nil, err
	}
	for i, e := range t.Expansions {
		if e == nil {
			return nil, fmt.Errorf("selfrag: reading a trace: expansion %d is null", i)
		}
	}
	return &t, nil
}

// TemplateTrace identifies a task template.
type TemplateTrace struct {
	Template     string `json:"template"`
	TemplateHash string `json:"template_hash"`
}

// templates lists the prompts of the judges that have any, each once.
func templates(judges ...any) []TemplateTrace {
	var out []TemplateTrace
	for _, j := range judges {
		t, ok := j.(critique.Templated)
		if !ok {
			continue
		}
		for _, t := range t.Templates() {
			out = append(out, TemplateTrace{t.Name(), t.Hash()})
		}
	}
	slices.SortFunc(out, func(a, b TemplateTrace) int {
		return cmp.Or(cmp.Compare(a.Template, b.Template), cmp.Compare(a.TemplateHash, b.TemplateHash))
	})
	return slices.Compact(out)
}

// SettingsTrace holds the settings of a question.
type SettingsTrace struct {
	Mode        Mode                `json:"mode"`
	Threshold   float64             `json:"threshold"`
	Unknown     UnknownPolicy       `json:"unknown"`
	K           int                 `json:"k"`
	Filter      string              `json:"filter,omitempty"`
	Fixed       bool                `json:"fixed_passages,omitempty"`
	Scoring     scoring.Config      `json:"scoring"`
	Count       generator.Count     `json:"count"`
	PathScore   scoring.PathScore   `json:"path_score"`
	Constraints scoring.Constraints `json:"constraints"`
	Fallback    Fallback            `json:"fallback"`
	Labels      []string            `json:"labels,omitempty"`
	Long        bool                `json:"long,omitempty"`
	Width       int                 `json:"width"`
	Depth       int                 `json:"depth"`
	Instruction string              `json:"instruction,omitempty"`
	MaxTokens   int                 `json:"max_tokens"`
	Temperature float64             `json:"temperature,omitempty"`
	Seed        uint64              `json:"seed,omitempty"`
	Abstention  *AbstentionTrace    `json:"abstention,omitempty"`
	Budget      *budget.Limits      `json:"budget,omitempty"`
	Full        bool                `json:"full,omitempty"`
	// Lazy is the width of [WithLazy]. LazyOff says why every candidate was
	// completed nevertheless. Otherwise LazyWaits says how a candidate waited for
	// its turn, "unread", "cut" or "unbegun", and LazySupposes is what must hold
	// for the answer to equal that of a full run and cannot be verified.
	Lazy         int    `json:"lazy,omitempty"`
	LazyOff      string `json:"lazy_off,omitempty"`
	LazyWaits    string `json:"lazy_waits,omitempty"`
	LazySupposes string `json:"lazy_supposes,omitempty"`
	// Eager is set with [WithEagerRetrieval].
	Eager bool `json:"eager_retrieval,omitempty"`
	// WholeOutput is set with [WithWholeOutput]. LogRatio is set with
	// [WithReleased]: the decision is that of scoring.DecideByLogs.
	WholeOutput bool `json:"whole_output,omitempty"`
	LogRatio    bool `json:"log_ratio,omitempty"`
}

// AbstentionTrace is the abstention rule of a question.
type AbstentionTrace struct {
	Below float64 `json:"below"`
	Text  string  `json:"text"`
}

func (s *settings) traced() SettingsTrace {
	t := SettingsTrace{
		Mode: s.mode, Threshold: s.threshold, Filter: s.filterText, Unknown: s.unknown, K: s.k, Fixed: s.fixed,
		Scoring: s.scoring, Count: s.count, PathScore: s.path,
		Constraints: s.constraints, Fallback: s.fallback, Labels: slices.Clone(s.labels),
		Long: s.long, Width: s.width, Depth: s.depth,
		Instruction: s.instruction.Name, MaxTokens: s.maxTokens,
		Temperature: s.temperature, Seed: s.seed, Full: s.trace == TraceFull,
		Lazy: s.lazy, LazyOff: s.lazyPlan.off, LazyWaits: string(s.lazyPlan.waits), LazySupposes: s.lazyPlan.supposes,
		Eager: s.eager, WholeOutput: s.wholeOutput, LogRatio: s.logRatio,
	}
	if s.abstain {
		t.Abstention = &AbstentionTrace{s.abstainAt, s.abstainText}
	}
	if s.budget != (budget.Limits{}) {
		b := s.budget
		t.Budget = &b
	}
	return t
}

// settings returns the settings for a search over the trace. It checks every value,
// since a trace from a file can hold anything.
func (t SettingsTrace) settings() (settings, error) {
	s := defaultSettings()
	s.k, s.maxTokens, s.temperature, s.seed, s.fixed = t.K, t.MaxTokens, t.Temperature, t.Seed, t.Fixed
	s.rewriter = nil
	if t.Budget != nil {
		s.budget = *t.Budget
	}
	if t.Full {
		s.trace = TraceFull
	}
	if !slices.Contains(counts, t.Count) {
		return s, fmt.Errorf("count is %q: want auto, all, no-end or text", t.Count)
	}
	s.count = t.Count
	s.filterText, s.eager = t.Filter, t.Eager
	s.wholeOutput, s.logRatio = t.WholeOutput, t.LogRatio
	s.lazy, s.lazyPlan = t.Lazy, lazyPlan{waiting(t.LazyWaits), t.LazyOff, t.LazySupposes}
	options := []Option{
		WithMode(t.Mode), WithThreshold(t.Threshold), WithUnknown(t.Unknown),
		WithScoring(t.Scoring), WithPathScore(t.PathScore), WithConstraints(t.Constraints, t.Fallback),
		WithLabels(t.Labels...),
	}
	if t.Long {
		options = append(options, WithLongForm(t.Width, t.Depth))
	} else {
		s.width, s.depth = t.Width, t.Depth
	}
	if t.Abstention != nil {
		options = append(options, WithAbstention(t.Abstention.Below, t.Abstention.Text))
	}
	return s.apply(options)
}

// Expansion is one point of the search: a path, the decision on retrieval, the
// passages, and their candidates.
type Expansion struct {
	// Segment counts from 1.
	Segment int `json:"segment"`
	// Parent is the last node of the path, 0 at the start.
	Parent   int      `json:"parent"`
	Decision Decision `json:"decision"`
	// Query is the query to the retriever, empty if there was none.
	Query string `json:"query,omitempty"`
	// Queries holds further texts that a composed retriever searched for.
	Queries []string `json:"queries,omitempty"`
	// Retrieval holds the steps of a composed retriever, with its model calls.
	Retrieval []observe.Record `json:"retrieval,omitempty"`
	// Eager is the outcome of a retrieval that began beside the decision; empty if
	// there was none.
	Eager EagerOutcome `json:"eager,omitempty"`
	// Passages holds the retrieved passages that passed the engine's checks, best
	// first.
	Passages []retriever.Hit     `json:"passages,omitempty"`
	Scores   retriever.ScoreKind `json:"scores,omitempty"`
	Missing  []retriever.Missing `json:"missing,omitempty"`
	// Dropped counts the passages that failed the engine's checks.
	Dropped    Dropped     `json:"dropped,omitzero"`
	Candidates []Candidate `json:"candidates"`

	// ahead is the retrieval that began beside the decision.
	ahead *Expansion
	// step is the step of the decision, then that of the retrieval, for observers.
	step *observe.Span
	// stop is the reason for an expansion without candidates.
	stop StopReason
	// failed is the error of the decision or the retrieval.
	failed error
	// refused is the error of a call that a budget forbade, for observers.
	refused error
}

// Dropped counts unused passages by reason.
type Dropped struct {
	Filtered  int `json:"filtered,omitempty"`  // the filter does not match them
	Duplicate int `json:"duplicate,omitempty"` // a passage before them has the same id
	Excess    int `json:"excess,omitempty"`    // more than requested
}

// Decision says whether to retrieve before a segment, and how that was decided.
type Decision struct {
	// Choice is what was done.
	Choice scoring.Choice `json:"choice"`
	// Reason says why, in a few words.
	Reason string `json:"reason"`
	// Dist is the distribution of the group Retrieve, if it was asked for.
	Dist reflection.Distribution `json:"dist,omitzero"`
	// Ratio is p(Retrieval) / (p(Retrieval) + p(No Retrieval)), if it was computed.
	Ratio *scoring.Term `json:"ratio,omitempty"`
	// Token is the token that was generated.
	Token reflection.Token `json:"token,omitzero"`
	Level reflection.Level `json:"level,omitzero"`
	Usage generator.Usage  `json:"usage,omitzero"`
	// Policy is set if the choice was unknown and UnknownPolicy made it.
	Policy bool `json:"policy,omitempty"`
	// Empty is set if retrieval found nothing. Then the segment was generated
	// without a passage.
	Empty bool `json:"empty,omitempty"`
}

// branch returns the kind of candidates that follow from the decision.
func (d Decision) branch() scoring.Choice {
	if d.Choice == scoring.ChooseRetrieval && d.Empty {
		return scoring.ChooseNoRetrieval
	}
	return d.Choice
}

// Candidate is one continuation, judged and scored.
type Candidate struct {
	// Node is the candidate's number, from 1 in order of creation.
	Node int `json:"node"`
	// Branch says whether it used a passage, none, or the passage of the path.
	Branch scoring.Choice `json:"branch"`
	// Passage is the index of its passage in the expansion's Passages, -1 if it has
	// none of its own.
	Passage int `json:"passage"`
	// Text is the segment's text, white space trimmed.
	Text string `json:"text"`
	// LogProb is the summed log-probability of the Counted tokens.
	LogProb reflection.Prob `json:"log_prob"`
	Counted int             `json:"counted"`
	// Finish says why the text ended. It is FinishEnd also if the model judged the
	// utility, which completes an answer. It is FinishStop if more may follow.
	Finish generator.Finish `json:"finish"`
	// Declined is set if the model declined to answer: the text says that there is
	// no answer.
	Declined bool                `json:"declined,omitempty"`
	Critique reflection.Critique `json:"critique"`
	// Boundary is the control token that ended the segment, if one did.
	Boundary reflection.Token `json:"boundary,omitzero"`
	Terms    scoring.Terms    `json:"terms"`
	// Score is the segment's score, PathScore that of the path that ends with it.
	Score     float64         `json:"score"`
	PathScore float64         `json:"path_score"`
	Status    CandidateStatus `json:"status"`
	Reason    string          `json:"reason,omitempty"`
	// Fallback is set if the candidate was used although a constraint rejects it.
	Fallback bool            `json:"fallback,omitempty"`
	Usage    generator.Usage `json:"usage"`
	// Tokens holds the steps in full traces.
	Tokens []generator.Step `json:"tokens,omitempty"`

	// For continuing the candidate in a live run.
	segment  generator.PathSegment
	boundary generator.Step // which generated Boundary; a copy, so that no other step stays in memory
	key      uint64
	line     int  // of work, from 0: one for every passage of a path in the beam
	judging  bool // the critic was asked and has not answered
	err      error
}

// CandidateStatus is the outcome of a candidate.
type CandidateStatus string

// The statuses. Kept means that the path stayed in the beam. Trace.Path says which
// candidates are part of the answer.
const (
	Kept           CandidateStatus = "kept"
	Pruned         CandidateStatus = "pruned"         // others scored higher
	Stopped        CandidateStatus = "stopped"        // it could not win any more and was not completed: Terms holds its bounds
	Rejected       CandidateStatus = "rejected"       // a rule excludes it, see Reason
	Failed         CandidateStatus = "failed"         // the model or the critic failed, see Reason
	Skipped        CandidateStatus = "skipped"        // the budget forbade it
	Counterfactual CandidateStatus = "counterfactual" // of the branch not taken, in full traces
)

// Timing holds what differs between equal runs.
type Timing struct {
	Start time.Time     `json:"start"`
	Total time.Duration `json:"total_ns"`
	Calls []CallTiming  `json:"calls,omitempty"`
}

// CallTiming is when one call ran.
type CallTiming struct {
	// Kind is "decide", "retrieve" or "candidate".
	Kind string `json:"kind"`
	// Parent is the last node of the path, Node the node of the candidate.
	Parent int `json:"parent"`
	Node   int `json:"node,omitempty"`
	// At is the time from Timing.Start to the beginning of the call.
	At   time.Duration `json:"at_ns"`
	Took time.Duration `json:"took_ns"`
}
