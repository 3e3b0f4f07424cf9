package metric_test

import (
	"fmt"

	"github.com/goselfrag/goselfrag/eval/metric"
)

func ExampleMatchFold() {
	answer := "The lighthouse of Brannock was built in 1871 by Ada Kerr."
	fmt.Println(metric.MatchFold(answer, []string{"ada kerr", "A. Kerr"}))
	fmt.Printf("%.2f\n", metric.F1(answer, []string{"Ada Kerr"}))
	// Output:
	// true
	// 0.33
}

func ExampleBootstrap_Difference() {
	ours := []float64{1, 1, 0, 1, 1, 1, 0, 1}   // right or wrong, question by question
	theirs := []float64{1, 0, 0, 1, 0, 1, 0, 1} // the same questions
	d, err := metric.Bootstrap{}.Difference(ours, theirs)
	fmt.Printf("%.2f, 95 %% interval %.2f to %.2f, %v\n", d.Value, d.Low, d.High, err)
	// Output:
	// 0.25, 95 % interval 0.00 to 0.62, <nil>
}

// Two variants beside one baseline. Twelve examples are too few for a claim.
func ExampleBootstrap_Compare() {
	baseline := []float64{0.5, 0.2, 0, 0.9, 0.3, 1, 0.4, 0.7, 0, 0.6, 0.8, 0.1}
	better := []float64{0.9, 0.4, 0.7, 1, 0.3, 1, 0.9, 0.8, 0.3, 0.5, 1, 0.6}
	equal := []float64{0.3, 0.4, 0.1, 0.9, 0.2, 0.9, 0.5, 0.8, 0.1, 0.4, 0.8, 0.2}
	c, err := metric.Bootstrap{}.Compare(baseline, better, equal)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range c.Systems {
		fmt.Printf("%+.2f, alone %+.3f to %+.3f, both at once %+.3f to %+.3f, claim %v\n",
			s.Pointwise.Value, s.Pointwise.Low, s.Pointwise.High, s.Simultaneous.Low, s.Simultaneous.High, s.Claim)
	}
	// Output:
	// +0.24, alone +0.104 to +0.379, both at once +0.092 to +0.392, claim false
	// +0.01, alone -0.066 to +0.083, both at once -0.073 to +0.089, claim false
}
