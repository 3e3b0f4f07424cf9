package rag_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/rag"
	"github.com/goselfrag/goselfrag/retriever"
)

// planted is a kind of question with hand-made evidence in the passages.
type planted struct {
	name  string
	prior []float64
	// says holds, for each passage and for "all" of them in one prompt, the
	// probabilities of the next word after a prefix; "." is the end. The rest is
	// spread over the others. The right answer is "a b" in all kinds.
	says map[string]map[string]string
	// right says which decoders must find it, by construction.
	right map[string]bool
}

const (
	saysAB   = "a .9"
	restOfAB = "b .9"
)

var kinds = []planted{
	{
		// Only the second passage has the answer; the others have nothing.
		name: "in one passage", prior: []float64{0.4, 0.3, 0.3},
		says: map[string]map[string]string{
			"0":   {"": ". .3", " a": ". .3", " a b": ". .9"},
			"1":   {"": saysAB, " a": restOfAB, " a b": ". .9"},
			"2":   {"": ". .3", " a": ". .3", " a b": ". .9"},
			"all": {"": saysAB, " a": restOfAB, " a b": ". .9"},
		},
		right: map[string]bool{"standard": true, "sequence": true, "token": true, "first": false},
	},
	{
		// The first passage has the beginning of the answer, the second the rest.
		name: "split over two", prior: []float64{0.5, 0.5},
		says: map[string]map[string]string{
			"0":   {"": "a .9", " a": "c .6 b .3", " a b": ". .9", " a c": ". .9"},
			"1":   {"": "d .65 a .2", " a": "b .9", " a b": ". .9", " a c": ". .9", " d": ". .9"},
			"all": {"": saysAB, " a": restOfAB, " a b": ". .9"},
		},
		right: map[string]bool{"standard": true, "sequence": false, "token": true, "first": false},
	},
	{
		// The first passage contradicts the other two, and one prompt follows the
		// passage that it shows first.
		name: "contradicted in one", prior: []float64{0.4, 0.3, 0.3},
		says: map[string]map[string]string{
			"0":   {"": "c .9", " c": "d .9", " c d": ". .9", " a": "b .3", " a b": ". .9"},
			"1":   {"": saysAB, " a": restOfAB, " a b": ". .9"},
			"2":   {"": saysAB, " a": restOfAB, " a b": ". .9"},
			"all": {"": "c .8 a .15", " c": "d .9", " c d": ". .9", " a": restOfAB, " a b": ". .9"},
		},
		right: map[string]bool{"standard": false, "sequence": true, "token": true, "first": false},
	},
	{
		// Two passages begin two wrong answers with the same word, which no single
		// passage makes likely enough.
		name: "shared beginning", prior: []float64{0.46, 0.27, 0.27},
		says: map[string]map[string]string{
			"0":   {"": "a .9", " a": "b .9", " a b": ". .9", " c": ". .3"},
			"1":   {"": "c .95", " c": "a .95", " c a": ". .9", " a": ". .3"},
			"2":   {"": "c .95", " c": "d .95", " c d": ". .9", " a": ". .3"},
			"all": {"": saysAB, " a": restOfAB, " a b": ". .9"},
		},
		right: map[string]bool{"standard": true, "sequence": true, "token": false, "first": true},
	},
}

// world returns a model with these probabilities, slightly perturbed and with
// swapped words, and the right answer.
func (p planted) world(seed uint64) (*tiny, string) {
	random := rand.New(rand.NewPCG(seed, 11))
	as := random.Perm(len(words)) // the words for a, b, c, d
	written := func(text string) string {
		var b strings.Builder
		for _, w := range strings.Fields(text) {
			b.WriteString(words[as[w[0]-'a']])
		}
		return b.String()
	}
	type key struct{ passage, prefix string }
	tables := map[key][]float64{}
	for at := range len(p.prior) + 1 {
		from, passage := fmt.Sprint(at), fmt.Sprintf("passage %d", at)
		if at == len(p.prior) {
			from, passage = "all", ""
		}
		for _, prefix := range []string{"", " a", " c", " d", " a b", " a c", " c a", " c d"} {
			text, ok := p.says[from][prefix]
			if !ok {
				continue
			}
			probs := make([]float64, len(words)+1)
			left, free := 1.0, len(probs)
			fields := strings.Fields(text)
			for i := 0; i < len(fields); i += 2 {
				var x float64
				fmt.Sscan(fields[i+1], &x)
				x += 0.02 * (random.Float64() - 0.5)
				to := len(words)
				if fields[i] != "." {
					to = as[fields[i][0]-'a']
				}
				probs[to] = x
				left, free = left-x, free-1
			}
			for i := range probs {
				if probs[i] == 0 {
					probs[i] = left / float64(free)
				}
			}
			tables[key{passage, written(prefix)}] = probs
		}
	}
	return &tiny{seed: seed, table: func(passages, prefix string) []float64 {
		if strings.Contains(passages, "\n\n") {
			passages = ""
		}
		return tables[key{passages, prefix}]
	}}, strings.TrimSpace(written("a b"))
}

// By construction it is known which decoders find the evidence; this measures it.
func TestPlantedEvidence(t *testing.T) {
	const worlds = 50
	type way struct {
		name    string
		f       build
		options []rag.Option
	}
	ways := []way{
		{"standard", rag.NewStandard, nil},
		{"sequence", rag.NewSequence, nil},
		{"token", rag.NewToken, nil},
		{"first", rag.NewStandard, []rag.Option{rag.WithK(1)}},
	}
	t.Logf("%-20s %9s %9s %9s %9s", "of "+fmt.Sprint(worlds), "standard", "sequence", "token", "first")
	total := map[string]int{}
	for _, kind := range kinds {
		found := map[string]int{}
		from := corpus{retriever.Probability, kind.prior}
		for seed := range uint64(worlds) {
			m, want := kind.world(seed)
			for _, w := range ways {
				a := ask(t, w.f, m, from, w.options...)
				if a.Text == want {
					found[w.name]++
					total[w.name]++
				}
				if w.name == "sequence" && kind.name == "in one passage" && (len(a.Citations) != 1 || a.Citations[0].Passage.ID != "1") {
					t.Errorf("%s rests on %+v", kind.name, a.Citations)
				}
				if w.name == "token" && kind.name == "split over two" && a.Text == want {
					// The first word cites the first passage, the second the
					// second.
					if a.Cited() != want[:1]+" [1]"+want[1:]+" [2]" && a.Cited() != want[:1]+" [2]"+want[1:]+" [1]" || a.Segments[0].Text != want[:1] {
						t.Errorf("%q", a.Cited())
					}
				}
			}
		}
		t.Logf("%-20s %9d %9d %9d %9d", kind.name, found["standard"], found["sequence"], found["token"], found["first"])
		for name, right := range kind.right {
			if want := map[bool]int{true: worlds}[right]; found[name] != want {
				t.Errorf("%s: %s finds %d, want %d", kind.name, name, found[name], want)
			}
		}
	}
	t.Logf("%-20s %9d %9d %9d %9d", "all", total["standard"], total["sequence"], total["token"], total["first"])
	// A second beam escapes a shared beginning.
	recovered := 0
	for seed := range uint64(worlds) {
		m, want := kinds[3].world(seed)
		if ask(t, rag.NewToken, m, corpus{retriever.Probability, kinds[3].prior}, rag.WithBeams(4)).Text == want {
			recovered++
		}
	}
	t.Logf("with 4 beams, token finds %d of the shared beginnings", recovered)
}
