package label

import (
	"fmt"
	"os"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/regular"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

// Labeled is a record with the label of one task, or the reason why it has none. It is a
// line of a file of labels, which people can write, too:
//
//	{"instruction":"…","evidence":"…","q_id":"1","task":"relevance","label":"[Relevant]"}
type Labeled struct {
	training.JudgeRecord
	Task Task `json:"task"`
	// Label is None if the record was rejected: then Reason says why, and Reply is the
	// reply that could not be read, if there was one.
	Label  reflection.Token `json:"label,omitzero"`
	Reason string           `json:"reason,omitempty"`
	Reply  string           `json:"reply,omitempty"`
}

// Rejected reports whether there is no label.
func (l Labeled) Rejected() bool { return l.Label == reflection.None }

// Check returns an error that wraps training.ErrRecord if the record fails its own Check,
// lacks a text that the task needs, or has a label of another group.
func (l Labeled) Check() error {
	if err := l.JudgeRecord.Check(); err != nil {
		return err
	}
	if err := l.Task.check(); err != nil {
		return fmt.Errorf("%w: %w", training.ErrRecord, err)
	}
	if _, ok := l.Task.item(l.JudgeRecord); !ok {
		return fmt.Errorf("%w: a text is missing that the task %s needs", training.ErrRecord, l.Task)
	}
	switch {
	case l.Label == reflection.ContinueEvidence && l.Task == Retrieval,
		l.Label != reflection.None && l.Label.Group() != l.Task.Group():
		return fmt.Errorf("%w: %q is no label of the task %s", training.ErrRecord, l.Label, l.Task)
	case !utf8.ValidString(l.Reply), !utf8.ValidString(l.Reason):
		return fmt.Errorf("%w: \"reply\" or \"reason\" is not UTF-8", training.ErrRecord)
	}
	return nil
}

// Critic returns the record that a critic is trained on: the definition of the task, the
// texts, the label. The texts are data: reserved strings in them are neutralized. It must not
// be called for a rejected record.
func (l Labeled) Critic() training.CriticRecord { return l.Task.critic(l.JudgeRecord, l.Label) }

// Read reads a file of labels. The first error, that of opening, of reading or a
// *dataset.LineError, ends it.
func Read(file string) ([]Labeled, error) {
	f, err := regular.OpenFile(file, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []Labeled
	for l, err := range training.NewReader[Labeled](f, file).All() {
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

// Count says how many labels a task has.
type Count struct {
	Task     Task `json:"task"`
	Labeled  int  `json:"labeled"`
	Rejected int  `json:"rejected"`
	// Classes counts the labels. All tokens of the group are in it.
	Classes map[reflection.Token]int `json:"classes"`
}

// Counts returns the counts of the tasks that have records, in the order of [Tasks].
func Counts(labels []Labeled) []Count {
	of := map[Task]*Count{}
	for _, l := range labels {
		c := of[l.Task]
		if c == nil {
			c = &Count{Task: l.Task, Classes: map[reflection.Token]int{}}
			for _, t := range l.Task.Group().Tokens() {
				c.Classes[t] = 0
			}
			of[l.Task] = c
		}
		if l.Rejected() {
			c.Rejected++
			continue
		}
		c.Labeled++
		c.Classes[l.Label]++
	}
	var list []Count
	for _, t := range tasks {
		if c := of[t]; c != nil {
			list = append(list, *c)
		}
	}
	return list
}
