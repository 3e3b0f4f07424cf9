package dataset

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/goselfrag/goselfrag/internal/regular"
)

// Sniff returns the layout of a file of questions by the keys of its first record, where
// these leave no doubt. Elsewhere the error wraps [ErrLayout]: name the layout.
func Sniff(file string) (Layout, error) {
	f, err := regular.OpenFile(file, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	js, err := startsJSON(in)
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	if js {
		for rec, err := range records(in, file, false) {
			var keys map[string]json.RawMessage
			if err != nil || decode(rec.text, &keys) != nil {
				break
			}
			if l := guess(keys); l != "" {
				return l, nil
			}
			break
		}
	}
	return "", fmt.Errorf("%w: the first record of %s is of no layout for certain: name it", ErrLayout, file)
}

// guess returns the layout of an object with these keys, or nothing.
func guess(keys map[string]json.RawMessage) Layout {
	has := func(names ...string) bool {
		for _, n := range names {
			if _, ok := keys[n]; !ok {
				return false
			}
		}
		return true
	}
	text := func(name string) bool { return has(name) && keys[name][0] == '"' }
	list := func(name string) bool { return has(name) && keys[name][0] == '[' }
	switch {
	case has("question", "golden_answers"):
		return FlashRAG
	case has("question", "positive_ctxs", "negative_ctxs"), has("question", "positive_ctxs", "hard_negative_ctxs"):
		return DPR
	case has("question", "docs") && (has("qa_pairs") || has("claims")):
		return ALCE
	case has("input", "topic", "cat"):
		return FactScore
	case text("input") && list("output"):
		return KILT
	case has("question", "answerKey") && has("choices", "ctxs"), list("ctxs") && has("question", "answers"):
		return SelfRAG
	case has("_id", "text"):
		return BEIR
	case has("question", "subject", "answer") && list("choices"):
		return MMLU
	case text("id") && text("question") && !has("ctxs") && (list("answers") || list("positive")):
		return Plain
	}
	return ""
}
