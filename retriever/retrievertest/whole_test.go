package retrievertest

import (
	"reflect"
	"testing"
)

func TestWhole(t *testing.T) {
	seen := map[any]bool{}
	var check func(v reflect.Value)
	check = func(v reflect.Value) {
		for i := range v.NumField() {
			f := v.Field(i)
			switch {
			case f.IsZero():
				t.Errorf("%s is zero", v.Type().Field(i).Name)
			case f.Kind() == reflect.Struct:
				check(f)
			case f.Comparable() && seen[f.Interface()]:
				t.Errorf("%v comes twice", f)
			case f.Comparable():
				seen[f.Interface()] = true
			}
		}
	}
	check(reflect.ValueOf(Whole()))
	if len(seen) < 8 {
		t.Errorf("%v", seen)
	}
}
