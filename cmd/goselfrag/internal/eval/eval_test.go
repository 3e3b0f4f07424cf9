package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/system"
	"github.com/goselfrag/goselfrag/selfrag"
)

// run runs the command with arguments and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return command.Run(ctx, append([]string{"eval"}, args...), stdout, stderr, Command())
}

const (
	corpus    = "../../testdata/corpus.jsonl"
	questions = "../../testdata/questions.jsonl"
)

// eval runs the program on the test data and returns standard output.
func eval(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), append([]string{"-corpus", corpus, "-questions", questions}, args...), &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	return out.String()
}

// lastLine parses the last line of standard output, without its times.
func lastLine(t *testing.T, out string) map[string]any {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	var m map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &m); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if s, ok := m["seconds"].(float64); !ok || s <= 0 {
		t.Errorf("seconds is %v", m["seconds"])
	}
	delete(m, "seconds")
	for _, s := range m["systems"].(map[string]any) {
		delete(s.(map[string]any), "seconds")
	}
	return m
}

// answers reads a file of -out.
func answers(t *testing.T, name string) map[string]map[string]record {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]record{}
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")[1:] {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if out[r.System] == nil {
			out[r.System] = map[string]record{}
		}
		if _, twice := out[r.System][r.Question]; twice {
			t.Errorf("%s answers %s twice", r.System, r.Question)
		}
		out[r.System][r.Question] = r
	}
	return out
}

// The answers of the test data can be seen from its words: the song shares most with
// the first question, and no passage shares a word with the last but "is" and "the".
func TestBaselines(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.jsonl")
	m := lastLine(t, eval(t, "-json", "-systems", "floor,oracle,never,pooled,top1", "-out", name))
	got := answers(t, name)
	for _, c := range []struct{ system, question, answer, cited string }{
		{"floor", "built", "One song asks who built the lighthouse of Brannock but gives no name.", "song"},
		{"floor", "soup", "The harbour inn serves crab soup on Fridays.", "inn"},
		{"oracle", "built", "The lighthouse of Brannock was built in 1871 by Ada Kerr.", "tower"},
		{"oracle", "high", "It is 41 metres high.", "tower"},
		{"pooled", "soup", "The harbour inn serves crab soup on Fridays.", "inn"},
		{"top1", "pupils", "The school of Brannock has eleven pupils.", "school"},
		{"never", "soup", selfrag.DefaultAbstention, ""},
	} {
		if r := got[c.system][c.question]; r.Answer != c.answer || strings.Join(r.Cited, " ") != c.cited {
			t.Errorf("%s on %s: %q citing %v, want %q citing %q", c.system, c.question, r.Answer, r.Cited, c.answer, c.cited)
		}
	}
	// Right are: high, soup and pupils by the floor, and built by the oracle as well.
	of := m["systems"].(map[string]any)
	for _, c := range []struct {
		system, figure string
		want           float64
	}{
		{"floor", "match", 3.0 / 5}, {"floor", "match_cased", 3.0 / 5}, {"floor", "gold_citation", 3.0 / 4},
		{"floor", "retrieval_rate", 1}, {"floor", "model_calls", 0},
		{"oracle", "match", 4.0 / 5}, {"oracle", "match_cased", 3.0 / 5}, {"oracle", "gold_citation", 1},
		{"never", "match", 0}, {"never", "mean_words", 7}, {"never", "retrieval_rate", 0}, {"never", "gold_citation", 0},
		{"never", "model_calls", 5},
	} {
		if v := of[c.system].(map[string]any)[c.figure]; v != c.want {
			t.Errorf("%s of %s is %v, want %v", c.figure, c.system, v, c.want)
		}
	}
	d := of["oracle"].(map[string]any)["match_minus_first"].(map[string]any)
	if v := d["value"].(float64); math.Abs(v-0.2) > 1e-12 || d["low"].(float64) != 0 || d["high"].(float64) < 0.2 {
		t.Errorf("the oracle's difference is %v", d)
	}
	if m["system"] != "floor" || m["match"] != 0.6 || m["match_minus_first"] != nil {
		t.Errorf("the figures of the first system are not in front: %v", m)
	}
}

