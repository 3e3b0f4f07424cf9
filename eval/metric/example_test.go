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
