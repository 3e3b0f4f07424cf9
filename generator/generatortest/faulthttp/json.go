package faulthttp

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// member is a member of an object; objects keep no order, lists of members do.
type member struct {
	key   string
	value any
}

// each returns v with its numbers replaced by number and its lists by list, if these are
// not nil.
func each(v any, number func(json.Number) any, list func([]any) []any) any {
	switch v := v.(type) {
	case json.Number:
		if number != nil {
			return number(v)
		}
	case []any:
		for i := range v {
			v[i] = each(v[i], number, list)
		}
		if list != nil && len(v) > 2 && composite(v[0]) {
			return list(v)
		}
	case map[string]any:
		var members []any
		numbers := true
		for _, k := range slices.Sorted(maps.Keys(v)) {
			_, ok := v[k].(json.Number)
			numbers = numbers && ok
			v[k] = each(v[k], number, list)
			members = append(members, member{k, v[k]})
		}
		if list != nil && numbers && len(members) > 2 {
			return list(members)
		}
	}
	return v
}

func composite(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

// encode writes v as JSON, where raw messages need not be JSON and a list of
// members is an object.
func encode(v any) []byte {
	var b bytes.Buffer
	write(&b, v)
	return b.Bytes()
}

func write(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case json.RawMessage:
		b.Write(v)
	case []any:
		open, end := byte('['), byte(']')
		if len(v) > 0 {
			if _, ok := v[0].(member); ok {
				open, end = '{', '}'
			}
		}
		b.WriteByte(open)
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			write(b, e)
		}
		b.WriteByte(end)
	case member:
		write(b, v.key)
		b.WriteByte(':')
		write(b, v.value)
	case map[string]any:
		b.WriteByte('{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b.WriteByte(',')
			}
			write(b, member{k, v[k]})
		}
		b.WriteByte('}')
	default:
		e, err := json.Marshal(v)
		if err != nil {
			e = []byte("null")
		}
		b.Write(e)
	}
}
