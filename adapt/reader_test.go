package adapt

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
)

// counted counts the scores that a model is asked for.
type counted struct {
	*extractive.Model
	scores atomic.Int64
}

func (c *counted) Score(ctx context.Context, req generator.Request, steps []generator.Step, end bool) (generator.Completion, error) {
	c.scores.Add(1)
	return c.Model.Score(ctx, req, steps, end)
}

var (
	quay   = retriever.Passage{ID: "quay", Text: "The harbourmaster rebuilt the quay in 1871."}
	market = retriever.Passage{ID: "market", Title: "Market", Text: "Fish is sold on Monday."}
	soup   = retriever.Passage{ID: "soup", Text: "Crab soup is served at noon."}
	when   = dataset.Question{ID: "1", Question: "When was the quay rebuilt?", Answers: []string{"1871", "in 1871"}, Positive: []string{"quay"}}
)

// A score is that of the model, asked directly; the second time, also in another process,
// it comes from the file.
func TestReaderRemembers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "scores.jsonl")
	model := &counted{Model: extractive.New()}
	read := func() (with, without LogProb) {
		r, err := NewReader(model, file)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if with, err = r.LogProb(t.Context(), when.Question, "1871", &quay); err != nil {
			t.Fatal(err)
		}
		if without, err = r.LogProb(t.Context(), when.Question, "1871", nil); err != nil {
			t.Fatal(err)
		}
		return with, without
	}
	with, without := read()
	c, err := generator.Score(t.Context(), extractive.New(), generator.Request{
		Prompt:    generator.Prompt{Instruction: when.Question, Evidence: []generator.Evidence{{Text: quay.Text}}},
		MaxTokens: 1,
	}, []generator.Step{{Token: reflection.Relevant}, {Text: " 1871"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	want := c.End.Log
	for _, s := range c.Steps[1:] {
		want += s.LogProb.Log
	}
	if math.Abs(with.Sum-want) > 1e-9 || with.Tokens != len(c.Steps) {
		t.Errorf("%+v, want %v over %d tokens", with, want, len(c.Steps))
	}
	if with.Sum <= without.Sum {
		t.Errorf("%v with the passage, %v without", with, without)
	}
	asked := model.scores.Load()
	if again, _ := read(); again != with || model.scores.Load() != asked {
		t.Errorf("the second time %v, want %v; %d scores, want %d", again, with, model.scores.Load(), asked)
	}
}

// A process that is killed leaves a part of a line: it is cut off, and the rest is kept.
func TestCacheFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	line := `{"k":"a","s":-1.5,"n":2}` + "\n"
	for name, c := range map[string]struct {
		text   string
		scores int
		left   string
	}{
		"new":    {"", 0, cacheHead},
		"killed": {cacheHead[:9], 0, cacheHead},
		"torn":   {cacheHead + line + line[:12], 1, cacheHead + line},
		"whole":  {cacheHead + line, 1, cacheHead + line},
	} {
		file := write(name, c.text)
		cache, err := openCache(file)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := cache.remember(cacheLine{Key: "b", Sum: -2, Tokens: 1}); err != nil {
			t.Error(err)
		}
		if got, ok := cache.get("a"); ok != (c.scores > 0) || ok && got != (cacheLine{Key: "a", Sum: -1.5, Tokens: 2}) || cache.len() != c.scores+1 {
			t.Errorf("%s: %v %v", name, got, ok)
		}
		if err := cache.close(); err != nil {
			t.Error(err)
		}
		text, _ := os.ReadFile(file)
		if want := c.left + `{"k":"b","s":-2,"n":1}` + "\n"; string(text) != want {
			t.Errorf("%s: %q, want %q", name, text, want)
		}
	}
	for name, text := range map[string]string{"other": "id,text\n", "bad": cacheHead + "{}\n", "newer": strings.Replace(cacheHead, "1", "2", 1)} {
		file := write(name, text)
		if _, err := openCache(file); !errors.Is(err, ErrFile) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadFile(file); string(left) != text {
			t.Errorf("%s was changed to %q", name, left)
		}
	}
}

// scores is a Scorer with given numbers, by passage.
type scores map[string]LogProb

func (s scores) LogProb(ctx context.Context, _, answer string, p *retriever.Passage) (LogProb, error) {
	key := answer
	if p != nil {
		key += " " + p.ID
	}
	l, ok := s[key]
	if !ok {
		return l, errors.New("no score of " + key)
	}
	return l, ctx.Err()
}

// Gains worked out by hand: the best of several answers; per token, long ones do not count
// more.
func TestGains(t *testing.T) {
	s := scores{
		"1871": {-4, 2}, "1871 quay": {-2, 2}, "1871 market": {-5, 2},
		"in 1871": {-9, 3}, "in 1871 quay": {-6, 3}, "in 1871 market": {-9, 3},
	}
	for _, c := range []struct {
		normal       Normal
		quay, market float64
	}{{Sum, 3, 0}, {"", 3, 0}, {Mean, 1, 0}} {
		source, err := Gains(s, c.normal)
		if err != nil {
			t.Fatal(err)
		}
		for p, want := range map[*retriever.Passage]float64{&quay: c.quay, &market: c.market} {
			if got, err := source.Gain(t.Context(), when, *p); err != nil || got != want {
				t.Errorf("%q: gain of %s is %v, want %v: %v", c.normal, p.ID, got, want, err)
			}
		}
		if got, err := source.Gain(t.Context(), dataset.Question{Question: "?"}, quay); got != 0 || err != nil {
			t.Errorf("without an answer: %v, %v", got, err)
		}
	}
	if _, err := Gains(s, "median"); !errors.Is(err, ErrOption) {
		t.Error(err)
	}
}

type list []retriever.Passage

func (l list) Retrieve(_ context.Context, q retriever.Query) (retriever.Result, error) {
	res := retriever.Result{Scores: retriever.Cosine}
	for i, p := range l {
		if i < q.K {
			res.Hits = append(res.Hits, retriever.Hit{Passage: p, Score: 1 - 0.1*float64(i)})
		}
	}
	return res, nil
}

func TestPrefer(t *testing.T) {
	source, err := Gains(scores{"x": {-4, 1}, "x quay": {-3, 1}, "x market": {-4, 1}, "x soup": {-1, 1}}, Sum)
	if err != nil {
		t.Fatal(err)
	}
	q := dataset.Question{ID: "1", Question: "?", Answers: []string{"x"}}
	for _, c := range []struct {
		o    PreferOptions
		want []string
	}{
		{PreferOptions{}, []string{"soup", "quay"}},
		{PreferOptions{Keep: 1}, []string{"soup"}},
		{PreferOptions{Candidates: 2}, []string{"quay"}}, // no gain: never preferred
	} {
		done := 0
		c.o.Workers, c.o.Progress = 1, func(n, _ int) { done = n }
		got, err := Prefer(t.Context(), list{market, quay, soup}, source, []dataset.Question{q, q}, c.o)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, p := range got[1].Preferred {
			ids = append(ids, p.Passage)
		}
		if strings.Join(ids, " ") != strings.Join(c.want, " ") || done != 2 {
			t.Errorf("%+v: %v, want %v; %d done", c.o, ids, c.want, done)
		}
	}
	for _, o := range []PreferOptions{{Keep: -1}, {Workers: 5000}, {Candidates: 1 << 20}} {
		if _, err := Prefer(t.Context(), list{}, source, nil, o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// A budget ends the work; a second run goes on with what the file holds, and its result is
// that of one run without a budget.
func TestPreferResumes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "scores.jsonl")
	model := &counted{Model: extractive.New()}
	questions := []dataset.Question{when, {ID: "2", Question: "When is fish sold?", Answers: []string{"Monday"}}}
	run := func(ctx context.Context, file string) ([]Example, error) {
		r, err := NewReader(model, file)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		source, err := Gains(r, Sum)
		if err != nil {
			t.Fatal(err)
		}
		return Prefer(ctx, list{soup, market, quay}, source, questions, PreferOptions{})
	}
	whole, err := run(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	all := model.scores.Swap(0)
	ctx, b := budget.Open(t.Context(), "prefer", budget.Limits{Calls: 5})
	defer b.Close()
	if got, err := run(ctx, file); !errors.Is(err, budget.ErrExceeded) || got != nil || model.scores.Load() != 5 {
		t.Fatalf("%v, %v after %d scores", got, err, model.scores.Load())
	}
	got, err := run(t.Context(), file)
	if err != nil || model.scores.Load() != all {
		t.Errorf("%v; %d scores in both runs, want %d", err, model.scores.Load(), all)
	}
	for i := range whole {
		if len(got[i].Preferred) == 0 || got[i].Preferred[0] != whole[i].Preferred[0] {
			t.Errorf("question %d prefers %v, want %v", i, got[i].Preferred, whole[i].Preferred)
		}
	}
	if whole[0].Preferred[0].Passage != "quay" || whole[1].Preferred[0].Passage != "market" {
		t.Errorf("%v", whole)
	}
}

func TestReaderRefuses(t *testing.T) {
	if _, err := NewReader(nil, ""); !errors.Is(err, ErrOption) {
		t.Error(err)
	}
	r, err := NewReader(generatortest.Bare(extractive.New()), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.LogProb(t.Context(), "?", "x", nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err = NewReader(extractive.New(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := r.LogProb(ctx, "Who?", "x", &quay); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// critic counts what it is asked.
type critic struct {
	critics.Model
	asked *atomic.Int64
}

func (c critic) Critique(ctx context.Context, x critique.Continuation) (critique.Verdict, error) {
	c.asked.Add(1)
	return c.Model.Critique(ctx, x)
}

// A critic prefers the passage that supports the answer, and is asked once.
func TestVerdicts(t *testing.T) {
	r, err := NewReader(extractive.New(), "")
	if err != nil {
		t.Fatal(err)
	}
	c := critic{critics.Model{Generator: extractive.New()}, new(atomic.Int64)}
	source, err := Verdicts(c, r)
	if err != nil {
		t.Fatal(err)
	}
	q := when
	q.Answers = []string{"The harbourmaster rebuilt the quay in 1871."}
	for range 2 {
		good, err := source.Gain(t.Context(), q, quay)
		if err != nil {
			t.Fatal(err)
		}
		bad, err := source.Gain(t.Context(), q, soup)
		if err != nil || good <= 0 || bad > 0 {
			t.Errorf("gains %v and %v, %v", good, bad, err)
		}
	}
	if n := c.asked.Load(); n != 2 || r.Remembered() != 2 {
		t.Errorf("the critic was asked %d times, %d remembered", n, r.Remembered())
	}
	if _, err := Verdicts(c, nil); !errors.Is(err, ErrOption) {
		t.Error(err)
	}
}
