package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"go.uber.org/goleak"
)

// run runs the command with arguments and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return command.Run(ctx, append([]string{"compare"}, args...), stdout, stderr, Command())
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	corpus    = "../../testdata/corpus.jsonl"
	questions = "../../testdata/questions.jsonl"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// start runs the program and returns standard output.
func start(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	return out.String()
}

// measured runs the program with -json.
func measured(t *testing.T, args ...string) report {
	t.Helper()
	out := strings.TrimSuffix(start(t, append(args, "-json")...), "\n")
	var r report
	if err := json.Unmarshal([]byte(out[strings.LastIndex(out, "\n")+1:]), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// A set whose every figure is known. Keywords find both right passages of the first
// question, at 1 and 3 (x, which repeats the word, is between them), and the one of the
// second at 2. No system finds that of the third.
var knownCorpus = `{"id":"a","text":"Salt salt salt."}
{"id":"x","text":"Salt salt and sun."}
{"id":"b","text":"Salt is sold on the market."}
{"id":"c","text":"The river carries ships, barges, rafts and logs."}
{"id":"d","text":"River."}
{"id":"e","text":"Nothing."}
`
var knownQuestions = `{"id":"1","question":"salt","answers":["x"],"positive":["a","b"]}
{"id":"2","question":"river","answers":["x"],"positive":["c"]}
{"id":"3","question":"moon","answers":["x"],"positive":["e"]}
{"id":"4","question":"left out","answers":["x"]}
`

// unanswered are the same without answers.
var unanswered = strings.ReplaceAll(knownQuestions, `"answers":["x"]`, `"answers":[]`)

func TestKnownFigures(t *testing.T) {
	c, q := write(t, "c", knownCorpus), write(t, "q", unanswered)
	r := measured(t, "-corpus", c, "-questions", q, "-k", "3,1", "-pipeline", "words=lexical", "-pipeline", "first=lexical | rerank judge=model depth=1")
	log2 := math.Log2
	if r.Questions != 3 || r.Passages != 6 || strings.Join(r.Figures, " ") != "recall@1 recall@3 MRR@10 nDCG@10 calls" {
		t.Errorf("%+v", r)
	}
	words := r.Systems[0]
	for name, want := range map[string]float64{
		"recall@1": (0.5 + 0 + 0) / 3, "recall@3": (1 + 1 + 0) / 3.0, "MRR@10": (1 + 0.5 + 0) / 3,
		"nDCG@10": ((1+1/log2(4))/(1+1/log2(3)) + 1/log2(3)) / 3, "calls": 0,
	} {
		if got := words.Figures[name]; !near(got.Value, want) || got.Low > got.Value || got.High < got.Value || got.MinusFirst != nil {
			t.Errorf("%s is %+v, want %v", name, got, want)
		}
	}
	if got := r.Systems[1].Figures["calls"]; !near(got.Value, 2.0/3) || !near(got.MinusFirst.Value, 2.0/3) { // one hit of each but the third
		t.Errorf("calls: %+v", got)
	}
	if len(words.Curve) != 10 || !near(words.Curve[0], 0.5/3) || !near(words.Curve[1], 1.5/3) || !near(words.Curve[9], 2.0/3) {
		t.Errorf("curve %v", words.Curve)
	}
	if words.MedianMillis <= 0 || words.P95Millis < words.MedianMillis {
		t.Errorf("median %v, 95th percentile %v", words.MedianMillis, words.P95Millis)
	}
}

// The curve is recall at each k, counted one k at a time, and ends where lists do.
func TestCurve(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var a asked
	var questions []dataset.Question
	for range 30 {
		q, ranked := dataset.Question{}, []string{}
		for range 40 {
			ranked = append(ranked, strconv.Itoa(random.IntN(50))) // some of them twice
		}
		for range 1 + random.IntN(6) {
			q.Positive = append(q.Positive, strconv.Itoa(random.IntN(50)))
		}
		questions, a.ranked = append(questions, q), append(a.ranked, ranked)
	}
	if n := len(a.curve(config{ks: []int{1, 20}}, questions)); n != 20 {
		t.Errorf("%d places", n)
	}
	curve := a.curve(config{ks: []int{1, 1e6}}, questions)
	if len(curve) != 40 {
		t.Errorf("%d places", len(curve))
	}
	for k, got := range curve {
		want := 0.0
		for i, q := range questions {
			want += metric.Recall(a.ranked[i], q.Positive, k+1) / float64(len(questions))
		}
		if !near(got, want) {
			t.Errorf("recall@%d is %v, want %v", k+1, got, want)
		}
	}
}

// The table is for a terminal of 80 columns, however long names are, and each row can be
// told from the others.
func TestTable(t *testing.T) {
	known, q := write(t, "c", knownCorpus), write(t, "q", knownQuestions)
	long := "lexical | rerank depth=1 | mmr lambda=0.5 depth=50 | cache size=1000 age=1m | limit time=1m | rerank depth="
	for name, c := range map[string]struct {
		args, want []string
	}{
		"passages": {[]string{"-pipeline", long + "2 | mmr", "-pipeline", long + "3 | mmr", "-pipeline", "dense"},
			[]string{"\nlexical | rerank dept…pth=2 | mmr ", "…pth=3 | mmr "}},
		"same ends": {[]string{"-pipeline", long + "2" + long[7:] + "2", "-pipeline", long + "3" + long[7:] + "2"},
			[]string{"1: lexical | rerank de…nk depth=2  ", "2: lexical | rerank de…nk depth=2  "}},
		"other ends": {[]string{"-pipeline", long + "2", "-pipeline", long + "3"}, []string{"\nlexical | rerank dept…ank depth=2  ", "…ank depth=3  "}},
		"sweep":      {[]string{"-pipeline", long + "2", "-sweep", "2,1000"}, []string{"th=2, 2 words ", "th=2, 1000 words "}},
		"calls":      {[]string{"-pipeline", "a = lexical | rerank judge=model"}, []string{"\ncalls  mean"}},
		"one":        {[]string{"-pipeline", "a = lexical"}, []string{"\nrecall@1  mean [95 %]\na         0.167 [0.000, 0.500]\n", "\ncaution: only 3 different passages are asked about: "}},
	} {
		t.Run(name, func(t *testing.T) {
			out := start(t, append(c.args, "-corpus", known, "-questions", q)...)
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			for line := range strings.Lines(out) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
					t.Errorf("%d characters: %s", n, line)
				}
			}
		})
	}
}

