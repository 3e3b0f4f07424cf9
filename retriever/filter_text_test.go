package retriever_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/goselfrag/goselfrag/retriever"
	"pgregory.net/rapid"
)

func TestParseFilter(t *testing.T) {
	x := retriever.Exists{Field: "x"}
	y := retriever.Exists{Field: "y"}
	z := retriever.Exists{Field: "z"}
	y2020 := retriever.Time(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	y2021 := retriever.Time(time.Date(2021, 1, 1, 0, 0, 0, 500_000_000, time.UTC))
	tests := []struct {
		text      string
		want      retriever.Filter
		canonical string // empty: the text is canonical itself
	}{
		{"exists(x)", x, ""},
		{"EXISTS ( x )", x, "exists(x)"},
		{"\texists\r\n(`x`) ", x, "exists(x)"},
		{"not exists(x) and exists(y) or exists(z)", retriever.Or{retriever.And{retriever.Not{Filter: x}, y}, z}, ""},
		{"exists(x) or exists(y) and exists(z)", retriever.Or{x, retriever.And{y, z}}, ""},
		{"(exists(x) Or exists(y)) AND exists(z)", retriever.And{retriever.Or{x, y}, z}, "(exists(x) or exists(y)) and exists(z)"},
		{"not (exists(x) or exists(y))", retriever.Not{Filter: retriever.Or{x, y}}, ""},
		{"NOT Not exists(x)", retriever.Not{Filter: retriever.Not{Filter: x}}, "not not exists(x)"},
		{"((exists(x) and exists(y)) and exists(z))", retriever.And{x, y, z}, "exists(x) and exists(y) and exists(z)"},
		{"exists(x) or (exists(y) or exists(z))", retriever.Or{x, y, z}, "exists(x) or exists(y) or exists(z)"},
		{"true", retriever.And{}, ""},
		{"FALSE", retriever.Or{}, "false"},
		{"true and true", retriever.And{}, "true"},
		{"true and exists(x)", x, "exists(x)"},
		{"true or exists(x)", retriever.Or{retriever.And{}, x}, ""},
		{"not false", retriever.Not{Filter: retriever.Or{}}, ""},
		{`a="b"`, retriever.Compare{Field: "a", Op: retriever.Eq, Value: retriever.String("b")}, `a = "b"`},
		{`a != -3`, retriever.Compare{Field: "a", Op: retriever.Ne, Value: retriever.Int(-3)}, ""},
		{`a<3.50`, retriever.Compare{Field: "a", Op: retriever.Lt, Value: retriever.Float(3.5)}, "a < 3.5"},
		{`a<=3e0`, retriever.Compare{Field: "a", Op: retriever.Le, Value: retriever.Float(3)}, "a <= 3.0"},
		{`a > -0.0`, retriever.Compare{Field: "a", Op: retriever.Gt, Value: retriever.Float(0)}, "a > 0.0"},
		{`a >= 1E21`, retriever.Compare{Field: "a", Op: retriever.Ge, Value: retriever.Float(1e21)}, "a >= 1e+21"},
		{`a = True`, retriever.Compare{Field: "a", Op: retriever.Eq, Value: retriever.Bool(true)}, "a = true"},
		{`a = false`, retriever.Compare{Field: "a", Op: retriever.Eq, Value: retriever.Bool(false)}, ""},
		{`a-b.c_1 = "\u00e9\n\"\ud83d\ude00<"`, retriever.Compare{Field: "a-b.c_1", Op: retriever.Eq, Value: retriever.String("\u00e9\n\"\U0001f600<")}, "a-b.c_1 = \"\u00e9\\n\\\"\U0001f600<\""},
		{"`a b\\\"\\u0060` = 1", retriever.Compare{Field: "a b\"`", Op: retriever.Eq, Value: retriever.Int(1)}, ""},
		{"`\u00e9` = 1", retriever.Compare{Field: "\u00e9", Op: retriever.Eq, Value: retriever.Int(1)}, ""},
		{"`Not` = 1", retriever.Compare{Field: "Not", Op: retriever.Eq, Value: retriever.Int(1)}, ""},
		{"`1a` = 1", retriever.Compare{Field: "1a", Op: retriever.Eq, Value: retriever.Int(1)}, ""},
		{"`order` = 1", retriever.Compare{Field: "order", Op: retriever.Eq, Value: retriever.Int(1)}, "order = 1"},
		{`title prefix "The"`, retriever.Prefix{Field: "title", Prefix: "The"}, ""},
		{`title PREFIX ""`, retriever.Prefix{Field: "title"}, `title prefix ""`},
		{`a in (1,"b", true)`, retriever.In{Field: "a", Values: []retriever.Value{retriever.Int(1), retriever.String("b"), retriever.Bool(true)}}, `a in (1, "b", true)`},
		{`a IN [1..5]`, retriever.Range{Field: "a", Low: retriever.Int(1), High: retriever.Int(5)}, "a in [1 .. 5]"},
		{`a in [1.5..]`, retriever.Range{Field: "a", Low: retriever.Float(1.5)}, "a in [1.5 ..]"},
		{`a in [ .. "m" ]`, retriever.Range{Field: "a", High: retriever.String("m")}, `a in [.. "m"]`},
		{`time in [2020-01-01T00:00:00Z..2021-01-01T01:00:00.50+01:00]`, retriever.Range{Field: "time", Low: y2020, High: y2021},
			`time in [time("2020-01-01T00:00:00Z") .. time("2021-01-01T00:00:00.5Z")]`},
		{`TIME = Time("2020-01-01T00:00:00Z")`, retriever.Compare{Field: "TIME", Op: retriever.Eq, Value: y2020}, `TIME = time("2020-01-01T00:00:00Z")`},
	}
	for _, test := range tests {
		f, err := retriever.ParseFilter(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if diff := cmp.Diff(test.want, f); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.text, diff)
		}
		want := test.canonical
		if want == "" {
			want = test.text
		}
		if got := retriever.FormatFilter(f); got != want {
			t.Errorf("%s formats as %s, want %s", test.text, got, want)
		}
	}
	if got := retriever.FormatFilter(nil); got != "" {
		t.Errorf("FormatFilter(nil) = %q", got)
	}
}

