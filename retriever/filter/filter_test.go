package filter_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// filtersOfTruth has a filter for each truth value, with empty metadata.
var filtersOfTruth = map[filter.Truth]filter.Expr{
	filter.True:    filter.And{},
	filter.False:   filter.Or{},
	filter.Unknown: filter.Compare{Field: "x", Op: filter.Eq, Value: filter.Int(1)},
}

func TestKleeneTables(t *testing.T) {
	const F, U, T = filter.False, filter.Unknown, filter.True
	binary := []struct{ a, b, and, or filter.Truth }{
		{F, F, F, F}, {F, U, F, U}, {F, T, F, T},
		{U, F, F, U}, {U, U, U, U}, {U, T, U, T},
		{T, F, F, T}, {T, U, U, T}, {T, T, T, T},
	}
	for _, row := range binary {
		a, b := filtersOfTruth[row.a], filtersOfTruth[row.b]
		if got := filter.Eval(filter.And{a, b}, nil); got != row.and {
			t.Errorf("%s and %s = %s, want %s", row.a, row.b, got, row.and)
		}
		if got := filter.Eval(filter.Or{a, b}, nil); got != row.or {
			t.Errorf("%s or %s = %s, want %s", row.a, row.b, got, row.or)
		}
	}
	for of, want := range map[filter.Truth]filter.Truth{F: T, U: U, T: F} {
		f := filter.Not{Filter: filtersOfTruth[of]}
		if got := filter.Eval(f, nil); got != want {
			t.Errorf("not %s = %s, want %s", of, got, want)
		}
		if got := filter.Match(filtersOfTruth[of], nil); got != (of == T) {
			t.Errorf("Match of a filter that is %s = %v", of, got)
		}
	}
	if got := filter.Eval(nil, nil); got != T {
		t.Errorf("Eval(nil) = %s, want true", got)
	}
	if got := fmt.Sprint(F, U, T, filter.Truth(7)); got != "false unknown true Truth(7)" {
		t.Errorf("truth values print as %s", got)
	}
}

func TestEval(t *testing.T) {
	noon := time.Date(2020, 1, 1, 12, 0, 0, 0, time.UTC)
	m := filter.Metadata{
		"tenant": filter.String("acme"),
		"year":   filter.Int(2020),
		"big":    filter.Int(1<<53 + 1),
		"max":    filter.Int(math.MaxInt64),
		"min":    filter.Int(math.MinInt64),
		"score":  filter.Float(2.5),
		"neg":    filter.Int(-3),
		"public": filter.Bool(true),
		"date":   filter.Time(noon.In(time.FixedZone("", 3600))),
		"tags":   filter.Strings("go", "rust"),
		"empty":  filter.Strings(),
		"broken": filter.Float(math.NaN()),
	}
	const F, U, T = filter.False, filter.Unknown, filter.True
	for text, want := range map[string]filter.Truth{
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
		f, err := filter.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := filter.Eval(f, m); got != want {
			t.Errorf("%s = %s, want %s", text, got, want)
		}
	}
}

// cyclic contains itself.
func cyclic() filter.Expr {
	f := make(filter.And, 1)
	f[0] = f
	return f
}

// doubling is small in memory, but walking it visits 2^60 filters.
func doubling() filter.Expr {
	var f filter.Expr = filter.Exists{Field: "x"}
	for range 60 {
		f = filter.And{f, f}
	}
	return f
}

func nested(depth int) filter.Expr {
	var f filter.Expr = filter.Exists{Field: "x"}
	for range depth - 1 {
		f = filter.Not{Filter: f}
	}
	return f
}

// outsider implements Expr by embedding one.
type outsider struct{ filter.Expr }

var malformed = []struct {
	name   string
	filter filter.Expr
	path   string
	reason string // a part of it
}{
	{"empty field", filter.Exists{}, "Exists", "the field name is empty"},
	{"field not UTF-8", filter.Prefix{Field: "\xff"}, "Prefix", "not valid UTF-8"},
	{"prefix not UTF-8", filter.Prefix{Field: "x", Prefix: "\xff"}, "Prefix", "not valid UTF-8"},
	{"no value", filter.Compare{Field: "x", Op: filter.Eq}, "Compare", "the value is invalid"},
	{"NaN", filter.Compare{Field: "x", Op: filter.Eq, Value: filter.Float(math.NaN())}, "Compare", "NaN"},
	{"no operator", filter.Compare{Field: "x", Value: filter.Int(1)}, "Compare", `"" is no operator`},
	{"other operator", filter.Compare{Field: "x", Op: "==", Value: filter.Int(1)}, "Compare", `"==" is no operator`},
	{"order of bools", filter.Compare{Field: "x", Op: filter.Lt, Value: filter.Bool(true)}, "Compare", "< does not apply to a bool"},
	{"equals a list", filter.Compare{Field: "x", Op: filter.Eq, Value: filter.Strings("a")}, "Compare", "list of strings"},
	{"in nothing", filter.In{Field: "x"}, "In", "Values is empty"},
	{"in invalid", filter.In{Field: "x", Values: []filter.Value{filter.Int(1), {}}}, "In", "Values[1]: the value is invalid"},
	{"open range", filter.Range{Field: "x"}, "Range", "both ends are open"},
	{"range of bools", filter.Range{Field: "x", Low: filter.Bool(true)}, "Range", "true has no order"},
	{"range of lists", filter.Range{Field: "x", High: filter.Strings("a")}, "Range", `["a"] has no order`},
	{"range of two kinds", filter.Range{Field: "x", Low: filter.Int(1), High: filter.String("a")}, "Range", "Low is of kind int but High of kind string"},
	{"nil in And", filter.And{filter.Exists{Field: "x"}, nil}, "And[1]", "nil is no filter here"},
	{"nil in Or", filter.Or{nil, filter.And{}}, "Or[0]", "nil is no filter here"},
	{"nil in Not", filter.Not{}, "Not", "nil is no filter here"},
	{"deep down", filter.And{filter.Or{}, filter.Or{filter.Not{Filter: filter.Exists{}}}}, "And[1].Or[0].Not.Exists", "empty"},
	{"pointer", &filter.Exists{Field: "x"}, "", "*filter.Exists is no filter"},
	{"nil pointer", filter.Not{Filter: (*filter.And)(nil)}, "Not", "*filter.And is no filter"},
	{"outsider", outsider{}, "", "outsider is no filter"},
	{"too deep", nested(filter.MaxDepth + 1), strings.Repeat("Not.", filter.MaxDepth-1) + "Not", "nested more than 100 deep"},
	{"too many", wide(filter.MaxNodes), "Or[5999]", "more than 6000 parts"},
	{"too many values", filter.In{Field: "x", Values: make([]filter.Value, filter.MaxNodes)}, "", "more than 6000 parts"},
	{"cyclic", cyclic(), strings.Repeat("And[0].", filter.MaxDepth-1) + "And[0]", "nested more than 100 deep"},
}

