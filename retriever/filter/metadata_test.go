package filter_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

func TestValueGetters(t *testing.T) {
	zone := time.Date(2020, 1, 1, 1, 0, 0, 7, time.FixedZone("", 3600))
	type all struct {
		S  string
		I  int64
		F  float64
		B  bool
		T  time.Time
		L  []string
		OK string // the getters that report true
	}
	tests := []struct {
		v    filter.Value
		kind filter.Kind
		want all
		text string
	}{
		{filter.Value{}, filter.KindInvalid, all{}, "<invalid>"},
		{filter.String("a\"b"), filter.KindString, all{S: "a\"b", OK: "s"}, `"a\"b"`},
		{filter.Int(-7), filter.KindInt, all{I: -7, OK: "i"}, "-7"},
		{filter.Float(3), filter.KindFloat, all{F: 3, OK: "f"}, "3.0"},
		{filter.Bool(true), filter.KindBool, all{B: true, OK: "b"}, "true"},
		{filter.Bool(false), filter.KindBool, all{OK: "b"}, "false"},
		{filter.Time(zone), filter.KindTime, all{T: time.Date(2020, 1, 1, 0, 0, 0, 7, time.UTC), OK: "t"}, `time("2020-01-01T00:00:00.000000007Z")`},
		{filter.Time(zone.Add(1)), filter.KindTime, all{T: time.Date(2020, 1, 1, 0, 0, 0, 8, time.UTC), OK: "t"}, `time("2020-01-01T00:00:00.000000008Z")`},
		{filter.Strings("a", "b"), filter.KindStrings, all{L: []string{"a", "b"}, OK: "l"}, `["a","b"]`},
		{filter.Strings(), filter.KindStrings, all{OK: "l"}, "[]"},
	}
	for i, test := range tests {
		var got all
		note := func(name string, ok bool) {
			if ok {
				got.OK += name
			}
		}
		var ok bool
		got.S, ok = test.v.AsString()
		note("s", ok)
		got.I, ok = test.v.AsInt()
		note("i", ok)
		got.F, ok = test.v.AsFloat()
		note("f", ok)
		got.B, ok = test.v.AsBool()
		note("b", ok)
		got.T, ok = test.v.AsTime()
		note("t", ok)
		got.L, ok = test.v.AsStrings()
		note("l", ok)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.v, diff)
		}
		if test.v.Kind() != test.kind || test.v.String() != test.text {
			t.Errorf("got the %s %s, want the %s %s", test.v.Kind(), test.v, test.kind, test.text)
		}
		for j, other := range tests {
			if got := test.v.Equal(other.v); got != (i == j) {
				t.Errorf("%s equals %s: %v", test.v, other.v, got)
			}
		}
	}
	if got, _ := filter.Time(zone).AsTime(); got.Location() != time.UTC {
		t.Errorf("the time is in %v, want UTC", got.Location())
	}
	if s := filter.Kind(200).String(); s != "Kind(200)" {
		t.Errorf("Kind(200) prints as %s", s)
	}
}

func TestValuesDoNotShareMemory(t *testing.T) {
	in := []string{"a", "b"}
	v := filter.Strings(in...)
	in[0] = "changed"
	out, _ := v.AsStrings()
	out[1] = "changed"
	if !v.Equal(filter.Strings("a", "b")) {
		t.Errorf("the value became %s", v)
	}
}

