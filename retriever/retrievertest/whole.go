package retrievertest

import (
	"fmt"
	"reflect"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Whole returns a passage in which no field is zero and all numbers differ. It finds the
// fields by reflection, so it also has those that later versions add. Use it to test that
// the files of an index lose no field.
func Whole() retriever.Passage {
	var p retriever.Passage
	n := 0
	fill(reflect.ValueOf(&p).Elem(), "passage", &n)
	return p
}

func fill(v reflect.Value, name string, n *int) {
	*n++
	switch v.Interface().(type) {
	case string:
		v.SetString(fmt.Sprint(name, " ", *n))
	case int:
		v.SetInt(int64(*n))
	case filter.Metadata:
		v.Set(reflect.ValueOf(filter.Metadata{
			"string": filter.String("ä"), "int": filter.Int(-1 << 62), "float": filter.Float(-0.1), "bool": filter.Bool(true),
			"time": filter.Time(time.Unix(-5, 7)), "list": filter.Strings("a", ""),
		}))
	default:
		if v.Kind() != reflect.Struct {
			panic(fmt.Sprintf("retrievertest: Whole cannot fill %s, of type %v", name, v.Type()))
		}
		for i := range v.NumField() {
			fill(v.Field(i), v.Type().Field(i).Name, n)
		}
	}
}
