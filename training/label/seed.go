package label

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/training"
)

// inputMark parts the task from the question in the instruction of the published records.
const inputMark = "## Input:\n\n"

// Question returns what a record asks: with its task and its input, as a source of labels
// sees it, and without the task, as a retriever is asked.
func Question(r training.Record) (full, bare string) {
	full, bare = r.Instruction, r.Instruction
	if _, question, ok := strings.Cut(r.Instruction, inputMark); ok && strings.TrimSpace(question) != "" {
		bare = question
	}
	if r.Input != "" && !strings.Contains(r.Instruction, r.Input) {
		full += "\n\n" + r.Input
		bare += " " + r.Input
	}
	return full, bare
}

// Sentence is a sentence of an answer.
type Sentence struct {
	Text string
	// Short is set for one of fewer than 30 characters in an answer of more than two: it is
	// too short to be judged.
	Short bool
}

// Sentences cuts an answer.
func Sentences(answer string) []Sentence {
	spans := sentence.Split(answer)
	list := make([]Sentence, len(spans))
	for i, s := range spans {
		text := answer[s.Start:s.End]
		list[i] = Sentence{text, len(spans) > 2 && utf8.RuneCountInString(text) < 30}
	}
	return list
}

// Records returns what can be judged of seeds, whose outputs are plain answers: each
// sentence that is not short with each of the first k passages that r finds for the question
// and the sentence. A sentence without passages has one record. The error wraps
// training.ErrOption, training.ErrRecord or ctx.Err(), or is that of r.
func Records(ctx context.Context, r retriever.Retriever, seeds []training.Record, k int) ([]training.JudgeRecord, error) {
	if isnil.Value(r) {
		return nil, fmt.Errorf("%w: the retriever is nil", training.ErrOption)
	}
	if k < 1 {
		return nil, fmt.Errorf("%w: k is %d: want at least 1", training.ErrOption, k)
	}
	var list []training.JudgeRecord
	for i, seed := range seeds {
		if err := seed.Check(); err != nil {
			return nil, fmt.Errorf("label: seed %d: %w", i+1, err)
		}
		full, bare := Question(seed)
		var before []string
		for at, s := range Sentences(seed.Output) {
			preceding := strings.Join(before, " ")
			before = append(before, s.Text)
			if s.Short {
				continue
			}
			res, err := retriever.Ask(ctx, r, retriever.Query{Text: bare + " " + s.Text, K: k})
			if err != nil {
				return nil, fmt.Errorf("label: seed %d, sentence %d: %w", i+1, at+1, err)
			}
			record := training.JudgeRecord{
				Instruction: full, TargetOutput: s.Text, PrecedingSentences: preceding, Output: seed.Output, QID: seed.ID, SentIdx: at,
			}
			if len(res.Hits) == 0 {
				list = append(list, record)
			}
			for _, h := range res.Hits {
				record.PID = training.ID(strings.ToValidUTF8(h.Passage.ID, "\uFFFD"))
				record.Evidence = strings.ToValidUTF8(generator.JoinEvidence([]generator.Evidence{{Title: h.Passage.Title, Text: h.Passage.Text}}), "\uFFFD")
				list = append(list, record)
			}
		}
	}
	return list, nil
}