func TestInvalidValues(t *testing.T) {
	for name, v := range map[string]filter.Value{
		"zero":        {},
		"NaN":         filter.Float(math.NaN()),
		"+Inf":        filter.Float(math.Inf(1)),
		"-Inf":        filter.Float(math.Inf(-1)),
		"year 10000":  filter.Time(time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600))),
		"year -1":     filter.Time(time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)),
		"bad string":  filter.String("\xff"),
		"bad element": filter.Strings("a", "\xff"),
	} {
		if v.Kind() != filter.KindInvalid || !v.Equal(filter.Value{}) {
			t.Errorf("%s gives %s, want an invalid value", name, v)
		}
		m := filter.Metadata{"a": filter.Int(1), "z": {}, "f": v}
		var me *filter.MetadataError
		if err := m.Check(); !errors.As(err, &me) || me.Field != "f" || !strings.Contains(me.Reason, "the value is invalid") {
			t.Errorf("%s: Check gives %v, want a *MetadataError about f", name, err)
		}
		if _, err := json.Marshal(m); !errors.As(err, &me) || me.Field != "f" {
			t.Errorf("%s: Marshal gives %v, want a *MetadataError about f", name, err)
		}
		if _, err := json.Marshal(v); !errors.As(err, &me) {
			t.Errorf("%s: Marshal of the value gives %v, want a *MetadataError", name, err)
		}
	}
	for _, key := range []string{"", "\xff"} {
		var me *filter.MetadataError
		if err := (filter.Metadata{key: filter.Int(1)}).Check(); !errors.As(err, &me) || me.Field != key {
			t.Errorf("Check of the key %q gives %v, want a *MetadataError", key, err)
		}
	}
	many := filter.Metadata{"e": filter.Int(1), "d": {}, "\xff": filter.Int(1), "b": {}, "c": {}, "a": filter.Int(1)}
	for range 20 { // the order of a map differs from loop to loop
		var me *filter.MetadataError
		if err := many.Check(); !errors.As(err, &me) || me.Field != "b" {
			t.Fatalf("of several faults %v is reported, want that of b", err)
		}
	}
	if err := (filter.Metadata{"a": filter.Int(1)}).Check(); err != nil {
		t.Error(err)
	}
}

