package retriever_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"pgregory.net/rapid"
)

// filtersOfTruth has a filter for each truth value, of empty metadata.
var filtersOfTruth = map[retriever.Truth]retriever.Filter{
	retriever.True:    retriever.And{},
	retriever.False:   retriever.Or{},
	retriever.Unknown: retriever.Compare{Field: "x", Op: retriever.Eq, Value: retriever.Int(1)},
}

func TestKleeneTables(t *testing.T) {
	const F, U, T = retriever.False, retriever.Unknown, retriever.True
	binary := []struct{ a, b, and, or retriever.Truth }{
		{F, F, F, F}, {F, U, F, U}, {F, T, F, T},
		{U, F, F, U}, {U, U, U, U}, {U, T, U, T},
		{T, F, F, T}, {T, U, U, T}, {T, T, T, T},
	}
	for _, row := range binary {
		a, b := filtersOfTruth[row.a], filtersOfTruth[row.b]
		if got := retriever.Eval(retriever.And{a, b}, nil); got != row.and {
			t.Errorf("%s and %s = %s, want %s", row.a, row.b, got, row.and)
		}
		if got := retriever.Eval(retriever.Or{a, b}, nil); got != row.or {
			t.Errorf("%s or %s = %s, want %s", row.a, row.b, got, row.or)
		}
	}
	for of, want := range map[retriever.Truth]retriever.Truth{F: T, U: U, T: F} {
		f := retriever.Not{Filter: filtersOfTruth[of]}
		if got := retriever.Eval(f, nil); got != want {
			t.Errorf("not %s = %s, want %s", of, got, want)
		}
		if got := retriever.Match(filtersOfTruth[of], nil); got != (of == T) {
			t.Errorf("Match of a filter that is %s = %v", of, got)
		}
	}
	if got := retriever.Eval(nil, nil); got != T {
		t.Errorf("Eval(nil) = %s, want true", got)
	}
	if got := fmt.Sprint(F, U, T, retriever.Truth(7)); got != "false unknown true Truth(7)" {
		t.Errorf("truth values print as %s", got)
	}
}

