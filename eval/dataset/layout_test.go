package dataset_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/eval/dataset"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldens are files of every layout. Each has a golden file, looked at by hand, beside it.
var goldens = []struct {
	file   string
	layout dataset.Layout
	corpus bool
}{
	{"plain.jsonl", dataset.Plain, false}, {"plain_corpus.jsonl", dataset.Plain, true},
	{"selfrag_popqa.jsonl", dataset.SelfRAG, false}, {"selfrag_triviaqa.jsonl", dataset.SelfRAG, false},
	{"selfrag_pubhealth.jsonl", dataset.SelfRAG, false}, {"selfrag_arc.jsonl", dataset.SelfRAG, false},
	{"alce_asqa.json", dataset.ALCE, false}, {"factscore.jsonl", dataset.FactScore, false},
	{"flashrag.jsonl", dataset.FlashRAG, false}, {"flashrag_corpus.jsonl", dataset.FlashRAG, true},
	{"dpr.json", dataset.DPR, false}, {"dpr_qas.csv", dataset.DPR, false}, {"dpr_corpus.tsv", dataset.DPR, true},
	{"kilt.jsonl", dataset.KILT, false}, {"kilt_corpus.jsonl", dataset.KILT, true},
	{"beir_queries.jsonl", dataset.BEIR, false}, {"beir_corpus.jsonl", dataset.BEIR, true},
	{"mmlu.csv", dataset.MMLU, false}, {"mmlu.jsonl", dataset.MMLU, false},
}

// dump writes the values of a stream and its error, one a line. Of a record it writes only
// how long it is.
func dump[T any](stream iter.Seq2[T, error]) []byte {
	var b bytes.Buffer
	for v, err := range stream {
		if err != nil {
			fmt.Fprintln(&b, "error:", err)
			continue
		}
		if it, ok := any(&v).(*dataset.Item); ok {
			it.Record = nil
		}
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		b.Write(append(text, '\n'))
	}
	return b.Bytes()
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.ReplaceAll(string(want), "\r\n", "\n"); want != string(got) {
		t.Error(cmp.Diff(want, string(got)))
	}
}

func TestLayouts(t *testing.T) {
	seen := map[dataset.Layout]bool{}
	for _, c := range goldens {
		seen[c.layout] = true
		t.Run(c.file, func(t *testing.T) {
			file := filepath.Join("testdata", c.file)
			var got []byte
			if c.corpus {
				got = dump(dataset.Corpus(file, c.layout, dataset.Options{}))
			} else {
				got = dump(dataset.Items(file, c.layout, dataset.Options{}))
				sniffed, err := dataset.Sniff(file)
				if err == nil && sniffed != c.layout || err != nil && !errors.Is(err, dataset.ErrLayout) {
					t.Errorf("Sniff says %q, %v", sniffed, err)
				}
				if certain := c.file != "mmlu.csv" && c.file != "dpr_qas.csv" && c.file != "selfrag_triviaqa.jsonl"; certain != (err == nil) {
					t.Errorf("Sniff says %q, %v: want it certain: %v", sniffed, err, certain)
				}
			}
			golden(t, file+".golden", got)
		})
	}
	for _, a := range dataset.Layouts() {
		if !seen[a.Layout] {
			t.Errorf("layout %s has no golden file", a.Layout)
		}
	}
}

func TestTREC(t *testing.T) {
	for _, file := range []string{"trec.qrels", "beir_qrels.tsv"} {
		golden(t, filepath.Join("testdata", file+".golden"), dump(dataset.Judgments(filepath.Join("testdata", file), dataset.Options{})))
	}
	golden(t, "testdata/trec.run.golden", dump(dataset.Runs("testdata/trec.run", dataset.Options{})))
}