// The song shares most words with the first question, the tower has two of them in its
// title.
func TestRetrieval(t *testing.T) {
	for pipeline, want := range map[string]string{"": "tower", "lexical title=0": "song", "lexical title=0 | rerank depth=5": "tower"} {
		name := filepath.Join(t.TempDir(), "out.jsonl")
		eval(t, "-systems", "top1", "-out", name, "-retrieval", pipeline)
		if r := answers(t, name)["top1"]["built"]; strings.Join(r.Cited, " ") != want {
			t.Errorf("%q: cites %v, want %s", pipeline, r.Cited, want)
		}
	}
	// What the pipeline asks a model is counted: two passages are judged for each question.
	plain := lastLine(t, eval(t, "-json", "-systems", "floor,oracle,pooled,always", "-limit", "2", "-k", "2"))
	judged := lastLine(t, eval(t, "-json", "-systems", "floor,oracle,pooled,always", "-limit", "2", "-k", "2", "-retrieval", "lexical | rerank judge=model depth=2"))
	calls := func(m map[string]any, name string) float64 {
		return m["systems"].(map[string]any)[name].(map[string]any)["model_calls"].(float64)
	}
	for _, name := range []string{"floor", "oracle", "pooled", "always"} {
		if got := calls(judged, name) - calls(plain, name); got != 4 {
			t.Errorf("%s: the pipeline adds %v calls, want 4", name, got)
		}
	}
}

// A random answer is one of those of selfrag, with its passage.
func TestRandom(t *testing.T) {
	passages, err := dataset.Passages(corpus)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, p := range passages {
		texts[p.ID] = p.Text
	}
	cited := map[string]bool{}
	for _, seed := range []string{"1", "2", "3", "4"} {
		name := filepath.Join(t.TempDir(), "out.jsonl")
		eval(t, "-systems", "random", "-limit", "4", "-seed", seed, "-out", name)
		for q, r := range answers(t, name)["random"] {
			if len(r.Cited) != 1 || !strings.Contains(texts[r.Cited[0]], r.Answer) {
				t.Errorf("seed %s, %s: %q citing %v", seed, q, r.Answer, r.Cited)
				continue
			}
			cited[q+" "+r.Cited[0]] = true
		}
	}
	if len(cited) <= 4 {
		t.Errorf("the seed changes no choice: %v", cited)
	}
}

// The figures are computed again from the file of answers, in another way.
func TestJSONFigures(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.jsonl")
	m := lastLine(t, eval(t, "-json", "-out", name))
	asked, err := dataset.Questions(questions)
	if err != nil {
		t.Fatal(err)
	}
	got := answers(t, name)["selfrag"]
	var match, words, retrieved, gold, named, calls, tokens float64
	for _, q := range asked {
		r := got[q.ID]
		for _, a := range q.Answers {
			if strings.Contains(strings.ToLower(r.Answer), strings.ToLower(a)) {
				match++
				break
			}
		}
		words += float64(len(strings.Fields(r.Answer)))
		if r.Retrieved {
			retrieved++
		}
		for _, id := range q.Positive {
			named++
			if strings.Contains(" "+strings.Join(r.Cited, " ")+" ", " "+id+" ") {
				gold++
			}
		}
		calls += float64(r.Calls)
		tokens += float64(r.Tokens)
	}
	if calls == 0 || tokens == 0 || match == 0 {
		t.Fatalf("%v calls, %v tokens, %v right", calls, tokens, match)
	}
	for key, want := range map[string]any{
		"questions": 5.0, "match": match / 5, "mean_words": words / 5, "retrieval_rate": retrieved / 5,
		"gold_citation": gold / named, "model_calls": calls, "generated_tokens": tokens, "system": "selfrag", "k": 5.0,
	} {
		if m[key] != want {
			t.Errorf("%s is %v, want %v", key, m[key], want)
		}
	}
}

func TestEverySystemRuns(t *testing.T) {
	out := eval(t, "-systems", "all", "-limit", "3", "-k", "2")
	for _, name := range system.Names() {
		// The embedded model follows no instructions.
		if want := name != "few-shot" && name != "step-by-step"; strings.Contains(out, "\n"+name+" ") != want {
			t.Errorf("the table has %s: %t, want %t:\n%s", name, !want, want, out)
		}
	}
	if !strings.HasPrefix(out, "3 questions") {
		t.Errorf("%s", out)
	}
	for line := range strings.Lines(out) {
		if len(line) > 81 {
			t.Errorf("more than 80 characters: %s", line)
		}
	}
}