// wide has n children.
func wide(n int) filter.Expr {
	return filter.Or(slices.Repeat([]filter.Expr{filter.And{}}, n))
}

func TestMalformedFilters(t *testing.T) {
	m := filter.Metadata{"x": filter.Int(1)}
	for _, test := range malformed {
		t.Run(test.name, func(t *testing.T) {
			var fe *filter.Error
			if err := filter.Check(test.filter); !errors.As(err, &fe) {
				t.Fatalf("Check gives %v, want an *Error", err)
			}
			if fe.Path != test.path || !strings.Contains(fe.Reason, test.reason) {
				t.Errorf("Check gives %q, want %q at %q", fe, test.reason, test.path)
			}
			// A valid part that is true must not make up for the malformed one.
			for _, f := range []filter.Expr{test.filter, filter.Or{filter.And{}, test.filter}, filter.Not{Filter: test.filter}} {
				if got := filter.Eval(f, m); got != filter.Unknown {
					t.Errorf("Eval = %s, want unknown", got)
				}
			}
			text := filter.Format(test.filter)
			if f, err := filter.Parse(text); err == nil {
				t.Errorf("the text %s of a malformed filter parses as %#v", text, f)
			}
		})
	}
	if err := filter.Check(doubling()); err == nil {
		t.Error("Check accepts a filter of 2^60 parts")
	}
}

func TestLargestFilters(t *testing.T) {
	for name, f := range map[string]filter.Expr{
		"nil":    nil,
		"deep":   nested(filter.MaxDepth),
		"many":   wide(filter.MaxNodes - 1),
		"values": filter.In{Field: "x", Values: slices.Repeat([]filter.Value{filter.Int(1)}, filter.MaxNodes-1)},
	} {
		if err := filter.Check(f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEvalAgreesWithOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFilter(t, 4, drawLeaf)
		m := metadataGen.Draw(t, "metadata")
		if err := filter.Check(f); err != nil {
			t.Fatalf("the filter is malformed: %v", err)
		}
		want := oracle(f, m).truth()
		if got := filter.Eval(f, m); got != want {
			t.Fatalf("Eval(%s, %v) = %s, want %s", filter.Format(f), m, got, want)
		}
	})
}

// Compiled filters are built differently from Eval: lists become sets, and chains
// flat.
func TestCompiledAgreesWithOracle(t *testing.T) {
	alike := func(t *rapid.T) filter.Expr { // conditions of one field, which become a set
		field, eq := drawField(t), rapid.SampledFrom([]filter.Op{filter.Eq, filter.Ne}).Draw(t, "op")
		var list []filter.Expr
		for range rapid.IntRange(1, 5).Draw(t, "values") {
			list = append(list, filter.Compare{Field: field, Op: eq, Value: drawOperand(t)})
		}
		if rapid.Bool().Draw(t, "or") {
			return filter.Or(list)
		}
		return filter.And(list)
	}
	rapid.Check(t, func(t *rapid.T) {
		f := drawFilter(t, 4, rapid.SampledFrom([]func(*rapid.T) filter.Expr{drawLeaf, alike}).Draw(t, "leaves"))
		match, err := filter.Compile(f)
		if err != nil {
			t.Fatal(err)
		}
		inverse, err := filter.Compile(filter.Not{Filter: f})
		if err != nil {
			t.Fatal(err)
		}
		scan, err := filter.NewScan(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			m := metadataGen.Draw(t, "metadata")
			want := oracle(f, m).truth()
			if got := match(m); got != (want == filter.True) || scan.Match(m) != got || inverse(m) != (want == filter.False) {
				t.Fatalf("%s of %v is %v, a scan says %v, and its Not is %v: want %s", filter.Format(f), m, got, scan.Match(m), inverse(m), want)
			}
		}
		if err := scan.Err(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCompileAgreesWithMatch(t *testing.T) {
	all := []filter.Metadata{nil, {"a": filter.Int(1)}, {"a": filter.String("1")}, {"b": filter.Bool(true)}}
	for _, f := range []filter.Expr{nil, filter.Exists{Field: "a"}, filter.Not{Filter: filter.Compare{Field: "a", Op: filter.Eq, Value: filter.Int(1)}}, filter.Or{}} {
		match, err := filter.Compile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if match(m) != filter.Match(f, m) {
				t.Errorf("%v of %v: Compile says %v", f, m, match(m))
			}
		}
	}
	var bad *filter.Error
	if _, err := filter.Compile(filter.Not{}); !errors.As(err, &bad) {
		t.Errorf("malformed: %v", err)
	}
}
