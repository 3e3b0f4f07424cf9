package label_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/label"
)

// random returns labels whose questions hang together by ids and texts.
func random(rng *rand.Rand, n int) []label.Labeled {
	var list []label.Labeled
	for i := range n {
		g := reflection.IsSUP.Tokens()
		l := label.Labeled{Task: label.Support, Label: g[rng.IntN(len(g))]}
		l.Instruction = fmt.Sprintf([]string{"Question %d?", "  question\n%d? "}[rng.IntN(2)], rng.IntN(n))
		l.TargetOutput, l.Evidence, l.SentIdx = fmt.Sprint("Sentence ", i), fmt.Sprint("Passage ", i), i
		if rng.IntN(3) > 0 {
			l.QID = training.ID(fmt.Sprint(rng.IntN(n)))
		}
		if rng.IntN(10) == 0 {
			l.Label, l.Reason = reflection.None, "unclear"
		}
		list = append(list, l)
	}
	return list
}

// No id and no text of a question is in both parts; nothing is lost; not one question more
// than needed is held back.
func TestSplit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		labels := random(rng, 1+rng.IntN(60))
		want := rng.IntN(40)
		train, dev := label.Split(labels, want, uint64(round))
		keys := func(list []label.Labeled) map[string]int {
			m := map[string]int{}
			for _, l := range list {
				m["text "+strings.ToLower(strings.Join(strings.Fields(l.Instruction), " "))]++
				if l.QID != "" {
					m["id "+string(l.QID)]++
				}
			}
			return m
		}
		a, b := keys(train), keys(dev)
		for k := range a {
			if b[k] > 0 {
				t.Fatalf("%q is in both parts", k)
			}
		}
		all := 0
		for _, l := range labels {
			if !l.Rejected() {
				all++
			}
		}
		if len(train)+len(dev) != all || len(dev) < min(want, all) {
			t.Fatalf("%d and %d of %d labels, %d wanted", len(train), len(dev), all, want)
		}
		again, held := label.Split(labels, want, uint64(round))
		if !slices.Equal(train, again) || !slices.Equal(dev, held) {
			t.Fatal("two splits differ")
		}
		// With one record less wanted than there are, some question must stay out, unless
		// the last one is large.
		if want > 0 {
			_, fewer := label.Split(labels, want-1, uint64(round))
			if len(fewer) > len(dev) || len(fewer) >= want && len(fewer) != len(dev) {
				t.Fatalf("%d are held back for %d, %d for %d", len(fewer), want-1, len(dev), want)
			}
		}
	}
	different := 0
	labels := random(rng, 60)
	_, first := label.Split(labels, 20, 0)
	for seed := range uint64(10) {
		if _, dev := label.Split(labels, 20, seed+1); !slices.Equal(first, dev) {
			different++
		}
	}
	if different < 8 {
		t.Errorf("of 10 other seeds %d split in another way", different)
	}
}

// Of all ways to cut the classes to one size, the largest that fits is taken.
func TestBalance(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		labels := random(rng, 1+rng.IntN(50))
		share := 0.1 + 0.9*rng.Float64()
		if rng.IntN(4) == 0 {
			share = []float64{1. / 3, 0.5, 1}[rng.IntN(3)]
		}
		sizes := map[reflection.Token]int{}
		rejected := 0
		for _, l := range labels {
			if l.Rejected() {
				rejected++
			} else {
				sizes[l.Label]++
			}
		}
		best, classes := -1, 0 // the slow way: every size
		for m := 1; m <= len(labels); m++ {
			sum, most := 0, 0
			for _, n := range sizes {
				sum, most = sum+min(n, m), max(most, min(n, m))
			}
			if float64(most) <= share*float64(sum)+1e-9 {
				best = max(best, sum)
			}
		}
		classes = len(sizes)
		got, err := label.Balance(labels, map[label.Task]float64{label.Support: share}, 5)
		if best < 0 && classes > 0 {
			if !errors.Is(err, training.ErrOption) {
				t.Errorf("%v at most %v: %v", sizes, share, err)
			}
			continue
		}
		if err != nil || len(got) != max(best, 0)+rejected {
			t.Errorf("%v at most %v: %d labels, %v: want %d", sizes, share, len(got), err, best+rejected)
		}
		shuffled := slices.Clone(labels)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		other, err := label.Balance(shuffled, map[label.Task]float64{label.Support: share}, 5)
		if err != nil || len(other) != len(got) {
			t.Fatalf("%v, %d labels of shuffled ones", err, len(other))
		}
		for _, l := range other {
			if !slices.Contains(got, l) {
				t.Errorf("%+v stays if the labels come in another order", l)
			}
		}
	}
}

// Other tasks stay as they are.
func TestBalanceOfOneTask(t *testing.T) {
	labels := []label.Labeled{relevance("a", reflection.Relevant), relevance("b", reflection.Relevant), relevance("c", reflection.Irrelevant)}
	u := label.Labeled{Task: label.Utility, Label: reflection.Utility5}
	u.Instruction, u.Output = "a", "b"
	labels = append(labels, u)
	got, err := label.Balance(labels, map[label.Task]float64{label.Relevance: 0.5}, 1)
	if err != nil || len(got) != 3 || got[2] != u {
		t.Errorf("%+v, %v", got, err)
	}
}

