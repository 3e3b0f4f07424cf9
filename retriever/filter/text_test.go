package filter_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

func TestParseFilter(t *testing.T) {
	x := filter.Exists{Field: "x"}
	y := filter.Exists{Field: "y"}
	z := filter.Exists{Field: "z"}
	y2020 := filter.Time(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	y2021 := filter.Time(time.Date(2021, 1, 1, 0, 0, 0, 500_000_000, time.UTC))
	tests := []struct {
		text      string
		want      filter.Expr
		canonical string // empty: the text is canonical itself
	}{
		{"exists(x)", x, ""},
		{"EXISTS ( x )", x, "exists(x)"},
		{"\texists\r\n(`x`) ", x, "exists(x)"},
		{"not exists(x) and exists(y) or exists(z)", filter.Or{filter.And{filter.Not{Filter: x}, y}, z}, ""},
		{"exists(x) or exists(y) and exists(z)", filter.Or{x, filter.And{y, z}}, ""},
		{"(exists(x) Or exists(y)) AND exists(z)", filter.And{filter.Or{x, y}, z}, "(exists(x) or exists(y)) and exists(z)"},
		{"not (exists(x) or exists(y))", filter.Not{Filter: filter.Or{x, y}}, ""},
		{"NOT Not exists(x)", filter.Not{Filter: filter.Not{Filter: x}}, "not not exists(x)"},
		{"((exists(x) and exists(y)) and exists(z))", filter.And{x, y, z}, "exists(x) and exists(y) and exists(z)"},
		{"exists(x) or (exists(y) or exists(z))", filter.Or{x, y, z}, "exists(x) or exists(y) or exists(z)"},
		{"true", filter.And{}, ""},
		{"FALSE", filter.Or{}, "false"},
		{"true and true", filter.And{}, "true"},
		{"true and exists(x)", x, "exists(x)"},
		{"true or exists(x)", filter.Or{filter.And{}, x}, ""},
		{"not false", filter.Not{Filter: filter.Or{}}, ""},
		{`a="b"`, filter.Compare{Field: "a", Op: filter.Eq, Value: filter.String("b")}, `a = "b"`},
		{`a != -3`, filter.Compare{Field: "a", Op: filter.Ne, Value: filter.Int(-3)}, ""},
		{`a<3.50`, filter.Compare{Field: "a", Op: filter.Lt, Value: filter.Float(3.5)}, "a < 3.5"},
		{`a<=3e0`, filter.Compare{Field: "a", Op: filter.Le, Value: filter.Float(3)}, "a <= 3.0"},
		{`a > -0.0`, filter.Compare{Field: "a", Op: filter.Gt, Value: filter.Float(0)}, "a > 0.0"},
		{`a >= 1E21`, filter.Compare{Field: "a", Op: filter.Ge, Value: filter.Float(1e21)}, "a >= 1e+21"},
		{`a = True`, filter.Compare{Field: "a", Op: filter.Eq, Value: filter.Bool(true)}, "a = true"},
		{`a = false`, filter.Compare{Field: "a", Op: filter.Eq, Value: filter.Bool(false)}, ""},
		{`a-b.c_1 = "\u00e9\n\"\ud83d\ude00<"`, filter.Compare{Field: "a-b.c_1", Op: filter.Eq, Value: filter.String("\u00e9\n\"\U0001f600<")}, "a-b.c_1 = \"\u00e9\\n\\\"\U0001f600<\""},
		{"`a b\\\"\\u0060` = 1", filter.Compare{Field: "a b\"`", Op: filter.Eq, Value: filter.Int(1)}, ""},
		{"`\u00e9` = 1", filter.Compare{Field: "\u00e9", Op: filter.Eq, Value: filter.Int(1)}, ""},
		{"`Not` = 1", filter.Compare{Field: "Not", Op: filter.Eq, Value: filter.Int(1)}, ""},
		{"`1a` = 1", filter.Compare{Field: "1a", Op: filter.Eq, Value: filter.Int(1)}, ""},
		{"`order` = 1", filter.Compare{Field: "order", Op: filter.Eq, Value: filter.Int(1)}, "order = 1"},
		{`title prefix "The"`, filter.Prefix{Field: "title", Prefix: "The"}, ""},
		{`title PREFIX ""`, filter.Prefix{Field: "title"}, `title prefix ""`},
		{`a in (1,"b", true)`, filter.In{Field: "a", Values: []filter.Value{filter.Int(1), filter.String("b"), filter.Bool(true)}}, `a in (1, "b", true)`},
		{`a IN [1..5]`, filter.Range{Field: "a", Low: filter.Int(1), High: filter.Int(5)}, "a in [1 .. 5]"},
		{`a in [1.5..]`, filter.Range{Field: "a", Low: filter.Float(1.5)}, "a in [1.5 ..]"},
		{`a in [ .. "m" ]`, filter.Range{Field: "a", High: filter.String("m")}, `a in [.. "m"]`},
		{`time in [2020-01-01T00:00:00Z..2021-01-01T01:00:00.50+01:00]`, filter.Range{Field: "time", Low: y2020, High: y2021},
			`time in [time("2020-01-01T00:00:00Z") .. time("2021-01-01T00:00:00.5Z")]`},
		{`TIME = Time("2020-01-01T00:00:00Z")`, filter.Compare{Field: "TIME", Op: filter.Eq, Value: y2020}, `TIME = time("2020-01-01T00:00:00Z")`},
	}
	for _, test := range tests {
		f, err := filter.Parse(test.text)
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
		if got := filter.Format(f); got != want {
			t.Errorf("%s formats as %s, want %s", test.text, got, want)
		}
	}
	if got := filter.Format(nil); got != "" {
		t.Errorf("Format(nil) = %q", got)
	}
}

func TestParseErrors(t *testing.T) {
	deep := strings.Repeat("(", filter.MaxDepth)
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
		{"a in (1" + strings.Repeat(",1", filter.MaxNodes) + ")", 0, 1, 1, "the filter has more than 6000 parts"},
		{strings.Repeat(" ", filter.MaxText) + "a", filter.MaxText, 1, filter.MaxText + 1, "the text has 65537 bytes: at most 65536 are allowed"},
	}
	for _, test := range tests {
		f, err := filter.Parse(test.text)
		want := &filter.ParseError{Offset: test.offset, Line: test.line, Column: test.column, Reason: test.reason}
		var got *filter.ParseError
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

// simplest rewrites f, one step at a time until none applies, to the form that the
// comment on Format says is read back.
func simplest(f filter.Expr) filter.Expr {
	for {
		g, changed := step(f)
		if !changed {
			return g
		}
		f = g
	}
}

func step(f filter.Expr) (filter.Expr, bool) {
	var list []filter.Expr
	switch f := f.(type) {
	case filter.Not:
		g, changed := step(f.Filter)
		return filter.Not{Filter: g}, changed
	case filter.And:
		list = f
	case filter.Or:
		list = f
	default:
		return f, false
	}
	if len(list) == 1 {
		return list[0], true
	}
	again := func(list []filter.Expr, changed bool) (filter.Expr, bool) {
		if _, ok := f.(filter.And); ok {
			return append(filter.And{}, list...), changed
		}
		return append(filter.Or{}, list...), changed
	}
	for i, c := range list {
		if reflect.TypeOf(c) == reflect.TypeOf(f) {
			inner := reflect.ValueOf(c).Convert(reflect.TypeFor[[]filter.Expr]()).Interface().([]filter.Expr)
			return again(append(append(append([]filter.Expr{}, list[:i]...), inner...), list[i+1:]...), true)
		}
		if g, changed := step(c); changed {
			return again(append(append(append([]filter.Expr{}, list[:i]...), g), list[i+1:]...), true)
		}
	}
	return again(list, false)
}

// drawAnyLeaf draws leaves with arbitrary names and values, for the text form.
func drawAnyLeaf(t *rapid.T) filter.Expr {
	name := rapid.OneOf(rapid.StringN(1, 6, -1), rapid.StringMatching("[a-z_][a-z0-9_.-]*"),
		rapid.SampledFrom([]string{"and", "Or", "NOT", "in", "time", "true", "`", `\`, `"`, "a`\\\"b", "\n", "<", "\u2028"})).Draw(t, "name")
	value := func() filter.Value {
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return filter.String(rapid.String().Draw(t, "string"))
		case 1:
			return filter.Int(rapid.Int64().Draw(t, "int"))
		case 2:
			return filter.Float(rapid.Float64().Draw(t, "float"))
		case 3:
			return drawTime(t)
		default:
			return filter.Bool(rapid.Bool().Draw(t, "bool"))
		}
	}
	leaves := []filter.Expr{
		filter.Exists{Field: name},
		filter.Prefix{Field: name, Prefix: rapid.String().Draw(t, "prefix")},
		filter.Compare{Field: name, Op: rapid.SampledFrom([]filter.Op{"=", "!=", "<", "<=", ">", ">="}).Draw(t, "op"), Value: value()},
		filter.In{Field: name, Values: []filter.Value{value(), value()}},
		filter.Range{Field: name, Low: value(), High: value()},
		filter.Range{Field: name, Low: value()},
		filter.Range{Field: name, High: value()},
	}
	f := rapid.SampledFrom(leaves).Draw(t, "leaf")
	if filter.Check(f) != nil { // a bool where order is wanted
		return leaves[0]
	}
	return f
}

func drawTime(t *rapid.T) filter.Value {
	// From the start of year 0 to the end of year 9999.
	sec := rapid.Int64Range(-62167219200, 253402300799).Draw(t, "second")
	nsec := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 999_999_999)).Draw(t, "nanosecond")
	return filter.Time(time.Unix(sec, nsec))
}

func TestFormatRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFilter(t, 5, drawAnyLeaf)
		text := filter.Format(f)
		got, err := filter.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if want := simplest(f); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s is read as %#v, want %#v", text, got, want)
		}
		if again := filter.Format(got); again != text {
			t.Fatalf("%s formats as %s after it was parsed", text, again)
		}
	})
}

// TestParseKeepsMeaning checks that normalizing changes no answer.
func TestParseKeepsMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFilter(t, 5, drawLeaf)
		m := metadataGen.Draw(t, "metadata")
		g, err := filter.Parse(filter.Format(f))
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
	level := []filter.Expr{
		filter.And{}, filter.Or{},
		filter.Compare{Field: "x", Op: filter.Eq, Value: filter.Int(1)},
		filter.Compare{Field: "x", Op: filter.Eq, Value: filter.String("1")},
	}
	for range 2 {
		next := level
		for _, a := range level {
			next = append(next, filter.Not{Filter: a}, filter.And{a}, filter.Or{a})
			for _, b := range level {
				next = append(next, filter.And{a, b}, filter.Or{a, b})
			}
		}
		level = next
	}
	worlds := []filter.Metadata{{}, {"x": filter.Int(1)}, {"x": filter.String("1")}, {"x": filter.Int(2)}}
	first := map[string]filter.Expr{}
	for _, f := range level {
		text := filter.Format(f)
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

// TestWideText checks that parentheses and nots side by side do not count as
// nesting.
func TestWideText(t *testing.T) {
	text := "not (exists(x) and exists(y))" + strings.Repeat(" or not (exists(x) and exists(y))", 2*filter.MaxDepth)
	f, err := filter.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := filter.Format(f); got != text {
		t.Errorf("got %s, want %s", got, text)
	}
}

// TestDeepestText checks that the deepest filters can be formatted and read back.
func TestDeepestText(t *testing.T) {
	var f filter.Expr = filter.Exists{Field: "x"}
	for i := range filter.MaxDepth - 1 {
		switch i % 3 {
		case 0:
			f = filter.And{filter.Exists{Field: "y"}, f}
		case 1:
			f = filter.Or{f, filter.Exists{Field: "y"}}
		default:
			f = filter.Not{Filter: f}
		}
	}
	got, err := filter.Parse(filter.Format(f))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, f) { // cmp.Diff takes time exponential in the depth
		t.Errorf("got %s, want %s", filter.Format(got), filter.Format(f))
	}
}
