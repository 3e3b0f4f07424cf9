package label

import (
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/enum"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

// Task is a question about a record. Its text is the name in the published records.
type Task string

// The tasks. There is no default.
const (
	Retrieval      Task = "retrieval"       // before the answer: [Retrieval] or [No Retrieval]
	MultiRetrieval Task = "multi_retrieval" // before a later sentence: these two or [Continue to Use Evidence]
	Relevance      Task = "relevance"       // of the evidence to the instruction
	Support        Task = "groudness"       // of the sentence by the evidence; spelled as published
	Utility        Task = "utility"         // of the whole output
)

var tasks = []Task{Retrieval, MultiRetrieval, Relevance, Support, Utility}

// Tasks returns all tasks, in a fixed order.
func Tasks() []Task { return append([]Task(nil), tasks...) }

// MarshalText writes the name.
func (t Task) MarshalText() ([]byte, error) { return []byte(t), t.check() }

// UnmarshalText reads a name.
func (t *Task) UnmarshalText(b []byte) error {
	if err := Task(b).check(); err != nil {
		return err
	}
	*t = Task(b)
	return nil
}

func (t Task) check() error {
	for _, known := range tasks {
		if t == known {
			return nil
		}
	}
	return fmt.Errorf("label: %q is not a task: want one of %s", string(t), enum.List(tasks))
}

// Group returns the group of the labels.
func (t Task) Group() reflection.Group {
	switch t {
	case Retrieval, MultiRetrieval:
		return reflection.Retrieve
	case Relevance:
		return reflection.IsREL
	case Support:
		return reflection.IsSUP
	case Utility:
		return reflection.IsUSE
	}
	return reflection.NoGroup
}

// item returns what is asked about a record, and false if the record lacks a text that the
// task needs.
func (t Task) item(r training.JudgeRecord) (judge.Item, bool) {
	it := judge.Item{Group: t.Group(), Question: r.Instruction}
	switch t {
	case MultiRetrieval:
		if strings.TrimSpace(r.PrecedingSentences) == "" || strings.TrimSpace(r.Evidence) == "" || strings.TrimSpace(r.TargetOutput) == "" {
			return it, false
		}
		it.Passage, it.Before, it.Text = passage(r.Evidence), r.PrecedingSentences, r.TargetOutput
	case Relevance:
		it.Passage = passage(r.Evidence)
	case Support:
		it.Passage, it.Before, it.Text = passage(r.Evidence), r.PrecedingSentences, r.TargetOutput
	case Utility:
		it.Text = r.Output
	}
	return it, it.Check() == nil
}

// passage reads evidence: a title, a line break and a text, or a text of one line.
func passage(evidence string) generator.Evidence {
	if title, text, ok := strings.Cut(evidence, "\n"); ok && strings.TrimSpace(text) != "" {
		return generator.Evidence{Title: title, Text: text}
	}
	return generator.Evidence{Text: evidence}
}

// Definition returns the text that says what is asked in the critic's training data.
func (t Task) Definition() string { return definitions[t] }

// The definitions name exactly the labels that the judge can give.
var definitions = map[Task]string{
	Retrieval: "You get an instruction. Decide whether a look into documents helps to answer it well. " +
		"Reply [Retrieval] if it does and [No Retrieval] if it does not.",
	MultiRetrieval: "You get an instruction, the sentences of the answer so far, the evidence with which they were written, and the next sentence of the answer. Decide what the next sentence needs. " +
		"Reply [Continue to Use Evidence] if the evidence is enough, [No Retrieval] if no evidence is needed, and [Retrieval] if other evidence is needed.",
	Relevance: "You get an instruction and evidence. Decide whether the evidence holds information that helps to answer the instruction. " +
		"Reply [Relevant] if it does and [Irrelevant] if it does not.",
	Support: "You get an instruction, a sentence of an answer, evidence and, where there are some, the sentences before. Decide how far the evidence supports the sentence; use no other knowledge. " +
		"Reply [Fully supported] if all that the sentence says is in the evidence or follows from it, [Partially supported] if some of it is, and [No support / Contradictory] if nothing is or the evidence says otherwise.",
	Utility: "You get an instruction and an answer. Rate how useful the answer is. " +
		"Reply with one label: [Utility:5] for a full answer to exactly this instruction, [Utility:4] if something small is missing, [Utility:3] if something important is missing, [Utility:2] if it hardly helps, [Utility:1] if it is no answer to the instruction.",
}

// critic returns the record that a critic is trained on. The texts of r are data: reserved
// strings in them are neutralized.
func (t Task) critic(r training.JudgeRecord, label reflection.Token) training.CriticRecord {
	var b strings.Builder
	add := func(name, text string) {
		if text = strings.TrimSpace(text); text != "" {
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(name + ": " + text)
		}
	}
	add("Task instruction", r.Instruction)
	switch t {
	case MultiRetrieval:
		add("Preceding sentences", r.PrecedingSentences)
		add("Evidence", r.Evidence)
		add("Output", r.TargetOutput)
	case Relevance:
		add("Evidence", r.Evidence)
	case Support:
		add("Preceding sentences", r.PrecedingSentences)
		add("Output", r.TargetOutput)
		add("Evidence", r.Evidence)
	case Utility:
		add("Output", r.Output)
	}
	return training.CriticRecord{Instruction: t.Definition(), Input: generator.Neutralize(b.String()), Output: label.String(), Task: string(t)}
}