func TestJudge(t *testing.T) {
	items, err := dataset.Collect("queries", dataset.Items("testdata/beir_queries.jsonl", dataset.BEIR, dataset.Options{}))
	if err != nil || len(items) != 3 {
		t.Fatal(items, err)
	}
	items, err = dataset.Judge(items, dataset.Judgments("testdata/beir_qrels.tsv", dataset.Options{}))
	if err != nil || len(items) != 2 {
		t.Fatal(items, err)
	}
	if q := items[0]; q.ID != "q1" || !cmp.Equal(q.Positive, []string{"d1"}) || !cmp.Equal(q.Grades, map[string]float64{"d1": 2, "d2": 0}) {
		t.Errorf("%+v", q)
	}
	_, err = dataset.Judge(items, dataset.ReadJudgments(strings.NewReader("q1 0 d1 1\nq1 0 d1 2\n"), "twice", dataset.Options{}))
	if err == nil || !strings.Contains(err.Error(), "judged twice") {
		t.Error(err)
	}
}

// Bad lines are named; on request they are left out and told.
func TestBadLines(t *testing.T) {
	const good = `{"question": "Who?", "answers": ["Ada"], "ctxs": []}` + "\n"
	items := func(l dataset.Layout) func(string, dataset.Options) []byte {
		return func(text string, o dataset.Options) []byte {
			return dump(dataset.ReadItems(strings.NewReader(text), "f", l, o))
		}
	}
	corpus := func(l dataset.Layout) func(string, dataset.Options) []byte {
		return func(text string, o dataset.Options) []byte {
			return dump(dataset.ReadCorpus(strings.NewReader(text), "f", l, o))
		}
	}
	judgments := func(text string, o dataset.Options) []byte {
		return dump(dataset.ReadJudgments(strings.NewReader(text), "f", o))
	}
	runs := func(text string, o dataset.Options) []byte {
		return dump(dataset.ReadRuns(strings.NewReader(text), "f", o))
	}
	for name, c := range map[string]struct {
		read    func(string, dataset.Options) []byte
		text    string
		want    string // in the error
		skipped int
		left    int // values with Skip
	}{
		"cut short":        {items(dataset.SelfRAG), good + "\n" + `{"question": "Wh`, "f:3: not as expected: unexpected end", 1, 1},
		"in the middle":    {items(dataset.SelfRAG), good + "{}\nnull\n" + good, `f:2: "answers" is missing`, 2, 2},
		"not UTF-8":        {items(dataset.SelfRAG), "\uFEFF{\"question\": \"\xe9\"}\n" + good, "f:1: not UTF-8", 1, 1},
		"blank question":   {items(dataset.SelfRAG), `{"question": " ", "answers": ["x"]}`, `f:1: "question" is missing or blank`, 1, 0},
		"element":          {items(dataset.ALCE), `[{"question": "Who?"}, 7, {"question": "Why?"}]`, "f: record 2: not a JSON object", 1, 2},
		"no short answers": {items(dataset.ALCE), `{"args": [1], "data": [{"question": "Who?", "qa_pairs": [{"question": "?"}]}]}`, `f: record 1: "qa_pairs"[0]`, 1, 0},
		"no topic":         {items(dataset.FactScore), `{"input": "Tell me."}`, `f:1: "topic" is missing`, 1, 0},
		"labels":           {items(dataset.SelfRAG), `{"question": "?", "answerKey": "A", "choices": {"label": ["A"], "text": []}}`, "1 labels and 0 texts", 1, 0},
		"golden index":     {items(dataset.FlashRAG), `{"question": "?", "choices": ["a"], "golden_answers": [1]}`, `"golden_answers"[0] is 1`, 1, 0},
		"no id":            {items(dataset.BEIR), `{"text": "who"}`, `"_id" is missing`, 1, 0},
		"a passage":        {corpus(dataset.BEIR), `{"_id": "d1", "text": " "}`, `"text" is missing`, 1, 0},
		"cells":            {corpus(dataset.DPR), "id\ttext\ttitle\n1\tx\n2\ty\tz\n", "f:2: the row has 2 cells", 1, 1},
		"no list":          {items(dataset.DPR), "who\t['a', b]\nwho\t['a'\nwho\t['a']\n", `is no list of strings`, 2, 1},
		"key":              {items(dataset.MMLU), "q,a,b,c,d,E\nq,a,b,c,d,A\n", `f:1: the key is "E"`, 1, 1},
		"quote":            {items(dataset.MMLU), "q,a,b,c,d,A\nq,a\"b,b,c,d,A\nq,a,b,c,d,B\n", `f:2: bare "`, 1, 2},
		"judgment":         {judgments, "q1 0 d1 1\nq1 d1 1\nq1 0 d2 yes\n", "f:2: the line has 3 words", 2, 1},
		"grade":            {judgments, "query-id\tcorpus-id\tscore\nq\td\tNaN\n", `f:2: the grade is "NaN"`, 1, 0},
		"run":              {runs, "q Q0 d 1.5 2 r\n", `the rank is "1.5"`, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(c.read(c.text, dataset.Options{}))
			if !strings.Contains(got, "error: ") || !strings.Contains(got, c.want) || strings.Count(got, "error: ") != 1 {
				t.Errorf("read %s: want one error with %q", got, c.want)
			}
			skipped := 0
			got = string(c.read(c.text, dataset.Options{Skip: func(e *dataset.LineError) {
				if skipped++; skipped == 1 && !strings.Contains(e.Error(), c.want) {
					t.Errorf("skipped %v: want %q", e, c.want)
				}
			}}))
			if skipped != c.skipped || strings.Count(got, "\n") != c.left || strings.Contains(got, "error") {
				t.Errorf("skipped %d, read %s: want %d skipped and %d left", skipped, got, c.skipped, c.left)
			}
		})
	}
}

