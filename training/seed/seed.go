package seed

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/training"
)

// Layout is how a file is laid out.
type Layout string

// The layouts. Files are JSON lines or a JSON array, but for ASQA.
const (
	// ARC is that of the data sets arc_easy and arc_hard, as Hugging Face has them:
	//
	//	{"id": "…", "question": "…", "choices": {"text": ["…", …], "label": ["A", …]}, "answerKey": "A"}
	//
	// The first four choices are lettered A to D, whatever their labels. Keys 1 to 4 are A
	// to D.
	ARC Layout = "arc"
	// OBQA is that of OpenBookQA: as ARC, but the question is in "question_stem".
	OBQA Layout = "obqa"
	// ASQA is the published file, one object. Its part "train" is read:
	//
	//	{"train": {"ID": {"ambiguous_question": "…", "annotations": [{"long_answer": "…"}, …]}, …}, …}
	//
	// The answer is that of the first annotation.
	ASQA Layout = "asqa"
	// KILT is that of DPR's training data, made of KILT's nq, fever, wow or trex:
	//
	//	{"question": "…", "answers": ["…", …]}
	//
	// The answer is the first one. Those of fever become true and false.
	KILT Layout = "kilt"
	// OpenInstruct is that of the Open-Instruct subsets:
	//
	//	{"id": "…", "messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}
	//
	// Kept are conversations of one turn, of at most 500 words on each side, in English on
	// both. Words are what spaces part. A text is English if its stop words say so, or if it
	// has none and is in Latin letters.
	OpenInstruct Layout = "open-instruct"
)

// ErrLayout is wrapped by the error about a layout or a data set that is not known.
var ErrLayout = errors.New("seed: bad layout")

// tasks are the instructions by the name of the data set. Those of nq and of Open-Instruct
// are asked without one.
var tasks = map[string]string{
	"arc_easy": generator.ARCEasy.Text, "arc_hard": generator.ARCEasy.Text, "obqa": generator.OBQA.Text, "asqa": generator.ASQA.Text,
	"fever": generator.PubHealth.Text, "wow": generator.WoW.Text, "trex": generator.TREX.Text,
}

// usual are the data sets of the layouts; without one it has to be named.
var usual = map[Layout]string{ARC: "arc_easy", OBQA: "obqa", ASQA: "asqa", KILT: "", OpenInstruct: ""}

// Skip says why an item has no record. [Reader.All] yields it as an error of its line, so
// that it can be counted.
type Skip string

// Error implements error.
func (s Skip) Error() string { return "seed: skipped: " + string(s) }

// The reasons.
const (
	Choices      Skip = "not an answer of A to D"
	Unknown      Skip = "an answer of fever that is neither SUPPORTS nor REFUTES"
	Unanswered   Skip = "no answer"
	Conversation Skip = "not one turn"
	Long         Skip = "more than 500 words on a side"
	Foreign      Skip = "not English"
)

// Reader reads seed records. It is not safe for concurrent use.
type Reader struct {
	name, dataset string
	items         func(yield func(id string, line int, i item, err error) bool)
}

// NewReader returns a reader of r; name is that of the file in errors, and set that of the
// data set, which begins the IDs of the records: "" is arc_easy, obqa or asqa for the layout
// of these, and must not be "" for the others. The error wraps ErrLayout.
func NewReader(r io.Reader, name string, layout Layout, set string) (*Reader, error) {
	first, ok := usual[layout]
	if !ok {
		return nil, fmt.Errorf("%w: %q: want %s, %s, %s, %s or %s", ErrLayout, layout, ARC, ASQA, KILT, OBQA, OpenInstruct)
	}
	out := &Reader{name: name, dataset: cmp.Or(set, first)}
	if out.dataset == "" {
		return nil, fmt.Errorf("%w: a file of the layout %s needs the name of its data set, such as nq", ErrLayout, layout)
	}
	switch layout {
	case ARC:
		out.items = lines[arcItem](r, name)
	case OBQA:
		out.items = lines[obqaItem](r, name)
	case KILT:
		out.items = lines[kiltItem](r, name)
	case OpenInstruct:
		out.items = lines[chatItem](r, name)
	case ASQA:
		out.items = asqaItems(r, name)
	}
	return out, nil
}

// All yields the records in their order, once. For an item that has none it yields a
// *[dataset.LineError], which wraps a [Skip] or [training.ErrRecord]; the next items follow.
// Any other error is the last.
func (r *Reader) All() iter.Seq2[training.Record, error] {
	return func(yield func(training.Record, error) bool) {
		r.items(func(id string, line int, i item, err error) bool {
			var question, answer string
			if err == nil {
				if question, answer, err = i.questionAnswer(r.dataset); err == nil && strings.TrimSpace(answer) == "" {
					err = Unanswered
				}
				if err != nil {
					err = &dataset.LineError{File: r.name, Line: line, Err: err}
				}
			}
			if err != nil {
				return yield(training.Record{}, err)
			}
			if task := tasks[r.dataset]; task != "" {
				question = task + "## Input:\n\n" + question
			}
			return yield(training.Record{Instruction: question, Output: answer, ID: training.ID(r.id(i, id)), DatasetName: r.dataset}, nil)
		})
	}
}

// id is the ID of an item within its data set; those of Open-Instruct are names by
// themselves.
func (r *Reader) id(i item, id string) string {
	if _, ok := i.(chatItem); ok {
		return id
	}
	return r.dataset + "_" + id
}
