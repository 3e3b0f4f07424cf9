package check

import (
	"context"
	"crypto/sha256"
	"strconv"

	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest/clean"
	"github.com/goselfrag/goselfrag/training"
)

// digest tells texts apart.
type digest [16]byte

func digestOf(texts ...string) digest {
	h := sha256.New()
	for _, t := range texts {
		h.Write(strconv.AppendInt(nil, int64(len(t)), 10))
		h.Write([]byte{':'})
		h.Write([]byte(t))
	}
	return digest(h.Sum(nil)[:16])
}

// wordsOf returns the words of a text without case and punctuation.
func wordsOf(text string) (list []string) {
	for w := range analysis.PlainPieces(text) {
		list = append(list, w)
	}
	return list
}

// twins finds records that are there twice, by the line of the first.
type twins struct{ records, questions map[digest]int32 }

func newTwins() twins { return twins{map[digest]int32{}, map[digest]int32{}} }

func (t twins) find(r training.Record, question string, line int, report *Report) {
	key := digestOf(r.Instruction, r.Input, r.Output)
	if first, ok := t.records[key]; ok {
		report.addFinding(Duplicate, Place{Line: line, Of: int(first)})
		return
	}
	t.records[key] = int32(line)
	words := wordsOf(question)
	if len(words) == 0 {
		return
	}
	key = digestOf(words...)
	if first, ok := t.questions[key]; ok {
		report.addFinding(SameQuestion, Place{Line: line, Of: int(first)})
		return
	}
	t.questions[key] = int32(line)
}

// near keeps what near duplicates are looked for in.
type near struct{ texts []retriever.Passage }

func (n *near) add(line int, question, answer string) {
	n.texts = append(n.texts, retriever.Passage{ID: strconv.Itoa(line), Text: question + "\n" + answer})
}

// find reports the near duplicates among what was added. The error wraps ctx.Err().
func (n *near) find(ctx context.Context, similarity float64, report *Report) error {
	if len(n.texts) == 0 {
		return nil
	}
	_, found, err := clean.Passages(ctx, n.texts, clean.Options{NearDuplicate: similarity})
	if err != nil {
		return err
	}
	for _, d := range found.Drops {
		if d.Reason != clean.NearDuplicate {
			continue
		}
		line, _ := strconv.Atoi(d.ID)
		of, _ := strconv.Atoi(d.Of)
		report.addFinding(NearDuplicate, Place{Line: line, Of: of, Reason: "similarity " + strconv.FormatFloat(d.Value, 'f', 2, 64)})
	}
	return nil
}