func TestEval(t *testing.T) {
	noon := time.Date(2020, 1, 1, 12, 0, 0, 0, time.UTC)
	m := retriever.Metadata{
		"tenant": retriever.String("acme"),
		"year":   retriever.Int(2020),
		"big":    retriever.Int(1<<53 + 1),
		"max":    retriever.Int(math.MaxInt64),
		"min":    retriever.Int(math.MinInt64),
		"score":  retriever.Float(2.5),
		"neg":    retriever.Int(-3),
		"public": retriever.Bool(true),
		"date":   retriever.Time(noon.In(time.FixedZone("", 3600))),
		"tags":   retriever.Strings("go", "rust"),
		"empty":  retriever.Strings(),
		"broken": retriever.Float(math.NaN()),
	}
	const F, U, T = retriever.False, retriever.Unknown, retriever.True
	for text, want := range map[string]retriever.Truth{
		`tenant = "acme"`:       T,
		`tenant != "acme"`:      F,
		`tenant = "acm"`:        F,
		`tenant < "acme "`:      T,
		`tenant < "b"`:          T,
		`tenant < "Z"`:          F, // by bytes, capitals come first
		`tenant prefix "ac"`:    T,
		`tenant prefix ""`:      T,
		`tenant prefix "acme "`: F,
		`tenant = 3`:            U,
		`tenant != 3`:           U,
		`nobody = "a"`:          U,
		`nobody != "a"`:         U,
		`not nobody = "a"`:      U,
		`nobody prefix ""`:      U,
		`nobody in [1 ..]`:      U,
		`exists(nobody)`:        F,
		`exists(tenant)`:        T,
		`exists(empty)`:         T,
		`exists(broken)`:        F,
		`broken = 1.0`:          U,

		`year = 2020.0`:                                 T,
		`year < 2020.5`:                                 T,
		`year in (1, 2020)`:                             T,
		`year in ("a", 2020)`:                           T,
		`year in ("a", 2021)`:                           U,
		`year in (2019, 2021)`:                          F,
		`year in [2020 .. 2020]`:                        T,
		`year in [2020.5 ..]`:                           F,
		`year in [.. 2019.5]`:                           F,
		`year in [3 .. 2]`:                              F,
		`year prefix "2"`:                               U,
		`score > 2`:                                     T,
		`score >= 3`:                                    F,
		`score <= 2.5`:                                  T,
		`neg > -3.5`:                                    T,
		`neg < -2.5`:                                    T,
		`big = 9007199254740992.0`:                      F, // 2^53, which float64(big) would round to
		`big > 9007199254740992.0`:                      T,
		`max < 9223372036854775808.0`:                   T, // 2^63
		`max = 9223372036854775808.0`:                   F,
		`min = -9223372036854775808.0`:                  T,
		`min > -9223372036854777856.0`:                  T, // the float just below -2^63
		`min > -1e300`:                                  T,
		`public = true`:                                 T,
		`public != true`:                                F,
		`public in (false)`:                             F,
		`public = 1`:                                    U,
		`date = 2020-01-01T12:00:00Z`:                   T,
		`date < 2020-01-01T13:00:00+01:00`:              F,
		`date < time("2020-01-01T12:00:00.000000001Z")`: T,
		`date in [2020-01-01T00:00:00Z .. 2021-01-01T00:00:00Z]`: T,
		`date = "2020-01-01T12:00:00Z"`:                          U,

		`tags = "go"`:           T,
		`tags != "go"`:          F, // not "some element differs"
		`tags != "c"`:           T,
		`tags > "h"`:            T,
		`tags > "s"`:            F,
		`tags in ("c", "rust")`: T,
		`tags prefix "ru"`:      T,
		`tags = 3`:              U,
		`tags in ["h" .. "i"]`:  F, // go is below, rust above, none inside
		`tags in ["a" .. "h"]`:  T,
		`tags in [1 .. 2]`:      U,
		`empty = "go"`:          F,
		`empty != "go"`:         T,
		`empty < "go"`:          F,
		`empty prefix ""`:       F,
		`empty in ["a" ..]`:     F,
		`empty = 3`:             U,
		`empty in ("a", 3)`:     U,

		`tenant = "acme" and (year >= 2020 or not lang in ("en", "de")) and exists(date)`: T,
		`false and nobody = 1 or true`: T,
		`not false and false`:          F, // not binds tighter than and
		`true or true and false`:       T, // and binds tighter than or
	} {
		f, err := retriever.ParseFilter(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := retriever.Eval(f, m); got != want {
			t.Errorf("%s = %s, want %s", text, got, want)
		}
	}
}

// cyclic contains itself.
func cyclic() retriever.Filter {
	f := make(retriever.And, 1)
	f[0] = f
	return f
}

// doubling is small in memory, but 2^60 filters to whoever walks it.
func doubling() retriever.Filter {
	var f retriever.Filter = retriever.Exists{Field: "x"}
	for range 60 {
		f = retriever.And{f, f}
	}
	return f
}

func nested(depth int) retriever.Filter {
	var f retriever.Filter = retriever.Exists{Field: "x"}
	for range depth - 1 {
		f = retriever.Not{Filter: f}
	}
	return f
}

// outsider passes for a Filter by embedding one.
type outsider struct{ retriever.Filter }

var malformed = []struct {
	name   string
	filter retriever.Filter
	path   string
	reason string // a part of it
}{
	{"empty field", retriever.Exists{}, "Exists", "the field name is empty"},
	{"field not UTF-8", retriever.Prefix{Field: "\xff"}, "Prefix", "not valid UTF-8"},
	{"prefix not UTF-8", retriever.Prefix{Field: "x", Prefix: "\xff"}, "Prefix", "not valid UTF-8"},
	{"no value", retriever.Compare{Field: "x", Op: retriever.Eq}, "Compare", "the value is invalid"},
	{"NaN", retriever.Compare{Field: "x", Op: retriever.Eq, Value: retriever.Float(math.NaN())}, "Compare", "NaN"},
	{"no operator", retriever.Compare{Field: "x", Value: retriever.Int(1)}, "Compare", `"" is no operator`},
	{"other operator", retriever.Compare{Field: "x", Op: "==", Value: retriever.Int(1)}, "Compare", `"==" is no operator`},
	{"order of bools", retriever.Compare{Field: "x", Op: retriever.Lt, Value: retriever.Bool(true)}, "Compare", "< does not apply to a bool"},
	{"equals a list", retriever.Compare{Field: "x", Op: retriever.Eq, Value: retriever.Strings("a")}, "Compare", "list of strings"},
	{"in nothing", retriever.In{Field: "x"}, "In", "Values is empty"},
	{"in invalid", retriever.In{Field: "x", Values: []retriever.Value{retriever.Int(1), {}}}, "In", "Values[1]: the value is invalid"},
	{"open range", retriever.Range{Field: "x"}, "Range", "both ends are open"},
	{"range of bools", retriever.Range{Field: "x", Low: retriever.Bool(true)}, "Range", "true has no order"},
	{"range of lists", retriever.Range{Field: "x", High: retriever.Strings("a")}, "Range", `["a"] has no order`},
	{"range of two kinds", retriever.Range{Field: "x", Low: retriever.Int(1), High: retriever.String("a")}, "Range", "Low is of kind int but High of kind string"},
	{"nil in And", retriever.And{retriever.Exists{Field: "x"}, nil}, "And[1]", "nil is no filter here"},
	{"nil in Or", retriever.Or{nil, retriever.And{}}, "Or[0]", "nil is no filter here"},
	{"nil in Not", retriever.Not{}, "Not", "nil is no filter here"},
	{"deep down", retriever.And{retriever.Or{}, retriever.Or{retriever.Not{Filter: retriever.Exists{}}}}, "And[1].Or[0].Not.Exists", "empty"},
	{"pointer", &retriever.Exists{Field: "x"}, "", "*retriever.Exists is no filter"},
	{"nil pointer", retriever.Not{Filter: (*retriever.And)(nil)}, "Not", "*retriever.And is no filter"},
	{"outsider", outsider{}, "", "outsider is no filter"},
	{"too deep", nested(retriever.MaxFilterDepth + 1), strings.Repeat("Not.", retriever.MaxFilterDepth-1) + "Not", "nested more than 100 deep"},
	{"too many", wide(retriever.MaxFilterNodes), "Or[9999]", "more than 10000 parts"},
	{"too many values", retriever.In{Field: "x", Values: make([]retriever.Value, retriever.MaxFilterNodes)}, "", "more than 10000 parts"},
	{"cyclic", cyclic(), strings.Repeat("And[0].", retriever.MaxFilterDepth-1) + "And[0]", "nested more than 100 deep"},
}

// wide has n children.
func wide(n int) retriever.Filter {
	return retriever.Or(slices.Repeat([]retriever.Filter{retriever.And{}}, n))
}

func TestMalformedFilters(t *testing.T) {
	m := retriever.Metadata{"x": retriever.Int(1)}
	for _, test := range malformed {
		t.Run(test.name, func(t *testing.T) {
			var fe *retriever.FilterError
			if err := retriever.CheckFilter(test.filter); !errors.As(err, &fe) {
				t.Fatalf("CheckFilter gives %v, want a *FilterError", err)
			}
			if fe.Path != test.path || !strings.Contains(fe.Reason, test.reason) {
				t.Errorf("CheckFilter gives %q, want %q at %q", fe, test.reason, test.path)
			}
			// A sound part that is true must not make up for the malformed one.
			for _, f := range []retriever.Filter{test.filter, retriever.Or{retriever.And{}, test.filter}, retriever.Not{Filter: test.filter}} {
				if got := retriever.Eval(f, m); got != retriever.Unknown {
					t.Errorf("Eval = %s, want unknown", got)
				}
			}
			text := retriever.FormatFilter(test.filter)
			if f, err := retriever.ParseFilter(text); err == nil {
				t.Errorf("the text %s of a malformed filter parses as %#v", text, f)
			}
			q := retriever.Query{K: 1, Filter: test.filter}
			if err := q.Check(); !errors.Is(err, retriever.ErrQuery) || !errors.As(err, &fe) {
				t.Errorf("Query.Check gives %v, want ErrQuery and a *FilterError", err)
			}
		})
	}
	if err := retriever.CheckFilter(doubling()); err == nil {
		t.Error("CheckFilter accepts a filter of 2^60 parts")
	}
}

func TestLargestFilters(t *testing.T) {
	for name, f := range map[string]retriever.Filter{
		"nil":    nil,
		"deep":   nested(retriever.MaxFilterDepth),
		"many":   wide(retriever.MaxFilterNodes - 1),
		"values": retriever.In{Field: "x", Values: slices.Repeat([]retriever.Value{retriever.Int(1)}, retriever.MaxFilterNodes-1)},
	} {
		if err := retriever.CheckFilter(f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEvalAgreesWithOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFilter(t, 4, drawLeaf)
		m := metadataGen.Draw(t, "metadata")
		if err := retriever.CheckFilter(f); err != nil {
			t.Fatalf("the filter is malformed: %v", err)
		}
		want := oracle(f, m).truth()
		if got := retriever.Eval(f, m); got != want {
			t.Fatalf("Eval(%s, %v) = %s, want %s", retriever.FormatFilter(f), m, got, want)
		}
	})
}
