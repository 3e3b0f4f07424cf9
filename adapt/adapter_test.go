package adapt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/blockfile"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
)

// small is a world that trains in a moment: 16 components, rotated.
func small(t *testing.T, pairs int) (table, []retriever.Passage, []Example) {
	t.Helper()
	const dim = 16
	rng := rand.New(rand.NewPCG(11, 12))
	turn, vectors := rotation(rng, dim), table{}
	var passages []retriever.Passage
	var examples []Example
	for i := range pairs {
		p := passage(fmt.Sprint("p", i))
		v := random(rng, dim)
		var e Example
		e.ID, e.Question.Question, e.Positive, e.Answers = fmt.Sprint(i), fmt.Sprint("question ", i), []string{p.ID}, []string{"answer " + p.ID + "."}
		vectors[p.Text], vectors[e.Question.Question] = narrow(v), narrow(turned(turn, v))
		passages, examples = append(passages, p), append(examples, e)
	}
	return vectors, passages, examples
}

// Apply is q + B·A·q, computed here by the matrix.
func TestApply(t *testing.T) {
	a := &Adapter{dim: 3, rank: 2, a: []float32{1, 2, 3, 0, 1, 0}, b: []float32{1, 0, 0, 0, 0, 2}}
	got, err := a.Apply([]float32{1, 1, 2})
	if err != nil || !slices.Equal(got, []float32{10, 1, 4}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := a.Apply([]float32{1}); !errors.Is(err, ErrEmbedder) {
		t.Error(err)
	}
}

// A file gives back the adapter, bit for bit; a changed byte is found.
func TestFile(t *testing.T) {
	vectors, passages, examples := small(t, 120)
	r, err := Contrastive(t.Context(), vectors, passages, examples, Options{Epochs: 3, Note: "a note"})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "adapter")
	if err := r.Adapter.Save(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	got, err := Load(t.Context(), file)
	if err != nil || !reflect.DeepEqual(got, r.Adapter) {
		t.Fatalf("%v\n%+v\nwant\n%+v", err, got, r.Adapter)
	}
	if c := got.Card(); c.Note != "a note" || c.Signal != "contrastive" || c.Report.After != r.Report.After || got.Dim() != 16 || got.Rank() != 16 {
		t.Errorf("%+v", c)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	for _, at := range []int{0, 9, len(data) - 1, len(data) / 2, 4100} {
		other := slices.Clone(data)
		other[at] ^= 1
		if err := os.WriteFile(bad, other, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(t.Context(), bad); !errors.Is(err, ErrFile) {
			t.Errorf("byte %d changed: %v", at, err)
		}
	}
	for name, sections := range map[string][]string{
		"no sections": nil, "no JSON": {"x", "", ""}, "sizes": {`{"dim":2,"rank":1}`, "1234", "12345678"},
		"rank": {`{"dim":1,"rank":2}`, "12345678", "12345678"}, "probe": {`{"dim":1,"rank":1}`, "1234", "1234"},
		"not finite": {`{"dim":1,"rank":1,"card":{"probe_vector":[1]}}`, "1234", "\xff\xff\xff\xff"},
	} {
		if err := writeSections(t.Context(), bad, sections); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(t.Context(), bad); !errors.Is(err, ErrFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func writeSections(ctx context.Context, path string, texts []string) error {
	sections := make([]func(io.Writer) error, 0, len(texts))
	for _, text := range texts {
		sections = append(sections, blockfile.Bytes([]byte(text)))
	}
	return blockfile.Write(ctx, path, format, sections...)
}

// The adapted embedder leaves documents as they are, and knows when the model inside is
// not the one it was trained with.
func TestEmbedder(t *testing.T) {
	vectors, passages, examples := small(t, 120)
	r, err := Contrastive(t.Context(), vectors, passages, examples, Options{Epochs: 3})
	if err != nil {
		t.Fatal(err)
	}
	e := r.Adapter.Over(vectors)
	got, err := e.EmbedDocuments(t.Context(), []string{passages[0].Text})
	if err != nil || !slices.Equal(got[0], vectors[passages[0].Text]) {
		t.Errorf("%v, %v", got, err)
	}
	if err := e.Check(t.Context()); err != nil {
		t.Error(err)
	}
	other := table{}
	for text := range vectors {
		other[text] = narrow(random(rand.New(rand.NewPCG(1, uint64(len(text)))), 16))
	}
	if err := r.Adapter.Over(other).Check(t.Context()); !errors.Is(err, ErrEmbedder) {
		t.Error(err)
	}
	wide, err := hashed.Fit(t.Context(), nil, hashed.Options{Dim: 64})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Adapter.Over(wide).Check(t.Context()); !errors.Is(err, ErrEmbedder) {
		t.Error(err)
	}
	if cost, ok := r.Adapter.Over(wide).MostCost(1); !ok || cost.Calls != 0 {
		t.Errorf("%+v %v", cost, ok)
	}
	if _, err := e.EmbedQuery(t.Context(), "unknown"); err == nil {
		t.Error("no error of the embedder inside")
	}
}

// Equal input and seed give equal files; another seed gives another adapter.
func TestDeterministic(t *testing.T) {
	vectors, passages, examples := small(t, 120)
	files := map[uint64][]byte{}
	for _, seed := range []uint64{1, 2, 1} {
		r, err := Contrastive(t.Context(), vectors, passages, examples, Options{Epochs: 3, Seed: seed})
		res := trained(t, r, err)
		file := filepath.Join(t.TempDir(), "adapter")
		if err := res.Adapter.Save(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := files[seed]; ok && !bytes.Equal(before, data) {
			t.Error("one seed gives two adapters")
		}
		files[seed] = data
	}
	if bytes.Equal(files[1], files[2]) {
		t.Error("two seeds give one adapter")
	}
}

// Where there is nothing to learn, training refuses: the questions have no relation to
// their passages, or are found already.
func TestRefuses(t *testing.T) {
	for name, related := range map[string]bool{"chance": false, "perfect": true} {
		rng := rand.New(rand.NewPCG(13, 14))
		vectors, passages, examples := small(t, 200)
		for i := range examples {
			v := narrow(random(rng, 16))
			if related {
				v = vectors[passages[i].Text]
			}
			vectors[examples[i].Question.Question] = v
		}
		_, err := Contrastive(t.Context(), vectors, passages, examples, Options{})
		refused := new(RefusedError)
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "train on more questions") {
			t.Fatalf("%s: %v", name, err)
		}
		if r := refused.Result.Report; r.Gain.Low > 0 || r.Test == 0 || r.Groups != r.Test || r.Gain.Value != r.After.MRR10-r.Before.MRR10 && math.Abs(r.Gain.Value-r.After.MRR10+r.Before.MRR10) > 1e-9 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// Negatives are never positives of the question, nor passages that hold an answer, and the
// positives of others are among them.
func TestNegatives(t *testing.T) {
	vectors, passages, examples := small(t, 40)
	for i := range passages {
		if i%4 == 0 { // these hold the answers of question i+1
			passages[i].Text = "The ANSWER P" + fmt.Sprint(i+1) + "."
			vectors[passages[i].Text] = vectors[passages[i+1].Text]
		}
		examples[i].Preferred = []Preference{{fmt.Sprint("p", (i+7)%40), 1}}
	}
	var o Options
	tr, err := newTrainer(t.Context(), vectors, passages, examples, o)
	if err != nil {
		t.Fatal(err)
	}
	c := &contrast{trainer: tr, barred: map[[2]int]bool{}}
	units, err := c.epoch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	items, err := c.items(t.Context(), units)
	if err != nil {
		t.Fatal(err)
	}
	place := map[*float32]int{}
	for at, v := range tr.vectors {
		place[&v[0]] = at
	}
	for i, u := range units {
		e := &examples[c.pairs[u].question]
		for j, v := range items[i].candidates {
			p := passages[place[&v[0]]]
			positive := slices.Contains(Union.of(e), p.ID)
			holds := strings.Contains(strings.ToLower(p.Text), strings.ToLower(e.Answers[0]))
			if (j == 0) != (items[i].weights[j] == 0) || (j == 0) != positive || j > 0 && holds {
				t.Errorf("question %s, candidate %d: %q, weight %v", e.ID, j, p.Text, items[i].weights[j])
			}
		}
		if len(items[i].candidates) < 9 {
			t.Errorf("only %d candidates", len(items[i].candidates))
		}
	}
}

func TestTrainingErrors(t *testing.T) {
	vectors, passages, examples := small(t, 30)
	train := func(e dense.Embedder, p []retriever.Passage, x []Example, o Options) error {
		_, err := Contrastive(t.Context(), e, p, x, o)
		return err
	}
	for name, err := range map[string]error{
		"embedder": train(nil, passages, examples, Options{}), "rank": train(vectors, passages, examples, Options{Rank: 17}),
		"positives": train(vectors, passages, examples, Options{Positives: "all"}), "metric": train(vectors, passages, examples, Options{Metric: 9}),
		"temperature": train(vectors, passages, examples, Options{Temperature: math.NaN()}), "rate": train(vectors, passages, examples, Options{Rate: -1}),
		"held out": train(vectors, passages, examples, Options{HeldOut: 1}), "epochs": train(vectors, passages, examples, Options{Epochs: -1}),
	} {
		if !errors.Is(err, ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unknown := slices.Clone(examples)
	for i := range unknown {
		unknown[i].Positive = []string{fmt.Sprint("none", i)}
	}
	for name, err := range map[string]error{
		"nothing": train(vectors, nil, nil, Options{}), "two": train(vectors, passages, examples[:2], Options{}), "unknown": train(vectors, passages, unknown, Options{}),
		"twice": train(vectors, append(passages[:30:30], passages[0]), examples, Options{}), "no preferences": train(vectors, passages, examples, Options{Positives: Preferred}),
	} {
		if !errors.Is(err, ErrData) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Contrastive(ctx, vectors, passages, examples, Options{Progress: func(Epoch) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestExamplesFile(t *testing.T) {
	_, _, examples := small(t, 3)
	examples[1].Preferred = []Preference{{"p9", 1.5}}
	var b bytes.Buffer
	if err := WriteExamples(&b, examples); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "examples.jsonl")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(b.String())
	if got, err := ReadExamples(file); err != nil || !reflect.DeepEqual(got, examples) {
		t.Errorf("%v\n%+v\nwant\n%+v", err, got, examples)
	}
	for _, line := range []string{`{"id":"1"}`, `{"question":"?"}`, `{"id":"1","question":"?","preferred":[{"passage":"p","gain":0}]}`, `{"id":"1","question":"?"}` + "\n" + `{"id":"1","question":"?"}`} {
		write(line)
		if _, err := ReadExamples(file); err == nil {
			t.Errorf("%s: no error", line)
		}
	}
}

func TestOverlap(t *testing.T) {
	examples := []Example{{Preferred: []Preference{{"a", 2}, {"b", 1}}}, {}, {Preferred: []Preference{{"d", 1}}}}
	examples[0].Positive, examples[1].Positive = []string{"a", "c"}, []string{"a"}
	if got, want := OverlapOf(examples), (Overlap{Questions: 1, Labeled: 2, Preferred: 2, Both: 1, Share: 1.0 / 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
