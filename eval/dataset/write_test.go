package dataset_test

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"path/filepath"
	"testing"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/retriever"
)

// outputs answers the items of a file.
func outputs(file string, l dataset.Layout) iter.Seq2[dataset.Output, error] {
	return func(yield func(dataset.Output, error) bool) {
		for it, err := range dataset.Items(filepath.Join("testdata", file), l, dataset.Options{}) {
			out := dataset.Output{Item: it, Text: "It is <red>, " + it.ID + "!"}
			if len(it.Passages) > 1 {
				out.Text, out.Cited = "In 1902 [1].", []retriever.Passage{it.Passages[1]}
			}
			if !yield(out, err) {
				return
			}
		}
	}
}

func TestWrite(t *testing.T) {
	ranked := func(yield func(dataset.Ranked, error) bool) {
		dataset.Runs("testdata/trec.run", dataset.Options{})(yield)
	}
	for name, write := range map[string]func(io.Writer) error{
		"alce.json": func(w io.Writer) error { return dataset.WriteALCE(w, outputs("alce_asqa.json", dataset.ALCE)) },
		"factscore.jsonl": func(w io.Writer) error {
			return dataset.WriteFactScore(w, outputs("factscore.jsonl", dataset.FactScore))
		},
		"mauve.json": func(w io.Writer) error { return dataset.WriteMAUVE(w, outputs("alce_asqa.json", dataset.ALCE)) },
		"trec.run":   func(w io.Writer) error { return dataset.WriteRun(w, ranked) },
		"released.json": func(w io.Writer) error {
			var list []dataset.Output
			for out, err := range outputs("selfrag_popqa.jsonl", dataset.SelfRAG) {
				if err != nil {
					return err
				}
				list = append(list, out)
			}
			return dataset.WriteReleased(w, list, []string{"one", "two"}, "match", []float64{1, 0})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "written_"+name+".golden"), b.Bytes())
		})
	}
}

// What is written as ALCE has it can be read again.
func TestWriteALCEReads(t *testing.T) {
	var b bytes.Buffer
	if err := dataset.WriteALCE(&b, outputs("alce_asqa.json", dataset.ALCE)); err != nil {
		t.Fatal(err)
	}
	items, err := dataset.Collect("written", dataset.ReadItems(&b, "written", dataset.ALCE, dataset.Options{}))
	if err != nil || len(items) != 2 || len(items[0].Passages) != 1 || items[0].Passages[0].ID != "2002" || len(items[0].Pairs) != 2 {
		t.Fatal(items, err)
	}
	if text, ok := items[0].Output(); !ok || text != "In 1902 [1]." {
		t.Error(text, ok)
	}
	for _, record := range []string{"", `{"output": ["x"]}`, "{}"} {
		if text, ok := (dataset.Item{Record: []byte(record)}).Output(); ok {
			t.Errorf("%s has the output %q", record, text)
		}
	}
}

func TestWriteErrors(t *testing.T) {
	one := func(out dataset.Output) iter.Seq2[dataset.Output, error] {
		return func(yield func(dataset.Output, error) bool) { yield(out, nil) }
	}
	run := func(r dataset.Ranked) iter.Seq2[dataset.Ranked, error] {
		return func(yield func(dataset.Ranked, error) bool) { yield(r, nil) }
	}
	for name, err := range map[string]error{
		"no record":  dataset.WriteALCE(io.Discard, one(dataset.Output{})),
		"no topic":   dataset.WriteFactScore(io.Discard, outputs("alce_asqa.json", dataset.ALCE)),
		"no answer":  dataset.WriteMAUVE(io.Discard, outputs("factscore.jsonl", dataset.FactScore)),
		"white":      dataset.WriteRun(io.Discard, run(dataset.Ranked{Query: "q 1", Passage: "d", Run: "r"})),
		"empty":      dataset.WriteRun(io.Discard, run(dataset.Ranked{Query: "q", Passage: "d"})),
		"no prompts": dataset.WriteReleased(io.Discard, make([]dataset.Output, 2), nil, "match", nil),
	} {
		if !errors.Is(err, dataset.ErrWrite) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	broken := errors.New("broken")
	if err := dataset.WriteALCE(io.Discard, func(yield func(dataset.Output, error) bool) { yield(dataset.Output{}, broken) }); !errors.Is(err, broken) {
		t.Error(err)
	}
}
