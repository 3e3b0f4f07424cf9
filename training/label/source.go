package label

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/reflection"
)

// Source labels. A [judge.Judge] is one.
type Source interface {
	// Label returns the label of an item, which has passed its Check. The label depends on
	// the item alone. It is unknown, with a reason, if there is none. An error stops the
	// work. Safe for concurrent use.
	Label(ctx context.Context, it judge.Item) (judge.Label, error)
}

// Answer is a label, or the reason why there is none.
type Answer struct {
	// Label is of the group that was asked about, or None: then Reason says why, and Reply is
	// the reply that could not be read, if there was one.
	Label  reflection.Token `json:"label,omitzero"`
	Reason string           `json:"reason,omitempty"`
	Reply  string           `json:"reply,omitempty"`
}

// Ask asks s about an item. A label that does not fit the item, such as one of another
// group, becomes an Answer without a label, with the reason. The error is that of s.
func Ask(ctx context.Context, s Source, it judge.Item) (Answer, error) {
	l, err := s.Label(ctx, it)
	if err != nil {
		return Answer{}, err
	}
	return answer(l, it), nil
}

func answer(l judge.Label, it judge.Item) Answer {
	switch {
	case l.Status != reflection.StatusJudged || l.Token == reflection.None:
		reason := l.Reason
		if reason == "" {
			reason = "the source gave no label"
		}
		return Answer{Reason: strings.ToValidUTF8(reason, "\uFFFD"), Reply: strings.ToValidUTF8(l.Reply, "\uFFFD")}
	case l.Token.Group() != it.Group:
		return Answer{Reason: fmt.Sprintf("the label %v is none of %v", l.Token, it.Group)}
	case l.Token == reflection.ContinueEvidence && it.Text == "":
		return Answer{Reason: "there is nothing to continue with before the answer begins"}
	}
	return Answer{Label: l.Token}
}

// label returns the answer as that of a source.
func (a Answer) label() judge.Label {
	if a.Label == reflection.None {
		return judge.Label{Reason: a.Reason, Reply: a.Reply}
	}
	return judge.Label{Judgment: reflection.Judged(reflection.OneHot(a.Label), a.Label, reflection.LevelUnstated)}
}

// declarer is a Source that knows the most that a label can cost, as a [judge.Judge] does.
type declarer interface {
	MostLabelCost(g reflection.Group) (budget.Cost, bool)
}

// MostCost returns the most that a label of the group can cost by s, and false if that is
// not known.
func MostCost(s Source, g reflection.Group) (budget.Cost, bool) {
	if d, ok := s.(declarer); ok {
		return d.MostLabelCost(g)
	}
	return budget.Cost{}, false
}

// Of returns a source that asks a critic for IsREL, IsSUP and IsUSE, and a decider for
// Retrieve. Either may be nil; its groups are then without labels. A decider does not see
// the sentence that comes next: it decides from what is before it.
//
// critique.Tokens judges only what its model wrote itself: as the critic take
// critics.Model (package eval/critics), as the decider Tokens.
func Of(c critique.Critic, d critique.Decider) Source {
	p := parts{}
	if !isnil.Value(c) {
		p.critic = c
	}
	if !isnil.Value(d) {
		p.decider = d
	}
	return p
}

type parts struct {
	critic  critique.Critic
	decider critique.Decider
}

func (p parts) MostLabelCost(g reflection.Group) (budget.Cost, bool) {
	switch {
	case g == reflection.Retrieve && p.decider != nil:
		return critique.MostDecisionCost(p.decider)
	case g != reflection.Retrieve && p.critic != nil:
		return budget.MostCost(p.critic, 1)
	}
	return budget.Cost{}, true
}

// Templates implements critique.Templated.
func (p parts) Templates() []generator.TaskTemplate { return templates(p.critic, p.decider) }

// Label implements Source.
func (p parts) Label(ctx context.Context, it judge.Item) (judge.Label, error) {
	prompt := generator.Prompt{Instruction: it.Question}
	if before := strings.TrimSpace(it.Before); before != "" {
		s := generator.PathSegment{Text: before, Retrieve: reflection.NoRetrieval}
		if it.Group == reflection.Retrieve && it.Passage.Text != "" {
			s.Evidence, s.Retrieve = []generator.Evidence{it.Passage}, reflection.Retrieval
		}
		prompt.Path = []generator.PathSegment{s}
	}
	if it.Group == reflection.Retrieve {
		return p.decide(ctx, it, prompt)
	}
	if p.critic == nil {
		return judge.Label{Reason: "there is no critic"}, nil
	}
	prompt.Force = reflection.NoRetrieval
	if it.Group != reflection.IsUSE {
		prompt.Evidence, prompt.Force = []generator.Evidence{it.Passage}, reflection.None
	}
	c := critique.Continuation{Question: it.Question, Prompt: prompt, Whole: true, Text: it.Text}
	if it.Group != reflection.IsREL {
		c.Completion = generator.Completion{Steps: []generator.Step{{Text: it.Text}}, Finish: generator.FinishEnd}
	}
	v, err := p.critic.Critique(ctx, c)
	l := judge.Label{Usage: v.Usage}
	switch {
	case errors.Is(err, critique.ErrIncomplete):
		l.Reason = "the critic does not judge a passage without a text"
		return l, nil
	case err != nil:
		return l, fmt.Errorf("label: %w", err)
	}
	if err := v.Check(); err != nil {
		return l, fmt.Errorf("label: the critic's verdict: %w", err)
	}
	l.Judgment = map[reflection.Group]reflection.Judgment{reflection.IsREL: v.IsREL, reflection.IsSUP: v.IsSUP, reflection.IsUSE: v.IsUSE}[it.Group]
	return labeled(l, "critic"), nil
}

