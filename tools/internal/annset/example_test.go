package annset_test

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/tools/internal/annset"
)

func Example() {
	s := annset.A.Set(1000, 10)
	truth, err := annset.Exact(context.Background(), s, 3)
	if err != nil {
		panic(err)
	}
	recall, err := truth.Recall(s, 0, truth.Of(0)[:2])
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s: %d vectors of %d dimensions\n", s.Name, s.Base.Len(), s.Base.Dim)
	fmt.Printf("two of three found: recall %.2f\n", recall)
	// Output:
	// a: 1000 vectors of 128 dimensions
	// two of three found: recall 0.67
}
