package retrievertest

import (
	"fmt"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
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
		meta := retriever.Metadata{
			"kind":     retriever.String(kinds[i%len(kinds)]),
			"year":     retriever.Int(int64(1900 + i)),
			"length":   retriever.Float(float64(i) * 2.5),
			"tidal":    retriever.Bool(i%4 == 0),
			"surveyed": retriever.Time(time.Date(2000+i%20, time.March, 1+i%28, 0, 0, 0, 0, time.UTC)),
			"tags":     retriever.Strings(name, fmt.Sprintf("set %d", i%5)),
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
func filters() map[string]retriever.Filter {
	day := func(year int) retriever.Value {
		return retriever.Time(time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC))
	}
	trade := retriever.Compare{Field: "kind", Op: retriever.Eq, Value: retriever.String("trade")}
	late := retriever.Compare{Field: "year", Op: retriever.Ge, Value: retriever.Int(1944)}
	return map[string]retriever.Filter{
		"none":               nil,
		"equal string":       trade,
		"unequal string":     retriever.Compare{Field: "kind", Op: retriever.Ne, Value: retriever.String("trade")},
		"equal int":          retriever.Compare{Field: "year", Op: retriever.Eq, Value: retriever.Int(1901)},
		"int and float":      retriever.Compare{Field: "year", Op: retriever.Lt, Value: retriever.Float(1902.5)},
		"greater float":      retriever.Compare{Field: "length", Op: retriever.Gt, Value: retriever.Float(110)},
		"at most float":      retriever.Compare{Field: "length", Op: retriever.Le, Value: retriever.Int(5)},
		"bool":               retriever.Compare{Field: "tidal", Op: retriever.Eq, Value: retriever.Bool(true)},
		"time":               retriever.Compare{Field: "surveyed", Op: retriever.Lt, Value: day(2002)},
		"element":            retriever.Compare{Field: "tags", Op: retriever.Eq, Value: retriever.String("Po")},
		"no element":         retriever.Compare{Field: "tags", Op: retriever.Ne, Value: retriever.String("Po")},
		"other kind":         retriever.Compare{Field: "year", Op: retriever.Eq, Value: retriever.String("1901")},
		"in":                 retriever.In{Field: "kind", Values: []retriever.Value{retriever.String("history"), retriever.String("nature")}},
		"range":              retriever.Range{Field: "year", Low: retriever.Int(1910), High: retriever.Int(1913)},
		"open range":         retriever.Range{Field: "surveyed", Low: day(2018)},
		"exists":             retriever.Exists{Field: "year"},
		"missing":            retriever.Not{Filter: retriever.Exists{Field: "year"}},
		"prefix":             retriever.Prefix{Field: "kind", Prefix: "his"},
		"and":                retriever.And{trade, late},
		"or":                 retriever.Or{trade, late},
		"not":                retriever.Not{Filter: retriever.Or{trade, late}},
		"field nobody has":   retriever.Exists{Field: "depth"},
		"unknown is not":     retriever.Not{Filter: retriever.Compare{Field: "depth", Op: retriever.Eq, Value: retriever.Int(1)}},
		"empty and":          retriever.And{},
		"empty or":           retriever.Or{},
		"value like a query": retriever.Compare{Field: "kind", Op: retriever.Eq, Value: retriever.String(`" OR kind = "trade`)},
	}
}

// badQueries lists queries that must be refused.
func badQueries() map[string]retriever.Query {
	with := func(f retriever.Filter) retriever.Query {
		return retriever.Query{Text: everyone, K: 3, Filter: f}
	}
	return map[string]retriever.Query{
		"zero":              {},
		"K 0":               {Text: everyone},
		"K -1":              {Text: everyone, K: -1},
		"nil inside":        with(retriever.And{nil}),
		"no field":          with(retriever.Exists{}),
		"no operator":       with(retriever.Compare{Field: "kind", Value: retriever.String("trade")}),
		"invalid value":     with(retriever.Compare{Field: "kind", Op: retriever.Eq}),
		"in nothing":        with(retriever.In{Field: "kind"}),
		"range without end": with(retriever.Range{Field: "year"}),
		"not nothing":       with(retriever.Not{}),
	}
}
