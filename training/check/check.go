package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/internal/scan"
)

// ErrOption is wrapped by the error about an option out of its range.
var ErrOption = errors.New("check: bad options")

// Options says what is looked for. The zero value looks for all but near duplicates.
type Options struct {
	// Against are the questions of an evaluation set.
	Against []Question
	// NearDuplicate is the similarity of question and answer, from 0.5 to 1, from which on
	// records are near duplicates, as package clean defines it; 0 looks for none. All
	// questions and answers are kept in memory for it.
	NearDuplicate float64
	// Length is the number of characters of instruction, input and output behind which a
	// trainer cuts records off; 0 is no limit.
	Length int
	// Places is how many places of each finding are listed, from 1 to 100,000; 0 means 20.
	Places int
}

func (o Options) check() error {
	switch {
	case o.NearDuplicate != 0 && !(o.NearDuplicate >= 0.5 && o.NearDuplicate <= 1):
		return fmt.Errorf("%w: NearDuplicate is %v: want 0.5 to 1, or 0 to look for none", ErrOption, o.NearDuplicate)
	case o.Length < 0:
		return fmt.Errorf("%w: Length is %d: want a number of characters, or 0 for no limit", ErrOption, o.Length)
	case o.Places < 0 || o.Places > 100_000:
		return fmt.Errorf("%w: Places is %d: want 1 to 100000, or 0 for 20", ErrOption, o.Places)
	}
	return nil
}

// Question is a question of an evaluation set. It is read from a field "question", or from
// "instruction" and "input".
type Question struct {
	Question    string `json:"question"`
	Instruction string `json:"instruction"`
	Input       string `json:"input"`
	Line        int    `json:"-"`
}

// Check returns an error that wraps training.ErrRecord if there is no question.
func (q Question) Check() error {
	if strings.TrimSpace(q.text()) == "" {
		return fmt.Errorf(`%w: neither "question" nor "instruction" nor "input" has a text`, training.ErrRecord)
	}
	return nil
}

func (q Question) text() string {
	return cmp.Or(q.Question, questionOf(training.Record{Instruction: q.Instruction, Input: q.Input}))
}

// ReadQuestions reads an evaluation set, in JSON lines or a JSON array; name is that of the
// file in errors. An error in a line is a *[dataset.LineError].
func ReadQuestions(r io.Reader, name string) ([]Question, error) {
	var list []Question
	reader := training.NewReader[Question](r, name)
	for q, err := range reader.All() {
		if err != nil {
			return nil, err
		}
		q.Line = reader.Line()
		list = append(list, q)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s holds no question", name)
	}
	return list, nil
}

// Run reads a file to its end and reports on it. It keeps some 150 bytes of each record.
// The error wraps ErrOption, ctx.Err(), or is one of reading; what is wrong with the data
// is no error but in the report.
func Run(ctx context.Context, r *training.Reader[training.Record], o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c := newChecker(o)
	if err := eachRecord(ctx, r, c.report, c.record); err != nil {
		return nil, err
	}
	if err := c.near.find(ctx, o.NearDuplicate, c.report); err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	c.report.share()
	return c.report, nil
}

// eachRecord takes the records of a file, and reports the lines that are none.
func eachRecord[T training.Checked](ctx context.Context, r *training.Reader[T], report *Report, take func(T, int)) error {
	for record, err := range r.All() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("check: %w", err)
		}
		var line *dataset.LineError
		switch {
		case errors.As(err, &line):
			report.addFinding(NoRecord, Place{Line: line.Line, Reason: line.Err.Error()})
		case err != nil:
			return err
		default:
			report.Records++
			take(record, r.Line())
		}
	}
	return nil
}

// checker collects what is found.
type checker struct {
	options Options
	report  *Report
	twins   twins
	against evaluation
	near    near
}

func newChecker(o Options) *checker {
	kinds := []Kind{NoRecord, Malformed, WrongMask, EmptyAnswer, EmptyPassage, PromptToken, NoEvidence, Duplicate, SameQuestion}
	if o.NearDuplicate > 0 {
		kinds = append(kinds, NearDuplicate)
	}
	if len(o.Against) > 0 {
		kinds = append(kinds, Overlap, NearOverlap)
	}
	c := &checker{options: o, report: newReport(o, kinds...), twins: newTwins(), against: newEvaluation(o.Against)}
	for _, k := range []training.MaskKind{training.MaskPassages, training.MaskMarks, training.MaskReleased} {
		c.report.Masks = append(c.report.Masks, Loss{Mask: string(k)})
	}
	return c
}

// record takes one record.
func (c *checker) record(r training.Record, line int) {
	c.report.Datasets[short(r.DatasetName)]++
	question := questionOf(r)
	for _, text := range []string{r.Instruction, r.Input} {
		s := scan.Scanner{Text: text}
		if _, t, ok := s.Next(); ok {
			c.report.addFinding(PromptToken, Place{Line: line, Reason: t.String()})
			break
		}
	}
	c.twins.find(r, question, line, c.report)
	c.against.find(question, line, c.report)
	o, err := training.Parse(r.Output)
	c.report.count(r.Output)
	var malformed *training.MalformedError
	if errors.As(err, &malformed) {
		c.report.addFinding(Malformed, Place{Line: line, Offset: malformed.Offset, Reason: malformed.Reason})
		return
	}
	answer := c.segments(o, line)
	if c.options.NearDuplicate > 0 {
		c.near.add(line, question, answer)
	}
	c.masks(r, line)
}

// short is a name of at most 200 bytes, so that names cannot fill the memory.
func short(name string) string {
	return strings.ToValidUTF8(strings.Clone(name[:min(len(name), 200)]), "")
}

// segments looks at the parts of an output and returns its answer as a text.
func (c *checker) segments(o training.Output, line int) string {
	var answer strings.Builder
	passage, orphan := false, false
	for _, s := range o.Segments {
		answer.WriteString(s.Text)
		passage = passage || s.Passage != nil
		orphan = orphan || s.Retrieve == reflection.ContinueEvidence && !passage
		if s.Passage != nil {
			c.report.Passages++
			if strings.TrimSpace(s.Passage.Text) == "" {
				c.report.addFinding(EmptyPassage, Place{Line: line})
			}
		}
		if s.Retrieve == reflection.None {
			c.report.Unjudged++
		}
	}
	c.report.Segments += len(o.Segments)
	if orphan {
		c.report.addFinding(NoEvidence, Place{Line: line})
	}
	if strings.TrimSpace(answer.String()) == "" {
		c.report.addFinding(EmptyAnswer, Place{Line: line})
	}
	return answer.String()
}

// questionOf returns what is asked in a record: the instruction without the definition of
// the task before it, and the input.
func questionOf(r training.Record) string {
	q := r.Instruction
	if i := strings.LastIndex(q, "## Input:\n"); i >= 0 {
		if rest := strings.TrimSpace(q[i+len("## Input:\n"):]); rest != "" {
			q = rest
		}
	}
	if r.Input != "" {
		q += "\n" + r.Input
	}
	return q
}
