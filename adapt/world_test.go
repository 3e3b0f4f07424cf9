package adapt

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
)

// table is an embedder that knows its vectors by text.
type table map[string][]float32

func (t table) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	list := make([][]float32, len(texts))
	for i, text := range texts {
		v, err := t.EmbedQuery(ctx, text)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

func (t table) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	v, ok := t[text]
	if !ok {
		return nil, fmt.Errorf("no vector of %q", text)
	}
	return append([]float32(nil), v...), ctx.Err()
}

func random(rng *rand.Rand, dim int) []float64 {
	v := make([]float64, dim)
	for i := range v {
		v[i] = rng.NormFloat64() / math.Sqrt(float64(dim))
	}
	return v
}

func narrow(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}

// rotation returns an orthogonal matrix.
func rotation(rng *rand.Rand, dim int) []float64 {
	m := make([]float64, dim*dim)
	for i := range m {
		m[i] = rng.NormFloat64()
	}
	orthonormalize(m, dim, dim, rng)
	return m
}

func turned(m, v []float64) []float64 {
	out := make([]float64, len(v))
	for i := range out {
		for j, x := range v {
			out[i] += m[i*len(v)+j] * x
		}
	}
	return out
}

func plus(x []float64, by float64, y []float64) []float64 {
	out := append([]float64(nil), x...)
	for i := range out {
		out[i] += by * y[i]
	}
	return out
}

func passage(id string) retriever.Passage {
	return retriever.Passage{ID: id, Text: "text of " + id}
}