// The share that is kept is the probability, within five standard errors.
func TestKeep(t *testing.T) {
	var labels []label.Labeled
	const n = 10_000
	for i := range n {
		l := label.Labeled{Task: label.Relevance, Label: reflection.Relevant}
		l.Instruction, l.Evidence = fmt.Sprint(i), "passage"
		if i%2 == 0 {
			l.Label = reflection.Irrelevant
		}
		labels = append(labels, l)
	}
	got, err := label.Keep(labels, reflection.Relevant, label.PaperRelevant, 1)
	if err != nil {
		t.Fatal(err)
	}
	kept := float64(len(got)-n/2) / (n / 2)
	if math.Abs(kept-0.7) > 5*math.Sqrt(0.7*0.3/(n/2)) {
		t.Errorf("%.4f are kept", kept)
	}
	for _, p := range []float64{0, 1} {
		got, err := label.Keep(labels, reflection.Relevant, p, 1)
		if err != nil || len(got) != n/2+int(p)*n/2 {
			t.Errorf("%v: %d, %v", p, len(got), err)
		}
	}
}

func relevance(question string, t reflection.Token) label.Labeled {
	l := label.Labeled{Task: label.Relevance, Label: t}
	l.Instruction, l.Evidence = question, "passage"
	return l
}

func TestAgree(t *testing.T) {
	var a, b []label.Labeled
	add := func(n int, x, y reflection.Token) {
		for range n {
			q := fmt.Sprint(len(a), len(b))
			if x != reflection.None {
				a = append(a, relevance(q, x))
			}
			if y != reflection.None {
				b = append(b, relevance(q, y))
			}
		}
	}
	add(20, reflection.Relevant, reflection.Relevant)
	add(5, reflection.Relevant, reflection.Irrelevant)
	add(10, reflection.Irrelevant, reflection.Relevant)
	add(15, reflection.Irrelevant, reflection.Irrelevant)
	add(3, reflection.Relevant, reflection.None)
	add(2, reflection.None, reflection.Relevant)
	slices.Reverse(b) // the order of a file does not matter
	got, err := label.Agree(a, b, 1)
	if err != nil || len(got) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	g := got[0]
	if g.Group != reflection.IsREL || g.Records != 50 || g.Agreed != 35 || g.Only != [2]int{3, 2} || math.Abs(g.Kappa.Value-0.4) > 1e-12 || g.Kappa.Low >= 0.4 || g.Kappa.High <= 0.4 {
		t.Errorf("%+v %+v", g, g.Kappa)
	}
	if fmt.Sprint(g.Confusion) != "[[15 10] [5 20]]" {
		t.Errorf("%v", g.Confusion)
	}
	if got, err := label.Agree(a[:1], a[:1], 1); err != nil || got[0].Kappa != nil || got[0].Agreed != 1 {
		t.Errorf("%+v, %v: there is a kappa of one label", got, err)
	}
	if got, err := label.Agree(nil, nil, 1); err != nil || got != nil {
		t.Errorf("%+v, %v", got, err)
	}
	twice := append(a[:1:1], relevance(a[0].Instruction, reflection.Irrelevant))
	if _, err := label.Agree(twice, b, 1); !errors.Is(err, training.ErrRecord) {
		t.Errorf("%v", err)
	}
}

// Wrong labels are as many as asked for, and of the group; [Continue to Use Evidence] is
// never drawn where there is no passage at hand.
func TestRedrawn(t *testing.T) {
	var labels []label.Labeled
	const n = 4000
	for i := range n {
		l := label.Labeled{Task: label.Retrieval, Label: reflection.Retrieval}
		l.Instruction = fmt.Sprint("Question ", i)
		labels = append(labels, l)
	}
	s, err := label.Redrawn(label.Known(labels), sensitivity.Noise{reflection.Retrieve: 1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	count := map[reflection.Token]int{}
	for _, l := range labels {
		got, err := s.Label(t.Context(), judge.Item{Group: reflection.Retrieve, Question: l.Instruction})
		if err != nil {
			t.Fatal(err)
		}
		count[got.Token]++
	}
	if r := float64(count[reflection.Retrieval]) / n; count[reflection.ContinueEvidence] > 0 || math.Abs(r-0.5) > 5*0.5/math.Sqrt(n) {
		t.Errorf("%v", count)
	}
	always := sensitivity.Confusion{reflection.Retrieve: {{0, 0, 1}, {0, 0, 1}, {0, 0, 1}}}
	if s, err = label.Redrawn(label.Known(labels), always, 1); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Label(t.Context(), judge.Item{Group: reflection.Retrieve, Question: "Question 0"}); err != nil || got.Token != reflection.Retrieval {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := s.Label(t.Context(), judge.Item{Group: reflection.Retrieve, Question: "unknown"}); err != nil || got.Status != reflection.StatusUnknown || got.Reason == "" {
		t.Errorf("%v, %v", got, err)
	}
}
