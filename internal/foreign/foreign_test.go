package foreign

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

func TestMetadata(t *testing.T) {
	day := time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)
	got, err := Metadata(map[string]any{
		"string": "s", "int": 3, "uint8": uint8(4), "whole": 2.0, "float32": float32(0.5), "bool": true, "strings": []any{"x", "y"}, "time": day,
		"nil": nil, "nil list": []string(nil), "nil pointer": (*int)(nil), "map": map[string]int{"a": 1}, "mixed": []any{"x", 1}, "big": uint64(math.MaxUint64),
	})
	want := filter.Metadata{
		"string": filter.String("s"), "int": filter.Int(3), "uint8": filter.Int(4), "whole": filter.Float(2), "float32": filter.Float(0.5),
		"bool": filter.Bool(true), "strings": filter.Strings("x", "y"), "time": filter.Time(day),
		"map": filter.String(`{"a":1}`), "mixed": filter.String(`["x",1]`), "big": filter.String("18446744073709551615"),
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v; -want +got:\n%s", err, d)
	}
	for field, from := range map[string]map[string]any{
		"a":      {"b": func() {}, "a": make(chan int)},
		"bytes":  {"bytes": "\xff"},
		"nan":    {"nan": math.NaN()},
		"nested": {"nested": []float64{math.Inf(1)}},
		"":       {"": 1},
	} {
		var e *filter.MetadataError
		if _, err := Metadata(from); !errors.As(err, &e) || e.Field != field {
			t.Errorf("%q: %v", field, err)
		}
	}
}

func TestRank(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   retriever.ScoreKind
		scores []float64
		want   []float64
		at     int
		says   string
	}{
		{"nothing", retriever.Cosine, nil, nil, 0, ""},
		{"rank only", retriever.RankOnly, []float64{math.NaN(), 5, 7, -1}, []float64{1, 0.5, 1. / 3, 0.25}, 0, ""},
		{"any number", retriever.InnerProduct, []float64{7, 7, -3}, []float64{7, 7, -3}, 0, ""},
		{"a little outside", retriever.Cosine, []float64{1.00001, 1.000005, -1.00001}, []float64{1, 1, -1}, 0, ""},
		{"outside", retriever.Cosine, []float64{0.5, -1.5}, nil, 1, "want -1 to 1"},
		{"a percentage", retriever.Probability, []float64{97}, nil, 0, "want 0 to 1"},
		{"rising", retriever.BM25, []float64{1, 2}, nil, 1, "above the 1 of the hit before"},
		{"not a number", retriever.BM25, []float64{3, 2, math.NaN()}, nil, 2, "NaN"},
		{"infinite", retriever.Relevance, []float64{math.Inf(1)}, nil, 0, "+Inf"},
	} {
		hits := make([]retriever.Hit, len(c.scores))
		for i, s := range c.scores {
			hits[i].Score = s
		}
		at, err := Rank(hits, c.kind)
		if c.says != "" {
			if err == nil || at != c.at || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: hit %d, %v: want hit %d, %q", c.name, at, err, c.at, c.says)
			}
			continue
		}
		var got []float64
		for _, h := range hits {
			got = append(got, h.Score)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v: want %v", c.name, got, err, c.want)
		}
	}
	for kind, ok := range map[retriever.ScoreKind]bool{"": false, "distance": false, retriever.RankOnly: true, retriever.RRF: true} {
		if err := CheckKind(kind); (err == nil) != ok {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

// Who filters, and by what.
func TestRetriever(t *testing.T) {
	boom := errors.New("boom")
	even := filter.Exists{Field: "even"}
	odd := filter.Not{Filter: even}
	translate := func(f filter.Expr) (any, error) {
		switch f.(type) {
		case nil:
			return "all", nil
		case filter.Exists:
			return "even", nil
		case filter.Or:
			return nil, boom
		}
		return nil, errors.ErrUnsupported
	}
	for _, c := range []struct {
		name      string
		translate Translate
		filter    filter.Expr
		asked     []any // the filters that the store was asked by
		ids       string
		err       error
	}{
		{"none, no filter", nil, nil, []any{nil}, "0 1", nil},
		{"none, a filter", nil, odd, []any{nil}, "1 3", nil},
		{"no filter", translate, nil, []any{"all"}, "0 1", nil},
		{"translated", translate, even, []any{"even"}, "0 2", nil},
		{"unsupported", translate, odd, []any{"all"}, "1 3", nil},
		{"failed", translate, filter.Or{}, nil, "", boom},
		{"nil unsupported", func(filter.Expr) (any, error) { return nil, errors.ErrUnsupported }, odd, nil, "", errors.ErrUnsupported},
	} {
		var asked []any
		search := func(_ context.Context, q retriever.Query, native any) (res retriever.Result, _ error) {
			asked = append(asked, native)
			for i := range 10 {
				p := retriever.Passage{ID: string(rune('0' + i)), Metadata: filter.Metadata{}}
				if i%2 == 0 {
					p.Metadata["even"] = filter.Bool(true)
				}
				if len(res.Hits) < q.K && (native != "even" || i%2 == 0) {
					res.Hits = append(res.Hits, retriever.Hit{Passage: p})
				}
			}
			return res, nil
		}
		r, err := New("x", search, c.translate, retriever.PostFilterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		res, err := r.Retrieve(t.Context(), retriever.Query{K: 2, Filter: c.filter})
		var ids []string
		for _, h := range res.Hits {
			ids = append(ids, h.Passage.ID)
		}
		if !errors.Is(err, c.err) || strings.Join(ids, " ") != c.ids || !slices.Equal(asked, c.asked) {
			t.Errorf("%s: %q by %v, %v: want %q by %v, %v", c.name, ids, asked, err, c.ids, c.asked, c.err)
		}
	}
	if _, err := New("x", nil, nil, retriever.PostFilterOptions{Bound: -1}); !errors.Is(err, retriever.ErrOption) {
		t.Error(err)
	}
}
