package lexical

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// synthetic returns passages of words of falling frequency, in different lengths.
func synthetic(r *rand.Rand, first, n int) []retriever.Passage {
	list := make([]retriever.Passage, n)
	for i := range list {
		list[i] = retriever.Passage{
			ID: fmt.Sprint(first + i), Text: rareWords(r, 1+r.IntN(60)),
			Metadata: filter.Metadata{"n": filter.Int(int64(r.IntN(1000))), "unique": filter.Int(int64(first + i))},
		}
	}
	return list
}

func rareWords(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "w%dx ", int(4000*r.Float64()*r.Float64()*r.Float64()*r.Float64()*r.Float64()))
	}
	return b.String()
}

// With many blocks and windows, some of them skipped, and merged parts, the result
// is that of the slow reference to the bit.
func TestLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ix, err := New(t.Context(), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var all []retriever.Passage
	for _, n := range []int{9000, 500, 4, 3000, 1, 1, 1, 2, 700, 90, 1} {
		more := synthetic(r, len(all), n)
		if err := ix.Add(t.Context(), more...); err != nil {
			t.Fatal(err)
		}
		all = append(all, more...)
	}
	compare := func() { t.Helper(); compareMany(t, r, ix, all) }
	compare()
	for range 3 {
		var left []retriever.Passage
		var gone []string
		for _, p := range all {
			if r.IntN(4) == 0 {
				gone = append(gone, p.ID)
			} else {
				left = append(left, p)
			}
		}
		if err := ix.Delete(t.Context(), gone...); err != nil {
			t.Fatal(err)
		}
		all = left
		compare()
	}
}

// compareMany compares random searches with those of the slow reference.
func compareMany(t *testing.T, r *rand.Rand, ix *Index, all []retriever.Passage) {
	t.Helper()
	slow := newExhaustive(ix, all, languagesFor(ix, all))
	for range 25 {
		q := retriever.Query{Text: rareWords(r, 1+r.IntN(8)), K: 1 + r.IntN(20)}
		// From nothing to half of the passages, and sometimes by a field with too many values.
		few := filter.Compare{Field: "n", Op: filter.Lt, Value: filter.Int([]int64{-1, 1, 10, 100, 500}[r.IntN(5)])}
		switch r.IntN(4) {
		case 0:
			q.Filter = few
		case 1:
			q.Filter = filter.And{few, filter.Compare{Field: "unique", Op: filter.Gt, Value: filter.Int(int64(r.IntN(9000)))}}
		}
		got, err := ix.Retrieve(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(slow.retrieve(q), got); d != "" {
			t.Fatalf("%+v (-want +got):\n%s", q, d)
		}
	}
}
