package preference

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/enum"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
	"github.com/goselfrag/goselfrag/training"
)

// Form says how a pair is written; the zero value is Interleaved.
type Form string

// The forms.
const (
	// Interleaved has the prompt of a Self-RAG model, and segments with passage and control
	// tokens. The spans without loss are given for both.
	Interleaved Form = "interleaved"
	// Text has the question, and the answer up to the segment, for a model without control
	// tokens.
	Text Form = "text"
)

var forms = enum.Texts[Form]{Package: "preference", What: "form", Names: []Form{Interleaved, Text}}

// MarshalText writes the name.
func (f Form) MarshalText() ([]byte, error) { return forms.Marshal(f) }

// UnmarshalText reads a name.
func (f *Form) UnmarshalText(b []byte) error { return forms.Unmarshal(b, f) }

// Options are those of [Pairs]. The zero value is ready to use.
type Options struct {
	Form Form
	// Least is the least margin of a pair, at least 0. A pair with margin 0 is never made.
	Least float64
	// PerPoint is how many pairs are made of one point of a search at most, from 1 to 1,000:
	// the best candidate with each of the worst; 0 means 1.
	PerPoint int
	// Mask is that of the spans, in the form Interleaved.
	Mask training.MaskKind
}

// Pair is a better and a worse continuation of a prompt, in the fields that trainers read.
type Pair struct {
	Prompt   string `json:"prompt"`
	Chosen   string `json:"chosen"`
	Rejected string `json:"rejected"`
	// Margin is the difference of the segment scores, above 0; their unit is that of the
	// weights of the trace.
	Margin float64 `json:"margin"`
	// MaskedChosen and MaskedRejected are the spans without loss, from and to in code points;
	// nil in the form Text.
	MaskedChosen   [][2]int `json:"masked_chosen,omitzero"`
	MaskedRejected [][2]int `json:"masked_rejected,omitzero"`
}

// Check returns an error that wraps training.ErrRecord if a text is blank or not UTF-8, or
// if the margin is not above 0.
func (p Pair) Check() error {
	for name, text := range map[string]string{"prompt": p.Prompt, "chosen": p.Chosen, "rejected": p.Rejected} {
		if strings.TrimSpace(text) == "" || !utf8.ValidString(text) {
			return fmt.Errorf("%w: %q is blank or not UTF-8", training.ErrRecord, name)
		}
	}
	if !(p.Margin > 0) || math.IsInf(p.Margin, 0) {
		return fmt.Errorf("%w: \"margin\" is %v: want a number above 0", training.ErrRecord, p.Margin)
	}
	return nil
}

// Pairs returns the pairs of a trace, point by point. Candidates that failed, that were not
// completed, or that are of the branch not taken have no score to compare and are left
// out; so are pairs of equal texts. A trace of another decoder than the engine has none.
// The prompt has the question without its task, whose text a trace does not hold.
//
// The error wraps training.ErrOption, or says what is wrong with the trace.
func Pairs(t *selfrag.Trace, o Options) ([]Pair, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	if t == nil {
		return nil, fmt.Errorf("%w: the trace is nil", training.ErrOption)
	}
	nodes, err := newTree(t)
	if err != nil {
		return nil, err
	}
	var list []Pair
	for _, e := range t.Expansions {
		pairs, err := nodes.pairs(e, o)
		if err != nil {
			return nil, err
		}
		list = append(list, pairs...)
	}
	return list, nil
}

func (o *Options) fill() error {
	o.Form, o.PerPoint = cmp.Or(o.Form, Interleaved), cmp.Or(o.PerPoint, 1)
	if _, err := o.Form.MarshalText(); err != nil {
		return fmt.Errorf("%w: %w", training.ErrOption, err)
	}
	if _, err := o.Mask.MarshalText(); err != nil {
		return fmt.Errorf("%w: %w", training.ErrOption, err)
	}
	switch {
	case !(o.Least >= 0) || math.IsInf(o.Least, 0):
		return fmt.Errorf("%w: Least is %v: want 0 or more", training.ErrOption, o.Least)
	case o.PerPoint < 1 || o.PerPoint > 1000:
		return fmt.Errorf("%w: PerPoint is %d: want 1 to 1000, or 0 for 1", training.ErrOption, o.PerPoint)
	}
	return nil
}

// tree finds the path to a node.
type tree struct {
	question string
	segment  map[int]generator.PathSegment
	parent   map[int]int
}

