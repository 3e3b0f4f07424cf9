package filter_test

import (
	"fmt"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

func ExampleParse() {
	f, err := filter.Parse(`tenant = "acme" and (year >= 2020 or exists(pinned))`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(filter.Format(f))
	fmt.Println(filter.Match(f, filter.Metadata{
		"tenant": filter.String("acme"),
		"year":   filter.Int(2024),
	}))

	_, err = filter.Parse(`year >= )`)
	fmt.Println(err)
	// Output:
	// tenant = "acme" and (year >= 2020 or exists(pinned))
	// true
	// filter: 1:9: expected a value after ">=", found ")"
}

// A condition on a field that a passage does not have is neither true nor false,
// and its Not is not true.
func ExampleEval() {
	nobody := filter.Metadata{} // a passage without a tenant
	for _, text := range []string{
		`tenant = "acme"`,
		`tenant != "acme"`,
		`not tenant = "acme"`,
		`not exists(tenant)`,
	} {
		f, err := filter.Parse(text)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %v, match %v\n", text, filter.Eval(f, nobody), filter.Match(f, nobody))
	}
	// Output:
	// tenant = "acme": unknown, match false
	// tenant != "acme": unknown, match false
	// not tenant = "acme": unknown, match false
	// not exists(tenant): true, match true
}
