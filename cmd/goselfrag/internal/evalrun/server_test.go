package evalrun

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/goselfrag/goselfrag/eval/task"
)

// sets are hand-made files in the layout of each task.
var sets = map[string]string{
	"popqa": `{"id":1,"question":"Where is the old bridge?","answers":["London"],"ctxs":[{"id":"b","title":"Bridge","text":"The old bridge is in London."},{"id":"m","title":"Moon","text":"The moon is hot."}]}
{"id":2,"question":"What is the moon?","answers":["hot"],"ctxs":[{"id":"m","title":"Moon","text":"The moon is hot."}]}
`,
	"triviaqa": `{"question":"Where is the old bridge?","answers":["London"],"ctxs":[{"title":"Bridge","text":"The old bridge is in London."}]}
`,
	"pubhealth": `{"question":"The moon is hot.","answers":["true"],"ctxs":[{"title":"Moon","text":"The moon is hot."}]}
`,
	"arc": `{"question":"Where is the old bridge?","choices":{"label":["A","B","C","D"],"text":["London","moon","water","bridge"]},"answerKey":"A","ctxs":[{"title":"Bridge","text":"The old bridge is in London."}]}
`,
	"asqa": `[{"sample_id":"s1","question":"Where is the old bridge?","answer":"It is in London.","qa_pairs":[{"question":"Where?","short_answers":["London"]}],"annotations":[{"long_answer":"The old bridge is in London."}],"docs":[{"title":"Bridge","text":"The old bridge is in London."},{"title":"Moon","text":"The moon is hot."}]}]`,
	"eli5": `[{"question":"Why is the moon hot?","answer":"The moon is hot.","claims":["The moon is hot."],"docs":[{"title":"Moon","text":"The moon is hot."}]}]`,
	"factscore": `{"input":"Tell me of the old bridge.","topic":"Bridge","cat":["rare"],"ctxs":[{"title":"Bridge","text":"The old bridge is in London."}]}
`,
}

// paperTasks measures every task with both settings by a model, and returns the reports.
func paperTasks(t *testing.T, generator ...string) map[string]paperReport {
	t.Helper()
	reports := map[string]paperReport{}
	for _, name := range task.Names() {
		for _, s := range []task.Settings{task.Paper, task.Released} {
			dir := t.TempDir()
			file := write(t, filepath.Join(dir, "set.jsonl"), sets[name])
			args := append([]string{"paper", "-json", "-ablations", "-task", name, "-settings", string(s), "-file", file, "-out", filepath.Join(dir, "out")}, generator...)
			var r paperReport
			if err := json.Unmarshal([]byte(ok(t, args...)), &r); err != nil {
				t.Fatal(err)
			}
			if r.Questions == 0 || len(r.Figures) == 0 || len(r.Files) == 0 || len(r.Ablations) != len(variants()) {
				t.Errorf("%s, %s: %+v", name, s, r)
			}
			for _, f := range r.Files {
				if text := read(t, dir, "out", f); len(text) < 20 {
					t.Errorf("%s, %s: %s holds %q", name, s, f, text)
				}
			}
			// Again from what is there, with the same table.
			resumed := ok(t, append(args, "-resume")...)
			var again paperReport
			if err := json.Unmarshal([]byte(resumed), &again); err != nil || again.Figures[0].Metric != r.Figures[0].Metric {
				t.Errorf("%v: %s", err, resumed)
			}
			reports[name+" "+string(s)] = r
		}
	}
	return reports
}

// Every task runs from end to end by the embedded model, which quotes: where an answer is a
// quotation, it is right.
func TestPaperEmbedded(t *testing.T) {
	for name, r := range paperTasks(t) {
		right := name == "popqa paper" || name == "asqa paper"
		if f := r.Figures[0]; right && (f.Measured == nil || f.Measured.Value != 100) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// The same by a model at a real server. Its figures are noise: it knows a few words.
func TestPaperServer(t *testing.T) {
	url := os.Getenv("GOSELFRAG_OLLAMA_URL")
	if url == "" {
		t.Skip("GOSELFRAG_OLLAMA_URL is not set: run .ci/ollama go test ./cmd/goselfrag/internal/evalrun")
	}
	for name, r := range paperTasks(t, "-generator", "ollama+"+url+"/"+os.Getenv("GOSELFRAG_OLLAMA_MODEL")) {
		if r.Usage.Calls == 0 || r.Model == "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
