package interleave

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

var (
	full        = judged{reflection.Relevant, reflection.FullySupported}
	partial     = judged{reflection.Relevant, reflection.PartiallySupported}
	unsupported = judged{reflection.Relevant, reflection.NoSupport}
	irrelevant  = judged{relevance: reflection.Irrelevant}
	unknown     = judged{}
	half        = judged{relevance: reflection.Relevant}
)

// fixed draws: each chance is the next of the list, each pick the next number.
type fixed struct {
	t       *testing.T
	chances []bool
	asked   []float64
	picks   []int
}

func (f *fixed) chance(p float64) bool {
	f.asked = append(f.asked, p)
	if len(f.chances) == 0 {
		f.t.Fatalf("a chance of %v is drawn: want no more", p)
	}
	c := f.chances[0]
	f.chances = f.chances[1:]
	return c
}

func (f *fixed) pick(n int) int {
	if len(f.picks) == 0 || f.picks[0] >= n {
		f.t.Fatalf("one of %d is drawn: want %v", n, f.picks)
	}
	i := f.picks[0]
	f.picks = f.picks[1:]
	return i
}

var (
	yes = []bool{true}
	no  = []bool{false}
)

// choices are hand-made cases of each rule by itself.
var choices = []struct {
	name    string
	rules   []Rule
	set     string
	list    []judged
	chances []bool
	asked   float64 // the probability of a chance; 0 if there is none
	picks   []int
	want    int // -1 for none
	label   judged
}{
	{"paper: full", nil, "", []judged{irrelevant, unsupported, full, partial}, nil, 0, nil, 2, full},
	{"paper: partial before full", nil, "", []judged{irrelevant, partial, full}, nil, 0, nil, 1, partial},
	{"paper: any", nil, "nq", []judged{unsupported, unknown, irrelevant}, nil, 0, []int{1}, 2, irrelevant},
	{"paper: any may be unsupported", nil, "nq", []judged{unsupported, half, irrelevant}, nil, 0, []int{0}, 0, unsupported},
	{"paper: none", nil, "", []judged{unknown, half}, nil, 0, nil, -1, judged{}},
	{"paper: no passage", nil, "", nil, nil, 0, nil, -1, judged{}},
	{"first full", []Rule{FirstFull}, "", []judged{partial, full, full}, nil, 0, nil, 1, full},
	{"first full without one", []Rule{FirstFull}, "", []judged{irrelevant, partial}, nil, 0, nil, 1, partial},
	{"some partial, taken", []Rule{SomePartial}, "", []judged{partial, irrelevant}, yes, 0.7, nil, 0, partial},
	{"some partial, not taken", []Rule{SomePartial}, "", []judged{partial, irrelevant}, no, 0.7, []int{1}, 1, irrelevant},
	{"some partial, not taken, then full", []Rule{SomePartial}, "", []judged{partial, full}, no, 0.7, nil, 1, full},
	{"some partial behind full", []Rule{SomePartial}, "", []judged{full, partial}, nil, 0, nil, 0, full},
	{"some unsupported, taken", []Rule{SomeUnsupported}, "", []judged{irrelevant, unsupported}, yes, 0.25, nil, 1, unsupported},
	{"some unsupported, not taken", []Rule{SomeUnsupported}, "", []judged{irrelevant, unsupported}, no, 0.25, []int{0}, 0, irrelevant},
	{"else irrelevant", []Rule{ElseIrrelevant}, "", []judged{unsupported, irrelevant, irrelevant}, nil, 0, []int{1}, 2, irrelevant},
	{"else irrelevant, none", []Rule{ElseIrrelevant}, "", []judged{unsupported}, nil, 0, nil, -1, judged{}},
	{"some irrelevant nq, taken", []Rule{SomeIrrelevantNQ}, "nq", []judged{full, irrelevant}, yes, 0.25, []int{0}, 1, irrelevant},
	{"some irrelevant nq, not taken", []Rule{SomeIrrelevantNQ}, "nq", []judged{full, irrelevant}, no, 0.25, nil, 0, full},
	{"some irrelevant nq, none", []Rule{SomeIrrelevantNQ}, "nq", []judged{full}, yes, 0.25, nil, 0, full},
	{"some irrelevant nq, another set", []Rule{SomeIrrelevantNQ}, "wow", []judged{full, irrelevant}, nil, 0, nil, 0, full},
	{"irrelevant fact, nq", []Rule{IrrelevantFact}, "nq", []judged{full, irrelevant, irrelevant}, nil, 0, []int{1}, 2, irrelevant},
	{"irrelevant fact, fever", []Rule{IrrelevantFact}, "fever", []judged{full, irrelevant}, nil, 0, []int{0}, 1, irrelevant},
	{"irrelevant fact, none", []Rule{IrrelevantFact}, "nq", []judged{unsupported, full}, nil, 0, nil, 1, full},
	{"irrelevant fact, another set", []Rule{IrrelevantFact}, "wow", []judged{full, irrelevant}, nil, 0, nil, 0, full},
	{"irrelevant index", []Rule{IrrelevantFact, IrrelevantIndex}, "nq", []judged{full, irrelevant, irrelevant}, nil, 0, []int{0}, 0, full},
	{"irrelevant index of an unknown one", []Rule{IrrelevantFact, IrrelevantIndex}, "nq", []judged{unknown, full, irrelevant}, nil, 0, []int{0}, -1, judged{}},
	{"unsupported is irrelevant", []Rule{UnsupportedIrrelevant}, "wow", []judged{unsupported}, nil, 0, []int{0}, 0, irrelevant},
	{"unsupported is irrelevant, another set", []Rule{UnsupportedIrrelevant}, "asqa", []judged{unsupported}, nil, 0, []int{0}, 0, unsupported},
	{"negative", []Rule{NegativeSamples}, "asqa", []judged{full, irrelevant}, nil, 0, []int{0}, 1, irrelevant},
	{"negative, none", []Rule{NegativeSamples}, "asqa", []judged{full, unsupported}, nil, 0, nil, -1, judged{}},
}

