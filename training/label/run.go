package label

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/internal/journal"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

// ErrJournal is wrapped by the error about a file that is no journal, is one of other work,
// or is damaged.
var ErrJournal = journal.ErrFile

// Options are those of [Run]. The zero value is ready to use.
type Options struct {
	// Tasks are asked about each record that has the texts they need; nil means all. Of
	// equal texts a task is asked about once, for the first record that has them.
	Tasks []Task
	// Workers is how many labels are asked for at the same time, from 1 to 1,024; 0 means 4.
	Workers int
	// Journal names a file that keeps each label as soon as there is one: a run that was
	// broken off goes on there. Without one the labels are kept in memory. One process at a
	// time uses a file.
	Journal string
	// About names the source, such as a model. A journal of another one is refused.
	About string
	// Progress, unless nil, is called with the number of labels that were asked for and of
	// all, by one goroutine at a time.
	Progress func(done, total int)
}

func (o *Options) fill() error {
	if o.Workers == 0 {
		o.Workers = 4
	}
	if o.Workers < 1 || o.Workers > 1024 {
		return fmt.Errorf("%w: Workers is %d: want 1 to 1024, or 0 for 4", training.ErrOption, o.Workers)
	}
	if o.Tasks == nil {
		o.Tasks = tasks
	}
	for _, t := range o.Tasks {
		if err := t.check(); err != nil {
			return fmt.Errorf("%w: %w", training.ErrOption, err)
		}
	}
	return nil
}

// job is one label to be asked for.
type job struct {
	record int
	task   Task
	item   judge.Item
}

func jobs(records []training.JudgeRecord, list []Task) ([]job, error) {
	seen := map[judge.Item]bool{}
	var out []job
	for i, r := range records {
		if err := r.Check(); err != nil {
			return nil, fmt.Errorf("label: record %d: %w", i+1, err)
		}
		for _, t := range list {
			if it, ok := t.item(r); ok && !seen[it] {
				seen[it] = true
				out = append(out, job{i, t, it})
			}
		}
	}
	return out, nil
}

// kept is a line of the journal.
type kept struct {
	Label  reflection.Token `json:"label,omitzero"`
	Reason string           `json:"reason,omitempty"`
	Reply  string           `json:"reply,omitempty"`
}

// Run asks s for the labels of records, and returns them in the order of the records, of
// each in the order of the tasks. Rejected ones are among them.
//
// The error wraps training.ErrOption, training.ErrRecord, ErrJournal, budget.ErrExceeded or
// ctx.Err(), or is that of the source. What was asked so far is in the journal.
func Run(ctx context.Context, s Source, records []training.JudgeRecord, o Options) ([]Labeled, error) {
	if isnil.Value(s) {
		return nil, fmt.Errorf("%w: the source of labels is nil", training.ErrOption)
	}
	if err := o.fill(); err != nil {
		return nil, err
	}
	list, err := jobs(records, o.Tasks)
	if err != nil {
		return nil, err
	}
	work := journal.Work[kept]{
		File: o.Journal, Head: head(s, o.About, records, list), N: len(list), Workers: o.Workers, Progress: o.Progress,
		Most: func(i int) (budget.Cost, bool) { return MostCost(s, list[i].item.Group) },
		Do: func(ctx context.Context, i int) (kept, error) {
			l, err := s.Label(ctx, list[i].item)
			if err != nil {
				return kept{}, fmt.Errorf("record %d, task %s: %w", list[i].record+1, list[i].task, err)
			}
			return keep(l, list[i].task), nil
		},
	}
	results, err := work.Run(ctx)
	if err != nil {
		return nil, fmt.Errorf("label: %w", err)
	}
	defer results.Close()
	out := make([]Labeled, 0, len(list))
	for k, err := range results.All() {
		if err != nil {
			return nil, fmt.Errorf("label: %w", err)
		}
		j := list[len(out)]
		out = append(out, Labeled{records[j.record], j.task, k.Label, k.Reason, k.Reply})
	}
	return out, nil
}

// keep turns what a source said into a line of the journal.
func keep(l judge.Label, t Task) kept {
	switch {
	case l.Status != reflection.StatusJudged:
		reason := l.Reason
		if reason == "" {
			reason = "the source gave no label"
		}
		return kept{Reason: strings.ToValidUTF8(reason, "\uFFFD"), Reply: strings.ToValidUTF8(l.Reply, "\uFFFD")}
	case l.Token.Group() != t.Group(), t == Retrieval && l.Token == reflection.ContinueEvidence:
		return kept{Reason: fmt.Sprintf("the label %v is none of the task %s", l.Token, t)}
	}
	return kept{Label: l.Token}
}

// head identifies the work of a run.
func head(s Source, about string, records []training.JudgeRecord, list []job) map[string]string {
	sum := sha256.New()
	enc := json.NewEncoder(sum)
	for _, j := range list { // hash.Hash never returns an error
		_ = enc.Encode(j.task)
		_ = enc.Encode(j.item)
		_ = enc.Encode(records[j.record])
	}
	return map[string]string{
		"goselfrag": "labels", "version": "1", "about": about, "prompts": Prompts(s), "records": hex.EncodeToString(sum.Sum(nil)),
	}
}

// Prompts identifies the prompts of a source, as far as it names them: see
// critique.Templated. It is empty for one without.
func Prompts(s Source) string {
	list := templates(s)
	if len(list) == 0 {
		return ""
	}
	sum := sha256.New()
	for _, t := range list {
		fmt.Fprintln(sum, t.Name(), t.Hash())
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// templates returns the prompts of parts that name them.
func templates(parts ...any) (list []generator.TaskTemplate) {
	for _, p := range parts {
		if t, ok := p.(critique.Templated); ok {
			list = append(list, t.Templates()...)
		}
	}
	return list
}

// Estimate is what a run will take.
type Estimate struct {
	Labels int `json:"labels"` // that are asked for
	// MostCalls is the most calls of the model that they can take; -1 if the source does
	// not tell.
	MostCalls int `json:"most_calls"`
	// PromptTokens is about how many tokens the prompts have if each label takes one call: a
	// token for four bytes of the texts, and of the prompt around them.
	PromptTokens int `json:"prompt_tokens"`
}

const (
	promptBytes   = 450 // about how long the judge's prompts are without their texts
	bytesPerToken = 4   // usual for English
)

// Tokens returns about how many tokens a prompt has that shows n bytes of text.
func Tokens(n int) int { return (promptBytes + n + bytesPerToken - 1) / bytesPerToken }

// Plan returns what [Run] will take, without asking anything. It counts labels that are in
// a journal, too. Errors are those of Run.
func Plan(s Source, records []training.JudgeRecord, o Options) (Estimate, error) {
	if isnil.Value(s) {
		return Estimate{}, fmt.Errorf("%w: the source of labels is nil", training.ErrOption)
	}
	if err := o.fill(); err != nil {
		return Estimate{}, err
	}
	list, err := jobs(records, o.Tasks)
	if err != nil {
		return Estimate{}, err
	}
	e := Estimate{Labels: len(list)}
	for _, j := range list {
		e.PromptTokens += Tokens(len(j.item.Question) + len(j.item.Before) + len(j.item.Text) + len(generator.JoinEvidence([]generator.Evidence{j.item.Passage})))
		if most, ok := MostCost(s, j.item.Group); !ok {
			e.MostCalls = -1
		} else if e.MostCalls >= 0 {
			e.MostCalls += most.Calls
		}
	}
	return e, nil
}
