package scoring_test

import (
	"fmt"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
)

// The score of one candidate: the weighted sum of four terms.
func ExampleConfig_Segment() {
	judged := func(g reflection.Group, p ...float64) reflection.Judgment {
		return reflection.Judged(reflection.NewDistribution(g, p...), reflection.None, reflection.ExactIDs)
	}
	critique := reflection.Critique{
		IsREL: judged(reflection.IsREL, 0.1, 0.9),
		IsSUP: judged(reflection.IsSUP, 0.6, 0.4, 0),
		IsUSE: judged(reflection.IsUSE, 0, 0, 0, 0.5, 0.5),
	}
	// The text has 10 tokens with a log-probability of -1 in all.
	s := scoring.DefaultConfig().Segment(critique, reflection.ExactLog(-1), 10)
	fmt.Printf("sequence  %.3f\n", s.Sequence.Value)
	fmt.Printf("relevance %.3f\n", s.Relevance.Value)
	fmt.Printf("support   %.3f\n", s.Support.Value)
	fmt.Printf("utility   %.3f\n", s.Utility.Value)
	fmt.Printf("total     %.3f\n", s.Total.Value)
	// Output:
	// sequence  0.905
	// relevance 0.900
	// support   0.800
	// utility   0.750
	// total     2.980
}

// If a probability is missing, the term has the interval of possible values.
func ExampleConfig_Support() {
	d := reflection.NewDistribution(reflection.IsSUP, 0.6, 0.2) // the probability of no support is unknown
	j := reflection.Judged(d, reflection.FullySupported, reflection.TopN)
	t := scoring.DefaultConfig().Support(j)
	fmt.Printf("%v: %.3f in [%.3f, %.3f]\n", t.Kind, t.Value, t.Lo, t.Hi)
	// Output:
	// bounded: 0.875 in [0.700, 0.875]
}

func ExampleDecide() {
	// In the order of the group: no retrieval, retrieval, continue.
	d := reflection.NewDistribution(reflection.Retrieve, 0.3, 0.1, 0.6)

	// Before the first segment there is no passage to continue with.
	choice, ratio := scoring.Decide(d, 0.2, false)
	fmt.Printf("%v, ratio %.2f\n", choice, ratio.Value)

	// Later there is.
	choice, _ = scoring.Decide(d, 0.2, true)
	fmt.Println(choice)

	// An unknown distribution decides nothing.
	choice, ratio = scoring.Decide(reflection.Distribution{Group: reflection.Retrieve}, 0.2, false)
	fmt.Printf("%v, ratio in [%v, %v]\n", choice, ratio.Lo, ratio.Hi)
	// Output:
	// retrieval, ratio 0.25
	// continue
	// unknown, ratio in [0, 1]
}

func ExampleClosedSet() {
	labels := []string{"true", "false"}
	texts := []string{"True.", "false", "true, because it says so", "maybe"}
	scores := []float64{1.0, 1.8, 1.1, 3.0}
	r := scoring.ClosedSet(labels, texts, scores)
	fmt.Println(labels[r.Best], r.Sums, "unmatched", r.Unmatched)
	// Output:
	// true [2.1 1.8] unmatched [3]
}

func ExamplePathScore() {
	segments := []float64{1.5, 0.5}
	for _, p := range []scoring.PathScore{scoring.PathMean, scoring.PathSum, scoring.PathProduct} {
		fmt.Println(p, p.Score(segments))
	}
	// Output:
	// mean 1
	// sum 2
	// product 0.75
}

func ExampleConstraints() {
	c := scoring.Constraints{MaxNoSupport: 0.3}
	d := reflection.NewDistribution(reflection.IsSUP, 0.5, 0.1, 0.4)
	reason, rejected := c.Reject(reflection.Critique{
		IsSUP: reflection.Judged(d, reflection.FullySupported, reflection.ExactIDs),
	})
	fmt.Println(rejected, reason)
	// Output:
	// true probability 0.4 of [No support / Contradictory] is above 0.3
}
