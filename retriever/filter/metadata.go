package filter

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Kind says what a [Value] holds.
type Kind uint8

// The kinds of values. KindInvalid is the kind of the zero Value.
const (
	KindInvalid Kind = iota
	KindString
	KindInt
	KindFloat
	KindBool
	KindTime
	KindStrings
)

var kindNames = [...]string{"invalid", "string", "int", "float", "bool", "time", "strings"}

// String returns the name of the kind: invalid, string, int, float, bool, time
// or strings.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// Value is one typed value: a string, an int64, a finite float64, a bool, a time,
// or a list of strings. It is immutable, so goroutines may share it. The zero Value
// holds nothing: its kind is KindInvalid.
//
// Use [Value.Equal] to compare values; Go's == does not compile for them.
//
// In JSON a string is a string, a bool is a bool, and a list of strings is an array
// of strings. A number with a decimal point or an exponent is a float, any other
// number is an int; so the float 3 is written 3.0. A time is an object with the one
// key "time", in RFC 3339: {"time":"2020-01-02T15:04:05.5Z"}.
type Value struct {
	kind Kind
	nsec int32 // of a time: nanoseconds after the second num
	num  int64 // the int; the float's bits; 1 for true; the time in Unix seconds
	str  string
	list []string
}

// String returns a Value that holds s. If s is not valid UTF-8 the Value is
// invalid, because neither JSON nor the text form of a filter can carry it.
func String(s string) Value {
	if !utf8.ValidString(s) {
		return Value{}
	}
	return Value{kind: KindString, str: s}
}

// Int returns a Value that holds i.
func Int(i int64) Value { return Value{kind: KindInt, num: i} }

// Float returns a Value that holds f; negative zero becomes zero. If f is NaN or
// infinite the Value is invalid.
func Float(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}
	}
	if f == 0 {
		f = 0 // drops the sign, so that equal floats have equal bits
	}
	return Value{kind: KindFloat, num: int64(math.Float64bits(f))}
}

// Bool returns a Value that holds b.
func Bool(b bool) Value {
	v := Value{kind: KindBool}
	if b {
		v.num = 1
	}
	return v
}

// Time returns a Value that holds the instant t, to the nanosecond, without its
// time zone. If the year of t in UTC is outside 0 to 9999, which RFC 3339 cannot
// write, the Value is invalid.
func Time(t time.Time) Value {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return Value{}
	}
	return Value{kind: KindTime, num: t.Unix(), nsec: int32(t.Nanosecond())}
}

// Strings returns a Value that holds a copy of list, in the order given. The list
// may be empty. If an element is not valid UTF-8 the Value is invalid.
func Strings(list ...string) Value {
	for _, s := range list {
		if !utf8.ValidString(s) {
			return Value{}
		}
	}
	return Value{kind: KindStrings, list: slices.Clone(list)}
}

// Kind says what v holds, and so which of the getters reports true.
func (v Value) Kind() Kind { return v.kind }

// AsString returns the string that v holds, and whether v is a string.
func (v Value) AsString() (string, bool) { return v.str, v.kind == KindString }

// AsInt returns the int that v holds, and whether v is an int. A float is not an
// int.
func (v Value) AsInt() (int64, bool) {
	if v.kind != KindInt {
		return 0, false
	}
	return v.num, true
}

// AsFloat returns the float that v holds, and whether v is a float. An int is not a
// float.
func (v Value) AsFloat() (float64, bool) {
	if v.kind != KindFloat {
		return 0, false
	}
	return v.float(), true
}

// AsBool returns the bool that v holds, and whether v is a bool.
func (v Value) AsBool() (value, ok bool) {
	return v.kind == KindBool && v.num == 1, v.kind == KindBool
}

// AsTime returns the instant that v holds, in UTC, and whether v is a time.
func (v Value) AsTime() (time.Time, bool) {
	if v.kind != KindTime {
		return time.Time{}, false
	}
	return v.time(), true
}

// AsStrings returns a copy of the list that v holds, and whether v is a list of
// strings.
func (v Value) AsStrings() ([]string, bool) {
	return slices.Clone(v.list), v.kind == KindStrings
}

func (v Value) float() float64  { return math.Float64frombits(uint64(v.num)) }
func (v Value) time() time.Time { return time.Unix(v.num, int64(v.nsec)).UTC() }

// Equal reports whether v and w have the same kind and hold the same value.
// Lists are equal if they have the same elements in the same order. This is
// stricter than the operator [Eq] of filters, for which Int(3) equals Float(3).
func (v Value) Equal(w Value) bool {
	return v.kind == w.kind && v.num == w.num && v.nsec == w.nsec && v.str == w.str &&
		slices.Equal(v.list, w.list)
}

// String returns v as written in the text form of a filter: "acme", 3, 3.0, true or
// time("2020-01-02T15:04:05Z"). A list of strings, which no filter contains, is
// written ["a","b"], and the zero Value <invalid>.
func (v Value) String() string {
	switch v.kind {
	case KindString:
		return quote(v.str)
	case KindInt:
		return strconv.FormatInt(v.num, 10)
	case KindFloat:
		s := strconv.FormatFloat(v.float(), 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0" // or it would be read back as an int
		}
		return s
	case KindBool:
		return strconv.FormatBool(v.num == 1)
	case KindTime:
		return "time(" + quote(v.time().Format(time.RFC3339Nano)) + ")"
	case KindStrings:
		quoted := make([]string, len(v.list))
		for i, s := range v.list {
			quoted[i] = quote(s)
		}
		return "[" + strings.Join(quoted, ",") + "]"
	}
	return "<invalid>"
}

// Metadata is what is known about a passage, by field name. A field name is any
// valid UTF-8 text except the empty one. Goroutines may share a Metadata that none
// of them changes.
type Metadata map[string]Value

// Check returns a *MetadataError if a field name is empty or not valid UTF-8, or
// if a value is invalid. Of several faults it reports the one whose field name is
// first in byte order.
func (m Metadata) Check() error {
	var first *MetadataError
	for name, v := range m {
		reason := badField(name)
		if reason == "" && v.kind == KindInvalid {
			reason = invalidValue
		}
		if reason != "" && (first == nil || name < first.Field) {
			first = &MetadataError{Field: name, Reason: reason}
		}
	}
	if first == nil {
		return nil
	}
	return first
}

// invalidValue says how a value can become invalid, since constructors return no
// errors.
const invalidValue = "the value is invalid: it is the zero Value, or was made of a NaN or infinite float, " +
	"of a time outside the years 0 to 9999, or of text that is not UTF-8"

// badField returns what is wrong with a field name, or "".
func badField(name string) string {
	switch {
	case name == "":
		return "the field name is empty"
	case !utf8.ValidString(name):
		return fmt.Sprintf("the field name %q is not valid UTF-8", name)
	}
	return ""
}

// MetadataError describes a fault of metadata, or of the JSON of metadata.
type MetadataError struct {
	// Field is the field with the wrong name or value; empty if the fault is not in
	// one field, or if a [Value] was decoded by itself.
	Field string
	// Reason says what is wrong and what is wanted.
	Reason string
}

// Error returns the reason, after the name of the field if there is one.
func (e *MetadataError) Error() string {
	if e.Field == "" {
		return "metadata: " + e.Reason
	}
	return fmt.Sprintf("metadata: field %q: %s", e.Field, e.Reason)
}