// What cannot be skipped ends the reading whether or not bad lines are skipped.
func TestBrokenFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"array cut short":  {`[{"question": "Who?"}, {"question"`, "record 2: unexpected EOF"},
		"no comma":         {`[{"question": "Who?"} {"question": "Why?"}]`, "record 2: "},
		"behind the array": {`[{"question": "Who?"}] x`, "record 2: "},
		"two arrays":       {`[{"question": "Who?"}] []`, "something follows"},
		"no data":          {`{"args": []}`, `no key "data"`},
		"data is no array": {`{"data": 7}`, "f:1: got 7"},
	} {
		t.Run(name, func(t *testing.T) {
			var last error
			for _, err := range dataset.ReadItems(strings.NewReader(c.text), "f", dataset.ALCE, dataset.Options{Skip: func(e *dataset.LineError) { t.Error("skipped", e) }}) {
				last = err
			}
			var line *dataset.LineError
			if last == nil || !strings.Contains(last.Error(), c.want) || !errors.As(last, &line) {
				t.Errorf("error %v, want %q", last, c.want)
			}
		})
	}
	for name, err := range map[string]error{
		"no layout": first(dataset.Items("testdata/plain.jsonl", "csv", dataset.Options{})),
		"no corpus": first(dataset.Corpus("testdata/alce_asqa.json", dataset.ALCE, dataset.Options{})),
	} {
		if !errors.Is(err, dataset.ErrLayout) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := first(dataset.Items("testdata/none", dataset.Plain, dataset.Options{})); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func first[T any](stream iter.Seq2[T, error]) error {
	for _, err := range stream {
		return err
	}
	return nil
}

func TestCollect(t *testing.T) {
	read := func(text string) iter.Seq2[dataset.Item, error] {
		return dataset.ReadItems(strings.NewReader(text), "f", dataset.Plain, dataset.Options{})
	}
	const line = `{"id": "q", "question": "Who?"}` + "\n"
	for text, want := range map[string]string{line + line: `the id "q"`, "\n": "no record", "{}": "f:1"} {
		if _, err := dataset.Collect("f", read(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v", text, err)
		}
	}
	if list, err := dataset.Collect("f", read(line)); err != nil || len(list) != 1 || string(list[0].Record) != strings.TrimSpace(line) {
		t.Error(list, err)
	}
}