func TestChoose(t *testing.T) {
	for _, c := range choices {
		t.Run(c.name, func(t *testing.T) {
			rules, err := newRuleSet(c.rules)
			if err != nil {
				t.Fatal(err)
			}
			d := &fixed{t: t, chances: c.chances, picks: c.picks}
			at, label, ok := rules.choose(c.list, c.set, d)
			if !ok {
				at = -1
			}
			if at != c.want || label != c.label || len(d.chances)+len(d.picks) > 0 {
				t.Errorf("%d %v: want %d %v", at, label, c.want, c.label)
			}
			if c.asked > 0 && (len(d.asked) != 1 || d.asked[0] != c.asked) {
				t.Errorf("chances of %v are drawn: want %v", d.asked, c.asked)
			}
		})
	}
}

// Whatever the rules and the labels are, what is chosen is one of the passages, with labels
// that a segment can have.
func TestChooseAnyRules(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	kinds := []judged{full, partial, unsupported, irrelevant, unknown, half}
	for range 20_000 {
		var list []Rule
		for _, r := range rules {
			if rng.IntN(3) == 0 {
				list = append(list, r)
			}
		}
		set, err := newRuleSet(list)
		if err != nil {
			t.Fatal(err)
		}
		passages := make([]judged, rng.IntN(6))
		for i := range passages {
			passages[i] = kinds[rng.IntN(len(kinds))]
		}
		at, label, ok := set.choose(passages, []string{"nq", "fever", "wow", "asqa"}[rng.IntN(4)], generated{rng})
		if ok && (at < 0 || at >= len(passages) || !label.usable()) {
			t.Fatalf("%v of %v: %d %v", list, passages, at, label)
		}
		if supported := slices.ContainsFunc(passages, judged.supports); len(list) == 0 && supported && (!ok || !passages[at].supports()) {
			t.Fatalf("%v: %d", passages, at)
		}
	}
	if _, err := newRuleSet([]Rule{"nq"}); !errors.Is(err, training.ErrOption) {
		t.Errorf("%v", err)
	}
	if released, err := newRuleSet([]Rule{Released}); err != nil || len(released.names()) != len(Rules())-2 || released[NegativeSamples] {
		t.Errorf("%v, %v", released.names(), err)
	}
}
