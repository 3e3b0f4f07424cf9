package sensitivity

import (
	"cmp"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// short is the trace of a one-segment answer in the form in which permuted judgments
// are quickly scored: what each permutation of each judgment adds to the score is
// computed once. It repeats the operations of package selfrag in the same order, so that
// both find the same winner bit by bit. A test compares them.
type short struct {
	settings *selfrag.SettingsTrace
	choices  [6]scoring.Choice // by the permutation of the decision's distribution
	label    int               // of the decision
	// branches are the candidates of the two decisions, in the trace's order.
	plain, passages []*contender
	key             []byte // the outcome, of use until the next draw
	accepted        []*contender
	rejected        []*contender
	sums            []float64
}

// contender is a candidate of a short answer.
type contender struct {
	place    int // among the candidates of the expansion
	node     int
	text     bool
	sequence float64 // weight times term
	judged   [3]judged
	option   int // the label of a closed set that it gives, -1 for none
	// Of the draw at hand.
	score     float64
	relevance float64 // the upper end of the term
}

// judged is the judgment of one group, with what it adds to its candidate by the number
// of its permutation.
type judged struct {
	judgment reflection.Judgment
	group    reflection.Group
	label    int       // its place in the group, -1 for none
	values   []float64 // weight times term; NaN until it is needed
	// Nil for IsUSE, which no rule uses.
	ends    []float64 // the upper end of the term
	rejects []bool
}

func newJudged(j reflection.Judgment, g reflection.Group) judged {
	out := judged{judgment: j, group: g, label: -1}
	if j.Dist.Group == g {
		out.label = top(&j.Dist)
	}
	n := len(permutations[g.Size()])
	out.values = slices.Repeat([]float64{math.NaN()}, n)
	if g != reflection.IsUSE {
		out.ends, out.rejects = make([]float64, n), make([]bool, n)
	}
	return out
}

// newShort returns nil if the outcome of the trace does not depend on the scores alone.
func newShort(t *selfrag.Trace, settings *selfrag.SettingsTrace) *short {
	if settings.Long || settings.Budget != nil || settings.Lazy != 0 || len(t.Expansions) != 1 || t.Expansions[0] == nil {
		return nil
	}
	e := t.Expansions[0]
	if e.Segment != 1 || e.Parent != 0 || e.Query == "" || len(e.Passages) == 0 || e.Decision.Dist.Group != reflection.Retrieve {
		return nil
	}
	s := &short{settings: settings, label: top(&e.Decision.Dist)}
	texts := make([]string, len(e.Candidates))
	for i := range e.Candidates {
		c := &e.Candidates[i]
		switch c.Status {
		case selfrag.Failed, selfrag.Skipped, selfrag.Stopped:
			return nil
		}
		texts[i] = c.Text
		x := &contender{place: i, node: c.Node, text: c.Text != "", option: -1}
		x.sequence = float64(settings.Scoring.Weights.Sequence * settings.Scoring.SequenceTerm(c.LogProb, c.Counted).Value)
		for k, j := range [...]*reflection.Judgment{&c.Critique.IsREL, &c.Critique.IsSUP, &c.Critique.IsUSE} {
			g := reflection.IsREL + reflection.Group(k)
			x.judged[k] = newJudged(*j, g)
		}
		switch c.Branch {
		case scoring.ChooseRetrieval:
			s.passages = append(s.passages, x)
		case scoring.ChooseNoRetrieval:
			s.plain = append(s.plain, x)
		}
	}
	if len(s.passages) == 0 || len(s.plain) == 0 {
		return nil
	}
	if labels := settings.Labels; len(labels) > 0 {
		options := scoring.ClosedSet(labels, texts, make([]float64, len(texts))).Labels
		for _, x := range slices.Concat(s.plain, s.passages) {
			x.option = options[x.place]
		}
		s.sums = make([]float64, len(labels))
	}
	for i := range s.choices {
		d, token := e.Decision.Dist, e.Decision.Token
		permuted(&d, &token, reflection.Retrieve, i)
		s.choices[i] = s.decide(d, token)
	}
	return s
}

func (s *short) decide(d reflection.Distribution, token reflection.Token) scoring.Choice {
	switch s.settings.Mode {
	case selfrag.Always:
		return scoring.ChooseRetrieval
	case selfrag.Never:
		return scoring.ChooseNoRetrieval
	case selfrag.Hard:
		return scoring.HardChoice(token, false)
	}
	choice, _ := scoring.Decide(d, s.settings.Threshold, false)
	if s.settings.LogRatio {
		choice, _ = scoring.DecideByLogs(d, s.settings.Threshold)
	}
	return choice
}

// fill computes what the judgment comes to in permutation i.
func (j *judged) fill(i int, s *selfrag.SettingsTrace) {
	x := j.judgment
	permuted(&x.Dist, &x.Token, j.group, i)
	w := &s.Scoring.Weights
	switch j.group {
	case reflection.IsREL:
		term := s.Scoring.Relevance(x)
		j.values[i], j.ends[i] = float64(w.Relevance*term.Value), term.Hi
		_, j.rejects[i] = s.Constraints.Reject(reflection.Critique{IsREL: x})
	case reflection.IsSUP:
		term := s.Scoring.Support(x)
		j.values[i], j.ends[i] = float64(w.Support*term.Value), term.Hi
		_, j.rejects[i] = s.Constraints.Reject(reflection.Critique{IsSUP: x})
	default:
		j.values[i] = float64(w.Utility * s.Scoring.Utility(x).Value)
	}
}

// The ways in which a draw comes out, in its key.
const (
	outcomeAnswer = iota
	outcomeFallback
	outcomeRejected
	outcomeEmpty // no candidate has text
	outcomeAbstained
)

// outcomeKey returns a key that is equal for draws whose answers differ at most in scores and
// judgments. It returns nil if the scores alone do not determine the answer. The key is
// valid until the next draw.
func (s *short) outcomeKey(c *compiled, redraw uint64) []byte {
	i := 0
	if c.touched[reflection.Retrieve] {
		i = c.permutation(reflection.Retrieve, s.label, judgmentKey(redraw, 0, reflection.Retrieve))
	}
	choice := s.choices[i]
	branch := s.passages
	switch choice {
	case scoring.ChooseRetrieval:
	case scoring.ChooseNoRetrieval:
		branch = s.plain
	default:
		return nil
	}
	s.accepted, s.rejected = s.accepted[:0], s.rejected[:0]
	for _, x := range branch {
		x.score = x.sequence
		rejected := false
		for k := range x.judged {
			j := &x.judged[k]
			i := 0
			if c.touched[j.group] {
				i = c.permutation(j.group, j.label, judgmentKey(redraw, x.node, j.group))
			}
			if math.IsNaN(j.values[i]) {
				j.fill(i, s.settings)
			}
			x.score += j.values[i]
			if j.rejects != nil {
				rejected = rejected || j.rejects[i]
			}
			if j.group == reflection.IsREL {
				x.relevance = j.ends[i]
			}
		}
		switch {
		case !x.text:
		case rejected:
			s.rejected = append(s.rejected, x)
		default:
			s.accepted = append(s.accepted, x)
		}
	}
	outcome := byte(outcomeAnswer)
	switch {
	case len(s.accepted) > 0:
	case len(s.rejected) == 0:
		outcome = outcomeEmpty
	case s.settings.Fallback == selfrag.FallbackBest:
		outcome, s.accepted = outcomeFallback, append(s.accepted, s.rejected...)
	default:
		outcome = outcomeRejected
	}
	if a := s.settings.Abstention; a != nil && choice == scoring.ChooseRetrieval && len(s.accepted) > 0 {
		best := math.Inf(-1)
		for _, x := range s.accepted {
			best = max(best, x.relevance)
		}
		if best < a.Below {
			outcome, s.accepted = outcomeAbstained, s.accepted[:0]
		}
	}
	s.key = append(s.key[:0], byte(choice), outcome)
	if len(s.accepted) > 0 {
		s.winners()
	}
	return s.key
}

// winners appends to the key what the answer rests on.
func (s *short) winners() {
	if len(s.sums) == 0 {
		best := s.accepted[0]
		for _, x := range s.accepted[1:] {
			if x.score > best.score {
				best = x
			}
		}
		s.addKey(best.place)
		return
	}
	clear(s.sums)
	for _, x := range s.accepted {
		if x.option >= 0 {
			s.sums[x.option] += x.score
		}
	}
	best := -1
	for _, x := range s.accepted { // equal labels by their first text
		if x.option >= 0 && (best < 0 || s.sums[x.option] > s.sums[best]) {
			best = x.option
		}
	}
	s.addKey(best + 1)
	s.accepted = slices.DeleteFunc(s.accepted, func(x *contender) bool { return best < 0 || x.option != best })
	slices.SortStableFunc(s.accepted, func(a, b *contender) int { return cmp.Compare(b.score, a.score) })
	for _, x := range s.accepted {
		s.addKey(x.place)
	}
}

func (s *short) addKey(i int) { s.key = append(s.key, byte(i), byte(i>>8), byte(i>>16)) }
