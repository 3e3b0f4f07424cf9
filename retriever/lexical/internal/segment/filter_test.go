package segment

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

func drawValue(t *rapid.T) filter.Value {
	word := rapid.SampledFrom([]string{"a", "ab", "b", ""})
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return filter.String(word.Draw(t, "string"))
	case 1:
		return filter.Int(rapid.SampledFrom([]int64{-1, 0, 1, 2, 1 << 53, 1<<53 + 1, 1<<63 - 1}).Draw(t, "int"))
	case 2:
		return filter.Float(rapid.SampledFrom([]float64{-1, 0, 0.5, 1, 1 << 53, 1 << 63, 1e300}).Draw(t, "float"))
	case 3:
		return filter.Bool(rapid.Bool().Draw(t, "bool"))
	case 4:
		return filter.Time(time.Unix(int64(rapid.IntRange(0, 2).Draw(t, "seconds")), 5))
	}
	return filter.Strings(rapid.SliceOfN(word, 0, 2).Draw(t, "list")...)
}

// operand draws a value that a filter may compare with.
func operand(t *rapid.T) filter.Value {
	for {
		if v := drawValue(t); v.Kind() != filter.KindStrings {
			return v
		}
	}
}

func drawFilter(t *rapid.T, depth int) filter.Expr {
	field := rapid.SampledFrom([]string{"x", "y", "none"}).Draw(t, "field")
	most := 7
	if depth == 0 {
		most = 4
	}
	switch rapid.IntRange(0, most).Draw(t, "filter") {
	case 0:
		v := operand(t)
		ops := []filter.Op{filter.Eq, filter.Ne, filter.Lt, filter.Le, filter.Gt, filter.Ge}
		if v.Kind() == filter.KindBool {
			ops = ops[:2]
		}
		return filter.Compare{Field: field, Op: rapid.SampledFrom(ops).Draw(t, "op"), Value: v}
	case 1:
		in := filter.In{Field: field}
		for range rapid.IntRange(1, 3).Draw(t, "values") {
			in.Values = append(in.Values, operand(t))
		}
		return in
	case 2:
		v := operand(t)
		if v.Kind() == filter.KindBool {
			return filter.Exists{Field: field}
		}
		if rapid.Bool().Draw(t, "low") {
			return filter.Range{Field: field, Low: v}
		}
		return filter.Range{Field: field, High: v}
	case 3:
		return filter.Exists{Field: field}
	case 4:
		return filter.Prefix{Field: field, Prefix: rapid.SampledFrom([]string{"a", "", "b"}).Draw(t, "prefix")}
	case 5:
		return filter.Not{Filter: drawFilter(t, depth-1)}
	}
	var list []filter.Expr
	for range rapid.IntRange(0, 3).Draw(t, "children") {
		list = append(list, drawFilter(t, depth-1))
	}
	if rapid.Bool().Draw(t, "and") {
		return filter.And(list)
	}
	return filter.Or(list)
}

// The set of a filter is that of the documents that match one by one, also after a
// merge.
func TestMatching(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []filter.Metadata
		var sources []Source
		for range rapid.IntRange(1, 3).Draw(t, "segments") {
			b := NewBuilder()
			first := len(all)
			for range rapid.IntRange(1, 40).Draw(t, "documents") {
				m := filter.Metadata{}
				for _, name := range []string{"x", "y"} {
					if rapid.IntRange(0, 3).Draw(t, "has") > 0 {
						m[name] = drawValue(t)
					}
				}
				b.End(0, 0, m)
				all = append(all, m)
			}
			s, err := b.Segment(func(doc int) string { return fmt.Sprint(first + doc) })
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, Source{Segment: s})
		}
		s := sources[0].Segment
		if len(sources) > 1 {
			var err error
			if s, err = Merge(t.Context(), sources); err != nil {
				t.Fatal(err)
			}
		}
		for range 5 {
			f := drawFilter(t, 3)
			if err := filter.Check(f); err != nil {
				t.Fatalf("%v: %v", f, err)
			}
			set, exact, err := s.Matching(t.Context(), f)
			if err != nil || !exact {
				t.Fatalf("%s: exact %v, %v", filter.Format(f), exact, err)
			}
			for doc, m := range all {
				if set.Has(uint32(doc)) != filter.Match(f, m) {
					t.Fatalf("%s of %v: in the set %v", filter.Format(f), m, set.Has(uint32(doc)))
				}
			}
		}
	})
}

// A field with too many values is not indexed: the set is too large, and exact is
// false.
func TestManyValues(t *testing.T) {
	b := NewBuilder()
	const docs = 1<<16 + 10
	for i := range docs {
		b.End(0, 0, filter.Metadata{"id": filter.Int(int64(i)), "odd": filter.Bool(i%2 == 1)})
	}
	s, err := b.Segment(func(doc int) string { return fmt.Sprint(doc) })
	if err != nil {
		t.Fatal(err)
	}
	odd := filter.Compare{Field: "odd", Op: filter.Eq, Value: filter.Bool(true)}
	low := filter.Compare{Field: "id", Op: filter.Lt, Value: filter.Int(10)}
	for _, c := range []struct {
		filter filter.Expr
		count  int
		exact  bool
	}{
		{odd, docs / 2, true}, {low, docs, false}, {filter.And{low, odd}, docs / 2, false},
		{filter.Or{low, odd}, docs, false}, {filter.Not{Filter: low}, docs, false}, {filter.Not{Filter: odd}, docs / 2, true},
		{filter.Exists{Field: "no"}, 0, true}, {filter.Not{Filter: filter.Exists{Field: "no"}}, docs, true},
	} {
		set, exact, err := s.Matching(t.Context(), c.filter)
		if err != nil || exact != c.exact || set.Count(docs) != c.count {
			t.Errorf("%s: %d documents, exact %v, %v: want %d, %v", filter.Format(c.filter), set.Count(docs), exact, err, c.count, c.exact)
		}
	}
}