func newTree(t *selfrag.Trace) (*tree, error) {
	n := &tree{question: t.Question, segment: map[int]generator.PathSegment{}, parent: map[int]int{}}
	if t.Rewriting != nil {
		n.question = t.Rewriting.Question
	}
	for i, e := range t.Expansions {
		if e == nil {
			return nil, fmt.Errorf("preference: the trace is damaged: expansion %d is null", i)
		}
		for j := range e.Candidates {
			c := &e.Candidates[j]
			if c.Node <= e.Parent { // nodes count up, so that no path has a loop
				return nil, fmt.Errorf("preference: the trace is damaged: node %d comes after node %d", c.Node, e.Parent)
			}
			s, err := segment(e, c)
			if err != nil {
				return nil, err
			}
			n.segment[c.Node], n.parent[c.Node] = s, e.Parent
		}
	}
	return n, nil
}

// segment returns a candidate as a part of a path.
func segment(e *selfrag.Expansion, c *selfrag.Candidate) (generator.PathSegment, error) {
	s := generator.PathSegment{Text: c.Text, Utility: reflection.None}
	switch c.Branch {
	case scoring.ChooseRetrieval:
		if c.Passage < 0 || c.Passage >= len(e.Passages) {
			return s, fmt.Errorf("preference: the trace is damaged: node %d has the passage %d of %d", c.Node, c.Passage, len(e.Passages))
		}
		p := e.Passages[c.Passage].Passage
		s.Retrieve, s.Evidence = reflection.Retrieval, []generator.Evidence{{Title: p.Title, Text: p.Text}}
		s.Relevance = c.Critique.IsREL.Token
	case scoring.ChooseContinue:
		s.Retrieve = reflection.ContinueEvidence
	default:
		s.Retrieve = reflection.NoRetrieval
	}
	if s.Relevance == reflection.Relevant {
		s.Support = c.Critique.IsSUP.Token
	}
	return s, nil
}

// path returns the segments up to a node.
func (n *tree) path(node int) (list []generator.PathSegment) {
	for node > 0 {
		s, ok := n.segment[node]
		if !ok {
			return nil
		}
		list = append(list, s)
		node = n.parent[node]
	}
	slices.Reverse(list)
	return list
}

// pairs returns those of one point of the search.
func (n *tree) pairs(e *selfrag.Expansion, o Options) (list []Pair, err error) {
	var scored []*selfrag.Candidate
	for i := range e.Candidates {
		c := &e.Candidates[i]
		counts := c.Status == selfrag.Kept || c.Status == selfrag.Pruned || c.Status == selfrag.Rejected
		if counts && strings.TrimSpace(c.Text) != "" && !math.IsNaN(c.Score) && !math.IsInf(c.Score, 0) {
			scored = append(scored, c)
		}
	}
	if len(scored) < 2 {
		return nil, nil
	}
	slices.SortStableFunc(scored, func(a, b *selfrag.Candidate) int { return cmp.Compare(b.Score, a.Score) })
	best := scored[0]
	slices.Reverse(scored)
	for _, worse := range scored {
		margin := best.Score - worse.Score
		if len(list) == o.PerPoint || !(margin > 0) || margin < o.Least {
			break
		}
		if worse.Text == best.Text || worse.Branch != best.Branch {
			continue
		}
		p, err := n.pair(e, best, worse, o)
		if err != nil {
			return nil, err
		}
		p.Margin = margin
		list = append(list, p)
	}
	return list, nil
}

func (n *tree) pair(e *selfrag.Expansion, best, worse *selfrag.Candidate, o Options) (p Pair, err error) {
	path := n.path(e.Parent)
	prompt := generator.Prompt{Instruction: n.question, Path: path}
	if o.Form == Text {
		before := prompt.PathText()
		text := func(c *selfrag.Candidate) string {
			return generator.Neutralize(strings.TrimSpace(before + " " + c.Text))
		}
		return Pair{Prompt: generator.Neutralize(n.question), Chosen: text(best), Rejected: text(worse)}, nil
	}
	if p.Prompt, err = (generator.SelfRAGTemplate{}).Render(prompt); err != nil {
		return p, fmt.Errorf("preference: %w", err)
	}
	if p.Chosen, p.MaskedChosen, err = n.segmentOf(best, o); err == nil {
		p.Rejected, p.MaskedRejected, err = n.segmentOf(worse, o)
	}
	return p, err
}

// segmentOf returns the segment of a candidate as the model would write it, and its mask.
func (n *tree) segmentOf(c *selfrag.Candidate, o Options) (string, [][2]int, error) {
	s := n.segment[c.Node]
	t := training.Segment{Retrieve: s.Retrieve, Relevance: s.Relevance, Text: s.Text, Support: s.Support}
	if len(s.Evidence) > 0 {
		t.Passage = &s.Evidence[0]
	}
	text := training.Output{Segments: []training.Segment{t}}.String()
	spans, err := training.Mask(text, o.Mask)
	if err != nil {
		return "", nil, fmt.Errorf("preference: %w", err)
	}
	return text, training.Runes(spans), nil
}
