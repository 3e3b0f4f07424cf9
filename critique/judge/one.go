package judge

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Item is what one label is asked for: texts that are there already, as in making training
// data. All of them are data.
type Item struct {
	// Group says which label: of Retrieve, IsREL, IsSUP or IsUSE.
	Group reflection.Group
	// Question is the question, with its task if there is one.
	Question string
	// Passage is judged by IsREL and IsSUP. For Retrieve it is the passage at hand, zero if
	// there is none.
	Passage generator.Evidence
	// Before is the answer before Text; empty at its start.
	Before string
	// Text is a sentence of the answer for IsSUP and Retrieve, and the whole answer for
	// IsUSE. Empty for IsREL and for the decision before an answer begins.
	Text string
}

// Check returns an error that says what the item lacks for its group.
func (it Item) Check() error {
	passage := strings.TrimSpace(it.Passage.Text) != ""
	text := strings.TrimSpace(it.Text) != ""
	switch {
	case it.Group == reflection.NoGroup || it.Group.Size() == 0:
		return fmt.Errorf("judge: an item of the group %v: want Retrieve, IsREL, IsSUP or IsUSE", it.Group)
	case strings.TrimSpace(it.Question) == "":
		return fmt.Errorf("judge: an item of the group %v without a question", it.Group)
	case !passage && (it.Group == reflection.IsREL || it.Group == reflection.IsSUP):
		return fmt.Errorf("judge: an item of the group %v without a passage", it.Group)
	case !text && (it.Group == reflection.IsSUP || it.Group == reflection.IsUSE):
		return fmt.Errorf("judge: an item of the group %v without a text", it.Group)
	}
	return nil
}

// Label is the answer to an [Item].
type Label struct {
	// Judgment is unknown if no reply could be read.
	reflection.Judgment
	// Reply is the last reply that could not be read, and Reason says what is wrong with it.
	// Both are empty if the item was judged.
	Reply  string
	Reason string
	Usage  generator.Usage
}

// Label asks for the label of one group, as [Judge.Critique] and [Judge.Decide] do for
// several: in one call for one token or for JSON, and in one more for each reply that cannot
// be read. The item must pass [Item.Check]. Safe for concurrent use.
func (j *Judge) Label(ctx context.Context, it Item) (Label, error) {
	if err := it.Check(); err != nil {
		return Label{}, err
	}
	asked := inquiry{judge: j, values: map[string]string{
		"question": it.Question,
		"passage":  generator.JoinEvidence([]generator.Evidence{it.Passage}),
		"before":   cmp.Or(strings.TrimSpace(it.Before), nothingYet),
		"segment":  strings.TrimSpace(it.Text),
		"answer":   strings.TrimSpace(it.Text),
	}}
	t := &j.t
	var one single
	var object form
	switch it.Group {
	case reflection.IsREL:
		one, object = single{t.Relevance, relevanceLabels}, form{t.RelevanceJSON, []field{relevanceField}}
	case reflection.IsSUP:
		one, object = single{t.Support, supportLabels}, form{t.SupportJSON, []field{supportField}}
	case reflection.IsUSE:
		one, object = single{t.Utility, utilityLabels}, form{t.UtilityJSON, []field{utilityField}}
	default:
		if it.Text != "" && it.Passage.Text != "" {
			one, object = single{t.Sentence, continueLabels}, form{t.SentenceJSON, []field{continueField}}
			break
		}
		asked.values["answer"] = asked.values["before"]
		one, object = single{t.Retrieve, retrieveLabels}, form{t.RetrieveJSON, []field{retrieveField}}
	}
	found, err := asked.ask(ctx, object, one)
	l := Label{Usage: asked.usage}
	if err != nil {
		return l, fmt.Errorf("judge: %w", err)
	}
	if l.Judgment = found[it.Group]; l.Status != reflection.StatusJudged {
		l.Reply, l.Reason = asked.values["reply"], asked.values["reason"]
	}
	return l, nil
}

// MostLabelCost returns the most that one use of Label can cost, and true.
func (j *Judge) MostLabelCost(reflection.Group) (budget.Cost, bool) { return mostOf(1), true }
