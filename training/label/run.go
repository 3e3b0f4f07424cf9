package label

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/training"
)

// Options are those of [Run]. The zero value is ready to use.
type Options struct {
	// Tasks are asked about each record that has the texts they need; nil means all. Of
	// equal texts a task is asked about once, for the first record that has them.
	Tasks []Task
	// Workers is how many labels are asked for at the same time, from 1 to 1,024; 0 means 4.
	Workers int
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

// Run asks s for the labels of records, and returns them in the order of the records, of
// each in the order of the tasks. Rejected ones are among them. It returns nothing with an
// error; a [Memory] keeps what was asked so far.
//
// The error wraps training.ErrOption, training.ErrRecord, budget.ErrExceeded or ctx.Err(),
// or is that of the source.
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
	out := make([]Labeled, 0, len(list))
	each := func(ctx context.Context, start func(context.Context, int) func() error) []error {
		most := func(i int) (budget.Cost, bool) { return MostCost(s, list[i].item.Group) }
		return budget.Each(ctx, len(list), o.Workers, most, start)
	}
	ask := func(ctx context.Context, i int) func() (Answer, error) {
		return func() (Answer, error) {
			if err := ctx.Err(); err != nil {
				return Answer{}, err
			}
			return Ask(ctx, s, list[i].item)
		}
	}
	for a, err := range fanout.Stream(ctx, len(list), 4*o.Workers, each, ask) {
		j := list[len(out)]
		if err != nil {
			return nil, fmt.Errorf("label: record %d, task %s: %w", j.record+1, j.task, err)
		}
		out = append(out, Labeled{records[j.record], j.task, a.Label, a.Reason, a.Reply})
		if o.Progress != nil {
			o.Progress(len(out), len(list))
		}
	}
	return out, nil
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

// Tokens returns about how many tokens a prompt has that shows n bytes of text: a token for
// four bytes, those of the prompt around the text included.
func Tokens(n int) int { return (promptBytes + n + bytesPerToken - 1) / bytesPerToken }

// Plan returns what [Run] will take, without asking anything. It counts labels that a
// [Memory] has, too. Errors are those of Run.
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
