package evalrun

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
)

// docs writes n files.
func docs(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		text := fmt.Sprintf("# Town%d\n\nThe old lighthouse of the harbor was built by Mason%d in a cold winter. Boats pass it every day.\n", i, i)
		write(t, filepath.Join(dir, fmt.Sprintf("town%d.md", i)), text)
	}
	return dir
}

// A set made offline is the same each time. Its gold passages hold the answers, and no passage
// of its corpus holds what is asked of files that were taken out.
func TestNewOffline(t *testing.T) {
	from := docs(t, 20)
	one, two := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
	said := ok(t, "new", "-docs", from, "-out", one, "-unanswerable", "0.3")
	ok(t, "new", "-docs", from, "-out", two, "-unanswerable", "0.3")
	for _, name := range []string{corpusFile, questionsFile} {
		if read(t, one, name) != read(t, two, name) {
			t.Errorf("%s differs", name)
		}
	}
	passages, err := dataset.Passages(filepath.Join(one, corpusFile))
	if err != nil {
		t.Fatal(err)
	}
	questions, err := dataset.Questions(filepath.Join(one, questionsFile))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, p := range passages {
		texts[p.ID] = p.Text
	}
	without := 0
	for _, q := range questions {
		if !strings.Contains(q.Question, gap) {
			t.Errorf("%q has no gap", q.Question)
		}
		if q.Unanswerable {
			without++
			town, _, _ := strings.Cut(strings.TrimPrefix(q.Question, "What is missing (Town"), ")")
			for id, text := range texts {
				if metric.Match(text+" ", []string{"Mason" + town + " "}) {
					t.Errorf("passage %s answers %q", id, q.Question)
				}
			}
			continue
		}
		for _, id := range q.Positive {
			if !metric.Match(texts[id], q.Answers) {
				t.Errorf("passage %s does not hold the answer %q", id, q.Answers)
			}
		}
	}
	if without == 0 || without == len(questions) || len(passages) == 20 {
		t.Errorf("%d passages, %d questions, %d of them unanswerable\n%s", len(passages), len(questions), without, said)
	}
	if said := wrong(t, 1, "new", "-docs", from, "-out", one); !strings.Contains(said, "already") {
		t.Error(said)
	}
}

// A gap is a name or a number that stands once, inside a sentence.
func TestCloze(t *testing.T) {
	for passage, want := range map[string]string{
		"Tower\nThe tower was built in 1871 by Ada Kerr.":      "Q: What is missing (Tower): The tower was built in ____ by Ada Kerr.\nA: 1871\n",
		"The tower was built long ago by Ada Kerr alone.":      "Q: What is missing: The tower was built long ago by ____ alone.\nA: Ada Kerr\n",
		"It was Ada who built it, Ada herself, long ago.":      "",
		"Nothing in this sentence has a capital letter.":       "",
		"Too short for Ada.":                                   "",
		"The first one, A, is not long enough to be asked for": "",
	} {
		if got := clozes(passage, 1); got != want {
			t.Errorf("%q: %q: want %q", passage, got, want)
		}
	}
}

// What a model would write is asked for in the way of adapt, and a run can be made on it.
func TestNewThenRun(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "set")
	ok(t, "new", "-docs", docs(t, 30), "-out", out)
	write(t, filepath.Join(out, "run.yaml"), "sets:\n  - corpus: corpus.jsonl\n    questions: questions.jsonl\nabstain: 0.5\nsystems: [selfrag, floor]\n")
	got := ok(t, "run", "-json", "-file", filepath.Join(out, "run.yaml"), "-out", filepath.Join(dir, "r"))
	if !strings.Contains(got, `"abstained_right"`) || !strings.Contains(got, `"abstained_wrong"`) {
		t.Error(got)
	}
	if _, err := os.Stat(filepath.Join(dir, "r", "calls.jsonl")); err == nil {
		t.Error("the embedded model was recorded")
	}
}

// chat is a chat model that writes two questions about each passage, and as a judge supports
// only the answer that is a name.
func chat(t *testing.T) string {
	t.Helper()
	town := regexp.MustCompile(`Mason(\d+)`)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Messages []struct{ Content string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil && r.URL.Path == "/v1/chat/completions" {
			t.Error(err)
		}
		said := ""
		for _, m := range body.Messages {
			said += m.Content + "\n"
		}
		reply := `{"relevance": "relevant"}`
		switch {
		case strings.Contains(said, "different questions"):
			n := town.FindStringSubmatch(said)[1]
			reply = "Q: Who put up the light of Town" + n + "?\nA: Mason" + n + "\nQ: What does Town" + n + " eat?\nA: Soup"
		case strings.Contains(said, "Soup") && strings.Contains(said, `"support"`):
			reply = `{"support": "none", "utility": 1}`
		case strings.Contains(said, `"support"`):
			reply = `{"support": "full", "utility": 5}`
		}
		w.Header().Set("Content-Type", "text/event-stream")
		chunk, _ := json.Marshal(map[string]any{"choices": []any{map[string]any{"index": 0, "delta": map[string]string{"content": reply}}}})
		fmt.Fprintf(w, "data: %s\n\n", chunk)
		fmt.Fprint(w, `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":20}}`+"\n\ndata: [DONE]\n\n")
	}))
	t.Cleanup(s.Close)
	return "chat-labels+" + s.URL + "/m"
}

// A model writes the questions, and its critic rejects those whose answer the passage does not
// support.
func TestNewByModel(t *testing.T) {
	out, scores := filepath.Join(t.TempDir(), "set"), filepath.Join(t.TempDir(), "scores")
	from, url := docs(t, 12), chat(t)
	said := ok(t, "new", "-docs", from, "-out", out, "-generator", url, "-per-passage", "2", "-scores", scores)
	if !strings.Contains(said, "12 passages: 24 questions written, 12 rejected by the critic") {
		t.Error(said)
	}
	questions, err := dataset.Questions(filepath.Join(out, questionsFile))
	if err != nil || len(questions) != 12 {
		t.Fatalf("%v: %d questions", err, len(questions))
	}
	for _, q := range questions {
		if !strings.HasPrefix(q.Question, "Who put up the light of Town") {
			t.Errorf("%+v", q)
		}
	}
	// What the model said is kept: almost no call is left, and the set is the same.
	ok(t, "new", "-docs", from, "-out", out+"2", "-generator", url, "-per-passage", "2", "-scores", scores, "-calls", "1")
	if read(t, out, questionsFile) != read(t, out+"2", questionsFile) {
		t.Error("the sets differ")
	}
	if said := wrong(t, 1, "new", "-docs", from, "-out", out+"3", "-generator", url, "-calls", "3"); !strings.Contains(said, "used up") {
		t.Error(said)
	}
}
