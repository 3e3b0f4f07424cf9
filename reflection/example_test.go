package reflection_test

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/goselfrag/goselfrag/reflection"
)

func Example() {
	// A model's judgment of a passage: [Irrelevant] 0.1, [Relevant] 0.8. The rest
	// of the probability is on ordinary words.
	d := reflection.NewDistribution(reflection.IsREL, 0.1, 0.8)
	for _, t := range d.Group.Tokens() {
		p, exact := d.Prob(t).Value()
		fmt.Printf("%v %v: %.1f, exact %v\n", d.Group, t, p, exact)
	}
	// Output:
	// IsREL [Irrelevant]: 0.1, exact true
	// IsREL [Relevant]: 0.8, exact true
}

func ExampleProb() {
	for _, p := range []reflection.Prob{
		reflection.ExactLog(-0.5),
		reflection.AtMostLog(-7), // the token was below the top N of a server
		reflection.ExactLog(math.Inf(-1)),
		{}, // nobody gave it
	} {
		b, err := json.Marshal(p)
		if err != nil {
			fmt.Println(err)
			return
		}
		v, exact := p.Value()
		fmt.Printf("%s is at most %.4f, exact %v\n", b, v, exact)
	}
	// Output:
	// {"log":-0.5} is at most 0.6065, exact true
	// {"at_most":-7} is at most 0.0009, exact false
	// {"zero":true} is at most 0.0000, exact true
	// null is at most 1.0000, exact false
}

func ExampleParseToken() {
	t, ok := reflection.ParseToken("[Fully supported]")
	fmt.Println(t.Group(), ok)

	// The spelling counts, byte for byte.
	_, ok = reflection.ParseToken("[Fully Supported]")
	fmt.Println(ok)
	// Output:
	// IsSUP true
	// false
}

func ExampleOneHot() {
	// A server that gives no probabilities: the label is all there is.
	d := reflection.OneHot(reflection.PartiallySupported)
	for _, t := range d.Group.Tokens() {
		p, _ := d.Prob(t).Value()
		fmt.Println(t, p)
	}
	// Output:
	// [Fully supported] 0
	// [Partially supported] 1
	// [No support / Contradictory] 0
}
