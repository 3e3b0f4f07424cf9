package adapt

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
)

// taste is a generator that answers a question well from one passage, whose text it holds
// by question, and badly from any other or from none.
type taste map[string]string

func (taste) Generate(context.Context, generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) { yield(generator.Step{}, errors.ErrUnsupported) }
}

func (m taste) Score(ctx context.Context, req generator.Request, steps []generator.Step, _ bool) (c generator.Completion, err error) {
	log := -8.0
	if e := req.Prompt.Evidence; len(e) > 0 && e[0].Text == m[req.Prompt.Instruction] {
		log = -0.1
	}
	for _, s := range steps {
		s.LogProb = reflection.ExactLog(log)
		c.Steps = append(c.Steps, s)
	}
	c.Finish = generator.FinishLength
	return c, ctx.Err()
}

// offered is a retriever that knows what to offer for each question.
type offered map[string][]retriever.Passage

func (o offered) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	return list(o[q.Text]).Retrieve(ctx, q)
}

// tastes is a world with two models. For the questions of a share they prefer the same
// passage, for the others two passages that lie in spaces turned against each other.
type tastes struct {
	vectors       table
	passages      []retriever.Passage
	questions     []dataset.Question
	source, other taste
	offered       offered
}

func newTastes(name string, turns [2][]float64, rng *rand.Rand, pairs, dim int, share float64) *tastes {
	w := &tastes{vectors: table{}, source: taste{}, other: taste{}, offered: offered{}}
	for i := range pairs {
		first, second := passage(fmt.Sprint(name, "a", i)), passage(fmt.Sprint(name, "b", i))
		q := dataset.Question{ID: fmt.Sprint(i), Question: fmt.Sprint(name, " question ", i), Answers: []string{"yes"}}
		v := random(rng, dim)
		w.vectors[first.Text], w.vectors[second.Text] = narrow(turned(turns[0], v)), narrow(turned(turns[1], v))
		w.vectors[q.Question] = narrow(v)
		w.source[q.Question], w.other[q.Question] = first.Text, second.Text
		if float64(i%10) < 10*share {
			w.other[q.Question] = first.Text
		}
		w.offered[q.Question] = []retriever.Passage{second, first}
		if i > 0 {
			w.offered[q.Question] = append(w.offered[q.Question], w.passages[:2]...)
		}
		w.passages, w.questions = append(w.passages, first, second), append(w.questions, q)
	}
	return w
}

func reader(t *testing.T, g generator.Generator) *Reader {
	t.Helper()
	r, err := NewReader(g, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// preferredBy asks a model through a reader.
func (w *tastes) preferredBy(t *testing.T, r *Reader) []Example {
	t.Helper()
	source, err := Gains(r, Sum)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Prefer(t.Context(), w.offered, source, w.questions, PreferOptions{Keep: 1})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// An adapter that was trained on what one model prefers helps another one by as much as
// the two agree: with a share of the questions on which they do, it wins that share of what
// it wins for a model that always agrees. For one that never does it wins nothing but what
// chance finds.
func TestTransferToAnotherModel(t *testing.T) {
	const dim = 16
	pairs, epochs := 300, 8
	if testsize.Racing {
		pairs, epochs = 60, 1
	}
	whole := 0.0
	for _, share := range []float64{1, 0.5, 0} {
		rng := rand.New(rand.NewPCG(21, 22))
		w := newTastes("", [2][]float64{rotation(rng, dim), rotation(rng, dim)}, rng, pairs, dim, share)
		other := reader(t, w.other)
		examples, theirs := w.preferredBy(t, reader(t, w.source)), w.preferredBy(t, other)
		agree := 0.0
		for i := range examples {
			if examples[i].Preferred[0].Passage == theirs[i].Preferred[0].Passage {
				agree++
			}
		}
		if agree/float64(pairs) != share {
			t.Fatalf("the models agree on %v of %d questions, want the share %v", agree, pairs, share)
		}
		result, err := Contrastive(t.Context(), w.vectors, w.passages, examples, Options{Positives: Preferred, Epochs: epochs, Transfer: other})
		x := trained(t, result, err).Report.Transfer
		t.Logf("share %.1f: %+v", share, *x)
		if x.Questions != pairs/5 || math.Abs(x.After-x.Before-x.Gain.Value) > 1e-9 {
			t.Errorf("%+v", x)
		}
		if testsize.Racing {
			continue
		}
		if share == 1 {
			whole = x.Gain.Value
			if x.Gain.Low < 4 {
				t.Errorf("the adapter does not help its own model: %+v", x)
			}
		}
		if ratio := x.Gain.Value / whole; math.Abs(ratio-share) > 0.12 || x.Gain.Low > 0.1 != (share > 0) {
			t.Errorf("share %v: the other model wins %.3f of it: %+v", share, ratio, x)
		}
	}
}

// What was learned holds for other questions about other passages.
func TestTransferToOtherQuestions(t *testing.T) {
	const dim = 16
	pairs, epochs := 300, 8
	if testsize.Racing {
		pairs, epochs = 60, 1
	}
	rng := rand.New(rand.NewPCG(23, 24))
	turns := [2][]float64{rotation(rng, dim), rotation(rng, dim)}
	here, there := newTastes("here ", turns, rng, pairs, dim, 1), newTastes("there ", turns, rng, pairs, dim, 1)
	result, err := Contrastive(t.Context(), here.vectors, here.passages, here.preferredBy(t, reader(t, here.source)), Options{Epochs: epochs})
	adapter := trained(t, result, err).Adapter
	var wanted []dataset.Question
	for _, e := range there.preferredBy(t, reader(t, there.other)) {
		q := e.Question
		q.Positive = Preferred.of(&e)
		wanted = append(wanted, q)
	}
	before, after := recallOf(t, there.vectors, there.passages, wanted, 5), recallOf(t, adapter.Over(there.vectors), there.passages, wanted, 5)
	t.Logf("recall@5 %.3f before, %.3f after", before, after)
	if !testsize.Racing && (before > 0.1 || after < 0.9) {
		t.Errorf("recall@5 is %.3f before and %.3f after", before, after)
	}
}

func TestTransferErrors(t *testing.T) {
	vectors, passages, examples := small(t, 30)
	if _, err := Contrastive(t.Context(), vectors, passages, examples, Options{Transfer: (*Reader)(nil)}); !errors.Is(err, ErrOption) {
		t.Error(err)
	}
	// A model that cannot score is found out before the training.
	early := func(Epoch) { t.Error("it was trained first") }
	if _, err := Contrastive(t.Context(), vectors, passages, examples, Options{Transfer: scores{}, Progress: early}); err == nil || errors.As(err, new(*RefusedError)) {
		t.Errorf("no error of the other model: %v", err)
	}
	for i := range examples {
		examples[i].Answers = nil
	}
	result, err := Contrastive(t.Context(), vectors, passages, examples, Options{Epochs: 1, Transfer: scores{}})
	if got := trained(t, result, err).Report.Transfer; got == nil || *got != (Transferred{}) {
		t.Errorf("questions without answers: %+v", got)
	}
}
