package run

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/goselfrag/goselfrag/eval/metric"
)

// CompareOptions are the options of [Compare]. The zero value is ready to use.
type CompareOptions struct {
	// Metrics are the scores to compare; nil means match. Choose them before you look: each
	// one more makes the intervals wider.
	Metrics []string
	// Level is the probability that all intervals of the call hold at once, in (0, 1); 0
	// means 0.95.
	Level float64
	// Seed is that of the intervals.
	Seed uint64
}

// Comparison is the mean of a score in one part of a run minus that in another run, over
// the questions that both answered.
type Comparison struct {
	Part   string `json:"part"`
	Metric string `json:"metric"`
	// Questions is the number of pairs, Unpaired that of the questions that only one of the
	// runs answered or for which only one has the score.
	Questions int `json:"questions"`
	Unpaired  int `json:"unpaired"`
	// Base and New are the means over the pairs.
	Base float64 `json:"base"`
	New  float64 `json:"new"`
	// Difference is New minus Base, with an interval such that all those
	// of one call hold the true differences at the same time.
	Difference metric.Interval `json:"difference"`
	// Detectable is the smallest true difference that such a set would show in four of five
	// cases. Clusters is the number of groups of questions.
	Detectable float64 `json:"detectable"`
	Clusters   int     `json:"clusters"`
	// Claim is set if the interval does not hold 0 and there are at least
	// metric.MinClusters groups.
	Claim bool `json:"claim"`
}

// Worse reports whether the new run is worse beyond chance. If it is neither worse nor better,
// it has not been shown to be as good: see Detectable.
func (c Comparison) Worse() bool { return c.Claim && c.Difference.High < 0 }

// Better reports whether the new run is better beyond chance; see Worse.
func (c Comparison) Better() bool { return c.Claim && c.Difference.Low > 0 }

// String returns the comparison on one line, with what it shows.
func (c Comparison) String() string {
	said := "these questions do not tell the runs apart"
	switch {
	case c.Worse():
		said = "worse"
	case c.Better():
		said = "better"
	case c.Clusters < metric.MinClusters:
		said = fmt.Sprintf("no claim: %d groups of questions, and a claim needs %d", c.Clusters, metric.MinClusters)
	}
	if c.Unpaired > 0 {
		said += fmt.Sprintf("; %d questions without a partner are left out", c.Unpaired)
	}
	d := c.Difference
	return fmt.Sprintf("%s, %s: %.3f after %.3f, %+.3f [%+.3f, %+.3f]: %s", c.Part, c.Metric, c.New, c.Base, d.Value, d.Low, d.High, said)
}

// Compare compares the parts of two runs that have the same name, question by question; if
// each has one part alone, these. With m comparisons each interval has the level
// 1 − (1 − Level)/m (Bonferroni), so that all hold at once. Intervals are those of
// [metric.Bootstrap.Compare] over groups of questions. The error wraps [ErrOption].
func Compare(base, now *Results, o CompareOptions) ([]Comparison, error) {
	if o.Metrics == nil {
		o.Metrics = []string{"match"}
	}
	o.Level = cmp.Or(o.Level, 0.95)
	if !(o.Level > 0 && o.Level < 1) {
		return nil, fmt.Errorf("%w: Level is %v: want a number in (0, 1), or 0 for 0.95", ErrOption, o.Level)
	}
	both := Common(base, now)
	if len(both) == 0 {
		return nil, fmt.Errorf("%w: the runs have no part in common", ErrOption)
	}
	level := 1 - (1-o.Level)/float64(len(both)*len(o.Metrics))
	var list []Comparison
	for _, b := range both {
		for _, m := range o.Metrics {
			c, err := compare(b[0], b[1], m, metric.Bootstrap{Level: level, Seed: o.Seed})
			if err != nil {
				return nil, err
			}
			list = append(list, c)
		}
	}
	return list, nil
}

// Common returns the parts of two runs, first that of base, that [Compare] compares.
func Common(base, now *Results) (list [][2]*PartResults) {
	for i := range now.Parts {
		p := &now.Parts[i]
		b := base.Part(p.Name)
		if len(now.Parts) == 1 && len(base.Parts) == 1 {
			b = &base.Parts[0]
		}
		if b != nil {
			list = append(list, [2]*PartResults{b, p})
		}
	}
	return list
}

func compare(base, now *PartResults, name string, boot metric.Bootstrap) (Comparison, error) {
	c := Comparison{Part: now.Name, Metric: name}
	pairs, unpaired := Pairs(base, now, name)
	c.Questions, c.Unpaired = len(pairs), unpaired
	if len(pairs) == 0 {
		return c, fmt.Errorf("%w: the runs have no question of %s with the score %q in common", ErrOption, now.Name, name)
	}
	var x, y []float64
	for _, p := range pairs {
		x, y = append(x, p.Base.Scores[name]), append(y, p.New.Scores[name])
		boot.Groups = append(boot.Groups, p.New.Group)
	}
	got, err := boot.Compare(x, y)
	if err != nil {
		return c, fmt.Errorf("run: %w", err)
	}
	s := got.Systems[0]
	c.Base, c.New, c.Difference, c.Detectable, c.Claim, c.Clusters = mean(x), mean(y), s.Simultaneous, s.Detectable, s.Claim, got.Clusters
	return c, nil
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// Pair is a question in two runs.
type Pair struct{ Base, New *Record }

// Pairs returns the questions that both parts answered and for which both have a score, in
// the order of now, and the number of the others. Questions are the same if their id and
// their text are.
func Pairs(base, now *PartResults, score string) (pairs []Pair, unpaired int) {
	type key struct{ id, question string }
	known := map[key]*Record{}
	for i := range base.Records {
		r := &base.Records[i]
		if _, ok := r.Scores[score]; ok {
			known[key{r.ID, r.Question}] = r
		}
	}
	others := 0
	for i := range now.Records {
		r := &now.Records[i]
		if _, ok := r.Scores[score]; !ok {
			continue
		}
		b, ok := known[key{r.ID, r.Question}]
		if !ok {
			others++
			continue
		}
		pairs = append(pairs, Pair{b, r})
	}
	return pairs, others + len(known) - len(pairs)
}

// Disagreements returns the pairs with different scores, the greatest difference first and
// losses before gains, at most n.
func Disagreements(pairs []Pair, score string, n int) []Pair {
	difference := func(p Pair) float64 { return p.New.Scores[score] - p.Base.Scores[score] }
	list := slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool { return difference(p) == 0 })
	slices.SortStableFunc(list, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(math.Abs(difference(b)), math.Abs(difference(a))), cmp.Compare(difference(a), difference(b)))
	})
	return list[:min(n, len(list))]
}
