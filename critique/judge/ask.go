package judge

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
)

const (
	// alternatives is the number of likeliest tokens that are read, the most that
	// hosted models give.
	alternatives = 20
	// maxTokens bounds a JSON reply. Replies are short, but a model that thinks
	// first needs the room.
	maxTokens = 512
	// nothingYet is the text of an empty path.
	nothingYet = "(nothing yet)"
)

// inquiry is one use of a judge: the values of its templates, and its cost.
type inquiry struct {
	judge  *Judge
	values map[string]string
	usage  generator.Usage
}

func (q *inquiry) critique(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
	var v critique.Verdict
	if err := ctx.Err(); err != nil {
		return v, err
	}
	text := strings.TrimSpace(cmp.Or(c.Text, c.Completion.Text()))
	passage := c.Completion.Finish == generator.Running // only its relevance is asked for
	switch {
	case passage && len(c.Completion.Steps) > 0:
		return v, critique.ErrIncomplete
	case passage:
		v.IsSUP.Status, v.IsUSE.Status = reflection.StatusPending, reflection.StatusPending
	default:
		v.IsREL.Status, v.IsSUP.Status, v.IsUSE.Status = reflection.StatusAbsent, reflection.StatusAbsent, reflection.StatusAbsent
		if text == "" {
			return v, nil
		}
	}
	t, before := &q.judge.t, c.Prompt.PathText()
	q.values = map[string]string{
		"question": question(c.Question, c.Prompt),
		"passage":  generator.JoinEvidence(c.Evidence()),
		"before":   cmp.Or(before, nothingYet),
		"segment":  text,
		"answer":   strings.TrimSpace(before + " " + text),
	}
	if len(c.Prompt.Evidence) > 0 {
		found, err := q.ask(ctx, form{t.RelevanceJSON, []field{relevanceField}}, single{t.Relevance, relevanceLabels})
		if err != nil {
			return v, err
		}
		v.IsREL = found[reflection.IsREL]
	}
	if passage {
		return v, nil
	}
	utility := single{t.Utility, utilityLabels}
	if len(c.Evidence()) == 0 {
		found, err := q.ask(ctx, form{t.UtilityJSON, []field{utilityField}}, utility)
		v.IsUSE = found[reflection.IsUSE]
		return v, err
	}
	found, err := q.ask(ctx, form{t.SegmentJSON, []field{supportField, utilityField}}, single{t.Support, supportLabels}, utility)
	v.IsSUP, v.IsUSE = found[reflection.IsSUP], found[reflection.IsUSE]
	return v, err
}

// ask judges groups. If the model gives log-probabilities, each group has a
// question of its own. The form, which asks for all groups, then fills in the open
// ones.
func (q *inquiry) ask(ctx context.Context, f form, questions ...single) (map[reflection.Group]reflection.Judgment, error) {
	probs, err := q.judge.hasProbs(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[reflection.Group]reflection.Judgment)
	open := false
	for _, s := range questions {
		j := reflection.Judgment{} // unknown
		if probs {
			if j, err = q.askOne(ctx, s); err != nil {
				return nil, err
			}
		}
		found[s.labels[0].token.Group()] = j
		open = open || j.Status != reflection.StatusJudged
	}
	if !open {
		return found, nil
	}
	tokens, err := q.askForm(ctx, f)
	if err != nil {
		return nil, err
	}
	for _, t := range tokens {
		if found[t.Group()].Status != reflection.StatusJudged {
			found[t.Group()] = reflection.Judged(reflection.OneHot(t), t, reflection.PromptedLabels)
		}
	}
	return found, nil
}

// hasProbs asks the model once whether it gives log-probabilities. A model that
// cannot describe itself is assumed to give none.
func (j *Judge) hasProbs(ctx context.Context) (bool, error) {
	j.mu.Lock()
	known := j.probs
	j.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	caps, err := generator.Describe(ctx, j.model)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return false, err
	}
	j.mu.Lock()
	j.probs = &caps.LogProbs
	j.mu.Unlock()
	return caps.LogProbs, nil
}

// askOne asks for one token. The judgment is unknown if the token is no label.
func (q *inquiry) askOne(ctx context.Context, s single) (reflection.Judgment, error) {
	c, err := q.complete(ctx, s.template, generator.Request{MaxTokens: 1, Alternatives: alternatives})
	if err != nil || len(c.Steps) == 0 {
		return reflection.Judgment{}, err
	}
	d, token, ok := s.labels.distribution(c.Steps[0].Top)
	if !ok {
		return reflection.Judgment{}, nil
	}
	return reflection.Judged(d, token, reflection.PromptedProbs), nil
}

// askForm asks for a JSON object, once more if the reply holds no clear one. It
// returns the labels in the order of the fields, none if neither reply can be read.
func (q *inquiry) askForm(ctx context.Context, f form) ([]reflection.Token, error) {
	template := f.template
	for range 2 {
		c, err := q.complete(ctx, template, generator.Request{MaxTokens: maxTokens})
		if err != nil {
			return nil, err
		}
		got, deviates, err := readReply(c.Said(), f.fields)
		if deviates {
			q.judge.deviating.Add(1)
			observe.Current(ctx).Note("a reply was not the JSON object alone, but it was clear")
		}
		if err == nil {
			tokens := make([]reflection.Token, len(f.fields))
			for i, field := range f.fields {
				tokens[i] = got[field.key]
			}
			return tokens, nil
		}
		q.values["reply"], q.values["reason"] = c.Text(), err.Error()
		template = f.template.Join(q.judge.t.Repair)
	}
	return nil, nil
}

// complete fills the template in and asks the model.
func (q *inquiry) complete(ctx context.Context, t generator.TaskTemplate, req generator.Request) (generator.Completion, error) {
	values := maps.Clone(q.values)
	maps.DeleteFunc(values, func(name, _ string) bool { return !slices.Contains(t.Placeholders(), name) })
	req.Task = &generator.Task{Template: t, Values: values}
	c, err := generator.Complete(ctx, q.judge.model, req)
	if !budget.Refused(err) { // otherwise no call was made
		q.usage = q.usage.Add(c.Spent())
	}
	return c, err
}
