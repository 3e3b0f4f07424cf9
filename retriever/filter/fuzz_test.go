package filter_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`tenant = "acme" and (year >= 2020 or not lang in ("en", "de")) and exists(author)`,
		`date in [2020-01-01T00:00:00Z .. time("2021-01-01T00:00:00.5+01:00")] or title prefix "The"`,
		"`a \\u0060 b` != -1.5e-7 and (true or false) and not not x in [.. 5]",
		`x in (1, 2.0, true, "\ud83d\ude00") or x < `,
		"a = 1\xff", `a = "\`, "((((", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		expr, err := filter.Parse(text)
		if err != nil {
			var pe *filter.ParseError
			if !errors.As(err, &pe) || pe.Offset < 0 || pe.Offset > len(text) || pe.Line < 1 || pe.Column < 1 || pe.Reason == "" {
				t.Fatalf("the error is %#v", err)
			}
			return
		}
		if err := filter.Check(expr); err != nil {
			t.Fatalf("what was parsed is malformed: %v", err)
		}
		canonical := filter.Format(expr)
		if len(canonical) > filter.MaxText {
			return // the canonical text may be longer than the original text
		}
		again, err := filter.Parse(canonical)
		if err != nil {
			t.Fatalf("the canonical text %s: %v", canonical, err)
		}
		if !reflect.DeepEqual(again, expr) {
			t.Fatalf("%s is read as %#v, want %#v", canonical, again, expr)
		}
		m := filter.Metadata{"a": filter.Int(1), "x": filter.Strings("a"), "tenant": filter.String("acme")}
		if got, want := filter.Eval(expr, m), oracle(expr, m).truth(); got != want {
			t.Fatalf("%s is %s, want %s", canonical, got, want)
		}
		if match, err := filter.Compile(expr); err != nil || match(m) != filter.Match(expr, m) {
			t.Fatalf("%s is compiled to %v, %v: want %v", canonical, match(m), err, filter.Match(expr, m))
		}
	})
}

func FuzzMetadataJSON(f *testing.F) {
	for _, seed := range []string{
		`{"s":"x","i":-3,"f":3.0,"b":true,"l":["a"],"t":{"time":"2020-01-01T00:00:00Z"}}`,
		`{"s":"\ud800","f":1e-999,"i":-0}`, `{"a":1,"a":2}`, `{"a":[1]}`, `null`, `{"a":null}`, "{\"\xff\":1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m filter.Metadata
		if err := m.UnmarshalJSON(data); err != nil {
			var me *filter.MetadataError
			if !errors.As(err, &me) || me.Reason == "" || m != nil {
				t.Fatalf("the error is %#v, the metadata %v", err, m)
			}
			return
		}
		if err := m.Check(); err != nil {
			t.Fatalf("what was decoded is malformed: %v", err)
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var again filter.Metadata
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Fatalf("%s (-first +second):\n%s", text, diff)
		}
	})
}