func TestBadInput(t *testing.T) {
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "in.jsonl")
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no corpus":          {[]string{"-questions", questions}, 2, "-corpus is missing"},
		"no questions":       {[]string{"-corpus", corpus}, 2, "-questions is missing"},
		"no such file":       {[]string{"-corpus", "nowhere.jsonl", "-questions", questions}, 1, "nowhere.jsonl"},
		"broken corpus":      {[]string{"-corpus", file("{\"id\":\"a\",\"text\":\"One.\"}\n{\"id\":"), "-questions", questions}, 1, "in.jsonl:2: "},
		"broken questions":   {[]string{"-corpus", corpus, "-questions", file("{\"id\":\"a\"}\n")}, 1, `in.jsonl:1: "question" is missing`},
		"empty questions":    {[]string{"-corpus", corpus, "-questions", file("")}, 1, "holds no line"},
		"k":                  {[]string{"-corpus", corpus, "-questions", questions, "-k", "0"}, 2, "-k is 0"},
		"limit":              {[]string{"-corpus", corpus, "-questions", questions, "-limit", "-1"}, 2, "-limit is -1"},
		"unknown system":     {[]string{"-corpus", corpus, "-questions", questions, "-systems", "selfrag,best"}, 2, `no "best": want all, or some of selfrag, `},
		"generator":          {[]string{"-corpus", corpus, "-questions", questions, "-generator", "tgi+http://a/m"}, 2, "-generator: bad URL"},
		"embeddings":         {[]string{"-corpus", corpus, "-questions", questions, "-embeddings", "vllm+http://a/m"}, 2, "-embeddings: bad URL"},
		"retrieval":          {[]string{"-corpus", corpus, "-questions", questions, "-retrieval", "lexical | rerenk"}, 2, `-retrieval: pipeline: 1:11: there is no stage "rerenk"`},
		"no model":           {[]string{"-corpus", corpus, "-questions", questions, "-retrieval", "lexical | variants"}, 2, "-retrieval: pipeline: 1:11: variants: it needs a model that follows instructions"},
		"no server":          {[]string{"-corpus", corpus, "-questions", questions, "-generator", "vllm+http://127.0.0.1:1/m"}, 1, "-generator: http://127.0.0.1:1"},
		"system twice":       {[]string{"-corpus", corpus, "-questions", questions, "-systems", "floor, floor"}, 2, "twice"},
		"resume of nothing":  {[]string{"-corpus", corpus, "-questions", questions, "-resume"}, 2, "-resume needs"},
		"unknown flag":       {[]string{"-colour"}, 2, "usage: goselfrag eval"},
		"a word":             {[]string{"-corpus", corpus, "-questions", questions, "what"}, 2, `"what" is not a flag`},
		"out is not a place": {[]string{"-corpus", corpus, "-questions", questions, "-out", filepath.Join(t.TempDir(), "no", "out")}, 1, "-out: "},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(t.Context(), c.args, &out, &errs); code != c.code || !strings.Contains(errs.String(), c.want) {
				t.Errorf("exit code %d, want %d with %q: %s", code, c.code, c.want, errs.String())
			}
			if out.Len() > 0 {
				t.Errorf("standard output: %s", out.String())
			}
		})
	}
}

func TestWarnsOfLackingPassages(t *testing.T) {
	name := filepath.Join(t.TempDir(), "q.jsonl")
	if err := os.WriteFile(name, []byte(`{"id":"q","question":"Who built the lighthouse?","answers":["Ada"],"positive":["castle"]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-corpus", corpus, "-questions", name, "-systems", "floor"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if !strings.Contains(errs.String(), `lacks 1 passages that questions name as positive, such as "castle"`) ||
		!strings.Contains(errs.String(), "warning: only 1 different passages are asked about") {
		t.Errorf("standard error: %s", errs.String())
	}
}

func TestGoldCitationIsNullWhenItIsNotKnown(t *testing.T) {
	name := filepath.Join(t.TempDir(), "q.jsonl")
	if err := os.WriteFile(name, []byte(`{"id":"q","question":"Who built the lighthouse?","answers":["Ada"]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	m := lastLine(t, eval(t, "-questions", name, "-json", "-systems", "floor"))
	if v, ok := m["gold_citation"]; !ok || v != nil {
		t.Errorf("gold_citation is %v", v)
	}
}

// The engine and the baselines over a model at a real server.
func TestGenerator(t *testing.T) {
	url := os.Getenv("GOSELFRAG_OLLAMA_URL")
	if url == "" {
		t.Skip("GOSELFRAG_OLLAMA_URL is not set: run .ci/ollama go test ./cmd/goselfrag/internal/eval")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	m := lastLine(t, eval(t, "-json", "-systems", "selfrag,never",
		"-generator", "ollama+"+url+"/"+os.Getenv("GOSELFRAG_OLLAMA_MODEL"),
		"-embeddings", url+"/"+os.Getenv("GOSELFRAG_OLLAMA_MODEL"),
		"-corpus", write("corpus.jsonl", `{"id":"b","title":"Bridge","text":"The old bridge is in London."}
{"id":"m","title":"Moon","text":"The moon is hot."}
`),
		"-questions", write("questions.jsonl", `{"id":"q","question":"Where is the old bridge?","answers":["London"],"positive":["b"]}
`)))
	if m["match"] != 1.0 || m["gold_citation"] != 1.0 {
		t.Errorf("%v: want the question answered and its passage cited", m)
	}
	if never := m["systems"].(map[string]any)["never"].(map[string]any); never["match"] != 0.0 {
		t.Errorf("%v: want the model not to know the answer by itself", never)
	}
}