func TestMetadataJSON(t *testing.T) {
	m := filter.Metadata{
		"s":   filter.String("x\n<\u00e9"),
		"i":   filter.Int(math.MaxInt64),
		"f":   filter.Float(3),
		"g":   filter.Float(1e21),
		"h":   filter.Float(math.Copysign(0, -1)),
		"b":   filter.Bool(true),
		"l":   filter.Strings("a", "b"),
		"e":   filter.Strings(),
		"t":   filter.Time(time.Date(2020, 1, 2, 3, 4, 5, 600, time.UTC)),
		"k y": filter.Int(0),
	}
	want := `{"b":true,"e":[],"f":3.0,"g":1e+21,"h":0.0,"i":9223372036854775807,"k y":0,"l":["a","b"],` +
		`"s":"x\n\u003c` + "\u00e9" + `","t":{"time":"2020-01-02T03:04:05.0000006Z"}}`
	got, err := json.Marshal(m)
	if err != nil || string(got) != want {
		t.Fatalf("Marshal gives %s, %v\nwant %s", got, err, want)
	}
	back := filter.Metadata{"old": filter.Int(1)}
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, back); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := json.Marshal(filter.Metadata(nil)); string(got) != "null" || err != nil {
		t.Errorf("nil is written as %s, %v", got, err)
	}
	if err := json.Unmarshal([]byte(" null "), &back); err != nil || back != nil {
		t.Errorf("null is read as %v, %v", back, err)
	}
	var p struct{ Metadata filter.Metadata }
	if err := json.Unmarshal([]byte(`{"id":"p","metadata":{"a":-0,"b":1E2}}`), &p); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(filter.Metadata{"a": filter.Int(0), "b": filter.Float(100)}, p.Metadata); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMetadataJSONErrors(t *testing.T) {
	for text, want := range map[string]filter.MetadataError{
		`[]`:                                   {Reason: "want a JSON object"},
		`{"a":1`:                               {Reason: "want a JSON object"},
		`{"a":1,"a":2}`:                        {Reason: `the key "a" comes twice`},
		`{"a":1,"\u0061":2}`:                   {Reason: `the key "a" comes twice`},
		`{"":1}`:                               {Reason: "the field name is empty"},
		"{\"a\xff\":1}":                        {Reason: "the JSON is not valid UTF-8"},
		`{"a":null}`:                           {Field: "a", Reason: "null is no value: leave the field out"},
		`{"ok":1,"a":["x",1]}`:                 {Field: "a", Reason: "element 1 of the array is not a string: a list holds only strings"},
		`{"a":[null]}`:                         {Field: "a", Reason: "element 0 of the array is not a string: a list holds only strings"},
		`{"a":[1e999]}`:                        {Field: "a", Reason: "the array cannot be read: json: cannot unmarshal number 1e999 into Go value of type float64"},
		`{"a":9223372036854775808}`:            {Field: "a", Reason: "the int 9223372036854775808 is out of the range of 64 bits: write 9223372036854775808.0 for a float"},
		`{"a":1e999}`:                          {Field: "a", Reason: "the float 1e999 is out of the range of 64 bits"},
		`{"a":{}}`:                             {Field: "a", Reason: `the only object that is a value is a time: {"time":"2006-01-02T15:04:05Z"}`},
		`{"a":{"Time":"x"}}`:                   {Field: "a", Reason: `the only object that is a value is a time: {"time":"2006-01-02T15:04:05Z"}`},
		`{"a":{"time":1}}`:                     {Field: "a", Reason: `the only object that is a value is a time: {"time":"2006-01-02T15:04:05Z"}`},
		`{"a":{"time":"2020","zone":"UTC"}}`:   {Field: "a", Reason: `the only object that is a value is a time: {"time":"2006-01-02T15:04:05Z"}`},
		`{"a":{"time":"2020","time":"2020"}}`:  {Field: "a", Reason: `the key "time" comes twice`},
		`{"a":{"time":"2020-01-01T00:00:00"}}`: {Field: "a", Reason: `"2020-01-01T00:00:00" is no RFC 3339 time such as 2006-01-02T15:04:05Z`},
		`{"a":{"time":"2020-01-01T00:00:00,5Z"}}`:    {Field: "a", Reason: `"2020-01-01T00:00:00,5Z" is no RFC 3339 time such as 2006-01-02T15:04:05Z`},
		`{"a":{"time":"9999-12-31T23:59:59-01:00"}}`: {Field: "a", Reason: "the time 9999-12-31T23:59:59-01:00 is outside the years 0 to 9999 in UTC"},
	} {
		m := filter.Metadata{"old": filter.Int(1)}
		var got *filter.MetadataError
		if err := m.UnmarshalJSON([]byte(text)); !errors.As(err, &got) {
			t.Errorf("%s gives %v, want a *MetadataError", text, err)
			continue
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		if len(m) != 1 || !m["old"].Equal(filter.Int(1)) {
			t.Errorf("%s changed the metadata to %v", text, m)
		}
	}
	for _, text := range []string{"", " ", "x", "nul", `"a`, "\"\xff\"", "1 2", "01", "+1"} {
		v := filter.Int(1)
		var me *filter.MetadataError
		if err := v.UnmarshalJSON([]byte(text)); !errors.As(err, &me) || !strings.HasPrefix(err.Error(), "metadata: the value is not valid") {
			t.Errorf("%q gives %v, want a *MetadataError", text, err)
		}
		if !v.Equal(filter.Int(1)) {
			t.Errorf("%q changed the value to %s", text, v)
		}
	}
	err := json.Unmarshal([]byte(`{"metadata":{"year":null}}`), new(retriever.Passage))
	if want := `metadata: field "year": null is no value: leave the field out`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTimeJSON(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2020-02-29T23:30:00-01:00":       time.Date(2020, 3, 1, 0, 30, 0, 0, time.UTC),
		"2020-01-01T00:00:00.1234567899Z": time.Date(2020, 1, 1, 0, 0, 0, 123456789, time.UTC), // no rounding
		"0000-01-01T00:00:00Z":            time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC),
		"9999-12-31T23:59:59.999999999Z":  time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		"2020-01-01T23:59:59+23:59":       time.Date(2020, 1, 1, 0, 0, 59, 0, time.UTC),
		"2020-01-01T1:00:00Z":             {},
		"2020-01-01T00:00:00+24:00":       {},
		"2020-01-01T00:00:00+00:60":       {},
		"2020-01-01T00:00:60Z":            {},
		"2019-02-29T00:00:00Z":            {},
		"2020-01-01t00:00:00z":            {},
		"2020-01-01 00:00:00Z":            {},
		" 2020-01-01T00:00:00Z":           {},
		"":                                {},
	} {
		var v filter.Value
		err := json.Unmarshal([]byte(`{"time":"`+text+`"}`), &v)
		if want.IsZero() {
			if err == nil {
				t.Errorf("%q is read as %s, want an error", text, v)
			}
			continue
		}
		if got, ok := v.AsTime(); err != nil || !ok || !got.Equal(want) {
			t.Errorf("%q is read as %s, %v, want %v", text, v, err, want)
		}
	}
}

func TestValueJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SampledFrom([]filter.Value{
			filter.String(rapid.String().Draw(t, "string")),
			filter.Int(rapid.Int64().Draw(t, "int")),
			filter.Float(rapid.Float64().Draw(t, "float")),
			drawTime(t),
			filter.Strings(rapid.SliceOf(rapid.String()).Draw(t, "strings")...),
		}).Draw(t, "value")
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var back filter.Value
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if !back.Equal(v) {
			t.Fatalf("%s is read as %s", data, back)
		}
	})
}