// A pipeline without a name is its own.
func TestNames(t *testing.T) {
	c, q := write(t, "c", knownCorpus), write(t, "q", knownQuestions)
	r := measured(t, "-corpus", c, "-questions", q, "-pipeline", "lexical|mmr", "-pipeline", "my flat one = lexical b=0", "-pipeline", "dense dim=64", "-pipeline", "dense=dense")
	if a, b := r.Systems[0], r.Systems[1]; a.Name != "lexical|mmr" || a.Pipeline != "lexical | mmr" || b.Name != "my flat one" || b.Pipeline != "lexical b=0" || r.Systems[2].Name != "dense dim=64" || r.Systems[3].Name != "dense" {
		t.Errorf("%+v", r.Systems)
	}
	// Without regard to length c comes before d, in the order of the file.
	if d := r.Systems[1].Disagreements; len(d) != 1 || d[0] != (disagreement{"2", "river", 2, 1}) {
		t.Errorf("disagreements %+v", d)
	}
	if d := r.Systems[1].Figures["MRR@10"].MinusFirst; !near(d.Value, 0.5/3) || d.Low != 0 {
		t.Errorf("difference %+v", d)
	}
}

func TestDefaults(t *testing.T) {
	out := start(t, "-corpus", corpus, "-questions", questions)
	for _, p := range offline {
		if strings.Count(out, "\n"+p.Name+" ") < 1 {
			t.Errorf("the table lacks %s:\n%s", p.Name, out)
		}
	}
	if !strings.HasPrefix(out, "4 questions\n") || !strings.Contains(out, "minus the first [95 %]\n") || strings.Contains(out, calls) {
		t.Errorf("%s", out)
	}
	var help bytes.Buffer
	if code := run(t.Context(), []string{"-h"}, &help, io.Discard); code != 0 || !strings.Contains(help.String(), "\n  scores+     hybrid | rerank depth=20\n") {
		t.Errorf("exit code %d: %s", code, help.String())
	}
}