// recallOf measures an embedder by an index of package dense, apart from the code that
// trains: the mean share of wanted passages among the first k.
func recallOf(t *testing.T, e dense.Embedder, passages []retriever.Passage, questions []dataset.Question, k int) float64 {
	t.Helper()
	index, err := dense.New(t.Context(), e, passages, dense.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, q := range questions {
		res, err := index.Retrieve(t.Context(), retriever.Query{Text: q.Question, K: k})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, h := range res.Hits {
			ids = append(ids, h.Passage.ID)
		}
		sum += metric.Recall(ids, q.Positive, k)
	}
	return sum / float64(len(questions))
}

// trained returns the result of a training, also of one that was refused.
func trained(t *testing.T, r *Result, err error) *Result {
	t.Helper()
	if refused := new(RefusedError); errors.As(err, &refused) {
		return refused.Result
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Questions live in a space that is rotated against that of the passages: without an
// adapter nothing is found. At least 90 % of what the rotation lost comes back on
// questions and passages that training never saw.
func TestRotatedSpace(t *testing.T) {
	const dim = 64
	pairs, epochs := 2000, testsize.Of(12, 40)
	if testsize.Racing {
		pairs, epochs = 200, 2
	}
	rng := rand.New(rand.NewPCG(1, 2))
	turn := rotation(rng, dim)
	vectors, straight := table{}, table{}
	var passages []retriever.Passage
	var questions []dataset.Question
	for i := range pairs {
		p := passage(fmt.Sprint("p", i))
		q := dataset.Question{ID: fmt.Sprint(i), Question: fmt.Sprint("question ", i), Positive: []string{p.ID}}
		v := random(rng, dim)
		noisy := plus(v, 0.1, random(rng, dim))
		vectors[p.Text], straight[p.Text] = narrow(v), narrow(v)
		vectors[q.Question], straight[q.Question] = narrow(turned(turn, noisy)), narrow(noisy)
		passages, questions = append(passages, p), append(questions, q)
	}
	unseen := questions[pairs*4/5:]
	result, err := Contrastive(t.Context(), vectors, passages, Examples(questions[:pairs*4/5]), Options{Epochs: epochs})
	adapter := trained(t, result, err).Adapter
	whole := recallOf(t, straight, passages, unseen, 5)
	before := recallOf(t, vectors, passages, unseen, 5)
	after := recallOf(t, adapter.Over(vectors), passages, unseen, 5)
	t.Logf("recall@5 without rotation %.3f, rotated %.3f, adapted %.3f", whole, before, after)
	if testsize.Racing {
		return
	}
	if before > 0.05 || whole < 0.95 {
		t.Errorf("the world is not as planted: %.3f without rotation, %.3f with it", whole, before)
	}
	if won := (after - before) / (whole - before); won < 0.9 {
		t.Errorf("%.3f of what was lost came back, want 0.9", won)
	}
}

// A model prefers passages that lie apart from the labeled ones by a known vector. What is
// wanted of a retriever is both kinds.
func TestPlantedPreferences(t *testing.T) {
	const dim = 32
	pairs, epochs := 600, 20
	if testsize.Racing {
		pairs, epochs = 100, 2
	}
	rng := rand.New(rand.NewPCG(3, 4))
	turn, offset, common := rotation(rng, dim), random(rng, dim), random(rng, dim)
	vectors := table{}
	var passages []retriever.Passage
	var examples []Example
	var wanted []dataset.Question
	for i := range pairs {
		labeled, preferred := passage(fmt.Sprint("l", i)), passage(fmt.Sprint("m", i))
		v := random(rng, dim)
		vectors[labeled.Text] = narrow(plus(v, 0.1, random(rng, dim)))
		vectors[preferred.Text] = narrow(plus(plus(v, 1, offset), 0.1, random(rng, dim)))
		e := Example{Preferred: []Preference{{preferred.ID, 1}}}
		e.ID, e.Question.Question, e.Positive = fmt.Sprint(i), fmt.Sprint("question ", i), []string{labeled.ID}
		vectors[e.Question.Question] = narrow(plus(turned(turn, v), 1, common))
		passages, examples = append(passages, labeled, preferred), append(examples, e)
		both := e.Question
		both.Positive = []string{labeled.ID, preferred.ID}
		wanted = append(wanted, both)
	}
	seen := pairs * 3 / 4
	recall := map[Positives]float64{}
	for _, p := range []Positives{Union, Labeled, Preferred} {
		result, err := Contrastive(t.Context(), vectors, passages, examples[:seen], Options{Positives: p, Epochs: epochs})
		recall[p] = recallOf(t, trained(t, result, err).Adapter.Over(vectors), passages, wanted[seen:], 5)
	}
	t.Logf("recall@5 of labeled and preferred passages: %v", recall)
	if testsize.Racing {
		return
	}
	if recall[Union] < recall[Labeled]+0.05 || recall[Union] < recall[Preferred]+0.05 {
		t.Errorf("%v: the union is not better than each alone", recall)
	}
}

// shifted makes a world of words: passages of words, questions of some of their words, 30 %
// of the vocabulary renamed in questions by a fixed dictionary.
func shifted(rng *rand.Rand, count, vocabulary, length int) (passages []retriever.Passage, plain, renamed []dataset.Question) {
	word := func() string {
		b := make([]byte, 7)
		for i := range b {
			b[i] = byte('a' + rng.IntN(26))
		}
		return string(b)
	}
	words, dictionary := make([]string, vocabulary), map[string]string{}
	for i := range words {
		words[i] = word()
		dictionary[words[i]] = words[i]
		if i%10 < 3 {
			dictionary[words[i]] = word()
		}
	}
	for i := range count {
		order := rng.Perm(vocabulary)[:length]
		var text, ask, other []string
		for j, at := range order {
			text = append(text, words[at])
			if j < 4 {
				ask, other = append(ask, words[at]), append(other, dictionary[words[at]])
			}
		}
		rng.Shuffle(len(text), func(i, j int) { text[i], text[j] = text[j], text[i] })
		p := retriever.Passage{ID: fmt.Sprint("p", i), Text: strings.Join(text, " ")}
		q := dataset.Question{ID: fmt.Sprint(i), Question: strings.Join(ask, " "), Positive: []string{p.ID}}
		passages, plain = append(passages, p), append(plain, q)
		q.Question = strings.Join(other, " ")
		renamed = append(renamed, q)
	}
	return passages, plain, renamed
}

// 30 % of the words of questions have other names than in passages. The adapter learns the
// dictionary and finds passages that it never saw.
func TestPlantedShift(t *testing.T) {
	count, epochs := 2000, testsize.Of(8, 40)
	if testsize.Racing {
		count, epochs = 200, 1
	}
	seen := count * 4 / 5
	passages, plain, renamed := shifted(rand.New(rand.NewPCG(5, 6)), count, 100, 8)
	e, err := hashed.Fit(t.Context(), dense.Texts(passages), hashed.Options{Dim: 512})
	if err != nil {
		t.Fatal(err)
	}
	result, err := Contrastive(t.Context(), e, passages, Examples(renamed[:seen]), Options{Epochs: epochs})
	adapter := trained(t, result, err).Adapter
	whole := recallOf(t, e, passages, plain[seen:], 1)
	before := recallOf(t, e, passages, renamed[seen:], 1)
	after := recallOf(t, adapter.Over(e), passages, renamed[seen:], 1)
	t.Logf("recall@1 without shift %.3f, shifted %.3f, adapted %.3f, won back %.3f", whole, before, after, (after-before)/(whole-before))
	if testsize.Racing {
		return
	}
	if won := (after - before) / (whole - before); won < 0.9 {
		t.Errorf("%.3f of what was lost came back, want 0.9", won)
	}
}
