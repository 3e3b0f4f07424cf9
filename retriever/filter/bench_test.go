package filter_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// BenchmarkMatch matches the passages of a search against typical filters.
func BenchmarkMatch(b *testing.B) {
	m := filter.Metadata{
		"tenant": filter.String("acme"), "year": filter.Int(2021), "lang": filter.String("en"),
		"tags": filter.Strings("go", "search", "filter"),
	}
	for _, text := range []string{
		`tenant = "acme"`, `tenant = "other"`, `year >= 2020`, `lang in ("de", "en")`, `tags = "filter"`, `year in [2019 .. 2022]`,
		`tenant = "acme" and (year >= 2020 or not lang in ("en", "de")) and exists(lang)`,
	} {
		b.Run(text, func(b *testing.B) {
			f, err := filter.Parse(text)
			if err != nil {
				b.Fatal(err)
			}
			match, err := filter.Compile(f)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				match(m)
			}
		})
	}
}
