package task_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/task"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// asked is what the functions of the released scripts made of an item.
type asked struct {
	Prompt, Instruction string
	Answers, Evidence   []string
}

// post is what they made of an output.
type post struct {
	Raw, Pred string
	Match     []float64 // of golds
}

// golds are those of post.Match.
var golds = [][]string{{"A"}, {"tin"}, {"true"}, {"false"}, {""}, {"Vell", "x"}}

// recorded reads a key of testdata/released.json: outputs of the functions of
// AkariAsai/self-rag at 1fcdc42 over the files in testdata of package dataset.
func recorded[T any](t *testing.T, key string) (v T) {
	t.Helper()
	text, err := os.ReadFile("testdata/released.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(all[key], &v); err != nil {
		t.Fatal(key, err)
	}
	return v
}

var files = map[string]string{
	"popqa": "selfrag_popqa.jsonl", "triviaqa": "selfrag_triviaqa.jsonl", "pubhealth": "selfrag_pubhealth.jsonl", "arc": "selfrag_arc.jsonl",
	"asqa": "alce_asqa.json", "eli5": "alce_asqa.json", "factscore": "factscore.jsonl",
}

func get(t *testing.T, name string, s task.Settings) task.Task {
	t.Helper()
	k, err := task.Get(name, s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func items(t *testing.T, k task.Task) []dataset.Item {
	t.Helper()
	list, err := dataset.Collect(k.Name, dataset.Items(filepath.Join("../dataset/testdata", files[k.Name]), k.Layout, dataset.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Prompts are those of the released scripts, byte for byte, with both settings; so are, with
// the released ones, the right answers.
func TestPrompts(t *testing.T) {
	for _, name := range task.Names() {
		for _, s := range []task.Settings{task.Paper, task.Released} {
			k := get(t, name, s)
			want := recorded[[]asked](t, name)
			list := items(t, k)
			if len(list) != len(want) {
				t.Fatalf("%s: %d items, %d recorded", name, len(list), len(want))
			}
			for i, it := range list {
				p, err := k.Prompt(it)
				if err != nil {
					t.Fatal(err)
				}
				got, err := generator.SelfRAGTemplate{}.Render(p)
				if err != nil || got != want[i].Prompt {
					t.Errorf("%s, %s: %v\n%s", name, s, err, cmp.Diff(want[i].Prompt, got))
				}
				if s == task.Released && want[i].Answers != nil && !cmp.Equal(k.Golds(it), want[i].Answers) {
					t.Errorf("%s: golds %q, want %q", name, k.Golds(it), want[i].Answers)
				}
				for n, passage := range it.Passages[:min(len(it.Passages), len(want[i].Evidence))] {
					p.Evidence = []generator.Evidence{{Title: passage.Title, Text: passage.Text}}
					if got, err := (generator.SelfRAGTemplate{}).Render(p); err != nil || got != want[i].Prompt+want[i].Evidence[n] {
						t.Errorf("%s: %v\n%s", name, err, cmp.Diff(want[i].Prompt+want[i].Evidence[n], got))
					}
				}
			}
		}
	}
}

func TestGoldsOfARC(t *testing.T) {
	k := get(t, "arc", task.Paper)
	var got []string
	for _, it := range items(t, k) {
		got = append(got, k.Golds(it)...)
		if slices.Contains(it.Answers, "3") { // only the copy is changed
			if v, err := k.Score(task.Accuracy, "C: Mars", it); v != 1 || err != nil || it.Answers[0] != "3" {
				t.Error(v, err, it.Answers)
			}
			released := get(t, "arc", task.Released)
			if v, err := released.Score(task.Match, "C", it); v != 0 || err != nil {
				t.Error(v, err)
			}
		}
	}
	if !cmp.Equal(got, strings.Fields("A C B E")) {
		t.Error(got)
	}
	_, err := k.Question(dataset.Item{Choices: []dataset.Choice{{Label: "A"}, {Label: "2"}}})
	if !errors.Is(err, task.ErrTask) || !strings.Contains(err.Error(), "choice C") {
		t.Error(err)
	}
}

func TestPostProcess(t *testing.T) {
	k := get(t, "popqa", task.Released)
	for _, c := range recorded[[]post](t, "post") {
		got := task.PostProcess(c.Raw)
		if got != c.Pred {
			t.Errorf("%q becomes %q, want %q", c.Raw, got, c.Pred)
		}
		for i, g := range golds {
			v, err := k.Score(task.Match, got, dataset.Item{Question: dataset.Question{Answers: g}})
			if err != nil || v != c.Match[i] {
				t.Errorf("%q against %q: %v, %v, want %v", got, g, v, err, c.Match[i])
			}
		}
	}
}

func TestScore(t *testing.T) {
	asqa := items(t, get(t, "asqa", task.Paper))
	pub := items(t, get(t, "pubhealth", task.Paper))
	for name, c := range map[string]struct {
		task   string
		s      task.Settings
		metric task.Metric
		answer string
		it     dataset.Item
		want   float64
	}{
		"label":              {"pubhealth", task.Paper, task.Accuracy, " False.", pub[0], 1},
		"other label":        {"pubhealth", task.Paper, task.Accuracy, "True", pub[0], 0},
		"no label":           {"pubhealth", task.Paper, task.Accuracy, "Perhaps", pub[0], 0},
		"case, as released":  {"pubhealth", task.Released, task.Match, "False", pub[0], 0},
		"REFUTES":            {"pubhealth", task.Released, task.Match, "It REFUTES it.", pub[0], 1},
		"both readings":      {"asqa", task.Paper, task.StrEM, "In 1871 [1]. The other in May 1902 [2].", asqa[0], 1},
		"a line before":      {"asqa", task.Paper, task.StrEM, "\n In 1871 [1].", asqa[0], 0.5},
		"one reading":        {"asqa", task.Paper, task.StrEM, "In 1871 [1].\nThe other in 1902.", asqa[0], 0.5},
		"the answer":         {"asqa", task.Paper, task.RougeLsum, asqa[0].Long[1], asqa[0], 1},
		"the cited answer":   {"asqa", task.Paper, task.RougeLsum, "Vell has two bridges [1], of 1871 and of May 1902 [2].", asqa[0], 1},
		"nothing in common":  {"asqa", task.Paper, task.RougeLsum, "Fish swim.", asqa[0], 0},
		"a part of the word": {"popqa", task.Paper, task.Match, "a glassblower", dataset.Item{Question: dataset.Question{Answers: []string{"blower"}}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := get(t, c.task, c.s).Score(c.metric, c.answer, c.it)
			if err != nil || math.Abs(got-c.want) > 1e-12 {
				t.Errorf("%v, %v, want %v", got, err, c.want)
			}
		})
	}
	k := get(t, "asqa", task.Paper)
	for _, m := range k.Metrics[2:] {
		if _, err := k.Score(m, "x", asqa[0]); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", m, err)
		}
	}
	for _, m := range []task.Metric{task.Match, task.Accuracy, task.StrEM, task.RougeLsum} {
		if _, err := k.Score(m, "x", dataset.Item{}); !errors.Is(err, task.ErrTask) {
			t.Errorf("%s: %v", m, err)
		}
	}
}

// What the options say is what the task says, and what the paper says.
func TestOptions(t *testing.T) {
	for _, c := range []struct {
		name      string
		s         task.Settings
		threshold float64
		k, tokens int
		long      bool
		use       float64
	}{
		{"popqa", task.Paper, 0.2, 10, 100, false, 0.5}, {"popqa", task.Released, 0.2, 10, 100, false, 1},
		{"triviaqa", task.Paper, 0.2, 10, 100, false, 0.5}, {"triviaqa", task.Released, 0.2, 10, 100, false, 1},
		{"pubhealth", task.Paper, 0.2, 5, 50, false, 0.5}, {"pubhealth", task.Released, 0.2, 5, 50, false, 1},
		{"arc", task.Paper, 0.2, 5, 50, false, 0.5}, {"arc", task.Released, 0.2, 5, 50, false, 1},
		{"asqa", task.Paper, 0, 5, 300, true, 0.5}, {"asqa", task.Released, 0.2, 5, 300, true, 0},
		{"eli5", task.Paper, 0, 5, 300, true, 0.5}, {"eli5", task.Released, 0.2, 5, 300, true, 0},
		{"factscore", task.Paper, 0.2, 10, 200, true, 0.5}, {"factscore", task.Released, 0.2, 5, 300, true, 0},
	} {
		k := get(t, c.name, c.s)
		model := &generatortest.Script{}
		engine, err := selfrag.New(model, retriever.List(), append(k.Options(), selfrag.WithTrace(selfrag.TraceFull))...)
		if err != nil {
			t.Fatal(c.name, err)
		}
		a, _ := engine.Answer(t.Context(), "Who?") // there is nothing to say, which is an error
		if a == nil || a.Trace == nil {
			t.Fatalf("%s: no trace", c.name)
		}
		set := a.Trace.Settings
		if set.Threshold != c.threshold || set.K != c.k || set.MaxTokens != c.tokens || set.Long != c.long || set.Scoring.Weights.Utility != c.use || k.K != c.k || k.Tokens != c.tokens || k.Long != c.long {
			t.Errorf("%s, %s: %+v", c.name, c.s, set)
		}
		if !cmp.Equal(k.Labels, set.Labels) {
			t.Errorf("%s: labels %q and %q", c.name, k.Labels, set.Labels)
		}
	}
	for _, err := range []error{second(task.Get("nq", task.Paper)), second(task.Get("arc", "mine"))} {
		if !errors.Is(err, task.ErrTask) {
			t.Error(err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// The engine answers the items of a task, short and long, from their own passages: it cites no
// others.
func TestOwnPassages(t *testing.T) {
	for _, name := range []string{"popqa", "asqa"} {
		k := get(t, name, task.Paper)
		engine, err := selfrag.New(extractive.New(), dataset.Own(), append(k.Options(), selfrag.WithMode(selfrag.Always))...)
		if err != nil {
			t.Fatal(err)
		}
		cited := 0
		for _, it := range items(t, k) {
			question, err := k.Question(it)
			if err != nil {
				t.Fatal(err)
			}
			a, err := engine.Answer(dataset.Carry(t.Context(), it), question)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, c := range a.Citations {
				cited++
				if !slices.ContainsFunc(it.Passages, func(p retriever.Passage) bool { return p.ID == c.Passage.ID && p.Text == c.Passage.Text }) {
					t.Errorf("%s: item %s cites %+v", name, it.ID, c.Passage)
				}
			}
		}
		if cited == 0 {
			t.Errorf("%s: nothing was cited", name)
		}
	}
}