// A chat model at a server writes other wordings; its calls are counted.
func TestGenerator(t *testing.T) {
	fail := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if fail && strings.Contains(string(body), "moon") {
			http.Error(w, `{"error":{"message":"no moon today"}}`, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, `data: {"choices":[{"index":0,"delta":{"content":"nothing"},"finish_reason":null}]}`+"\n\n"+
			`data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n"+
			`data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`+"\n\ndata: [DONE]\n\n")
	}))
	defer s.Close()
	c, q := write(t, "c", knownCorpus), write(t, "q", knownQuestions)
	args := []string{"-corpus", c, "-questions", q, "-generator", "chat-labels+" + s.URL + "/m", "-pipeline", "lexical", "-pipeline", "fusion=lexical | variants"}
	r := measured(t, args...)
	fusion := r.Systems[1]
	// The variant "nothing" finds the passage e, first for the third question.
	if got := fusion.Figures["calls"].Value; got != 1 {
		t.Errorf("%v calls", got)
	}
	if len(fusion.Disagreements) != 1 || fusion.Disagreements[0] != (disagreement{"3", "moon", 0, 1}) {
		t.Errorf("disagreements %+v", fusion.Disagreements)
	}
	// A failure of the second leaves the figures of the first, but no page.
	fail = true
	page := filepath.Join(t.TempDir(), "page.html")
	var out, errs bytes.Buffer
	if code := run(t.Context(), append(args, "-html", page), &out, &errs); code != 1 || !strings.Contains(errs.String(), `fusion: question "3", after 2 of 3`) {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	if s := out.String(); !strings.Contains(s, "\nlexical ") || !strings.Contains(s, "not all was measured: fusion: ") || !strings.Contains(s, "no moon today") {
		t.Errorf("standard output: %s", s)
	}
	empty(t, filepath.Dir(page))
	http.DefaultClient.CloseIdleConnections()
}

// empty fails unless a folder is.
func empty(t *testing.T, dir string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil || len(list) > 0 {
		t.Errorf("%v, %v: want nothing to be left", list, err)
	}
}

func TestBadInput(t *testing.T) {
	both := []string{"-corpus", corpus, "-questions", questions}
	with := func(args ...string) []string { return append(both[:4:4], args...) }
	dir := t.TempDir()
	overwritten := write(t, "c", knownCorpus)
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no corpus":            {[]string{"-questions", questions}, 2, "-corpus is missing"},
		"no questions":         {[]string{"-corpus", corpus}, 2, "-questions is missing"},
		"no such file":         {[]string{"-corpus", "nowhere.jsonl", "-questions", questions}, 1, "nowhere.jsonl"},
		"broken questions":     {[]string{"-corpus", corpus, "-questions", write(t, "q", `{"id":"a"}`)}, 1, `q:1: "question" is missing`},
		"nothing positive":     {[]string{"-corpus", corpus, "-questions", write(t, "q", `{"id":"a","question":"x","answers":["y"]}`)}, 1, "no question names a positive passage"},
		"limit":                {with("-limit", "-1"), 2, "-limit is -1"},
		"k":                    {with("-k", "0"), 2, `-k: "0": want different whole numbers from 1`},
		"k twice":              {with("-k", "1,1"), 2, "-k: "},
		"k is a word":          {with("-k", "1,"), 2, "-k: "},
		"stage":                {with("-pipeline", "a=lexical | rerenk"), 2, `"a": pipeline: 1:11: there is no stage "rerenk"`},
		"options, no name":     {with("-pipeline", "dense dim=many"), 2, "-pipeline: pipeline: 1:11: dim=many: want a whole number"},
		"base":                 {with("-pipeline", "a=lexicon"), 2, `-pipeline: "a": pipeline: 1:1: there is no base "lexicon"`},
		"name like a base":     {with("-pipeline", "dense=dense dim=many"), 2, `-pipeline: "dense": pipeline: 1:11: dim=many: want`},
		"misspelt option":      {with("-pipeline", "lexical | rerank dept=5"), 2, `-pipeline: pipeline: 1:18: rerank has no option "dept"`},
		"option of nothing":    {with("-pipeline", "lexical dept=5"), 2, `-pipeline: pipeline: 1:9: lexical has no option "dept"`},
		"name of two words":    {with("-pipeline", "lexical two=lexical | rerenk"), 2, `"lexical two": pipeline: 1:11: there is no stage "rerenk"`},
		"no base, no name":     {with("-pipeline", "lexicon"), 2, `-pipeline: pipeline: 1:1: there is no base "lexicon"`},
		"name twice":           {with("-pipeline", "a=lexical", "-pipeline", "a=dense"), 2, `the name "a" is given twice`},
		"no name":              {with("-pipeline", "=lexical"), 2, "is blank"},
		"no pipeline":          {with("-pipeline", "a="), 2, `"a": pipeline: 1:1: want the name of a base, found the end`},
		"no model":             {with("-pipeline", "hyde"), 2, "name one with -generator"},
		"generator":            {with("-generator", "tgi+http://a/m"), 2, "-generator: bad URL"},
		"embeddings":           {with("-embeddings", "vllm+http://a/m"), 2, "-embeddings: bad URL"},
		"no server":            {with("-generator", "vllm+http://127.0.0.1:1/m"), 1, "-generator: http://127.0.0.1:1"},
		"html is a folder":     {with("-html", dir), 1, "not a regular file"},
		"html is what is read": {[]string{"-corpus", overwritten, "-questions", questions, "-html", overwritten}, 1, "would replace what is read"},
		"html is nowhere":      {with("-html", filepath.Join(dir, "no", "page.html")), 1, "-html: "},
		"overlap alone":        {with("-overlap", "5"), 2, "-overlap is of -sweep"},
		"join alone":           {with("-join", "title"), 2, "-join is of -sweep"},
		"sweep":                {with("-sweep", "50,x"), 2, "-sweep: "},
		"too much overlap":     {with("-sweep", "50,100", "-overlap", "50"), 2, "less than the smallest size, 50"},
		"negative overlap":     {with("-sweep", "50", "-overlap", "-1"), 2, "-overlap is -1"},
		"join by something":    {with("-sweep", "50", "-join", "id"), 2, `-join is "id": want title`},
		"words":                {with("-sweep", "50", "-words", "0"), 2, "-words is 0"},
		"unknown flag":         {[]string{"-colour"}, 2, "usage: goselfrag compare"},
		"a word":               {with("what"), 2, `"what" is not a flag`},
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
	empty(t, dir)
}

func TestWarnings(t *testing.T) {
	q := write(t, "q", `{"id":"q","question":"Who built the lighthouse?","answers":["Ada"],"positive":["castle"]}
{"id":"r","question":"Who?","answers":["Ada"]}`)
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-corpus", corpus, "-questions", q, "-pipeline", "lexical"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	for _, want := range []string{`lacks 1 passages that questions name as positive, such as "castle"`, "1 questions name no positive passage and are left out"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("no %q in: %s", want, errs.String())
		}
	}
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	page := filepath.Join(t.TempDir(), "page.html")
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"-corpus", corpus, "-questions", questions, "-html", page}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "canceled") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	empty(t, filepath.Dir(page))
}

// Files of BEIR are measured as those of the plain layout.
func TestLayout(t *testing.T) {
	const dir = "../../../../eval/dataset/testdata/"
	r := measured(t, "-layout", "beir", "-corpus", dir+"beir_corpus.jsonl", "-questions", dir+"beir_queries.jsonl", "-qrels", dir+"beir_qrels.tsv", "-pipeline", "lexical", "-k", "1")
	if r.Questions != 2 {
		t.Errorf("%d questions, want 2", r.Questions)
	}
}
