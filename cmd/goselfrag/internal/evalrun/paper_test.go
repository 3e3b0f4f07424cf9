package evalrun

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/eval/task"
	"github.com/goselfrag/goselfrag/selfrag"
)

// scripted answers the questions of a task with given texts, through all of the pipeline but
// the model.
func scripted(t *testing.T, name string, s task.Settings, file string, texts map[string]string) (*paperRun, *run.Results) {
	t.Helper()
	got, err := task.Get(name, s)
	if err != nil {
		t.Fatal(err)
	}
	p := &paperRun{paperConfig: paperConfig{task: got, file: file, out: t.TempDir()}, variants: chosen(nil)}
	if err := p.readQuestions(); err != nil {
		t.Fatal(err)
	}
	answer := func(_ context.Context, q dataset.Question) (*selfrag.Answer, error) {
		return &selfrag.Answer{Text: texts[q.ID]}, nil
	}
	results, err := run.Do(t.Context(), p.out, []run.Part{{Name: "full", Questions: p.questions, Answer: answer, Score: p.score}}, run.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p, results
}

// recordedALCE is a recording of what ALCE's eval.py computes.
type recordedALCE struct {
	All struct {
		StrEM float64 `json:"str_em"`
		Rouge float64 `json:"rougeLsum"`
	} `json:"all"`
	Items []struct {
		Sentences []string   `json:"sentences"`
		Long      []string   `json:"long"`
		Pairs     [][]string `json:"qa_pairs"`
		StrEM     float64    `json:"str_em"`
		Rouge     float64    `json:"rougeLsum"`
	} `json:"items"`
}

// The scores of recorded outputs are those that ALCE's script gave them, item by item and in
// the table.
func TestPaperALCE(t *testing.T) {
	text, err := os.ReadFile("../../../../eval/metric/testdata/alce.json")
	if err != nil {
		t.Fatal(err)
	}
	var rec recordedALCE
	if err := json.Unmarshal(text, &rec); err != nil || len(rec.Items) < 30 {
		t.Fatalf("%v: %d items", err, len(rec.Items))
	}
	var list []map[string]any
	texts := map[string]string{}
	for i, it := range rec.Items {
		var pairs, annotations []map[string]any
		for _, p := range it.Pairs {
			pairs = append(pairs, map[string]any{"short_answers": p})
		}
		for _, l := range it.Long {
			annotations = append(annotations, map[string]any{"long_answer": l})
		}
		id := fmt.Sprint("s", i)
		texts[id] = strings.Join(it.Sentences, " ")
		list = append(list, map[string]any{"sample_id": id, "question": "Which " + id + "?", "qa_pairs": pairs, "annotations": annotations, "answer": "x", "docs": []any{}})
	}
	text, err = json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "asqa.json")
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
	p, results := scripted(t, "asqa", task.Released, name, texts)
	for i, r := range results.Parts[0].Records {
		want := rec.Items[i]
		if math.Abs(100*r.Scores["str_em"]-want.StrEM) > 1e-9 || math.Abs(100*r.Scores["rouge_lsum"]-want.Rouge) > 1e-9 {
			t.Errorf("item %d: %v: want %v and %v", i, r.Scores, want.StrEM, want.Rouge)
		}
	}
	var out bytes.Buffer
	files, err := p.write(results)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.report(&out, results, files); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{fmt.Sprintf("str_em              %.1f [", rec.All.StrEM), "30.0      31.7", "citation_precision is not computed here: give alce.json", "server with a GPU"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s\nlacks %q", &out, want)
		}
	}
	var written struct{ Data []struct{ Output string } }
	text, err = os.ReadFile(filepath.Join(p.out, "alce.json"))
	if err != nil || json.Unmarshal(text, &written) != nil || len(written.Data) != len(list) || written.Data[3].Output != texts["s3"] {
		t.Errorf("%v: alce.json has %d outputs", err, len(written.Data))
	}
}

// The released match looks for the gold answer with its case, and maps verdicts.
func TestPaperReleasedMatch(t *testing.T) {
	name := filepath.Join(t.TempDir(), "set.jsonl")
	lines := `{"id":"a","question":"Which city?","answers":["paris"],"ctxs":[]}
{"id":"b","question":"Which city?","answers":["Paris"],"ctxs":[]}
{"id":"c","question":"It is so.","answers":["true"],"ctxs":[]}
`
	if err := os.WriteFile(name, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	_, results := scripted(t, "popqa", task.Released, name, map[string]string{"a": "Paris, France", "b": "Paris, France", "c": "SUPPORTS"})
	for i, want := range []float64{0, 1, 1} {
		if r := results.Parts[0].Records[i]; r.Scores["match"] != want {
			t.Errorf("%s: %v: want %v", r.ID, r.Scores, want)
		}
	}
}

// Every figure that the paper reports is of a task and a metric that there are.
func TestPublished(t *testing.T) {
	for name, figures := range table2 {
		got, err := task.Get(name, task.Paper)
		if err != nil {
			t.Error(err)
		}
		for m := range figures {
			found := false
			for _, x := range got.Metrics {
				found = found || x == m
			}
			if !found {
				t.Errorf("%s has no metric %s", name, m)
			}
		}
	}
	for _, v := range variants() {
		for name := range v.paper {
			if _, err := task.Get(name, task.Paper); err != nil {
				t.Error(err)
			}
		}
	}
}