func TestParseErrors(t *testing.T) {
	deep := strings.Repeat("(", retriever.MaxFilterDepth)
	tests := []struct {
		text         string
		offset       int
		line, column int
		reason       string
	}{
		{"", 0, 1, 1, "the text is empty: for a filter that allows all, pass a nil Filter"},
		{" \n ", 0, 1, 1, "the text is empty: for a filter that allows all, pass a nil Filter"},
		{"(year >= )", 9, 1, 10, `expected a value after ">=", found ")"`},
		{"year >=", 7, 1, 8, `expected a value after ">=", found the end of the text`},
		{"year", 4, 1, 5, `expected =, !=, <, <=, >, >=, "in" or "prefix" after the field, found the end of the text`},
		{"lang not in (1)", 5, 1, 6, `expected =, !=, <, <=, >, >=, "in" or "prefix" after the field, found "not"`},
		{"a == 1", 3, 1, 4, `expected a value after "=", found "="`},
		{"a = b", 4, 1, 5, `expected a value after "=", found "b"`},
		{"a = 1 b = 2", 6, 1, 7, `expected "and", "or" or the end of the text, found "b"`},
		{"a = 1)", 5, 1, 6, `expected "and", "or" or the end of the text, found ")"`},
		{"a = 2020-1-1", 8, 1, 9, `expected "and", "or" or the end of the text, found -1`},
		{"a = 1 and", 9, 1, 10, "expected a condition, found the end of the text"},
		{"and a = 1", 0, 1, 1, `expected a condition (a field with the name of a keyword takes back quotes), found "and"`},
		{"a = 1 or\n\u00e9 = 2", 9, 2, 1, `unexpected character 'é': write the field name in back quotes`},
		{"a = \"\u00e9\u00e9\" or\n  b = \"\u00e9\" c", 25, 2, 11, `expected "and", "or" or the end of the text, found "c"`},
		{"(a = 1", 6, 1, 7, `expected ")" or "and" or "or", found the end of the text`},
		{"not", 3, 1, 4, "expected a condition, found the end of the text"},
		{"exists a", 7, 1, 8, `expected "(" after "exists", found "a"`},
		{"exists()", 7, 1, 8, `expected a field name, found ")"`},
		{"exists(in)", 7, 1, 8, `expected a field name (a field with the name of a keyword takes back quotes), found "in"`},
		{"exists(a", 8, 1, 9, `expected ")" after the field name, found the end of the text`},
		{"a prefix 3", 9, 1, 10, `expected a string after "prefix", found 3`},
		{"a in 3", 5, 1, 6, `expected "(" or "[" after "in", found 3`},
		{"a in ()", 6, 1, 7, `expected a value after "(", found ")"`},
		{"a in (1,)", 8, 1, 9, `expected a value after ",", found ")"`},
		{"a in (1 2)", 8, 1, 9, `expected ")" or "," after the value, found 2`},
		{"a in []", 6, 1, 7, `expected a value or ".." after "[", found "]"`},
		{"a in [1 5]", 8, 1, 9, `expected ".." after the low end, found 5`},
		{"a in [1 .. )", 11, 1, 12, `expected a value or "]" after "..", found ")"`},
		{"a in [1 .. 2)", 12, 1, 13, `expected "]" after the high end, found ")"`},
		{"b = 1 and a in [..]", 10, 1, 11, "both ends are open: give Low or High, or use Exists"},
		{"a in [1 .. \"b\"]", 0, 1, 1, "Low is of kind int but High of kind string: give both the same"},
		{"not a < true", 4, 1, 5, "< does not apply to a bool: use = or !="},
		{"`` = 1", 0, 1, 1, "the field name is empty"},
		{"a = 'b'", 4, 1, 5, `unexpected character '\'': strings take double quotes`},
		{"a ! 1", 2, 1, 3, `unexpected character '!'`},
		{"a = -", 4, 1, 5, `expected a digit after "-"`},
		{"a = 5kg", 5, 1, 6, `expected a space or a mark after the number 5, found "kg"`},
		{"a = 9223372036854775808", 4, 1, 5, "the int 9223372036854775808 is out of the range of 64 bits: write 9223372036854775808.0 for a float"},
		{"a = 1e999", 4, 1, 5, "the float 1e999 is out of the range of 64 bits"},
		{"a = 2020-13-01T00:00:00Z", 4, 1, 5, `"2020-13-01T00:00:00Z" is no RFC 3339 time such as 2006-01-02T15:04:05Z`},
		{"a = 2020-01-01", 4, 1, 5, `"2020-01-01" is no RFC 3339 time such as 2006-01-02T15:04:05Z`},
		{"a = 0000-01-01T00:00:00+01:00", 4, 1, 5, "the time 0000-01-01T00:00:00+01:00 is outside the years 0 to 9999 in UTC"},
		{"a = time 3", 9, 1, 10, `expected "(" after "time", found 3`},
		{"a = time(3)", 9, 1, 10, `expected an RFC 3339 time in double quotes after "time(", found 3`},
		{`a = time("x")`, 9, 1, 10, `"x" is no RFC 3339 time such as 2006-01-02T15:04:05Z`},
		{`a = time("2020-01-01T00:00:00Z"`, 31, 1, 32, `expected ")" after the time, found the end of the text`},
		{`a = "b`, 4, 1, 5, `expected a closing " for the one here, found the end of the text`},
		{`a = "b\`, 4, 1, 5, `expected a closing " for the one here, found the end of the text`},
		{"`a = 1", 0, 1, 1, "expected a closing ` for the one here, found the end of the text"},
		{`a = "\x"`, 4, 1, 5, "quoted text takes the escapes of JSON, and no raw control characters"},
		{"a = \"\n\"", 4, 1, 5, "quoted text takes the escapes of JSON, and no raw control characters"},
		{"`\"` = 1", 0, 1, 1, "quoted text takes the escapes of JSON, and no raw control characters: in a field name \\\" is a double quote and \\u0060 a back quote"},
		{"a = 1\xff", 5, 1, 6, "the text is not valid UTF-8"},
		{"a = \"\xe2\xe2\x82\xac\"", 5, 1, 6, "the text is not valid UTF-8"},
		{"a = 1 " + strings.Repeat("b", 50), 6, 1, 7, `expected "and", "or" or the end of the text, found "` + strings.Repeat("b", 40) + `..."`},
		{deep + "(", 100, 1, 101, "the filter is nested more than 100 deep"},
		{deep + "not a = 1", 100, 1, 101, "the filter is nested more than 100 deep"},
		{strings.Repeat("not ", 100) + "a = 1", 0, 1, 1, "the filter is nested more than 100 deep"},
		{"a in (1" + strings.Repeat(",1", retriever.MaxFilterNodes) + ")", 0, 1, 1, "the filter has more than 10000 parts"},
		{strings.Repeat(" ", retriever.MaxFilterText) + "a", retriever.MaxFilterText, 1, retriever.MaxFilterText + 1, "the text has 65537 bytes: at most 65536 are allowed"},
	}
	for _, test := range tests {
		f, err := retriever.ParseFilter(test.text)
		want := &retriever.ParseError{Offset: test.offset, Line: test.line, Column: test.column, Reason: test.reason}
		var got *retriever.ParseError
		if !errors.As(err, &got) {
			t.Errorf("%.60q gives %v, want a *ParseError", test.text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%.60q (-want +got):\n%s", test.text, diff)
		}
		if f != nil {
			t.Errorf("%.60q gives a filter with the error", test.text)
		}
		if s := fmt.Sprintf("filter: %d:%d: %s", test.line, test.column, test.reason); err.Error() != s {
			t.Errorf("%.60q prints as %q, want %q", test.text, err, s)
		}
	}
}

// simplest rewrites f, one step at a time until none applies, to what the comment
// on FormatFilter says is read back.
func simplest(f retriever.Filter) retriever.Filter {
	for {
		g, changed := step(f)
		if !changed {
			return g
		}
		f = g
	}
}

func step(f retriever.Filter) (retriever.Filter, bool) {
	var list []retriever.Filter
	switch f := f.(type) {
	case retriever.Not:
		g, changed := step(f.Filter)
		return retriever.Not{Filter: g}, changed
	case retriever.And:
		list = f
	case retriever.Or:
		list = f
	default:
		return f, false
	}
	if len(list) == 1 {
		return list[0], true
	}
	again := func(list []retriever.Filter, changed bool) (retriever.Filter, bool) {
		if _, ok := f.(retriever.And); ok {
			return append(retriever.And{}, list...), changed
		}
		return append(retriever.Or{}, list...), changed
	}
	for i, c := range list {
		if reflect.TypeOf(c) == reflect.TypeOf(f) {
			inner := reflect.ValueOf(c).Convert(reflect.TypeFor[[]retriever.Filter]()).Interface().([]retriever.Filter)
			return again(append(append(append([]retriever.Filter{}, list[:i]...), inner...), list[i+1:]...), true)
		}
		if g, changed := step(c); changed {
			return again(append(append(append([]retriever.Filter{}, list[:i]...), g), list[i+1:]...), true)
		}
	}
	return again(list, false)
}

// drawAnyLeaf draws leaves with arbitrary names and values, for the text form.
func drawAnyLeaf(t *rapid.T) retriever.Filter {
	name := rapid.OneOf(rapid.StringN(1, 6, -1), rapid.StringMatching("[a-z_][a-z0-9_.-]*"),
		rapid.SampledFrom([]string{"and", "Or", "NOT", "in", "time", "true", "`", `\`, `"`, "a`\\\"b", "\n", "<", "\u2028"})).Draw(t, "name")
	value := func() retriever.Value {
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return retriever.String(rapid.String().Draw(t, "string"))
		case 1:
			return retriever.Int(rapid.Int64().Draw(t, "int"))
		case 2:
			return retriever.Float(rapid.Float64().Draw(t, "float"))
		case 3:
			return drawTime(t)
		default:
			return retriever.Bool(rapid.Bool().Draw(t, "bool"))
		}
	}
	leaves := []retriever.Filter{
		retriever.Exists{Field: name},
		retriever.Prefix{Field: name, Prefix: rapid.String().Draw(t, "prefix")},
		retriever.Compare{Field: name, Op: rapid.SampledFrom([]retriever.Op{"=", "!=", "<", "<=", ">", ">="}).Draw(t, "op"), Value: value()},
		retriever.In{Field: name, Values: []retriever.Value{value(), value()}},
		retriever.Range{Field: name, Low: value(), High: value()},
		retriever.Range{Field: name, Low: value()},
		retriever.Range{Field: name, High: value()},
	}
	f := rapid.SampledFrom(leaves).Draw(t, "leaf")
	if retriever.CheckFilter(f) != nil { // a bool where order is wanted
		return leaves[0]
	}
	return f
}

func drawTime(t *rapid.T) retriever.Value {
	// From the start of year 0 to the end of year 9999.
	sec := rapid.Int64Range(-62167219200, 253402300799).Draw(t, "second")
	nsec := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 999_999_999)).Draw(t, "nanosecond")
	return retriever.Time(time.Unix(sec, nsec))
}

func TestFormatRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFilter(t, 5, drawAnyLeaf)
		text := retriever.FormatFilter(f)
		got, err := retriever.ParseFilter(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if want := simplest(f); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s is read as %#v, want %#v", text, got, want)
		}
		if again := retriever.FormatFilter(got); again != text {
			t.Fatalf("%s formats as %s after it was parsed", text, again)
		}
	})
}

// TestParseKeepsMeaning checks that normalizing changes no answer.
func TestParseKeepsMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFilter(t, 5, drawLeaf)
		m := metadataGen.Draw(t, "metadata")
		g, err := retriever.ParseFilter(retriever.FormatFilter(f))
		if err != nil {
			t.Fatal(err)
		}
		if want, got := oracle(f, m), oracle(g, m); got != want {
			t.Fatalf("%#v is %s, after formatting and parsing %s", f, want.truth(), got.truth())
		}
	})
}

// TestFormatIsInjective enumerates all filters of up to three levels over a few
// leaves: those that print the same must be equal in normal form and in truth.
func TestFormatIsInjective(t *testing.T) {
	level := []retriever.Filter{
		retriever.And{}, retriever.Or{},
		retriever.Compare{Field: "x", Op: retriever.Eq, Value: retriever.Int(1)},
		retriever.Compare{Field: "x", Op: retriever.Eq, Value: retriever.String("1")},
	}
	for range 2 {
		next := level
		for _, a := range level {
			next = append(next, retriever.Not{Filter: a}, retriever.And{a}, retriever.Or{a})
			for _, b := range level {
				next = append(next, retriever.And{a, b}, retriever.Or{a, b})
			}
		}
		level = next
	}
	worlds := []retriever.Metadata{{}, {"x": retriever.Int(1)}, {"x": retriever.String("1")}, {"x": retriever.Int(2)}}
	first := map[string]retriever.Filter{}
	for _, f := range level {
		text := retriever.FormatFilter(f)
		g, ok := first[text]
		if !ok {
			first[text] = f
			continue
		}
		if !reflect.DeepEqual(simplest(f), simplest(g)) {
			t.Fatalf("%#v and %#v both print as %s", f, g, text)
		}
		for _, m := range worlds {
			if oracle(f, m) != oracle(g, m) {
				t.Fatalf("%#v and %#v both print as %s, but differ on %v", f, g, text, m)
			}
		}
	}
	if len(first) < 1000 || len(first) == len(level) {
		t.Fatalf("%d texts of %d filters: the enumeration shows nothing", len(first), len(level))
	}
}

// TestWideText checks that parentheses and nots side by side are not nesting.
func TestWideText(t *testing.T) {
	text := "not (exists(x) and exists(y))" + strings.Repeat(" or not (exists(x) and exists(y))", 2*retriever.MaxFilterDepth)
	f, err := retriever.ParseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := retriever.FormatFilter(f); got != text {
		t.Errorf("got %s, want %s", got, text)
	}
}

// TestDeepestText checks that the deepest filters survive formatting.
func TestDeepestText(t *testing.T) {
	var f retriever.Filter = retriever.Exists{Field: "x"}
	for i := range retriever.MaxFilterDepth - 1 {
		switch i % 3 {
		case 0:
			f = retriever.And{retriever.Exists{Field: "y"}, f}
		case 1:
			f = retriever.Or{f, retriever.Exists{Field: "y"}}
		default:
			f = retriever.Not{Filter: f}
		}
	}
	got, err := retriever.ParseFilter(retriever.FormatFilter(f))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, f) { // cmp.Diff takes time exponential in the depth
		t.Errorf("got %s, want %s", retriever.FormatFilter(got), retriever.FormatFilter(f))
	}
}
