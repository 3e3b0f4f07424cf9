package run_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/internal/testsize"
)

// made are results with the scores of each part, a question a group.
func made(parts map[string][]float64, order ...string) *run.Results {
	r := &run.Results{}
	for _, name := range order {
		p := run.PartResults{Name: name, Questions: len(parts[name])}
		for i, v := range parts[name] {
			p.Records = append(p.Records, run.Record{ID: fmt.Sprint(i), Group: fmt.Sprint(i), Scores: run.Scores{"match": v, "f1": 1 - v}})
		}
		r.Parts = append(r.Parts, p)
	}
	return r
}

func coins(random *rand.Rand, n int, p float64) []float64 {
	list := make([]float64, n)
	for i := range list {
		if random.Float64() < p {
			list[i] = 1
		}
	}
	return list
}

// Two runs of one system are seldom told apart: at most in the share that the level allows,
// for all parts and metrics together. A claim is made where the interval does not hold 0, and
// only there.
func TestClaims(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	rounds, wrong := testsize.Raced(20, testsize.Of(60, 400)), 0
	for round := range rounds {
		values := func() *run.Results {
			return made(map[string][]float64{"a": coins(random, 60, 0.6), "b": coins(random, 60, 0.3)}, "a", "b")
		}
		list, err := run.Compare(values(), values(), run.CompareOptions{Metrics: []string{"match", "f1"}, Seed: uint64(round)})
		if err != nil || len(list) != 4 {
			t.Fatalf("%v: %v", err, list)
		}
		any := false
		for _, c := range list {
			outside := c.Difference.Low > 0 || c.Difference.High < 0
			if c.Claim != outside || c.Worse() != (c.Difference.High < 0) || c.Better() != (c.Difference.Low > 0) {
				t.Errorf("%+v: the claim is not that of the interval", c)
			}
			any = any || c.Claim
		}
		if any {
			wrong++
		}
	}
	// 5 % is allowed; four standard deviations more is no chance.
	if most := 0.05 + 4*0.22/sqrt(rounds); float64(wrong)/float64(rounds) > most {
		t.Errorf("%d of %d pairs of equal runs were told apart", wrong, rounds)
	}
}

func sqrt(n int) float64 {
	x := float64(n)
	for range 40 {
		x = (x + float64(n)/x) / 2
	}
	return x
}

// A run that lost every fifth question is worse, its reverse better, and with few questions
// neither is claimed.
func TestWorse(t *testing.T) {
	of := func(n int) (*run.Results, *run.Results) {
		base, now := make([]float64, n), make([]float64, n)
		for i := range n {
			base[i] = 1
			if i%5 != 0 {
				now[i] = 1
			}
		}
		return made(map[string][]float64{"a": base}, "a"), made(map[string][]float64{"a": now}, "a")
	}
	base, now := of(100)
	list, err := run.Compare(base, now, run.CompareOptions{})
	if err != nil || !list[0].Worse() || list[0].Better() || list[0].Questions != 100 || list[0].Base != 1 || list[0].New != 0.8 {
		t.Errorf("%v: %+v", err, list)
	}
	if !strings.HasSuffix(list[0].String(), ": worse") {
		t.Error(list[0])
	}
	list, err = run.Compare(now, base, run.CompareOptions{})
	if err != nil || !list[0].Better() {
		t.Errorf("%v: %+v", err, list)
	}
	base, now = of(metric.MinClusters - 1)
	list, err = run.Compare(base, now, run.CompareOptions{})
	if err != nil || list[0].Claim || !strings.Contains(list[0].String(), "no claim") {
		t.Errorf("%v: %v", err, list)
	}
	// More comparisons, wider intervals.
	base, now = of(100)
	one, err := run.Compare(base, now, run.CompareOptions{})
	two, err2 := run.Compare(base, now, run.CompareOptions{Metrics: []string{"match", "f1"}})
	if err != nil || err2 != nil || two[0].Difference.Low >= one[0].Difference.Low || two[0].Difference.High <= one[0].Difference.High {
		t.Errorf("%v %v: %v is not wider than %v", err, err2, two[0].Difference, one[0].Difference)
	}
}

// Questions are paired by id and text, whatever their order; the others are counted.
func TestPairs(t *testing.T) {
	base := made(map[string][]float64{"a": {1, 0, 1, 1}}, "a")
	now := made(map[string][]float64{"a": {0, 0, 1, 0, 1}}, "a")
	rs := now.Parts[0].Records
	rs[0], rs[3] = rs[3], rs[0]
	rs[2].Question = "another text"
	delete(rs[1].Scores, "match")
	pairs, unpaired := run.Pairs(&base.Parts[0], &now.Parts[0], "match")
	if len(pairs) != 2 || pairs[0].Base.ID != "3" || pairs[1].New.ID != "0" || unpaired != 4 {
		t.Errorf("%d pairs, %d unpaired: want questions 3 and 0; 1 and 2 of the base, 2 and 4 of the new run unpaired", len(pairs), unpaired)
	}
	if list, err := run.Compare(base, now, run.CompareOptions{}); err != nil || !strings.Contains(list[0].String(), "4 questions without a partner") {
		t.Errorf("%v: %v", err, list)
	}
	d := run.Disagreements(pairs, "match", 1)
	if len(d) != 1 || d[0].New.ID != "3" {
		t.Errorf("%+v", d)
	}
	one, other := made(map[string][]float64{"a": {1}}, "a"), made(map[string][]float64{"b": {1}}, "b")
	if list, err := run.Compare(one, other, run.CompareOptions{}); err != nil || list[0].Part != "b" {
		t.Errorf("single parts of other names: %v", err)
	}
	if _, err := run.Compare(one, made(map[string][]float64{"b": {1}, "c": {1}}, "b", "c"), run.CompareOptions{}); !errors.Is(err, run.ErrOption) {
		t.Errorf("no part in common: %v", err)
	}
	if _, err := run.Compare(one, other, run.CompareOptions{Metrics: []string{"rouge"}}); !errors.Is(err, run.ErrOption) {
		t.Errorf("no such score: %v", err)
	}
	if _, err := run.Compare(one, other, run.CompareOptions{Level: 1}); !errors.Is(err, run.ErrOption) {
		t.Errorf("level 1: %v", err)
	}
}
