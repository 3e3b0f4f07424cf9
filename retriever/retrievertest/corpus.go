package retrievertest

import (
	"fmt"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Corpus returns the passages on which [TestRetriever] works, newly made. There
// are 48, about rivers; every one has the word "river" in its text. Most have
// metadata of every kind: kind (a string), year (an int), length (a float), tidal
// (a bool), surveyed (a time) and tags (strings); each field is missing in some.
func Corpus() []retriever.Passage {
	names := [...]string{"Elbe", "Loire", "Thames", "Danube", "Ebro", "Tagus", "Oder", "Po"}
	topics := [...]string{
		"The %s is a river with many bends.",
		"Ships go up the river %s as far as the old port.",
		"In spring the %s floods; the river then covers the meadows.",
		"The source of the %s lies high. It is a small river there.",
		"Fish came back to the %s after the river was cleaned.",
		"A bridge over the river %s was built in stone. It has nine arches and a tower.",
	}
	kinds := [...]string{"nature", "trade", "history"}
	var list []retriever.Passage
	for i := range len(names) * len(topics) {
		name := names[i%len(names)]
		meta := filter.Metadata{
			"kind":     filter.String(kinds[i%len(kinds)]),
			"year":     filter.Int(int64(1900 + i)),
			"length":   filter.Float(float64(i) * 2.5),
			"tidal":    filter.Bool(i%4 == 0),
			"surveyed": filter.Time(time.Date(2000+i%20, time.March, 1+i%28, 0, 0, 0, 0, time.UTC)),
			"tags":     filter.Strings(name, fmt.Sprintf("set %d", i%5)),
		}
		for j, field := range [...]string{"kind", "year", "length", "tidal", "surveyed", "tags"} {
			if i%7 == j {
				delete(meta, field)
			}
		}
		list = append(list, retriever.Passage{
			ID:       fmt.Sprintf("river-%02d", i),
			Title:    name,
			Text:     fmt.Sprintf(topics[i/len(names)], name),
			Metadata: meta,
			Source:   retriever.Source{URI: fmt.Sprintf("rivers/%s.txt", name)},
		})
	}
	return list
}

// everyone is a query text that every passage of the corpus answers.
const everyone = "river"

// filters lists conditions of every form, most of them selective.
func filters() map[string]filter.Expr {
	day := func(year int) filter.Value {
		return filter.Time(time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC))
	}
	trade := filter.Compare{Field: "kind", Op: filter.Eq, Value: filter.String("trade")}
	late := filter.Compare{Field: "year", Op: filter.Ge, Value: filter.Int(1944)}
	return map[string]filter.Expr{
		"none":               nil,
		"equal string":       trade,
		"unequal string":     filter.Compare{Field: "kind", Op: filter.Ne, Value: filter.String("trade")},
		"equal int":          filter.Compare{Field: "year", Op: filter.Eq, Value: filter.Int(1901)},
		"int and float":      filter.Compare{Field: "year", Op: filter.Lt, Value: filter.Float(1902.5)},
		"greater float":      filter.Compare{Field: "length", Op: filter.Gt, Value: filter.Float(110)},
		"at most float":      filter.Compare{Field: "length", Op: filter.Le, Value: filter.Int(5)},
		"bool":               filter.Compare{Field: "tidal", Op: filter.Eq, Value: filter.Bool(true)},
		"time":               filter.Compare{Field: "surveyed", Op: filter.Lt, Value: day(2002)},
		"element":            filter.Compare{Field: "tags", Op: filter.Eq, Value: filter.String("Po")},
		"no element":         filter.Compare{Field: "tags", Op: filter.Ne, Value: filter.String("Po")},
		"other kind":         filter.Compare{Field: "year", Op: filter.Eq, Value: filter.String("1901")},
		"in":                 filter.In{Field: "kind", Values: []filter.Value{filter.String("history"), filter.String("nature")}},
		"range":              filter.Range{Field: "year", Low: filter.Int(1910), High: filter.Int(1913)},
		"open range":         filter.Range{Field: "surveyed", Low: day(2018)},
		"exists":             filter.Exists{Field: "year"},
		"missing":            filter.Not{Filter: filter.Exists{Field: "year"}},
		"prefix":             filter.Prefix{Field: "kind", Prefix: "his"},
		"and":                filter.And{trade, late},
		"or":                 filter.Or{trade, late},
		"not":                filter.Not{Filter: filter.Or{trade, late}},
		"field nobody has":   filter.Exists{Field: "depth"},
		"unknown is not":     filter.Not{Filter: filter.Compare{Field: "depth", Op: filter.Eq, Value: filter.Int(1)}},
		"empty and":          filter.And{},
		"empty or":           filter.Or{},
		"value like a query": filter.Compare{Field: "kind", Op: filter.Eq, Value: filter.String(`" OR kind = "trade`)},
	}
}

// badQueries lists queries that must be refused.
func badQueries() map[string]retriever.Query {
	with := func(f filter.Expr) retriever.Query {
		return retriever.Query{Text: everyone, K: 3, Filter: f}
	}
	return map[string]retriever.Query{
		"zero":              {},
		"K 0":               {Text: everyone},
		"K -1":              {Text: everyone, K: -1},
		"nil inside":        with(filter.And{nil}),
		"no field":          with(filter.Exists{}),
		"no operator":       with(filter.Compare{Field: "kind", Value: filter.String("trade")}),
		"invalid value":     with(filter.Compare{Field: "kind", Op: filter.Eq}),
		"in nothing":        with(filter.In{Field: "kind"}),
		"range without end": with(filter.Range{Field: "year"}),
		"not nothing":       with(filter.Not{}),
	}
}
