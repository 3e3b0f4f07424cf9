package dataset

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode"

	"github.com/goselfrag/goselfrag/retriever"
)

// ErrWrite is wrapped by the error about a result that a layout cannot hold.
var ErrWrite = errors.New("dataset: cannot be written")

// Output is what a system answered to an item.
type Output struct {
	Item Item
	Text string
	// Cited are the passages that the text cites: [1] is the first.
	Cited []retriever.Passage
}

// WriteALCE writes outputs as ALCE's eval.py reads them: the record of each item, with the
// text as output and the cited passages as docs. It also reads the file for MAUVE.
func WriteALCE(w io.Writer, outputs iter.Seq2[Output, error]) error {
	b := bufio.NewWriter(w)
	b.WriteString(`{"args": [], "total_cost": 0.0, "azure_filter_fail": "", "data": [`)
	comma := ""
	for out, err := range outputs {
		if err != nil {
			return err
		}
		record, err := fieldsOf(out.Item)
		if err != nil {
			return err
		}
		docs := make([]map[string]string, len(out.Cited)) // [] if there is none
		for i, p := range out.Cited {
			docs[i] = map[string]string{"id": p.ID, "title": p.Title, "text": p.Text}
		}
		record["output"], record["docs"] = out.Text, docs
		b.WriteString(comma + "\n")
		if err := encode(b, record); err != nil {
			return err
		}
		comma = ","
	}
	b.WriteString("]}\n")
	return b.Flush()
}

// fieldsOf returns the record of an item as a map.
func fieldsOf(it Item) (map[string]any, error) {
	record := map[string]any{}
	if it.Record == nil {
		return nil, fmt.Errorf("%w: item %q has no record: read it from JSON", ErrWrite, it.ID)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(it.Record, &keys); err != nil {
		return nil, fmt.Errorf("%w: the record of item %q: %w", ErrWrite, it.ID, err)
	}
	for k, v := range keys {
		record[k] = v
	}
	return record, nil
}

// encode writes v as a line, letters such as < as they are.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// WriteFactScore writes outputs as FActScore reads them: lines of input, output, topic and
// cat.
func WriteFactScore(w io.Writer, outputs iter.Seq2[Output, error]) error {
	b := bufio.NewWriter(w)
	for out, err := range outputs {
		if err != nil {
			return err
		}
		if blank(out.Item.Topic) {
			return fmt.Errorf("%w: item %q has no topic", ErrWrite, out.Item.ID)
		}
		record, err := fieldsOf(out.Item)
		if err != nil {
			return err
		}
		line := struct {
			Input  string `json:"input"`
			Output string `json:"output"`
			Topic  string `json:"topic"`
			Cat    any    `json:"cat"`
		}{out.Item.Question.Question, out.Text, out.Item.Topic, record["cat"]}
		if err := encode(b, line); err != nil {
			return err
		}
	}
	return b.Flush()
}

// WriteRun writes a run as trec_eval reads it. trec_eval orders the passages of a query by
// score and then by id, descending, and does not look at the rank. An id or a name that is
// empty or holds white space is an error that wraps [ErrWrite].
func WriteRun(w io.Writer, ranked iter.Seq2[Ranked, error]) error {
	b := bufio.NewWriter(w)
	for r, err := range ranked {
		if err != nil {
			return err
		}
		for _, s := range []string{r.Query, r.Passage, r.Run} {
			if s == "" || strings.ContainsFunc(s, unicode.IsSpace) {
				return fmt.Errorf("%w: query %q, passage %q, run %q: white space separates the fields of a run: want names without any", ErrWrite, r.Query, r.Passage, r.Run)
			}
		}
		fmt.Fprintf(b, "%s Q0 %s %d %s %s\n", r.Query, r.Passage, r.Rank, strconv.FormatFloat(r.Score, 'g', -1, 64), r.Run)
	}
	return b.Flush()
}

// mauveWords is how many words ALCE compares.
const mauveWords = 100

// WriteMAUVE writes the arguments p_text and q_text of compute_mauve, as ALCE makes them: the
// question with the reference answer, and with the output, cut to 100 words. Citations
// must have been removed from the outputs. The figure itself is not computed here.
func WriteMAUVE(w io.Writer, outputs iter.Seq2[Output, error]) error {
	var texts struct {
		People []string `json:"p_text"`
		Model  []string `json:"q_text"`
	}
	for out, err := range outputs {
		if err != nil {
			return err
		}
		var record struct {
			Answer string `json:"answer"`
		}
		if err := json.Unmarshal(out.Item.Record, &record); err != nil || blank(record.Answer) {
			return fmt.Errorf("%w: the record of item %q has no answer to compare with", ErrWrite, out.Item.ID)
		}
		question := out.Item.Question.Question
		texts.People = append(texts.People, mauveText(question, record.Answer))
		texts.Model = append(texts.Model, mauveText(question, out.Text))
	}
	return encode(w, texts)
}

// mauveText joins a question and an answer.
func mauveText(question, answer string) string {
	words := strings.Fields(question + " " + answer)
	text := strings.Join(words[:min(len(words), mauveWords)], " ")
	return strings.TrimRightFunc(text, func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsPunct(r) || unicode.IsSymbol(r))
	})
}

// WriteReleased writes outputs as run_short_form.py of Self-RAG does, without the scores of
// candidates: prompts[i] is what was asked for the i-th, and values[i] what its metric, named
// metric, gives it.
func WriteReleased(w io.Writer, outputs []Output, prompts []string, metric string, values []float64) error {
	if len(prompts) != len(outputs) || len(values) != len(outputs) {
		return fmt.Errorf("%w: %d outputs, %d prompts, %d values: want one of each per output", ErrWrite, len(outputs), len(prompts), len(values))
	}
	preds, sum := make([]string, len(outputs)), 0.0
	for i, out := range outputs {
		preds[i] = out.Text
		sum += values[i]
	}
	return encode(w, map[string]any{
		"preds": preds, "prompts": prompts, "metric_results": values, "metric": metric,
		"metric_mean": sum / float64(max(len(values), 1)), "all_results": []string{}, "golds": []string{}, "scores": []string{},
	})
}
