package filter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MarshalJSON returns v in the form described at Value. The zero Value gives a
// *MetadataError.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case KindInvalid:
		return nil, &MetadataError{Reason: invalidValue}
	case KindTime:
		return []byte(`{"time":` + quote(v.time().Format(time.RFC3339Nano)) + "}"), nil
	default:
		return []byte(v.String()), nil
	}
}

// UnmarshalJSON reads the form that MarshalJSON writes. Anything else gives a
// *MetadataError and leaves v unchanged: null, an array with an element that is no
// string, an object that is no time, a number that is out of range.
func (v *Value) UnmarshalJSON(data []byte) error {
	w, err := decodeValue(data)
	if err != nil {
		return &MetadataError{Reason: err.Error()}
	}
	*v = w
	return nil
}

// MarshalJSON returns m as an object with its keys in byte order; nil is null.
// Metadata that fails Check gives the error of Check.
func (m Metadata) MarshalJSON() ([]byte, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]Value(m))
}

// UnmarshalJSON reads an object of values; null makes *m nil. The former content of
// *m is dropped. An empty or duplicate key, and a value that [Value.UnmarshalJSON]
// rejects, give a *MetadataError that names the key, and leave *m unchanged.
func (m *Metadata) UnmarshalJSON(data []byte) error {
	if string(bytes.TrimSpace(data)) == "null" {
		*m = nil
		return nil
	}
	object, err := decodeObject(data)
	if err != nil {
		return &MetadataError{Reason: err.Error()}
	}
	decoded := make(Metadata, len(object))
	for _, member := range object {
		if reason := badField(member.key); reason != "" {
			return &MetadataError{Field: member.key, Reason: reason}
		}
		v, err := decodeValue(member.value)
		if err != nil {
			return &MetadataError{Field: member.key, Reason: err.Error()}
		}
		decoded[member.key] = v
	}
	*m = decoded
	return nil
}

func decodeValue(data []byte) (Value, error) {
	data = bytes.TrimSpace(data)
	if !json.Valid(data) {
		return Value{}, errors.New("the value is not valid JSON")
	}
	if !utf8.Valid(data) {
		return Value{}, errors.New("the value is not valid UTF-8")
	}
	switch data[0] {
	case '"':
		s, err := unquote(string(data))
		return String(s), err
	case 't', 'f':
		return Bool(data[0] == 't'), nil
	case 'n':
		return Value{}, errors.New("null is no value: leave the field out")
	case '[':
		return decodeStrings(data)
	case '{':
		return decodeTime(data)
	default:
		return parseNumber(string(data))
	}
}

func decodeStrings(data []byte) (Value, error) {
	var elements []any
	if err := json.Unmarshal(data, &elements); err != nil {
		return Value{}, fmt.Errorf("the array cannot be read: %w", err)
	}
	list := make([]string, len(elements))
	for i, e := range elements {
		s, ok := e.(string)
		if !ok {
			return Value{}, fmt.Errorf("element %d of the array is not a string: a list holds only strings", i)
		}
		list[i] = s
	}
	return Value{kind: KindStrings, list: list}, nil
}

func decodeTime(data []byte) (Value, error) {
	object, err := decodeObject(data)
	if err != nil {
		return Value{}, err
	}
	if len(object) != 1 || object[0].key != "time" || object[0].value[0] != '"' {
		return Value{}, errors.New(`the only object that is a value is a time: {"time":"2006-01-02T15:04:05Z"}`)
	}
	s, err := unquote(string(object[0].value))
	if err != nil {
		return Value{}, err
	}
	return parseTime(s)
}

type member struct {
	key   string
	value json.RawMessage
}

// decodeObject reads a JSON object in its own order. Unlike json.Unmarshal into a
// map it rejects a duplicate key.
func decodeObject(data []byte) ([]member, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the JSON is not valid UTF-8")
	}
	if !json.Valid(data) || bytes.TrimSpace(data)[0] != '{' {
		return nil, errors.New("want a JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if _, err := dec.Token(); err != nil { // the opening brace
		return nil, err
	}
	var object []member
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string) // in valid JSON a key is a string
		if seen[key] {
			return nil, fmt.Errorf("the key %q comes twice", key)
		}
		seen[key] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		object = append(object, member{key, value})
	}
	return object, nil
}

// parseNumber reads a JSON number: a float if it has a point or an exponent.
func parseNumber(s string) (Value, error) {
	if strings.ContainsAny(s, ".eE") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return Value{}, fmt.Errorf("the float %s is out of the range of 64 bits", s)
		}
		return Float(f), nil
	}
	i, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return Value{}, fmt.Errorf("the int %s is out of the range of 64 bits: write %s.0 for a float", s, s)
	}
	return Int(i), nil
}

// rfc3339 matches a time. The parser of package time alone would accept an hour of
// one digit, a comma before the fraction and an offset of a whole day.
var rfc3339 = regexp.MustCompile(
	`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// parseTime reads a time in RFC 3339. Digits after the nanoseconds are dropped.
func parseTime(s string) (Value, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || !rfc3339.MatchString(s) {
		return Value{}, fmt.Errorf("%s is no RFC 3339 time such as 2006-01-02T15:04:05Z", quote(s))
	}
	v := Time(t)
	if v.kind == KindInvalid {
		return Value{}, fmt.Errorf("the time %s is outside the years 0 to 9999 in UTC", s)
	}
	return v, nil
}

// quote returns s, which is valid UTF-8, as a JSON string without the escapes for
// HTML.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string into a buffer: cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}

// unquote reads what quote writes and every other JSON string.
func unquote(literal string) (string, error) {
	var s string
	if err := json.Unmarshal([]byte(literal), &s); err != nil {
		return "", errors.New("quoted text takes the escapes of JSON, and no raw control characters")
	}
	return s, nil
}