func (p parts) decide(ctx context.Context, it judge.Item, prompt generator.Prompt) (judge.Label, error) {
	if p.decider == nil {
		return judge.Label{Reason: "there is no decider"}, nil
	}
	v, err := p.decider.Decide(ctx, critique.Situation{Question: it.Question, Prompt: prompt})
	l := judge.Label{Usage: v.Usage}
	if err != nil {
		return l, fmt.Errorf("label: %w", err)
	}
	if err := v.Check(); err != nil {
		return l, fmt.Errorf("label: the decider's verdict: %w", err)
	}
	l.Judgment = reflection.Judged(v.Dist, v.Token, v.Level)
	return labeled(l, "decider"), nil
}

// labeled sets the token of a judgment: the one that was given, else the likeliest, the
// first of equal ones. Without one the label is unknown.
func labeled(l judge.Label, who string) judge.Label {
	if l.Status == reflection.StatusJudged && l.Token == reflection.None {
		most := 0.0
		for _, t := range l.Dist.Group.Tokens() {
			if p, exact := l.Dist.Prob(t).Value(); exact && p > most {
				l.Token, most = t, p
			}
		}
	}
	if l.Status != reflection.StatusJudged || l.Token == reflection.None {
		l.Judgment = reflection.Judgment{}
		l.Reason = "the " + who + " gave no label"
	}
	return l
}

// ByGroup asks a source of its own for each group. A group that it does not have is without
// labels.
type ByGroup map[reflection.Group]Source

// Label implements Source.
func (b ByGroup) Label(ctx context.Context, it judge.Item) (judge.Label, error) {
	s, ok := b[it.Group]
	if !ok || isnil.Value(s) {
		return judge.Label{Reason: fmt.Sprintf("there is no source of %v", it.Group)}, nil
	}
	return s.Label(ctx, it)
}

// Templates implements [critique.Templated].
func (b ByGroup) Templates() (list []generator.TaskTemplate) {
	for _, g := range reflection.Groups() {
		list = append(list, templates(b[g])...)
	}
	return list
}

// MostLabelCost returns the most that a label of the group can cost.
func (b ByGroup) MostLabelCost(g reflection.Group) (budget.Cost, bool) {
	s, ok := b[g]
	if !ok || isnil.Value(s) {
		return budget.Cost{}, true
	}
	return MostCost(s, g)
}

// Known returns a source that knows the given labels and asks nothing. A label is found by
// the texts of its task. Of several labels of the same texts the last one counts; rejected
// ones do not.
func Known(labels []Labeled) Source {
	k := known{}
	for _, l := range labels {
		if it, ok := l.Task.item(l.JudgeRecord); ok && !l.Rejected() {
			k[itemAsShown(it)] = l.Label
		}
	}
	return k
}

type known map[judge.Item]reflection.Token

// itemAsShown returns the item as a judge is shown it: which part of a passage is its title makes no
// difference.
func itemAsShown(it judge.Item) judge.Item {
	it.Passage = generator.Evidence{Text: generator.JoinEvidence([]generator.Evidence{it.Passage})}
	return it
}

func (known) MostLabelCost(reflection.Group) (budget.Cost, bool) { return budget.Cost{}, true }

// Label implements Source.
func (k known) Label(_ context.Context, it judge.Item) (judge.Label, error) {
	if t, ok := k[itemAsShown(it)]; ok {
		return Answer{Label: t}.label(), nil
	}
	return judge.Label{Reason: "the labels have none for these texts"}, nil
}

// Fixed returns a source that gives t to every item of the group of t, and no other label.
// The answers of people, for example, can all have the utility 5 where no critic judges it.
func Fixed(t reflection.Token) Source { return fixed(t) }

type fixed reflection.Token

func (fixed) MostLabelCost(reflection.Group) (budget.Cost, bool) { return budget.Cost{}, true }

// Label implements Source.
func (f fixed) Label(_ context.Context, it judge.Item) (judge.Label, error) {
	t := reflection.Token(f)
	if it.Group != t.Group() || it.Group == reflection.NoGroup {
		return judge.Label{Reason: fmt.Sprintf("there is no source of %v", it.Group)}, nil
	}
	return Answer{Label: t}.label(), nil
}
