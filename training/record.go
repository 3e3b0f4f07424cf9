package training

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

var (
	// ErrRecord is wrapped by the error about a record that breaks its layout.
	ErrRecord = errors.New("training: bad record")
	// ErrOption is wrapped by the error about an option out of its range.
	ErrOption = errors.New("training: bad options")
)

// Record is a line of the generator's data, in the fields of the released file and with the
// mask. It also holds a record that is yet to be made, whose Output is the plain answer.
type Record struct {
	Instruction string `json:"instruction"`
	Output      string `json:"output"`
	Input       string `json:"input"` // given apart from the instruction, mostly empty
	ID          ID     `json:"id"`
	DatasetName string `json:"dataset_name"`
	// Masked are the spans of Output that have no loss, from and to in code points: what
	// [Runes] returns. nil if the record does not say.
	Masked [][2]int `json:"masked,omitzero"`
}

// ID names a record within its data set. It is read from a string or a number.
type ID string

// UnmarshalJSON reads a string, or the digits of a number.
func (id *ID) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9') {
		*id = ID(b)
		return nil
	}
	return json.Unmarshal(b, (*string)(id))
}

// Check returns an error that wraps ErrRecord if a text is not UTF-8, if Instruction or
// Output is blank, or if Masked is no list of spans of Output. It does not parse Output.
func (r Record) Check() error {
	for _, f := range []field{{"instruction", r.Instruction, true}, {"output", r.Output, true}, {"input", r.Input, false}, {"id", string(r.ID), false}, {"dataset_name", r.DatasetName, false}} {
		if err := f.check(); err != nil {
			return err
		}
	}
	_, err := SpansOf(r.Output, r.Masked)
	return err
}

// Neutralized returns r with Instruction and Input as [generator.SelfRAGTemplate] has them
// in a prompt: reserved strings in them are made harmless, so that a trainer's tokenizer
// reads no control token there. Output is left alone: [Output.String] has done it.
func (r Record) Neutralized() Record {
	r.Instruction, r.Input = generator.Neutralize(r.Instruction), generator.Neutralize(r.Input)
	return r
}

// CriticRecord is a line of the critic's data, in the published fields: Instruction defines
// what is asked, Input holds the texts to judge, Output is the label.
type CriticRecord struct {
	Instruction string `json:"instruction"`
	Input       string `json:"input"`
	Output      string `json:"output"`
	Task        string `json:"task"`
}

// Check returns an error that wraps ErrRecord if a text is not UTF-8, if Instruction is
// blank, or if Output is not the literal of a token that judges.
func (r CriticRecord) Check() error {
	for _, f := range []field{{"instruction", r.Instruction, true}, {"input", r.Input, false}, {"output", r.Output, true}, {"task", r.Task, false}} {
		if err := f.check(); err != nil {
			return err
		}
	}
	if t, _ := reflection.ParseToken(r.Output); t.Group() == reflection.NoGroup {
		return fmt.Errorf("%w: \"output\" is %.60q: want a token of Retrieve, IsREL, IsSUP or IsUSE", ErrRecord, r.Output)
	}
	return nil
}

// JudgeRecord is a line of the file that a judge labels, in the published fields. Which of
// them hold something depends on what is judged.
type JudgeRecord struct {
	Instruction        string `json:"instruction"`
	TargetOutput       string `json:"target_output"`       // the sentence
	Evidence           string `json:"evidence"`            // title, line break, text
	PrecedingSentences string `json:"preceding_sentences"` // of the output; null is read as ""
	Output             string `json:"output"`              // the whole answer
	QID                ID     `json:"q_id"`
	SentIdx            int    `json:"sent_idx"` // of the sentence, from 0
	PID                ID     `json:"p_id"`
}

// Check returns an error that wraps ErrRecord if a text is not UTF-8, if Instruction is
// blank, or if SentIdx is negative.
func (r JudgeRecord) Check() error {
	for _, f := range []field{
		{"instruction", r.Instruction, true}, {"target_output", r.TargetOutput, false}, {"evidence", r.Evidence, false},
		{"preceding_sentences", r.PrecedingSentences, false}, {"output", r.Output, false}, {"q_id", string(r.QID), false}, {"p_id", string(r.PID), false},
	} {
		if err := f.check(); err != nil {
			return err
		}
	}
	if r.SentIdx < 0 {
		return fmt.Errorf("%w: \"sent_idx\" is %d: want 0 or more", ErrRecord, r.SentIdx)
	}
	return nil
}

// field is a field of a record by its name in JSON.
type field struct {
	name, text string
	required   bool
}

func (f field) check() error {
	switch {
	case f.required && strings.TrimSpace(f.text) == "":
		return fmt.Errorf("%w: %q is missing or blank", ErrRecord, f.name)
	case !utf8.ValidString(f.text): // else encoding/json would put U+FFFD
		return fmt.Errorf("%w: %q is not UTF-8", ErrRecord, f.name)
	}
	return nil
}
