// Package isnil finds what is nil inside an interface.
package isnil

import "reflect"

// Value reports whether v is nil, or holds a nil pointer or function, such as the result of
// a failed constructor.
func Value(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || (r.Kind() == reflect.Pointer || r.Kind() == reflect.Func) && r.IsNil()
}
